/* pool/hole.c - see hole.h. The page heap's lock is held. */
#include "pool/hole.h"

#include "os/pages.h"
#include "pool/fill.h"

static size_t hole_bytes(const struct weir__span *hole)
{
    return (size_t)hole->npages << WEIR__GRANULE_SHIFT;
}

void weir__hole_insert(struct weir__page_heap *heap, struct weir__region *region, uint32_t page,
                       uint32_t npages, bool zeroed, uint32_t freed_at)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(npages && page >= region->first && npages <= region->size >> WEIR__GRANULE_SHIFT);
    weir__assert(region->pages[page].state == WEIR__PAGE_NONE);
    struct weir__span *hole = &region->pages[page], *end = hole + npages - 1;
    weir__relaxed_set(hole->npages, npages);
    weir__relaxed_set(end->npages, npages);
    hole->region = end->region = region->index;
    if (npages > 1)
        weir__page_set(end, WEIR__PAGE_HOLE_END);
    weir__page_set(hole, WEIR__PAGE_HOLE);
    hole->zeroed = zeroed;
    weir__relaxed_set(hole->u.hole.freed_at, freed_at);
    if (WEIR__FILLS)
        hole->u.hole.filled = 0;
    weir__hole_link(heap, hole);
    if (!zeroed)
        heap->hole_dirty += hole_bytes(hole);
}

void weir__hole_remove(struct weir__page_heap *heap, struct weir__span *hole)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(hole->state == WEIR__PAGE_HOLE);
    weir__hole_unlink(heap, hole);
    if (!hole->zeroed)
        heap->hole_dirty -= hole_bytes(hole);
    weir__page_set(&hole[hole->npages - 1], WEIR__PAGE_NONE);
    weir__page_set(hole, WEIR__PAGE_NONE);
}

void weir__hole_widen(struct weir__page_heap *heap, struct weir__span *hole, uint32_t npages)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(hole->state == WEIR__PAGE_HOLE && npages > hole->npages);
    struct weir__span *end = hole + npages - 1;
    bool stays = !hole->zeroed && weir__hole_bin(npages) == hole->u.hole.bin;
    if (!stays)
        weir__hole_unlink(heap, hole);
    heap->hole_dirty -= hole->zeroed ? 0 : hole_bytes(hole);
    weir__page_set(&hole[hole->npages - 1], WEIR__PAGE_NONE);
    weir__page_set(hole, WEIR__PAGE_HOLE);
    weir__relaxed_set(hole->npages, npages);
    weir__relaxed_set(end->npages, npages);
    hole->zeroed = false;
    weir__relaxed_set(hole->u.hole.freed_at, heap->now);
    heap->hole_dirty += hole_bytes(hole);
    end->region = hole->region;
    weir__page_set(end, WEIR__PAGE_HOLE_END);
    if (!stays)
        weir__hole_link(heap, hole);
}

/* -- purging ------------------------------------------------------------------------ */

static bool hole_may_be_cut(const struct weir__page_heap *heap, const struct weir__span *hole,
                            uint32_t idle_ms)
{
    return heap->now - hole->u.hole.freed_at >= idle_ms &&
           weir__os_has_page(weir__span_start(hole), hole_bytes(hole));
}

static struct weir__span *bin_oldest(const struct weir__page_heap *heap, int bin, uint32_t idle_ms)
{
    for (const struct weir__link *link = heap->bins[bin].first; link; link = link->next) {
        struct weir__span *hole = weir__hole_of(link);
        if (hole->zeroed)
            break;
        if (hole_may_be_cut(heap, hole, idle_ms))
            return hole;
    }
    return NULL;
}

struct weir__span *weir__hole_cut_locked(struct weir__page_heap *heap, uint32_t idle_ms, int *bin)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(*bin < WEIR__BIN_COUNT);
    struct weir__span *hole = NULL;
    while (heap->hole_dirty && *bin >= 0 && !(hole = bin_oldest(heap, *bin, idle_ms)))
        --*bin;
    if (!hole)
        return NULL;
    weir__hole_remove(heap, hole);
    if (hole->npages > 1)
        weir__page_set(&hole[hole->npages - 1], WEIR__PAGE_SPAN_END);
    weir__page_set(hole, WEIR__PAGE_IDLE);
    return hole;
}

void weir__hole_restamp_locked(struct weir__page_heap *heap, uint32_t before)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    for (unsigned bin = 0; bin < WEIR__BIN_COUNT; bin++)
        for (const struct weir__link *link = heap->bins[bin].first; link; link = link->next) {
            struct weir__span *hole = weir__hole_of(link);
            if (hole->u.hole.freed_at == before)
                weir__relaxed_set(hole->u.hole.freed_at, heap->now - 1);
        }
}

/* -- checking ----------------------------------------------------------------------- */

static bool hole_is_valid(const struct weir__span *hole, unsigned bin)
{
    const struct weir__span *end = hole + hole->npages - 1;
    return hole->state == WEIR__PAGE_HOLE && hole->u.hole.bin == bin &&
           weir__hole_bin(hole->npages) == bin && end->npages == hole->npages &&
           end->region == hole->region && (end == hole || end->state == WEIR__PAGE_HOLE_END);
}

/* Linked both ways, the dirty before the clean. */
static bool bin_is_valid(const struct weir__page_heap *heap, unsigned bin, size_t *count,
                         size_t *dirty)
{
    const struct weir__link *first = heap->bins[bin].first, *before = NULL;
    bool clean = false;
    for (const struct weir__link *link = first; link; before = link, link = link->next, ++*count) {
        const struct weir__span *hole = weir__hole_of(link);
        if (!hole_is_valid(hole, bin) || (clean && !hole->zeroed) ||
            (before && link->prev != before))
            return false;
        clean = hole->zeroed;
        *dirty += clean ? 0 : hole_bytes(hole);
    }
    return (!first || first->prev == before) &&
           (heap->bin_used[bin / 64] >> (bin % 64) & 1) == (first != NULL);
}

bool weir__hole_is_valid(const struct weir__page_heap *heap, size_t *count)
{
    size_t dirty = 0;
    bool valid = true;
    *count = 0;
    for (unsigned bin = 0; bin < WEIR__BIN_COUNT && valid; bin++)
        valid = bin_is_valid(heap, bin, count, &dirty);
    for (unsigned word = 0; word < sizeof heap->bin_used / sizeof heap->bin_used[0]; word++)
        valid &= (heap->bin_words >> word & 1) == (heap->bin_used[word] != 0);
    return valid && dirty == heap->hole_dirty;
}
