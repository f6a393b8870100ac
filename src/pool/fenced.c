/* pool/fenced.c - see fenced.h. */
#include "pool/fenced.h"

#include "backing/meta.h"
#include "base/fault.h"
#include "os/pages.h"
#include "pool/canary.h"
#include "pool/layout.h"
#include "pool/pace.h"
#include "pool/warm.h"

#include <string.h>

/* What it takes to touch a page that was closed, until one was touched; and a figure of one in so
 * many. ns. */
#define TOUCH_NS      2500
#define TOUCH_NS_MOST 200000u
#define TOUCH_LOOKS   8

/* So much may keep its pages in any case: as much as lies on a shelf (pool/shelf.h). */
#define WARM_LEAST (2 * WEIR__MIB)

/* Closed by one look at the clock. */
#define DECAY_MOST 32

/* Sizes are without the closed page. */
struct weir__fences {
    uint32_t first, count;
    size_t bytes; /* of the spans in the ring, whole */
    struct weir__span *spans[WEIR__FENCES];
    size_t live, most; /* in live spans; and most ever at a time */
    struct weir__pace pace;
    uint32_t touch_ns; /* a page that was closed; atomic */
    struct weir__warm warm;
};

/* What a span in use is of its place, in u.live.filled, which patterns have elsewhere. */
enum { WHOLE = 0, TAIL, APRON };

/* -- the block in its pages ------------------------------------------------------------------- */

static size_t open_bytes(const struct weir__span *span)
{
    return weir__span_bytes(span) - (span->u.live.filled == APRON ? 0 : WEIR__GRANULE);
}

/* From the first of its open pages to the block, which is `size` bytes and aligned. */
static size_t block_offset(size_t open, size_t size, size_t alignment)
{
    weir__assert(weir__is_power_of_two(alignment) && size <= open);
    if (alignment >= WEIR__GRANULE)
        return 0;
    return open - weir__round_up(size ? size : 1, alignment);
}

static unsigned char pattern_at(uint64_t word, const char *at)
{
    return (unsigned char)(word >> 8 * ((uintptr_t)at & 7));
}

/* The pages are open, and zero but for what the former block left; the first bytes are in any
 * case. */
static void block_begin(struct weir__span *span, size_t size, size_t alignment,
                        struct weir__claim *claim)
{
    char *start = weir__span_start(span);
    size_t open = open_bytes(span), offset = block_offset(open, size, alignment);
    char *block = start + offset;
    uint64_t word = weir__canary_word(block);
    if (!claim->zeroed)
        memset(start, 0, offset + weir__min(size, WEIR__WARM_END));
    for (char *at = block + size; at < start + open; at++)
        *at = (char)pattern_at(word, at);
    weir__relaxed_set(span->u.live.tag, claim->tag);
    weir__label_set(&span->u.live.label,
                    weir__label_make_at(size, alignment, offset) | WEIR__LABEL_SAMPLED);
    claim->block = block;
}

/* A page that nobody touched is not looked at: what lies before a block is in its first page. */
ptrdiff_t weir__fenced_written(const struct weir__span *span, uint64_t label)
{
    const char *start = weir__span_start(span), *block = start + weir__label_offset(label);
    const char *end = block + weir__label_size(label), *last = start + open_bytes(span);
    uint64_t word = weir__canary_word(block);
    for (const char *at = last; at > end; at--)
        if ((unsigned char)at[-1] != pattern_at(word, at - 1))
            return at - end;
    if (weir__likely(weir__canary_is_zero(start, (size_t)(block - start))))
        return 0;
    while (!*start)
        start++;
    return start - block;
}

/* -- a block of fewer pages than there are ------------------------------------------------------
 */

/*
 *   | apron | tail: a block's pages, closed page |      a place that keeps its pages
 *
 * Of a place that is larger than need be the block has the last pages, so that it ends at the
 * closed one. Those before it are a span that never lives, open and as they were left.
 */
static struct weir__span *tail_cut_locked(struct weir__page_heap *heap, struct weir__span *place,
                                          uint32_t npages)
{
    weir__assert(weir__lock_is_mine(&heap->lock) && place->npages >= npages);
    uint32_t apron = place->npages - npages;
    struct weir__span *tail = place + apron, *last = tail - 1;
    if (!apron)
        return place;
    place->u.live.filled = APRON;
    weir__relaxed_set(place->npages, apron);
    last->region = tail->region = place->region;
    weir__relaxed_set(last->npages, apron);
    if (apron > 1)
        weir__page_set(last, WEIR__PAGE_SPAN_END);
    weir__relaxed_set(tail->npages, npages);
    weir__label_set(&tail->u.live.label, 0);
    weir__relaxed_set(tail->u.live.owner, weir__span_owner(place));
    weir__relaxed_set(tail->u.live.direct, (uint8_t)WEIR__SPAN_FENCED);
    tail->u.live.filled = TAIL;
    weir__page_set(tail, WEIR__PAGE_SPAN);
    return tail;
}

/* The place that the span, which is not live, is of: one again. */
static struct weir__span *tail_join_locked(struct weir__page_heap *heap, struct weir__span *tail)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    if (tail->u.live.filled != TAIL)
        return tail;
    uint32_t apron = tail[-1].npages;
    struct weir__span *place = tail - apron;
    weir__assert(place->u.live.filled == APRON && place->npages == apron);
    weir__page_set(tail, WEIR__PAGE_NONE);
    if (apron > 1)
        weir__page_set(tail - 1, WEIR__PAGE_NONE);
    weir__relaxed_set(place->u.live.owner, weir__span_owner(tail));
    weir__relaxed_set(place->npages, apron + tail->npages);
    place->u.live.filled = WHOLE;
    return place;
}

/* -- those that wait, closed ------------------------------------------------------------------ */

static struct weir__span *ring_pop_locked(struct weir__page_heap *heap)
{
    struct weir__fences *fences = heap->fences;
    weir__assert(weir__lock_is_mine(&heap->lock) && fences->count);
    struct weir__span *oldest = fences->spans[fences->first];
    fences->first = (fences->first + 1) % WEIR__FENCES;
    fences->count--;
    fences->bytes -= weir__span_bytes(oldest);
    return oldest;
}

static void ring_push_locked(struct weir__page_heap *heap, struct weir__span *span)
{
    struct weir__fences *fences = heap->fences;
    weir__assert(weir__lock_is_mine(&heap->lock) && fences->count < WEIR__FENCES);
    fences->spans[(fences->first + fences->count++) % WEIR__FENCES] = span;
    fences->bytes += weir__span_bytes(span);
}

/* One that was closed, and what is too many is given back. */
static void ring_put_locked(struct weir__page_heap *heap, struct weir__span *span)
{
    if (heap->fences->count == WEIR__FENCES)
        weir__span_give_locked(heap, ring_pop_locked(heap));
    ring_push_locked(heap, span);
    while (heap->fences->bytes > WEIR__FENCES_BYTES)
        weir__span_give_locked(heap, ring_pop_locked(heap));
}

/* -- those that wait and keep their pages ------------------------------------------------------ */

/* Closes a span that is not live. What that took, and what it will take to open its pages and to
 * touch each once more, ns. */
static uint64_t span_close(const struct weir__fences *fences, const struct weir__span *span)
{
    uint64_t before = weir__os_time();
    weir__os_close(weir__span_start(span), open_bytes(span));
    uint64_t touch = fences ? weir__relaxed_get(fences->touch_ns) : 0;
    return weir__os_time() - before + (touch ? touch : TOUCH_NS) * (uint64_t)(1 + span->npages);
}

/* A page was touched that had been closed, which took so long. */
static void touch_learn(struct weir__fences *fences, uint64_t ns)
{
    int64_t former = weir__relaxed_get(fences->touch_ns),
            one = (int64_t)weir__min(ns, TOUCH_NS_MOST);
    former = former ? former : TOUCH_NS;
    weir__relaxed_set(fences->touch_ns, (uint32_t)(former + (one - former) / TOUCH_LOOKS));
}

/* Closed at last. It stays locked: the span's owner may be about to go. */
static void warm_close_locked(struct weir__page_heap *heap, struct weir__span *span)
{
    struct weir__fences *fences = heap->fences;
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__pace_spend(&fences->pace, span->npages, span_close(fences, span));
    ring_put_locked(heap, span);
}

/* So much may be live and warm together: half as much again as ever lived. */
static size_t warm_bound(const struct weir__fences *fences)
{
    return weir__max(fences->most + fences->most / 2, (size_t)WARM_LEAST);
}

/* With `open` bytes more there is too much: what came first is closed, if there is time for it; and
 * in any case beyond twice as much as ever lived. */
static void warm_bound_locked(struct weir__page_heap *heap, size_t open)
{
    struct weir__fences *fences = heap->fences;
    size_t most = weir__max(2 * fences->most, (size_t)WARM_LEAST);
    while (fences->live + fences->warm.bytes + open > warm_bound(fences)) {
        bool must = fences->live + fences->warm.bytes + open > most;
        struct weir__span *span = must || weir__pace_admits(&fences->pace)
                                      ? weir__warm_oldest(&fences->warm, NULL, true)
                                      : NULL;
        if (!span)
            return;
        warm_close_locked(heap, span);
    }
}

/* For `owner`. NULL: there is none. */
static struct weir__span *warm_take_locked(struct weir__page_heap *heap, size_t size,
                                           size_t alignment, const void *owner)
{
    struct weir__fences *fences = heap->fences;
    uint32_t npages = weir__span_pages(size);
    size_t open = weir__pages_bytes(npages);
    bool sound, soon = fences->live + fences->warm.bytes + open > warm_bound(fences);
    struct weir__span *span;
    while ((span = weir__warm_take(&fences->warm, npages + 1, alignment, soon, &sound)) && !sound)
        warm_close_locked(heap, span);
    if (!span)
        return NULL;
    weir__relaxed_set(span->u.live.owner, owner); /* the apron goes with its tail */
    return tail_cut_locked(heap, span, npages + 1);
}

/* One that keeps its pages, or room is made for another. NULL: take another. */
static struct weir__span *warm_claim(struct weir__page_heap *heap, size_t size, size_t alignment,
                                     struct weir__claim *claim)
{
    weir__lock_take(&heap->lock);
    if (!heap->fences)
        weir__relaxed_set(heap->fences, weir__meta_allocate(sizeof *heap->fences));
    struct weir__fences *fences = heap->fences;
    struct weir__span *span = NULL;
    if (fences)
        span = warm_take_locked(heap, size, alignment, claim->owner);
    if (fences && !span)
        warm_bound_locked(heap, weir__pages_bytes(weir__span_pages(size)));
    if (fences) {
        fences->live += weir__pages_bytes(weir__span_pages(size));
        fences->most = weir__max(fences->most, fences->live);
    }
    if (span)
        *claim->bytes += weir__span_bytes(span);
    weir__lock_drop(&heap->lock);
    return span;
}

/* False: it has to be closed now. */
static bool warm_give_locked(struct weir__page_heap *heap, struct weir__span *span,
                             struct weir__warm_block was)
{
    struct weir__fences *fences = heap->fences;
    return fences && !weir__pace_admits(&fences->pace) &&
           weir__warm_put(&fences->warm, span, was, heap->now);
}

/* One more is closed, if there is time for it, too. */
static void warm_relieve_locked(struct weir__page_heap *heap)
{
    struct weir__fences *fences = heap->fences;
    if (weir__warm_first(&fences->warm) && weir__pace_admits(&fences->pace))
        warm_close_locked(heap, weir__warm_oldest(&fences->warm, NULL, true));
}

size_t weir__fenced_warm_locked(const struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    return heap->fences ? heap->fences->warm.bytes : 0;
}

void weir__fenced_decay_locked(struct weir__page_heap *heap, uint32_t milliseconds)
{
    struct weir__fences *fences = heap->fences;
    const struct weir__warm_slot *first;
    for (int i = 0; fences && i < DECAY_MOST && (first = weir__warm_first(&fences->warm)); i++) {
        if (heap->now - first->came < milliseconds)
            return;
        warm_close_locked(heap, weir__warm_oldest(&fences->warm, NULL, true));
    }
}

size_t weir__fenced_check(struct weir__page_heap *heap, const void *owner)
{
    weir__lock_take(&heap->lock);
    size_t faults = heap->fences ? weir__warm_check(&heap->fences->warm, owner) : 0;
    weir__lock_drop(&heap->lock);
    return faults;
}

/* -- taken and given --------------------------------------------------------------------------- */

static void live_less_locked(struct weir__page_heap *heap, size_t open)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    if (heap->fences)
        heap->fences->live -= weir__min(open, heap->fences->live);
}

/* NULL: no memory, or it stays closed. */
static struct weir__span *fresh_take(struct weir__page_heap *heap, size_t size, size_t alignment,
                                     struct weir__claim *claim)
{
    struct weir__span *span = weir__span_take(heap, size, alignment, claim);
    claim->zeroed = true;
    if (span)
        span->u.live.filled = WHOLE;
    if (span && !weir__fault_now() && weir__os_open(weir__span_start(span), open_bytes(span)))
        return span;
    if (span)
        weir__span_give(heap, span, claim->bytes);
    weir__lock_take(&heap->lock);
    live_less_locked(heap, weir__pages_bytes(weir__span_pages(size)));
    weir__lock_drop(&heap->lock);
    return NULL;
}

/* What lies behind the block is the first that is written to its pages. */
static void fresh_begin(struct weir__page_heap *heap, struct weir__span *span, size_t size,
                        size_t alignment, struct weir__claim *claim)
{
    uint64_t before = weir__os_time();
    block_begin(span, size, alignment, claim);
    struct weir__fences *fences = weir__relaxed_get(heap->fences);
    if (fences && claim->block + size < weir__span_start(span) + open_bytes(span))
        touch_learn(fences, weir__os_time() - before);
}

struct weir__span *weir__fenced_take(struct weir__page_heap *heap, size_t size, size_t alignment,
                                     struct weir__claim *claim)
{
    weir__assert(heap->hardened && weir__is_power_of_two(alignment));
    if (weir__unlikely((size | alignment) >> WEIR__LABEL_SIZE_SHIFT))
        return NULL;
    struct weir__span *span = warm_claim(heap, size, alignment, claim);
    claim->zeroed = false;
    if (span)
        block_begin(span, size, alignment, claim);
    else if ((span = fresh_take(heap, size, alignment, claim)))
        fresh_begin(heap, span, size, alignment, claim);
    return span;
}

/* Who walks sees it live before the lock was taken, or sees afterwards that it is not. */
void weir__fenced_give(struct weir__page_heap *heap, struct weir__span *span, uint64_t label,
                       size_t *bytes)
{
    weir__assert(weir__span_is_fenced(span) && !weir__label_is_live(weir__span_label(span)));
    struct weir__warm_block was = {weir__span_start(span) + weir__label_offset(label),
                                   weir__label_size(label), weir__relaxed_get(span->u.live.tag)};
    weir__lock_take(&heap->lock);
    struct weir__fences *fences = heap->fences;
    live_less_locked(heap, open_bytes(span));
    *bytes -= weir__span_bytes(span);
    span = tail_join_locked(heap, span);
    bool warm = warm_give_locked(heap, span, was);
    weir__page_heap_tick_locked(heap);
    weir__lock_drop(&heap->lock);
    if (!warm) {
        uint64_t took = span_close(fences, span);
        weir__lock_take(&heap->lock);
        if (fences) {
            weir__pace_spend(&fences->pace, span->npages, took);
            ring_put_locked(heap, span);
            warm_relieve_locked(heap);
        } else {
            weir__span_give_locked(heap, span);
        }
        weir__lock_drop(&heap->lock);
    }
    weir__page_heap_relieve(heap);
    weir__assert_walk(weir__page_heap_is_valid(heap));
}

void weir__fenced_end_locked(struct weir__page_heap *heap, struct weir__span *span)
{
    weir__assert(weir__span_is_fenced(span));
    if (weir__label_is_live(weir__span_label(span)))
        live_less_locked(heap, open_bytes(span));
    weir__os_close(weir__span_start(span), open_bytes(span));
    weir__label_set(&span->u.live.label, 0);
    span->u.live.filled = WHOLE;
}

size_t weir__fenced_release(struct weir__page_heap *heap, const void *owner)
{
    struct weir__span *span;
    size_t bytes = 0;
    if (!heap->hardened)
        return 0;
    weir__lock_take(&heap->lock);
    for (uint32_t left = heap->fences ? heap->fences->count : 0; left; left--) {
        span = ring_pop_locked(heap);
        if (!owner || weir__span_owner(span) == owner)
            weir__span_give_locked(heap, span);
        else
            ring_push_locked(heap, span);
    }
    while (heap->fences && (span = weir__warm_oldest(&heap->fences->warm, owner, !owner))) {
        bytes += open_bytes(span);
        weir__os_close(weir__span_start(span), open_bytes(span));
        weir__span_give_locked(heap, span);
    }
    weir__lock_drop(&heap->lock);
    weir__page_heap_relieve(heap);
    return bytes;
}

void weir__fenced_unmake(struct weir__page_heap *heap)
{
    weir__meta_free(heap->fences, sizeof *heap->fences);
    heap->fences = NULL;
}
