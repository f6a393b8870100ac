/*
 * pool/span.c - live spans and the holes between them: best fit over binned holes,
 * coalesced at once, the frontier last. Everything under the page heap's lock.
 *
 * Placement prefers memory that was touched before: holes first, lowest address on
 * a tie, and a hole that reaches the frontier lowers it instead of being kept. So
 * the touched part of a region stays close to what is live without any state about
 * residency. The search looks at no more than WEIR__HOLE_LOOK holes of a bin and then
 * takes the best of the next bin up, whose every hole fits: O(1).
 *
 * The span freed last stays as it is until the next request, if there is no hole beside
 * it to join: one of the same number of pages gets it back at once, any other makes a
 * hole of it first. It would have been an exact fit all the same, so nothing is lost, and
 * half of the large requests of inference traces find it. (Keeping it whatever lies beside
 * it was tried: 1.21 instead of 1.01 times the live bytes touched on ort-ppocr-det; caches
 * of freed spans for each thread too: 1.25.)
 */
#include "pool/hole.h"

/* Past half of a region a span gets a region of its own when it is this large. */
#define SPAN_DIRECT  (128 * WEIR__MIB)
#define REGION_FIRST WEIR__REGION_FIRST
#define REGION_MOST  ((size_t)1 << 32)
#define SPAN_MOST    ((size_t)1 << 43)

static void hole_insert(struct weir__page_heap *heap, struct weir__region *region, uint32_t page,
                        uint32_t npages, bool zeroed, uint32_t freed_at)
{
    struct weir__span *hole = &region->pages[page], *end = hole + npages - 1;
    hole->npages = end->npages = npages;
    hole->region = end->region = region->index;
    if (npages > 1)
        end->state = WEIR__PAGE_HOLE_END;
    hole->state = WEIR__PAGE_HOLE;
    hole->zeroed = zeroed;
    hole->u.hole.freed_at = freed_at;
    weir__hole_link(heap, hole);
    if (!zeroed)
        heap->hole_dirty += (size_t)npages << WEIR__GRANULE_SHIFT;
}

static void hole_remove(struct weir__page_heap *heap, struct weir__span *hole)
{
    weir__hole_unlink(heap, hole);
    if (!hole->zeroed)
        heap->hole_dirty -= (size_t)hole->npages << WEIR__GRANULE_SHIFT;
    hole[hole->npages - 1].state = WEIR__PAGE_NONE;
    hole->state = WEIR__PAGE_NONE;
}

/* Makes [page, page + npages) of the region a live span; it lies in no hole. */
static struct weir__span *span_make(struct weir__page_heap *heap, struct weir__region *region,
                                    uint32_t page, uint32_t npages)
{
    struct weir__span *span = &region->pages[page], *end = span + npages - 1;
    span->region = region->index;
    if (npages > 1 && !region->direct) {
        end->region = region->index;
        end->state = WEIR__PAGE_SPAN_END;
    }
    span->npages = npages;
    heap->span_live += (size_t)npages << WEIR__GRANULE_SHIFT;
    return span;
}

/* First page at or after `page` whose address suits `alignment`. */
static uint32_t page_aligned(const struct weir__region *region, uint32_t page, size_t alignment)
{
    uintptr_t address = (uintptr_t)region->base + ((uintptr_t)page << WEIR__GRANULE_SHIFT);
    return page + (uint32_t)((weir__round_up(address, alignment) - address) >> WEIR__GRANULE_SHIFT);
}

static struct weir__span *span_from_hole(struct weir__page_heap *heap, struct weir__span *hole,
                                         uint32_t npages, size_t alignment, bool *zeroed)
{
    struct weir__region *region = weir__span_region(hole);
    uint32_t page = weir__span_page(hole), end = page + hole->npages, age = hole->u.hole.freed_at;
    *zeroed = hole->zeroed;
    hole_remove(heap, hole);
    uint32_t start = page_aligned(region, page, alignment);
    if (start > page)
        hole_insert(heap, region, page, start - page, *zeroed, age);
    if (end > start + npages)
        hole_insert(heap, region, start + npages, end - start - npages, *zeroed, age);
    return span_make(heap, region, start, npages);
}

/* The same for an alignment that every page has: the span is the hole's low end, and what
 * is left stays in the hole's place in its list if it belongs in the same bin. */
WEIR__INLINE struct weir__span *span_cut_low(struct weir__page_heap *heap, struct weir__span *hole,
                                             uint32_t npages, bool *zeroed)
{
    uint32_t all = hole->npages;
    *zeroed = hole->zeroed;
    if (!hole->zeroed)
        heap->hole_dirty -= (size_t)npages << WEIR__GRANULE_SHIFT;
    heap->span_live += (size_t)npages << WEIR__GRANULE_SHIFT;
    hole[all - 1].state = WEIR__PAGE_NONE;
    if (all == npages) {
        weir__hole_unlink(heap, hole);
    } else {
        struct weir__span *rest = hole + npages, *end = hole + all - 1;
        rest->npages = end->npages = all - npages;
        rest->region = hole->region;
        rest->zeroed = hole->zeroed;
        rest->u.hole.freed_at = hole->u.hole.freed_at;
        end->state = WEIR__PAGE_HOLE_END;
        rest->state = WEIR__PAGE_HOLE;
        if (weir__hole_bin(all - npages) == hole->u.hole.bin) {
            weir__hole_replace(heap, hole, rest);
        } else {
            weir__hole_unlink(heap, hole);
            weir__hole_link(heap, rest);
        }
    }
    struct weir__span *last = hole + npages - 1;
    last->region = hole->region;
    last->state = WEIR__PAGE_SPAN_END; /* of a single page the caller sets SPAN */
    hole->npages = npages;
    return hole;
}

static struct weir__span *span_from_frontier(struct weir__page_heap *heap,
                                             struct weir__region *region, uint32_t npages,
                                             size_t alignment, bool *zeroed)
{
    uint32_t page = region->frontier, start = page_aligned(region, page, alignment);
    if (start > region->npages || npages > region->npages - start)
        return NULL;
    *zeroed = start >= region->touched;
    if (start > page)
        hole_insert(heap, region, page, start - page, page >= region->touched,
                    weir__page_heap_clock(heap));
    region->frontier = start + npages;
    if (region->frontier > region->touched)
        region->touched = region->frontier;
    return span_make(heap, region, start, npages);
}

static struct weir__region *region_add(struct weir__page_heap *heap, size_t size, size_t alignment)
{
    bool direct = size >= SPAN_DIRECT;
    size_t unit = weir__max(alignment, WEIR__CHUNK);
    size_t want = direct ? size : weir__max(heap->next_region, size);
    struct weir__region *region = NULL;
    for (want = weir__round_up(want, WEIR__CHUNK); !region; want /= 2) {
        want = weir__max(weir__round_up(want, WEIR__CHUNK), weir__round_up(size, WEIR__CHUNK));
        region = weir__region_create(heap, want, unit, direct);
        if (want <= weir__round_up(size, WEIR__CHUNK))
            break;
    }
    if (!region)
        return NULL;
    if (!direct)
        heap->next_region = weir__min(heap->next_region * 2, REGION_MOST);
    if (heap->last_region)
        heap->last_region->next = region;
    else
        heap->regions = region;
    heap->last_region = region;
    heap->reserved += region->size;
    return region;
}

static WEIR__NOINLINE struct weir__span *span_find(struct weir__page_heap *heap, uint32_t npages,
                                                   size_t alignment, bool *zeroed)
{
    uint32_t extra = (uint32_t)((weir__max(alignment, WEIR__GRANULE) - 1) >> WEIR__GRANULE_SHIFT);
    struct weir__span *hole = weir__hole_find(heap, npages + extra), *span;
    if (hole)
        return span_from_hole(heap, hole, npages, alignment, zeroed);
    for (struct weir__region *region = heap->regions; region; region = region->next)
        if (!region->direct && (span = span_from_frontier(heap, region, npages, alignment, zeroed)))
            return span;
    struct weir__region *region =
        region_add(heap, (size_t)npages << WEIR__GRANULE_SHIFT, alignment);
    return region ? span_from_frontier(heap, region, npages, alignment, zeroed) : NULL;
}

/*
 * Blocks start at different cache lines within the slack of their last page, so that
 * equal large blocks do not all compete for the same cache sets. Which one depends on the
 * place alone: who gets the same place again finds the same lines warm, and no page that
 * was not touched before. (Multiplicative hashing, Knuth 6.4.)
 */
static void span_color(struct weir__span *span, size_t size, size_t alignment)
{
    size_t slack = ((size_t)span->npages << WEIR__GRANULE_SHIFT) - size;
    bool may_move = alignment <= WEIR__LINE && slack >= WEIR__LINE;
    size_t colors = may_move ? (size_t)1 << weir__log2(slack / WEIR__LINE + 1) : 1;
    uint32_t hash = (uint32_t)((uintptr_t)span / sizeof *span) * 2654435761u;
    span->u.live.color = (uint16_t)(hash >> 26 & (colors - 1));
}

/* The span freed last, if it is what is asked for; it becomes a hole if not. */
WEIR__INLINE struct weir__span *span_from_idle(struct weir__page_heap *heap, uint32_t npages,
                                               size_t alignment)
{
    struct weir__span *span = heap->idle;
    if (span->npages != npages ||
        (alignment > WEIR__GRANULE && ((uintptr_t)weir__span_start(span) & (alignment - 1)))) {
        weir__page_heap_settle_locked(heap);
        return NULL;
    }
    heap->idle = NULL;
    heap->span_live += (size_t)npages << WEIR__GRANULE_SHIFT;
    return span;
}

struct weir__span *weir__page_heap_take_span(struct weir__page_heap *heap, size_t size,
                                             size_t alignment, const struct weir__claim *claim,
                                             bool *zeroed)
{
    if (size > SPAN_MOST || alignment > SPAN_MOST)
        return NULL;
    uint32_t npages = (uint32_t)((weir__max(size, 1) + WEIR__GRANULE - 1) >> WEIR__GRANULE_SHIFT);
    weir__lock_take(&heap->lock);
    *zeroed = false;
    struct weir__span *span = heap->idle ? span_from_idle(heap, npages, alignment) : NULL;
    if (!span) {
        span = alignment <= WEIR__GRANULE ? weir__hole_find(heap, npages) : NULL;
        span = weir__likely(span != NULL) ? span_cut_low(heap, span, npages, zeroed)
                                          : span_find(heap, npages, alignment, zeroed);
    }
    if (span) {
        span_color(span, size, alignment);
        span->u.live.align_shift = (uint8_t)weir__log2(alignment);
        span->u.live.old = false;
        span->u.live.owner = claim->owner;
        span->u.live.requested = claim->requested;
        span->u.live.tag = claim->tag;
        __atomic_store_n(&span->state, WEIR__PAGE_SPAN, __ATOMIC_RELEASE);
        *claim->bytes += (size_t)npages << WEIR__GRANULE_SHIFT;
    }
    weir__lock_drop(&heap->lock);
    return span;
}

static void region_remove(struct weir__page_heap *heap, struct weir__region *region)
{
    struct weir__region **link = &heap->regions, *before = NULL;
    while (*link != region) {
        before = *link;
        link = &before->next;
    }
    *link = region->next;
    if (heap->last_region == region)
        heap->last_region = before;
    heap->reserved -= region->size;
    weir__region_destroy(region);
}

/* Gives the hole that ends at the frontier, or pages there, up to what was never used. */
static void frontier_lower(struct weir__page_heap *heap, struct weir__region *region, uint32_t page)
{
    region->frontier = page;
    region->lowered_at = weir__page_heap_clock(heap);
}

/* The hole takes in what follows it and has `npages` in all; it is dirty from now on. */
WEIR__INLINE void hole_widen(struct weir__page_heap *heap, struct weir__span *hole, uint32_t npages)
{
    struct weir__span *end = hole + npages - 1;
    uint32_t dirty = hole->zeroed ? 0 : hole->npages;
    heap->hole_dirty += (size_t)(npages - dirty) << WEIR__GRANULE_SHIFT;
    hole[hole->npages - 1].state = WEIR__PAGE_NONE;
    hole->state = WEIR__PAGE_HOLE;
    hole->npages = end->npages = npages;
    hole->zeroed = false;
    hole->u.hole.freed_at = weir__page_heap_clock(heap);
    end->region = hole->region;
    end->state = WEIR__PAGE_HOLE_END;
    if (weir__hole_bin(npages) != hole->u.hole.bin) {
        weir__hole_unlink(heap, hole);
        weir__hole_link(heap, hole);
    }
}

/* Clean pages that join dirty ones count as dirty, and to the budget as if they were freed;
 * it is looked at when they have joined. */
WEIR__INLINE void hole_soiled(struct weir__page_heap *heap, const struct weir__span *hole)
{
    if (weir__unlikely(hole->zeroed))
        heap->given += (size_t)hole->npages << WEIR__GRANULE_SHIFT;
}

/* Returns [page, page + npages) to the region, joined with its neighbours. */
static void pages_release(struct weir__page_heap *heap, struct weir__region *region, uint32_t page,
                          uint32_t npages)
{
    struct weir__span *first = &region->pages[page], *right = first + npages, *left = first - 1;
    bool joins = left->state == WEIR__PAGE_HOLE_END || left->state == WEIR__PAGE_HOLE;
    if (page + npages < region->frontier && right->state == WEIR__PAGE_HOLE) {
        npages += right->npages;
        hole_soiled(heap, right);
        hole_remove(heap, right);
    }
    if (page + npages == region->frontier) {
        if (joins) {
            left -= left->npages - 1;
            page -= left->npages;
            hole_soiled(heap, left);
            hole_remove(heap, left);
        }
        frontier_lower(heap, region, page);
    } else if (joins) {
        left -= left->npages - 1;
        hole_soiled(heap, left);
        hole_widen(heap, left, left->npages + npages);
    } else {
        hole_insert(heap, region, page, npages, false, weir__page_heap_clock(heap));
    }
}

void weir__page_heap_settle_locked(struct weir__page_heap *heap)
{
    struct weir__span *span = heap->idle;
    if (!span)
        return;
    uint32_t npages = span->npages;
    heap->idle = NULL;
    span[npages - 1].state = WEIR__PAGE_NONE;
    span->state = WEIR__PAGE_NONE;
    pages_release(heap, weir__span_region(span), weir__span_page(span), npages);
}

/* Is there no hole beside the span? */
WEIR__INLINE bool span_is_alone(const struct weir__span *span)
{
    const struct weir__span *left = span - 1, *right = span + span->npages;
    return left->state != WEIR__PAGE_HOLE_END && left->state != WEIR__PAGE_HOLE &&
           right->state != WEIR__PAGE_HOLE;
}

void weir__page_heap_give_span_locked(struct weir__page_heap *heap, struct weir__span *span)
{
    struct weir__region *region = weir__span_region(span);
    uint32_t npages = span->npages;
    heap->span_live -= (size_t)npages << WEIR__GRANULE_SHIFT;
    if (region->direct) {
        region_remove(heap, region);
        return;
    }
    if (heap->idle)
        weir__page_heap_settle_locked(heap);
    if (span_is_alone(span)) {
        span->state = WEIR__PAGE_IDLE;
        heap->idle = span;
    } else {
        span[npages - 1].state = WEIR__PAGE_NONE;
        span->state = WEIR__PAGE_NONE;
        pages_release(heap, region, weir__span_page(span), npages);
    }
    weir__page_heap_given_locked(heap, (size_t)npages << WEIR__GRANULE_SHIFT);
    weir__page_heap_decay_locked(heap);
}

bool weir__page_heap_give_span(struct weir__page_heap *heap, struct weir__span *span, size_t *bytes)
{
    weir__lock_take(&heap->lock);
    bool live = span->state == WEIR__PAGE_SPAN;
    if (live) {
        *bytes -= (size_t)span->npages << WEIR__GRANULE_SHIFT;
        weir__page_heap_give_span_locked(heap, span);
    }
    weir__lock_drop(&heap->lock);
    weir__page_heap_relieve(heap);
    return live;
}

/* Takes the pages after the span that it lacks, from a hole or the frontier. */
static bool span_extend(struct weir__page_heap *heap, struct weir__region *region,
                        struct weir__span *span, uint32_t more)
{
    uint32_t end = weir__span_page(span) + span->npages;
    struct weir__span *right = &region->pages[end];
    if (end == region->frontier) {
        if (more > region->npages - end)
            return false;
        region->frontier = end + more;
        region->touched = (uint32_t)weir__max(region->touched, region->frontier);
        return true;
    }
    if (right->state != WEIR__PAGE_HOLE || right->npages < more)
        return false;
    uint32_t left_over = right->npages - more, age = right->u.hole.freed_at;
    bool zeroed = right->zeroed;
    hole_remove(heap, right);
    if (left_over)
        hole_insert(heap, region, end + more, left_over, zeroed, age);
    return true;
}

static bool span_resize(struct weir__page_heap *heap, struct weir__region *region,
                        struct weir__span *span, uint32_t npages)
{
    uint32_t page = weir__span_page(span), old = span->npages;
    if (region->direct || (npages > old && !span_extend(heap, region, span, npages - old)))
        return false;
    if (old > 1)
        span[old - 1].state = WEIR__PAGE_NONE;
    span->state = WEIR__PAGE_SPAN;
    span->npages = npages;
    if (npages > 1) {
        span[npages - 1].state = WEIR__PAGE_SPAN_END;
        span[npages - 1].region = region->index;
    }
    heap->span_live +=
        ((size_t)npages << WEIR__GRANULE_SHIFT) - ((size_t)old << WEIR__GRANULE_SHIFT);
    if (npages < old) {
        pages_release(heap, region, page + npages, old - npages);
        weir__page_heap_given_locked(heap, (size_t)(old - npages) << WEIR__GRANULE_SHIFT);
    }
    return true;
}

bool weir__page_heap_resize_span(struct weir__page_heap *heap, struct weir__span *span, size_t size,
                                 size_t *bytes)
{
    if (size > SPAN_MOST)
        return false;
    size_t end = size + (size_t)span->u.live.color * 64;
    uint32_t npages = (uint32_t)((weir__max(end, 1) + WEIR__GRANULE - 1) >> WEIR__GRANULE_SHIFT);
    weir__lock_take(&heap->lock);
    weir__page_heap_settle_locked(heap);
    struct weir__region *region = weir__span_region(span);
    size_t change =
        ((size_t)npages << WEIR__GRANULE_SHIFT) - ((size_t)span->npages << WEIR__GRANULE_SHIFT);
    bool done = npages == span->npages || span_resize(heap, region, span, npages);
    if (done) {
        span->u.live.requested = size;
        *bytes += change;
    }
    weir__lock_drop(&heap->lock);
    weir__page_heap_relieve(heap);
    return done;
}

/* -- purging ---------------------------------------------------------------------- */

/* A hole within one page of the machine stays as it is. */
static size_t hole_purge(struct weir__page_heap *heap, struct weir__span *hole)
{
    size_t bytes = (size_t)hole->npages << WEIR__GRANULE_SHIFT;
    size_t purged = heap->backing->purge(weir__span_start(hole), bytes);
    if (purged) {
        heap->hole_dirty -= bytes;
        hole->zeroed = true;
    }
    return purged;
}

/* Looks at every hole: the price of keeping no list of them by age, paid here once a
 * decay step and not at every free. */
size_t weir__span_purge_locked(struct weir__page_heap *heap, uint32_t idle_ms, size_t quota)
{
    size_t bytes = 0;
    for (int bin = weir__hole_bin_next(heap, 0); bin >= 0 && bytes < quota;
         bin = bin + 1 < WEIR__BIN_COUNT ? weir__hole_bin_next(heap, (unsigned)bin + 1) : -1)
        for (struct weir__span *hole = heap->bins[bin]; hole && bytes < quota;
             hole = hole->u.hole.next)
            if (!hole->zeroed && heap->now - hole->u.hole.freed_at >= idle_ms)
                bytes += hole_purge(heap, hole);
    return bytes;
}

size_t weir__span_purge_tail_locked(struct weir__page_heap *heap, struct weir__region *region)
{
    size_t start = (size_t)region->frontier << WEIR__GRANULE_SHIFT;
    size_t size = ((size_t)region->touched << WEIR__GRANULE_SHIFT) - start;
    size_t purged = size ? heap->backing->purge(region->base + start, size) : 0;
    if (purged)
        region->touched = region->frontier;
    return purged;
}

/* The end of a tail: nobody grows into it while the region seems to end before. */
static bool tail_cut(struct weir__page_heap *heap, uint32_t wanted, struct weir__cut *cut)
{
    struct weir__region *region = heap->regions;
    while (region && (region->direct || region->busy || region->touched <= region->frontier))
        region = region->next;
    if (!region)
        return false;
    uint32_t pages = (uint32_t)weir__min(region->touched - region->frontier, wanted);
    uint32_t first = region->touched - pages;
    *cut = (struct weir__cut){.region = region,
                              .npages = region->npages,
                              .start = region->base + ((size_t)first << WEIR__GRANULE_SHIFT),
                              .size = (size_t)(region->touched - first) << WEIR__GRANULE_SHIFT};
    region->busy = true;
    region->busy_touched = region->touched;
    region->npages = region->touched = first;
    return true;
}

static struct weir__span *hole_largest_dirty(const struct weir__page_heap *heap)
{
    for (unsigned bin = WEIR__BIN_COUNT; bin--;)
        for (struct weir__span *hole = heap->bins[bin]; hole; hole = hole->u.hole.next)
            if (!hole->zeroed)
                return hole;
    return NULL;
}

/* A hole of one of the largest bins: laid out as an idle span meanwhile, which nobody joins. */
static bool hole_cut(struct weir__page_heap *heap, struct weir__cut *cut)
{
    struct weir__span *hole = hole_largest_dirty(heap);
    if (!hole)
        return false;
    hole_remove(heap, hole);
    if (hole->npages > 1)
        hole[hole->npages - 1].state = WEIR__PAGE_SPAN_END;
    hole->state = WEIR__PAGE_IDLE;
    *cut = (struct weir__cut){.hole = hole,
                              .start = weir__span_start(hole),
                              .size = (size_t)hole->npages << WEIR__GRANULE_SHIFT};
    return true;
}

bool weir__span_cut_locked(struct weir__page_heap *heap, size_t wanted, struct weir__cut *cut)
{
    weir__page_heap_settle_locked(heap);
    size_t pages = (wanted + WEIR__GRANULE - 1) >> WEIR__GRANULE_SHIFT;
    return tail_cut(heap, (uint32_t)weir__min(pages, UINT32_MAX), cut) || hole_cut(heap, cut);
}

/* Neighbours that were freed meanwhile are joined, and all of it counts as dirty then. */
static void hole_uncut(struct weir__page_heap *heap, struct weir__span *hole, bool purged)
{
    struct weir__region *region = weir__span_region(hole);
    uint32_t page = weir__span_page(hole), npages = hole->npages;
    weir__page_heap_settle_locked(heap); /* an idle span has no hole beside it */
    bool alone = page + npages < region->frontier && span_is_alone(hole);
    hole[npages - 1].state = WEIR__PAGE_NONE;
    hole->state = WEIR__PAGE_NONE;
    if (alone)
        hole_insert(heap, region, page, npages, purged, weir__page_heap_clock(heap));
    else
        pages_release(heap, region, page, npages);
}

void weir__span_uncut_locked(struct weir__page_heap *heap, const struct weir__cut *cut, bool purged)
{
    struct weir__region *region = cut->region;
    if (!region) {
        hole_uncut(heap, cut->hole, purged);
        return;
    }
    if (!purged)
        region->touched = region->busy_touched;
    region->npages = cut->npages;
    region->busy = false;
}

size_t weir__page_heap_tails_locked(const struct weir__page_heap *heap)
{
    size_t pages = heap->idle ? heap->idle->npages : 0;
    for (const struct weir__region *region = heap->regions; region; region = region->next)
        if (!region->direct)
            pages += region->touched - region->frontier;
    return pages << WEIR__GRANULE_SHIFT;
}

size_t weir__span_release_locked(struct weir__page_heap *heap)
{
    size_t bytes = 0;
    for (struct weir__region *region = heap->regions, *next; region; region = next) {
        next = region->next;
        if (region->busy) {
            continue;
        } else if (region->frontier == 0) {
            bytes += (size_t)region->touched << WEIR__GRANULE_SHIFT;
            region_remove(heap, region);
        } else {
            bytes += weir__span_purge_tail_locked(heap, region);
        }
    }
    if (!heap->regions)
        heap->next_region = REGION_FIRST;
    return bytes;
}

/* Calls visit for the live spans of a region. What visit frees is joined with the holes
 * beside it, so where the next span begins is found before. */
static int region_each_span(struct weir__region *region, weir__span_visitor *visit, void *user)
{
    if (region->direct)
        return region->pages->state == WEIR__PAGE_SPAN ? visit(region->pages, user) : 0;
    int stop = 0;
    for (uint32_t page = 0, next; page < region->frontier && !stop; page = next) {
        struct weir__span *span = &region->pages[page];
        next = page + span->npages;
        if (next < region->frontier && region->pages[next].state == WEIR__PAGE_HOLE)
            next += region->pages[next].npages;
        if (span->state == WEIR__PAGE_SPAN)
            stop = visit(span, user);
    }
    return stop;
}

int weir__page_heap_each_span_locked(struct weir__page_heap *heap, weir__span_visitor *visit,
                                     void *user)
{
    int stop = 0;
    weir__page_heap_settle_locked(heap);
    for (struct weir__region *region = heap->regions, *next; region && !stop; region = next) {
        next = region->next;
        stop = region_each_span(region, visit, user);
    }
    return stop;
}

bool weir__span_covers(const struct weir__region *region, size_t page)
{
    for (size_t at = weir__min(page, region->nheaders - (size_t)1) + 1; at--;) {
        const struct weir__span *span = &region->pages[at];
        uint8_t state = __atomic_load_n(&span->state, __ATOMIC_ACQUIRE);
        if (state == WEIR__PAGE_SPAN)
            return span->npages > page - at;
        if (state == WEIR__PAGE_HOLE || state == WEIR__PAGE_IDLE)
            break;
    }
    return false;
}
