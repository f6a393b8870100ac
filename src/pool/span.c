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
 * The span freed last stays as it is until the next request, if there is no hole next to
 * it to join. A request for the same number of pages takes it back at once; any other first
 * makes a hole of it. Best fit would have chosen it anyway, and half of the large requests of
 * inference traces find it. (Keeping it whatever lies next to it was tried: 1.21 instead of 1.01
 * times the live bytes touched on ort-ppocr-det; caches of freed spans for each thread too: 1.25.
 * A thread's shelf (pool/shelf.h) keeps to the same rule.)
 */
#include "pool/span.h"

#include "pool/budget.h"
#include "pool/fill.h"
#include "pool/hole.h"
#include "pool/late_misuse.h"
#include "pool/layout.h"
#include "pool/shelf.h"

/* A span gets its own region when it is this large. */
#define SPAN_DIRECT (128 * WEIR__MIB)
#define REGION_MOST ((size_t)1 << 32)

_Static_assert(REGION_MOST >> WEIR__GRANULE_SHIFT <= UINT32_MAX, "region->npages holds it");
_Static_assert(WEIR__LABEL_SIZE_SHIFT - WEIR__GRANULE_SHIFT < 32, "span->npages holds the largest");

/* Makes [page, page + npages) of the region a live span; it lies in no hole. */
WEIR__INLINE struct weir__span *span_make(struct weir__page_heap *heap, struct weir__region *region,
                                          uint32_t page, uint32_t npages)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(npages && page + npages <= region->frontier);
    struct weir__span *span = &region->pages[page], *end = span + npages - 1;
    span->region = region->index;
    if (npages > 1 && !region->direct) {
        end->region = region->index;
        weir__page_set(end, WEIR__PAGE_SPAN_END);
    }
    weir__relaxed_set(span->npages, npages);
    weir__relaxed_set(span->u.live.direct, (uint8_t)region->direct);
    heap->span_live += weir__pages_bytes(npages);
    return span;
}

/* First page at or after `page` whose address suits `alignment`. */
static uint32_t page_aligned(const struct weir__region *region, uint32_t page, size_t alignment)
{
    weir__assert(weir__is_power_of_two(alignment));
    uintptr_t address = (uintptr_t)region->base + weir__pages_bytes(page);
    return page + (uint32_t)((weir__round_up(address, alignment) - address) >> WEIR__GRANULE_SHIFT);
}

/* -- patterns (pool/fill.h) ----------------------------------------------------------- */

#define FILL_PAGES ((uint32_t)(WEIR__FILL_MOST / WEIR__GRANULE + 1))

_Static_assert(FILL_PAGES <= UINT8_MAX, "u.hole.filled holds it");

/* Of a block with this color whose first pages are filled. */
static size_t filled_bytes(uint32_t pages, unsigned color)
{
    return pages ? weir__pages_bytes(pages) - (size_t)color * WEIR__LINE : 0;
}

/* Notes that the block which was there was written to after it was freed; `filled` of its pages
 * have the pattern. `taker`: who gets it. */
static void filled_check(const void *taker, const struct weir__span *span, uint32_t filled,
                         unsigned color)
{
    const char *block = weir__span_start(span) + (size_t)color * WEIR__LINE;
    size_t offset = weir__fill_broken(block, filled_bytes(filled, color), WEIR__FILL_FREED);
    if (weir__unlikely(offset != SIZE_MAX))
        weir__late_misuse_keep(&(struct weir__late_misuse){
            .what = WEIR_MISUSE_CORRUPTION, .block = block, .owner = taker, .written = offset + 1});
}

/* Before `npages` are cut from the low end of a hole. */
WEIR__INLINE void hole_check(const struct weir__page_heap *heap, const struct weir__span *hole,
                             uint32_t npages)
{
    if (WEIR__FILLS)
        filled_check(heap->taker, hole, (uint32_t)weir__min(hole->u.hole.filled, npages),
                     hole->u.hole.color);
}

void weir__span_pattern(const struct weir__span *span)
{
    size_t offset = (size_t)span->u.live.filled * WEIR__LINE;
    weir__fill_freed(weir__span_start(span) + offset, weir__span_bytes(span) - offset);
}

void weir__span_pattern_check(const struct weir__span *span, const void *taker)
{
    filled_check(taker, span, (uint32_t)weir__min(span->npages, FILL_PAGES), span->u.live.filled);
}

static struct weir__span *span_from_hole(struct weir__page_heap *heap, struct weir__span *hole,
                                         uint32_t npages, size_t alignment, bool *zeroed)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(hole->state == WEIR__PAGE_HOLE && hole->npages >= npages);
    struct weir__region *region = weir__span_region(hole);
    uint32_t page = weir__span_page(hole), end = page + hole->npages, age = hole->u.hole.freed_at;
    *zeroed = hole->zeroed;
    hole_check(heap, hole, npages);
    weir__hole_remove(heap, hole);
    uint32_t start = page_aligned(region, page, alignment);
    if (start > page)
        weir__hole_insert(heap, region, page, start - page, *zeroed, age);
    if (end > start + npages)
        weir__hole_insert(heap, region, start + npages, end - start - npages, *zeroed, age);
    return span_make(heap, region, start, npages);
}

/* The same for an alignment that every page has: the span is the hole's low end, and what
 * is left stays in the hole's place in its list if it belongs in the same bin. */
WEIR__INLINE struct weir__span *span_cut_low(struct weir__page_heap *heap, struct weir__span *hole,
                                             uint32_t npages, bool *zeroed)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(hole->state == WEIR__PAGE_HOLE && hole->npages >= npages);
    uint32_t all = hole->npages;
    *zeroed = hole->zeroed;
    hole_check(heap, hole, npages);
    if (!hole->zeroed)
        heap->hole_dirty -= weir__pages_bytes(npages);
    heap->span_live += weir__pages_bytes(npages);
    weir__page_set(&hole[all - 1], WEIR__PAGE_NONE);
    if (all == npages) {
        weir__hole_unlink(heap, hole);
    } else {
        struct weir__span *rest = hole + npages, *end = hole + all - 1;
        weir__relaxed_set(rest->npages, all - npages);
        weir__relaxed_set(end->npages, all - npages);
        rest->region = hole->region;
        rest->zeroed = hole->zeroed;
        weir__relaxed_set(rest->u.hole.freed_at, hole->u.hole.freed_at);
        if (WEIR__FILLS)
            rest->u.hole.filled = 0;
        weir__page_set(end, WEIR__PAGE_HOLE_END);
        weir__page_set(rest, WEIR__PAGE_HOLE);
        if (weir__hole_bin(all - npages) == hole->u.hole.bin) {
            weir__hole_replace(heap, hole, rest);
        } else {
            weir__hole_unlink(heap, hole);
            weir__hole_link(heap, rest);
        }
    }
    struct weir__span *last = hole + npages - 1;
    last->region = hole->region;
    weir__page_set(last, WEIR__PAGE_SPAN_END); /* of a single page the caller sets SPAN */
    weir__relaxed_set(hole->npages, npages);
    weir__relaxed_set(hole->u.live.direct, (uint8_t) false);
    return hole;
}

/* Is there room for it past the frontier? */
static bool frontier_fits(const struct weir__region *region, uint32_t npages, size_t alignment)
{
    uint32_t start = page_aligned(region, region->frontier, alignment);
    return !region->direct && start <= region->npages && npages <= region->npages - start;
}

/* The usual case: the first region has room that is open, and any page will do. NULL: it is not. */
WEIR__INLINE struct weir__span *span_from_first(struct weir__page_heap *heap, uint32_t npages,
                                                bool *zeroed)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    struct weir__region *region = weir__region_first(heap);
    if (weir__unlikely(!region || region->direct || npages > region->opened))
        return NULL;
    uint32_t page = region->frontier, room = (uint32_t)weir__min(region->opened, region->npages);
    if (weir__unlikely(page > room - npages || npages > room))
        return NULL;
    *zeroed = page >= region->touched;
    weir__layout_raise(region, page + npages);
    return span_make(heap, region, page, npages);
}

/* It fits. NULL: the system refuses. */
static struct weir__span *span_from_frontier(struct weir__page_heap *heap,
                                             struct weir__region *region, uint32_t npages,
                                             size_t alignment, bool *zeroed)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    uint32_t page = region->frontier, start = page_aligned(region, page, alignment);
    if (!weir__region_open(region, start + npages))
        return NULL;
    *zeroed = start >= region->touched;
    if (start > page)
        weir__hole_insert(heap, region, page, start - page, page >= region->touched, heap->now);
    weir__layout_raise(region, start + npages);
    return span_make(heap, region, start, npages);
}

/* Less where the system refuses, down to what is asked for. */
static struct weir__region *region_add(struct weir__page_heap *heap, size_t size, size_t alignment)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    bool direct = size >= SPAN_DIRECT && !heap->hardened;
    size_t unit = weir__max(alignment, WEIR__CHUNK), least = weir__round_up(size, WEIR__CHUNK);
    size_t want = direct ? least : weir__max(heap->next_region, least);
    struct weir__region *region = weir__region_create(heap, want, unit, direct);
    while (!region && want > least) {
        want = weir__max(weir__round_up(want / 2, WEIR__CHUNK), least);
        region = weir__region_create(heap, want, unit, direct);
    }
    if (!region && least == WEIR__CHUNK && unit == WEIR__CHUNK && !heap->hardened)
        region = weir__region_borrow(heap);
    if (!region)
        return NULL;
    if (!direct)
        heap->next_region = weir__min(heap->next_region * 2, REGION_MOST);
    weir__list_append(&heap->regions, &region->link);
    heap->reserved += region->size;
    return region;
}

/* Where any page will do, no hole is known to fit. */
static WEIR__NOINLINE struct weir__span *span_find(struct weir__page_heap *heap, uint32_t npages,
                                                   size_t alignment, bool *zeroed)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    struct weir__span *hole = NULL, *span = NULL;
    if (alignment > WEIR__GRANULE)
        hole = weir__hole_find(heap, npages + (uint32_t)((alignment - 1) >> WEIR__GRANULE_SHIFT));
    if (hole)
        return span_from_hole(heap, hole, npages, alignment, zeroed);
    struct weir__region *region = weir__region_first(heap);
    while (region && !frontier_fits(region, npages, alignment))
        region = weir__region_next(region);
    if (region)
        return span_from_frontier(heap, region, npages, alignment, zeroed);
    region = region_add(heap, weir__pages_bytes(npages), alignment);
    if (region && (region->direct || frontier_fits(region, npages, alignment)))
        span = span_from_frontier(heap, region, npages, alignment, zeroed);
    if (region && !span)
        weir__region_doom_locked(heap, region);
    return span;
}

/* The span freed last, if it is what is asked for; it becomes a hole if not. */
WEIR__INLINE struct weir__span *span_from_idle(struct weir__page_heap *heap, uint32_t npages,
                                               size_t alignment)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(heap->idle->state == WEIR__PAGE_IDLE);
    struct weir__span *span = heap->idle;
    if (span->npages != npages ||
        (alignment > WEIR__GRANULE && ((uintptr_t)weir__span_start(span) & (alignment - 1)))) {
        weir__span_flush_idle_locked(heap);
        return NULL;
    }
    heap->idle = NULL;
    heap->span_live += weir__pages_bytes(npages);
    if (!heap->hardened)
        weir__span_check_freed(span, heap->taker);
    return span;
}

/* No hole fits: would it lie on pages that never were touched, while others have free ones? */
static WEIR__NOINLINE bool claim_asks(const struct weir__page_heap *heap, uint32_t npages,
                                      size_t alignment, const struct weir__claim *claim)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    if (!claim->asks || heap->nshelves <= (claim->shelf != &weir__no_shelf))
        return false;
    const struct weir__region *region = weir__region_first(heap);
    while (region && !frontier_fits(region, npages, alignment))
        region = weir__region_next(region);
    return !region || page_aligned(region, region->frontier, alignment) + npages > region->touched;
}

/* A span, not live yet. */
WEIR__INLINE struct weir__span *span_take_locked(struct weir__page_heap *heap, uint32_t npages,
                                                 size_t alignment, struct weir__claim *claim)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    struct weir__span *span = NULL;
    if (weir__unlikely(heap->idle != NULL) && (span = span_from_idle(heap, npages, alignment)))
        return span;
    if (weir__likely(alignment <= WEIR__GRANULE)) {
        struct weir__span *hole = weir__hole_find(heap, npages);
        if (hole)
            return span_cut_low(heap, hole, npages, &claim->zeroed);
    }
    if (weir__unlikely(heap->nshelves > 0) && claim_asks(heap, npages, alignment, claim)) {
        claim->asked = true;
        return NULL;
    }
    if (weir__likely(alignment <= WEIR__GRANULE))
        span = span_from_first(heap, npages, &claim->zeroed);
    return weir__likely(span != NULL) ? span : span_find(heap, npages, alignment, &claim->zeroed);
}

/* The page behind a fenced one's is its own, too, and stays closed. */
static uint32_t pages_wanted(const struct weir__page_heap *heap, size_t size)
{
    return weir__span_pages(size) + heap->hardened;
}

/* A fenced one begins to live when its pages are open. */
static char *span_begin(const struct weir__page_heap *heap, struct weir__span *span, size_t size,
                        size_t alignment, uint32_t tag)
{
    char *start = weir__span_start(span);
    if (weir__likely(!heap->hardened))
        return weir__span_make_live(span, start, size, alignment, tag);
    weir__label_set(&span->u.live.label, 0);
    weir__relaxed_set(span->u.live.direct, (uint8_t)WEIR__SPAN_FENCED);
    return start;
}

struct weir__span *weir__span_take(struct weir__page_heap *heap, size_t size, size_t alignment,
                                   struct weir__claim *claim)
{
    weir__assert(weir__is_power_of_two(alignment) && claim->owner);
    claim->zeroed = claim->asked = false;
    if (weir__unlikely((size | alignment) >> WEIR__LABEL_SIZE_SHIFT))
        return NULL;
    weir__lock_take(&heap->lock);
    if (WEIR__FILLS)
        heap->taker = claim->owner;
    if (weir__relaxed_get(claim->shelf->count))
        weir__shelf_empty_locked(claim->shelf);
    struct weir__span *span = span_take_locked(heap, pages_wanted(heap, size), alignment, claim);
    if (weir__likely(span != NULL)) {
        weir__relaxed_set(span->u.live.owner, claim->owner);
        claim->block = span_begin(heap, span, size, alignment, claim->tag);
        __atomic_store_n(&span->state, WEIR__PAGE_SPAN, __ATOMIC_RELEASE);
        *claim->bytes += weir__span_bytes(span);
    }
    weir__lock_drop(&heap->lock);
    weir__page_heap_relieve(heap);
    weir__assert_walk(weir__page_heap_is_valid(heap));
    return span;
}

/* The span is live or idle no more: a hole, or part of one, or past the frontier. */
WEIR__INLINE void span_release(struct weir__page_heap *heap, struct weir__span *span)
{
    uint32_t npages = span->npages;
    /* Read by builds that fill. NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores) */
    uint8_t color = span->u.live.filled;
    weir__page_set(&span[npages - 1], WEIR__PAGE_NONE);
    weir__page_set(span, WEIR__PAGE_NONE);
    weir__layout_release(heap, weir__span_region(span), weir__span_page(span), npages);
    if (WEIR__FILLS && span->state == WEIR__PAGE_HOLE && !heap->hardened) {
        span->u.hole.filled = (uint8_t)weir__min(npages, FILL_PAGES);
        span->u.hole.color = color;
    }
}

void weir__span_flush_idle_locked(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    struct weir__span *span = heap->idle;
    if (!span)
        return;
    heap->idle = NULL;
    span_release(heap, span);
}

void weir__span_release_locked(struct weir__page_heap *heap, const struct weir__shelf_slot *slots,
                               uint32_t count)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        weir__assert(slots[i].span->state == WEIR__PAGE_SPAN && !slots[i].span->u.live.direct);
        bytes += weir__span_bytes(slots[i].span);
        span_release(heap, slots[i].span);
    }
    heap->span_live -= bytes;
    weir__budget_given_locked(heap, bytes);
    weir__page_heap_tick_locked(heap);
}

void weir__span_give_locked(struct weir__page_heap *heap, struct weir__span *span)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(span->state == WEIR__PAGE_SPAN);
    uint32_t npages = span->npages;
    heap->span_live -= weir__pages_bytes(npages);
    if (weir__label_is_live(weir__span_label(span)))
        weir__span_fill_freed(span);
    weir__label_set(&span->u.live.label, 0);
    if (weir__unlikely(span->u.live.direct) && !heap->hardened) {
        weir__page_set(span, WEIR__PAGE_NONE);
        weir__region_doom_locked(heap, weir__span_region(span));
        return;
    }
    if (heap->idle)
        weir__span_flush_idle_locked(heap);
    if (!weir__span_has_hole_beside(span, npages)) {
        weir__page_set(span, WEIR__PAGE_IDLE);
        heap->idle = span;
    } else {
        span_release(heap, span);
    }
    weir__budget_given_locked(heap, weir__pages_bytes(npages));
    weir__page_heap_tick_locked(heap);
}

void weir__span_give(struct weir__page_heap *heap, struct weir__span *span, size_t *bytes)
{
    weir__lock_take(&heap->lock);
    *bytes -= weir__pages_bytes(span->npages);
    weir__span_give_locked(heap, span);
    weir__lock_drop(&heap->lock);
    weir__page_heap_relieve(heap);
    weir__assert_walk(weir__page_heap_is_valid(heap));
}

/* -- purging ----------------------------------------------------------------------- */

void weir__span_uncut_hole_locked(struct weir__page_heap *heap, struct weir__span *hole,
                                  bool purged)
{
    struct weir__region *region = weir__span_region(hole);
    uint32_t page = weir__span_page(hole), npages = hole->npages;
    weir__span_flush_idle_locked(heap); /* an idle span has no hole next to it */
    bool alone = page + npages < region->frontier && !weir__span_has_hole_beside(hole, npages);
    weir__page_set(&hole[npages - 1], WEIR__PAGE_NONE);
    weir__page_set(hole, WEIR__PAGE_NONE);
    if (alone)
        weir__hole_insert(heap, region, page, npages, purged, heap->now);
    else
        weir__layout_release(heap, region, page, npages);
}

/* -- visiting ---------------------------------------------------------------------- */

/* Calls visit for the spans of a region. What visit frees is joined with the holes
 * next to it, so where the next span begins is found before. */
static int region_each_span(struct weir__region *region, weir__span_visitor *visit, void *user)
{
    if (region->direct)
        return region->pages->state == WEIR__PAGE_SPAN ? visit(region->pages, user) : 0;
    int stop = 0;
    for (uint32_t page = region->first, next; page < region->frontier && !stop; page = next) {
        struct weir__span *span = &region->pages[page];
        next = page + span->npages;
        if (next < region->frontier && region->pages[next].state == WEIR__PAGE_HOLE)
            next += region->pages[next].npages;
        if (span->state == WEIR__PAGE_SPAN)
            stop = visit(span, user);
    }
    return stop;
}

int weir__span_each_locked(struct weir__page_heap *heap, weir__span_visitor *visit, void *user)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    int stop = 0;
    weir__span_flush_idle_locked(heap);
    for (struct weir__region *region = weir__region_first(heap), *next; region && !stop;
         region = next) {
        next = weir__region_next(region);
        stop = region_each_span(region, visit, user);
    }
    return stop;
}

bool weir__span_covers(const struct weir__region *region, size_t page)
{
    if (weir__relaxed_get(region->direct))
        page = 0;
    if (page >= weir__relaxed_get(region->frontier) ||
        page >= __atomic_load_n(&region->nheaders, __ATOMIC_ACQUIRE))
        return false;
    for (size_t at = page + 1; at--;) {
        const struct weir__span *span = &weir__relaxed_get(region->pages)[at];
        uint8_t state = __atomic_load_n(&span->state, __ATOMIC_ACQUIRE);
        if (state == WEIR__PAGE_SPAN)
            return weir__relaxed_get(span->npages) > page - at &&
                   weir__label_is_live(weir__span_label(span));
        if (state == WEIR__PAGE_HOLE || state == WEIR__PAGE_IDLE)
            break;
    }
    return false;
}

/* -- checking ---------------------------------------------------------------------- */

bool weir__span_is_valid(const struct weir__page_heap *heap)
{
    size_t live = 0, holes = 0, linked = 0, reserved = 0;
    bool valid =
        (!heap->idle || heap->idle->state == WEIR__PAGE_IDLE) && weir__hole_is_valid(heap, &linked);
    for (const struct weir__region *region = weir__region_first(heap); region && valid;
         region = weir__region_next(region)) {
        valid = region->heap == heap && weir__region_is_valid(region, &live, &holes);
        reserved += region->size;
    }
    for (const struct weir__link *link = heap->chunks.first; link; link = link->next)
        reserved += WEIR__CHUNK;
    return valid && live == heap->span_live && holes == linked && reserved == heap->reserved;
}
