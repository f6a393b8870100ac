/*
 * pool/fenced.h - large blocks of a hardened page heap: each ends at a closed page, begins behind
 * one, and loses its pages when it is freed. Owns the spans that wait to be used again; knows
 * nothing of who reports. Takes the page heap's lock.
 *
 *   | closed | zeros, block, canary to its alignment | closed | ... | closed |   pages of spans
 *
 * A span has one page more than its block needs, its last, which is never opened; before the first
 * span of a region lie closed addresses. All of a region that no block has or had a moment ago is
 * closed, so that a fresh block is zero. The block lies at the end of its pages.
 *
 * A freed block is closed at once, and its span waits in a ring, as addresses without memory. The
 * oldest is given back (pool/span.h) when there are WEIR__FENCES, or more than WEIR__FENCES_BYTES
 * in all. To close, to open again and to touch again costs calls of the system and faults, for
 * which an eighth of the time that passes may go (pool/pace.h). Who frees faster than that has
 * blocks that keep their pages (pool/warm.h), for as long as these and the live ones are together
 * no more than half as much again as ever lived at a time.
 *
 * Each live block is a map entry of the kernel's, and what lies between two is another: a process
 * may have about 65000 (vm.max_map_count).
 */
#ifndef WEIR_POOL_FENCED_H
#define WEIR_POOL_FENCED_H

#include "pool/span.h"

#define WEIR__FENCES       128u
#define WEIR__FENCES_BYTES ((size_t)1 << 30)

/* As weir__span_take, of a hardened page heap. */
struct weir__span *weir__fenced_take(struct weir__page_heap *heap, size_t size, size_t alignment,
                                     struct weir__claim *claim);

/* Gives back one whose label, which the caller claimed, said `label`. */
void weir__fenced_give(struct weir__page_heap *heap, struct weir__span *span, uint64_t label,
                       size_t *bytes);

/* Bytes of the block's own pages that were written to around it: of those behind it, up to the
 * last; negative: of those before it, from the first; 0: none was. By who has the block. */
ptrdiff_t weir__fenced_written(const struct weir__span *span, uint64_t label);

/* How many freed blocks of that owner were written to: these are kept (pool/late_misuse.h). */
size_t weir__fenced_check(struct weir__page_heap *heap, const void *owner);

/* Bytes of pages that freed blocks keep; lock held. */
size_t weir__fenced_warm_locked(const struct weir__page_heap *heap);

/* Closes a live one, which is given by span.h afterwards: its owner goes. Lock held. */
void weir__fenced_end_locked(struct weir__page_heap *heap, struct weir__span *span);

/* Closes freed blocks that keep their pages for longer than that, by the page heap's clock. Lock
 * held. */
void weir__fenced_decay_locked(struct weir__page_heap *heap, uint32_t milliseconds);

/* Gives back the waiting ones of that owner, or all (NULL). Bytes of pages that they had kept. */
size_t weir__fenced_release(struct weir__page_heap *heap, const void *owner);

/* Frees the ring, in which nothing waits any more that is not going, too. */
void weir__fenced_unmake(struct weir__page_heap *heap);

#endif
