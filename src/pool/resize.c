/* pool/resize.c - see resize.h. */
#include "pool/resize.h"

#include "os/pages.h"
#include "pool/budget.h"
#include "pool/layout.h"

#include <string.h>

/* Cleared by purging from here on, so that what is not written does not become resident. */
#define CLEAR_BY_PURGE (32 * WEIR__MIB) /* below it clearing costs less than faulting again */

static bool span_resize_locked(struct weir__page_heap *heap, struct weir__span *span,
                               uint32_t npages)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(span->state == WEIR__PAGE_SPAN && npages && !span->u.live.direct);
    struct weir__region *region = weir__span_region(span);
    uint32_t page = weir__span_page(span), old = span->npages;
    if (npages > old && !weir__layout_extend(heap, region, span, npages - old))
        return false;
    if (old > 1)
        weir__page_set(&span[old - 1], WEIR__PAGE_NONE);
    weir__page_set(span, WEIR__PAGE_SPAN);
    if (npages > 1) {
        weir__page_set(&span[npages - 1], WEIR__PAGE_SPAN_END);
        span[npages - 1].region = region->index;
    }
    if (npages < old) {
        weir__layout_release(heap, region, page + npages, old - npages);
        weir__budget_given_locked(heap, weir__pages_bytes(old - npages));
    }
    return true;
}

/* Makes what a block left behind read as zero. */
static void tail_clear(const struct weir__page_heap *heap, void *tail, size_t size)
{
    if (weir__page_heap_keeps_pages(heap))
        memset(tail, 0, size);
    else
        weir__os_purge(tail, size);
}

/* The label and the sums, once the pages are as they must be; or before, where they are not to
 * change. False: somebody else freed the block. */
static bool span_settle_locked(struct weir__page_heap *heap, struct weir__span *span, size_t size,
                               size_t *bytes)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    uint64_t label = weir__span_label(span);
    uint32_t npages = weir__span_pages(size + weir__label_offset(label));
    size_t change = weir__pages_bytes(npages) - weir__pages_bytes(span->npages);
    bool mine = weir__label_is_live(label) && /* nobody walks meanwhile */
                weir__label_claim(&span->u.live.label, &label);
    bool done = mine && (span->u.live.direct || npages == span->npages ||
                         span_resize_locked(heap, span, npages));
    if (done) {
        weir__relaxed_set(span->npages, npages);
        label = weir__label_resized(label, size);
        heap->span_live += change;
        *bytes += change;
    }
    if (mine)
        weir__label_set(&span->u.live.label, label);
    return done;
}

/* -- spans that move --------------------------------------------------------------- */

static size_t region_size_for(uint32_t npages)
{
    return weir__round_up(weir__pages_bytes(npages), WEIR__CHUNK);
}

uint32_t weir__span_move_begin(struct weir__page_heap *heap, struct weir__span *span, size_t size)
{
    weir__assert(weir__span_may_move(span) && !(size >> WEIR__LABEL_SIZE_SHIFT));
    weir__lock_take(&heap->lock);
    weir__span_region(span)->busy = true;
    weir__lock_drop(&heap->lock);
    return weir__span_pages(size + weir__label_offset(weir__span_label(span)));
}

bool weir__span_move(struct weir__span *span, uint32_t npages)
{
    struct weir__region *region = weir__span_region(span);
    weir__assert(region->busy && npages);
    size_t to = region_size_for(npages);
    if (to != region->size && !weir__region_remap(region, to))
        return false;
    if (npages < span->npages)
        tail_clear(region->heap, region->base + weir__pages_bytes(npages),
                   to - weir__pages_bytes(npages));
    return true;
}

bool weir__span_move_end(struct weir__page_heap *heap, struct weir__span *span, size_t size,
                         uint32_t npages, size_t *bytes)
{
    bool done = false;
    weir__lock_take(&heap->lock);
    struct weir__region *region = weir__span_region(span);
    weir__assert(region->busy);
    region->busy = false;
    if (npages) {
        size_t to = region_size_for(npages);
        heap->reserved += to - region->size;
        region->size = to;
        region->npages = region->opened = (uint32_t)(to >> WEIR__GRANULE_SHIFT);
        weir__relaxed_set(region->frontier, npages);
        weir__relaxed_set(region->touched, npages);
        done = span_settle_locked(heap, span, size, bytes);
    }
    weir__lock_drop(&heap->lock);
    weir__page_heap_relieve(heap);
    weir__assert_walk(weir__page_heap_is_valid(heap));
    return done;
}

bool weir__span_resize(struct weir__page_heap *heap, struct weir__span *span, size_t size,
                       size_t *bytes)
{
    weir__assert(span->state == WEIR__PAGE_SPAN);
    if (size >> WEIR__LABEL_SIZE_SHIFT)
        return false;
    if (weir__span_may_move(span)) {
        uint32_t npages = weir__span_move_begin(heap, span, size);
        bool moved = weir__span_move(span, npages);
        return weir__span_move_end(heap, span, size, moved ? npages : 0, bytes);
    }
    weir__lock_take(&heap->lock);
    weir__span_flush_idle_locked(heap);
    bool done = span_settle_locked(heap, span, size, bytes);
    weir__lock_drop(&heap->lock);
    weir__page_heap_relieve(heap);
    weir__assert_walk(weir__page_heap_is_valid(heap));
    return done;
}

void *weir__span_clear(const struct weir__page_heap *heap, void *block, size_t size)
{
    bool purges = size >= CLEAR_BY_PURGE && !weir__page_heap_keeps_pages(heap);
    if (purges)
        weir__os_purge(block, size);
    else
        memset(block, 0, size);
    return block;
}
