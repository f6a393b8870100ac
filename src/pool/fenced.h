/*
 * pool/fenced.h - large blocks of a hardened page heap: each ends at a closed page, begins behind
 * one, and loses its pages when it is freed. Owns the spans that wait to be used again; knows
 * nothing of who reports. Takes the page heap's lock.
 *
 *   | closed | zeros, block, canary to its alignment | closed | ... | closed |     the pages of
 * spans
 *
 * A span has one page more than its block needs, its last, which is never opened; before the first
 * span of a region lie closed addresses. All of a region that no live block has is closed, so that
 * a fresh block is zero. The block lies at the end of its pages. Freed ones wait in a ring, as
 * addresses without memory, the oldest of which is given back (pool/span.h) when there are
 * WEIR__FENCES, or more than WEIR__FENCES_BYTES in all.
 *
 * Each live block is a map entry of the kernel's, and what lies between two is another: a process
 * may have about 65000 (vm.max_map_count).
 */
#ifndef WEIR_POOL_FENCED_H
#define WEIR_POOL_FENCED_H

#include "pool/span.h"

#define WEIR__FENCES       128u
#define WEIR__FENCES_BYTES ((size_t)1 << 30)

/* As weir__span_take, of a hardened page heap; zeroed. */
struct weir__span *weir__fenced_take(struct weir__page_heap *heap, size_t size, size_t alignment,
                                     struct weir__claim *claim);

/* Gives back one whose label the caller claimed. */
void weir__fenced_give(struct weir__page_heap *heap, struct weir__span *span, size_t *bytes);

/* Bytes of the block's own pages that were written to around it: of those behind it, up to the
 * last; negative: of those before it, from the first; 0: none was. By who has the block. */
ptrdiff_t weir__fenced_written(const struct weir__span *span, uint64_t label);

/* Closes a live one, which is given by span.h afterwards: its owner goes. Lock held. */
void weir__fenced_end_locked(struct weir__span *span);

/* Gives back the waiting ones of that owner, or all (NULL). */
void weir__fenced_release(struct weir__page_heap *heap, const void *owner);

/* Frees the ring, in which nothing waits any more that is not going, too. */
void weir__fenced_unmake(struct weir__page_heap *heap);

#endif
