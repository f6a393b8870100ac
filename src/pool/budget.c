/*
 * pool/budget.c - keeps free memory that is still resident within a budget, at the frees:
 * for programs that fall silent after them, in which nothing would decay any more. Owns
 * the decision; what is cut out and put back is pool/span.c's and pool/page_heap.c's.
 *
 * One thread at a time works, with the page heap's lock dropped while the system does. What it
 * has cut out nobody can take meanwhile. It goes on as long as others free beyond the
 * budget, so that none of them has to wait for it.
 */
#include "pool/page_heap.h"

#define SLABS_AT_A_TIME 16

static size_t dirty_locked(const struct weir__page_heap *heap)
{
    return heap->hole_dirty + weir__page_heap_tails_locked(heap) + heap->ndirty_slabs * WEIR__SLAB;
}

static size_t budget_locked(const struct weir__page_heap *heap)
{
    size_t live = heap->span_live + heap->nused_slabs * WEIR__SLAB;
    return weir__policy.budget + live / weir__policy.live_part;
}

void weir__page_heap_budget_look_locked(struct weir__page_heap *heap)
{
    heap->given = 0;
    if (!heap->relieving && dirty_locked(heap) > budget_locked(heap))
        __atomic_store_n(&heap->over, true, __ATOMIC_RELAXED);
}

/* How much of a part was looked at, and went. */
struct relief {
    size_t looked, purged;
};

/* Lock held, dropped and taken again, as below. Nothing looked at: no pages are dirty. */
static struct relief span_relieve(struct weir__page_heap *heap, size_t wanted)
{
    struct weir__cut cut;
    if (!weir__span_cut_locked(heap, wanted, &cut))
        return (struct relief){0};
    weir__lock_drop(&heap->lock);
    size_t purged = heap->backing->purge(cut.start, cut.size);
    weir__lock_take(&heap->lock);
    weir__span_uncut_locked(heap, &cut, purged > 0);
    return (struct relief){cut.size, purged};
}

static struct relief slabs_relieve(struct weir__page_heap *heap)
{
    struct weir__slab *slabs[SLABS_AT_A_TIME];
    size_t purged[SLABS_AT_A_TIME];
    unsigned count = weir__slabs_cut_locked(heap, slabs, SLABS_AT_A_TIME);
    struct relief relief = {count * WEIR__SLAB, 0};
    weir__lock_drop(&heap->lock);
    for (unsigned i = 0; i < count; i++)
        relief.purged += purged[i] = heap->backing->purge(weir__slab_memory(slabs[i]), WEIR__SLAB);
    weir__lock_take(&heap->lock);
    for (unsigned i = 0; i < count; i++)
        weir__slab_uncut_locked(heap, slabs[i], purged[i] > 0);
    return relief;
}

/* False: nothing could go (parts of pages, where pages are large). */
static bool relieve_once(struct weir__page_heap *heap, size_t wanted)
{
    bool purged = false;
    while (wanted) {
        struct relief relief = span_relieve(heap, wanted);
        if (!relief.looked)
            relief = slabs_relieve(heap);
        if (!relief.looked)
            break;
        purged |= relief.purged > 0;
        wanted -= weir__min(wanted, relief.looked);
    }
    return purged;
}

/* Down to three quarters of the budget; on as long as others free beyond it. */
static void relieve_locked(struct weir__page_heap *heap)
{
    for (bool purged = true; purged;) {
        size_t dirty = dirty_locked(heap), budget = budget_locked(heap);
        if (dirty <= budget)
            break;
        purged = relieve_once(heap, dirty - budget + budget / 4);
    }
}

void weir__page_heap_relieve_slow(struct weir__page_heap *heap)
{
    weir__lock_take(&heap->lock);
    __atomic_store_n(&heap->over, false, __ATOMIC_RELAXED);
    if (!heap->relieving) {
        heap->relieving = true;
        relieve_locked(heap);
        heap->relieving = false;
    }
    weir__lock_drop(&heap->lock);
}

/* A hole or slabs that were cut out stay so: the child leaks them. */
void weir__page_heap_forked(struct weir__page_heap *heap)
{
    heap->relieving = false;
    for (struct weir__region *region = heap->regions; region; region = region->next) {
        if (!region->busy)
            continue;
        region->npages = (uint32_t)(region->size >> WEIR__GRANULE_SHIFT);
        region->touched = region->busy_touched;
        region->busy = false;
    }
}
