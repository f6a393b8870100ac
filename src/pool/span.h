/*
 * pool/span.h - live spans: taken, given back, resized, visited. Each holds one large block.
 * Owns the layout of regions; the lists of holes are pool/hole.h's. Takes the page heap's lock.
 */
#ifndef WEIR_POOL_SPAN_H
#define WEIR_POOL_SPAN_H

#include "pool/page_heap.h"

/* What a live span remembers of its request, beside the size. `bytes` is the owner's count of bytes
 * in live spans, whole pages, kept under the page heap's lock. */
struct weir__claim {
    const void *owner;
    uint32_t tag;
    size_t *bytes;
};

/*
 * A live span of at least `size` bytes at `alignment` (a power of two), its
 * block `weir__span_block`. *zeroed: the usable bytes are known to be zero. NULL
 * when there is no memory.
 */
struct weir__span *weir__span_take(struct weir__page_heap *heap, size_t size, size_t alignment,
                                   const struct weir__claim *claim, bool *zeroed);

/* False: the span is not live; nothing happened. */
bool weir__span_give(struct weir__page_heap *heap, struct weir__span *span, size_t *bytes);

/* The same of a live span with the lock held; the caller relieves the page heap afterwards. */
void weir__span_give_locked(struct weir__page_heap *heap, struct weir__span *span);

/*
 * Makes a live span `size` bytes, with its contents: where it stands, or, if it has a region of
 * its own (weir__span_may_move), elsewhere without copying. The span stays the same; its block is
 * weir__span_block then. False, and nothing changed: the caller copies. Only the caller uses the
 * block.
 */
bool weir__span_resize(struct weir__page_heap *heap, struct weir__span *span, size_t size,
                       size_t *bytes);
WEIR__INLINE bool weir__span_may_move(const struct weir__span *span)
{
    return span->u.live.direct;
}

/* Makes `size` bytes of a live span's block zero, for the one who holds it; the block. */
void *weir__span_clear(void *block, size_t size);

/* Makes a hole of the idle span: before anything else looks at the layout. */
void weir__span_flush_idle_locked(struct weir__page_heap *heap);

/* For every live span, in address order a region; `visit` may give it back. */
typedef int weir__span_visitor(struct weir__span *span, void *user);
int weir__span_each_locked(struct weir__page_heap *heap, weir__span_visitor *visit, void *user);

/* Does a live span hold that page of the region? Walks back over headers, for reporting
 * misuse only; any thread, a moment's answer. */
bool weir__span_covers(const struct weir__region *region, size_t page);

/* Puts a hole back that was cut out (pool/hole.h). Neighbors that were freed meanwhile are joined,
 * and all of it counts as dirty then. Lock held. */
void weir__span_uncut_hole_locked(struct weir__page_heap *heap, struct weir__span *hole,
                                  bool purged);

/* Are layouts, holes and sums whole? Lock held. */
bool weir__span_is_valid(const struct weir__page_heap *heap);

#endif
