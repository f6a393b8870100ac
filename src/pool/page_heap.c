/* pool/page_heap.c - see page_heap.h. Owns the clock, and what is due when. */
#include "pool/page_heap.h"

#include "os/clock.h"
#include "pool/budget.h"
#include "pool/chunk.h"
#include "pool/fenced.h"
#include "pool/hole.h"
#include "pool/purge.h"
#include "pool/span.h"
#include "pool/tail.h"

#include <string.h>

void weir__page_heap_init(struct weir__page_heap *heap, const struct weir__backing *backing,
                          const struct weir__policy *policy)
{
    weir__assert(backing && policy && policy->step_ms && policy->look_ops);
    weir__assert(2 * policy->decay_ms >= policy->step_ms);
    memset(heap, 0, sizeof *heap);
    weir__lock_init(&heap->lock, WEIR__RANK_PAGES);
    heap->backing = backing;
    heap->policy = policy;
    heap->next_region = WEIR__REGION_FIRST;
    heap->ops = policy->look_ops;
    weir__budget_looked_locked(heap);
    heap->clock_start = weir__os_coarse_time();
}

void weir__page_heap_destroy(struct weir__page_heap *heap)
{
    struct weir__list chunks = {NULL};
    weir__fenced_unmake(heap);
    weir__chunk_release_all(heap, &chunks);
    weir__chunk_retire(heap->backing, &chunks);
    weir__region_destroy(&heap->doomed);
    weir__region_destroy(&heap->regions);
}

size_t weir__page_heap_trim(struct weir__page_heap *heap, bool addresses)
{
    struct weir__list chunks = {NULL};
    size_t bytes = weir__fenced_release(heap, NULL);
    weir__lock_take(&heap->lock);
    weir__span_flush_idle_locked(heap);
    bytes += weir__chunk_release_locked(heap, &chunks) + weir__tail_release_locked(heap);
    if (weir__page_heap_keeps_pages(heap))
        bytes += weir__tail_shut_locked(heap);
    struct weir__list doomed = heap->doomed;
    heap->doomed.first = NULL;
    bytes += weir__purge_locked(heap, 0, weir__page_heap_dirty_locked(heap));
    if (addresses)
        weir__tail_shrink_locked(heap);
    weir__lock_drop(&heap->lock);
    weir__chunk_retire(heap->backing, &chunks);
    weir__region_destroy(&doomed);
    weir__assert_valid(weir__page_heap_is_valid(heap));
    return bytes;
}

/* -- the clock, decay and the budget -------------------------------------------------- */

/*
 * What came back since the clock was last read has the stamp of then, and may have come back
 * this moment. After a gap that matters it counts as of now: memory that was just used is not
 * purged for the time before. (One millisecond less, so that it counts so only once.)
 */
static void clock_read(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    uint32_t before = heap->now;
    heap->ops = heap->policy->look_ops;
    heap->now = (uint32_t)((weir__os_coarse_time() - heap->clock_start) / 1000000);
    if (heap->now - before < heap->policy->step_ms)
        return;
    weir__hole_restamp_locked(heap, before);
    weir__tail_restamp_locked(heap, before);
    weir__chunk_restamp_locked(heap, before);
}

void weir__page_heap_tick_slow_locked(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    clock_read(heap);
    if (heap->now - heap->decayed_at < heap->policy->step_ms)
        return;
    heap->decayed_at = heap->now;
    weir__page_heap_due_locked(heap, WEIR__DUE_DECAY);
}

static void decay_locked(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(heap->purging);
    const struct weir__policy *policy = heap->policy;
    size_t steps = 2 * policy->decay_ms / policy->step_ms;
    weir__fenced_decay_locked(heap, policy->decay_ms);
    weir__purge_locked(heap, policy->decay_ms,
                       weir__page_heap_dirty_locked(heap) / steps + WEIR__CHUNK);
}

void weir__page_heap_relieve_slow(struct weir__page_heap *heap)
{
    weir__lock_take(&heap->lock);
    uint32_t due = heap->due;
    struct weir__list doomed = heap->doomed;
    heap->doomed.first = NULL;
    weir__relaxed_set(heap->due, 0);
    if (!heap->purging) {
        heap->purging = true;
        if (due & WEIR__DUE_DECAY)
            decay_locked(heap);
        if (due & WEIR__DUE_BUDGET)
            weir__budget_relieve_locked(heap);
        heap->purging = false;
    }
    weir__lock_drop(&heap->lock);
    weir__region_destroy(&doomed);
}

void weir__page_heap_decay(struct weir__page_heap *heap)
{
    weir__lock_take(&heap->lock);
    weir__page_heap_tick_slow_locked(heap);
    weir__lock_drop(&heap->lock);
    weir__page_heap_relieve(heap);
}

size_t weir__page_heap_dirty_locked(const struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    if (weir__unlikely(heap->hardened))
        return heap->ndirty_slabs * WEIR__SLAB;
    return heap->hole_dirty + weir__tail_bytes_locked(heap) + heap->ndirty_slabs * WEIR__SLAB;
}

void weir__page_heap_forked(struct weir__page_heap *heap)
{
    heap->purging = false;
    weir__tail_forked(heap);
}

/* -- what it has ------------------------------------------------------------------ */

static void range_add(struct weir__os_range *ranges, size_t room, size_t *n, const void *start,
                      size_t size)
{
    if (size && *n < room)
        ranges[*n] = (struct weir__os_range){start, size};
    *n += size != 0;
}

size_t weir__page_heap_ranges(struct weir__page_heap *heap, struct weir__os_range *ranges,
                              size_t room)
{
    size_t n = 0;
    weir__lock_take(&heap->lock);
    for (const struct weir__link *link = heap->chunks.first; link; link = link->next) {
        const struct weir__chunk *chunk = weir__chunk_of_link(link);
        range_add(ranges, room, &n, chunk, chunk->u.head.nopen << WEIR__SLAB_SHIFT);
    }
    for (struct weir__region *region = weir__region_first(heap); region;
         region = weir__region_next(region))
        range_add(ranges, room, &n, region->base, (size_t)region->opened << WEIR__GRANULE_SHIFT);
    weir__lock_drop(&heap->lock);
    return n;
}

/* -- checking -------------------------------------------------------------------- */

bool weir__page_heap_is_valid(struct weir__page_heap *heap)
{
    weir__lock_take(&heap->lock);
    bool valid = weir__span_is_valid(heap) && weir__chunk_is_valid(heap);
    weir__lock_drop(&heap->lock);
    return valid;
}
