/* pool/tail.c - see tail.h. */
#include "pool/tail.h"

#include "os/pages.h"

/* Of a tail, purged at a time: the frontier may pass into the rest meanwhile. */
#define TAIL_AT_ONCE (64 * WEIR__MIB)

static size_t pages_bytes(size_t npages)
{
    return npages << WEIR__GRANULE_SHIFT;
}

static bool tail_may_be_cut(const struct weir__page_heap *heap, const struct weir__region *region,
                            uint32_t idle_ms)
{
    return !region->direct && !region->busy && heap->now - region->lowered_at >= idle_ms &&
           weir__os_has_page(region->base + pages_bytes(region->frontier),
                             pages_bytes(region->touched - region->frontier));
}

/* Nobody grows into it while the region seems to end before. */
bool weir__tail_cut_locked(struct weir__page_heap *heap, uint32_t idle_ms, size_t wanted,
                           struct weir__tail *tail)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    struct weir__region *region = weir__region_first(heap);
    while (region && !tail_may_be_cut(heap, region, idle_ms))
        region = weir__region_next(region);
    if (!region)
        return false;
    size_t most = weir__max(weir__min(wanted, TAIL_AT_ONCE), 2 * weir__os_page_size());
    uint32_t pages = (uint32_t)weir__min(region->touched - region->frontier,
                                         (size_t)(most >> WEIR__GRANULE_SHIFT));
    uint32_t first = region->touched - pages;
    *tail = (struct weir__tail){.region = region,
                                .npages = region->npages,
                                .start = region->base + pages_bytes(first),
                                .size = pages_bytes(pages)};
    region->busy = true;
    region->busy_touched = region->touched;
    region->npages = first;
    weir__relaxed_set(region->touched, first);
    return true;
}

void weir__tail_uncut_locked(const struct weir__tail *tail, bool purged)
{
    weir__assert(weir__lock_is_mine(&tail->region->heap->lock));
    weir__assert(tail->region->busy);
    struct weir__region *region = tail->region;
    if (!purged)
        weir__relaxed_set(region->touched, region->busy_touched);
    region->npages = tail->npages;
    region->busy = false;
}

size_t weir__tail_bytes_locked(const struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    size_t pages = heap->idle ? heap->idle->npages : 0;
    for (const struct weir__region *region = weir__region_first(heap); region;
         region = weir__region_next(region))
        pages += region->touched - region->frontier;
    return pages_bytes((uint32_t)pages);
}

size_t weir__tail_release_locked(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    size_t bytes = 0;
    for (struct weir__region *region = weir__region_first(heap), *next; region; region = next) {
        next = weir__region_next(region);
        if (region->busy || region->frontier > region->first)
            continue;
        bytes += pages_bytes(region->touched - region->first);
        weir__region_doom_locked(heap, region);
    }
    if (!heap->regions.first)
        heap->next_region = WEIR__REGION_FIRST;
    return bytes;
}

size_t weir__tail_shut_locked(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    size_t bytes = 0;
    for (struct weir__region *region = weir__region_first(heap); region;
         region = weir__region_next(region))
        bytes += weir__region_shut_locked(region);
    return bytes;
}

void weir__tail_shrink_locked(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    for (struct weir__region *region = weir__region_first(heap); region;
         region = weir__region_next(region))
        heap->reserved -= weir__region_shrink_locked(region);
}

void weir__tail_restamp_locked(struct weir__page_heap *heap, uint32_t before)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    for (struct weir__region *region = weir__region_first(heap); region;
         region = weir__region_next(region))
        if (region->lowered_at == before)
            region->lowered_at = heap->now - 1;
}

void weir__tail_forked(struct weir__page_heap *heap)
{
    for (struct weir__region *region = weir__region_first(heap), *next; region; region = next) {
        next = weir__region_next(region);
        if (!region->busy)
            continue;
        if (region->direct) { /* was being moved: nobody knows where it is */
            weir__list_remove(&heap->regions, &region->link);
            heap->reserved -= region->size;
            heap->span_live -= pages_bytes(region->own.npages);
            continue;
        }
        region->npages = (uint32_t)(region->size >> WEIR__GRANULE_SHIFT);
        weir__relaxed_set(region->touched, region->busy_touched);
        region->busy = false;
    }
}
