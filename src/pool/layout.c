/* pool/layout.c - see layout.h. */
#include "pool/layout.h"

#include "pool/hole.h"

/* Gives the hole that ends at the frontier, or pages there, up to what was never used. */
static void frontier_lower(struct weir__page_heap *heap, struct weir__region *region, uint32_t page)
{
    weir__assert(page >= region->first && page <= region->frontier);
    region->frontier = page;
    region->lowered_at = heap->now;
}

/* Clean pages that join dirty ones count as dirty, and to the budget as if they were freed;
 * it is looked at when they have joined. */
WEIR__INLINE void hole_soiled(struct weir__page_heap *heap, const struct weir__span *hole)
{
    if (weir__unlikely(hole->zeroed))
        heap->given += (int64_t)weir__pages_bytes(hole->npages);
}

void weir__layout_release(struct weir__page_heap *heap, struct weir__region *region, uint32_t page,
                          uint32_t npages)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(npages && page + npages <= region->frontier);
    weir__assert(region->pages[page].state == WEIR__PAGE_NONE);
    struct weir__span *first = &region->pages[page], *right = first + npages, *left = first - 1;
    bool joins = left->state == WEIR__PAGE_HOLE_END || left->state == WEIR__PAGE_HOLE;
    if (page + npages < region->frontier && right->state == WEIR__PAGE_HOLE) {
        npages += right->npages;
        hole_soiled(heap, right);
        weir__hole_remove(heap, right);
    }
    if (page + npages == region->frontier) {
        if (joins) {
            left -= left->npages - 1;
            page -= left->npages;
            hole_soiled(heap, left);
            weir__hole_remove(heap, left);
        }
        frontier_lower(heap, region, page);
    } else if (joins) {
        left -= left->npages - 1;
        hole_soiled(heap, left);
        weir__hole_widen(heap, left, left->npages + npages);
    } else {
        weir__hole_insert(heap, region, page, npages, false, heap->now);
    }
}

bool weir__layout_extend(struct weir__page_heap *heap, struct weir__region *region,
                         struct weir__span *span, uint32_t more)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(more > 0);
    uint32_t end = weir__span_page(span) + span->npages;
    struct weir__span *right = &region->pages[end];
    if (end == region->frontier) {
        if (more > region->npages - end || !weir__region_open(region, end + more))
            return false;
        weir__layout_raise(region, end + more);
        return true;
    }
    if (right->state != WEIR__PAGE_HOLE || right->npages < more)
        return false;
    uint32_t left_over = right->npages - more, age = right->u.hole.freed_at;
    bool zeroed = right->zeroed;
    weir__hole_remove(heap, right);
    if (left_over)
        weir__hole_insert(heap, region, end + more, left_over, zeroed, age);
    return true;
}
