/*
 * pool/layout.h - the pages of a region: how the frontier moves, how pages that a span leaves join
 * the holes next to them, how a span gets those behind it. Owns no state; the holes are
 * pool/hole.h's. With the page heap's lock held.
 */
#ifndef WEIR_POOL_LAYOUT_H
#define WEIR_POOL_LAYOUT_H

#include "pool/page_heap.h"

WEIR__INLINE size_t weir__pages_bytes(uint32_t npages)
{
    return (size_t)npages << WEIR__GRANULE_SHIFT;
}

WEIR__INLINE void weir__layout_raise(struct weir__region *region, uint32_t page)
{
    weir__assert(weir__lock_is_mine(&region->heap->lock) && page <= region->opened);
    weir__relaxed_set(region->frontier, page);
    weir__relaxed_set(region->touched, (uint32_t)weir__max(region->touched, page));
}

/* Returns [page, page + npages) to the region, joined with its neighbors. */
void weir__layout_release(struct weir__page_heap *heap, struct weir__region *region, uint32_t page,
                          uint32_t npages);

/* Takes the `more` pages after the span, from a hole or the frontier. False: they are not free. */
bool weir__layout_extend(struct weir__page_heap *heap, struct weir__region *region,
                         struct weir__span *span, uint32_t more);

#endif
