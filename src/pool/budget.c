/* pool/budget.c - see budget.h. */
#include "pool/budget.h"

#include "pool/purge.h"

static size_t budget_locked(const struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    size_t live = heap->span_live + heap->nused_slabs * WEIR__SLAB;
    return heap->policy->budget + live / heap->policy->live_part;
}

void weir__budget_looked_locked(struct weir__page_heap *heap)
{
    heap->given = -(int64_t)weir__min(heap->policy->look_bytes, INT64_MAX);
}

void weir__budget_look_locked(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__budget_looked_locked(heap);
    if (!heap->purging && weir__page_heap_dirty_locked(heap) > budget_locked(heap))
        weir__page_heap_due_locked(heap, WEIR__DUE_BUDGET);
}

void weir__budget_relieve_locked(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(heap->purging);
    for (size_t purged = 1; purged;) {
        size_t dirty = weir__page_heap_dirty_locked(heap), budget = budget_locked(heap);
        if (dirty <= budget)
            break;
        purged = weir__purge_locked(heap, 0, dirty - budget + budget / 4);
    }
}
