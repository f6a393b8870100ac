/* alloc/large.c - see large.h. */
#include "alloc/large.h"

#include "alloc/body.h"
#include "alloc/count.h"
#include "alloc/guarded.h"
#include "alloc/hardened.h"
#include "alloc/inspect.h"
#include "alloc/misuse.h"
#include "alloc/refusal.h"
#include "alloc/soft_limit.h"
#include "alloc/trace.h"
#include "alloc/trim.h"
#include "base/error.h"
#include "pool/fenced.h"
#include "pool/fill.h"
#include "pool/resize.h"

/* Below this a span is taken before anybody asks whether a limit could ever admit it. */
#define LOOK_FIRST (4 * WEIR__MIB)

static const char over_limit[] = "over the limit";
static const char no_place[] = "no place for a guarded block";

/* Next to WEIR__DUE_GUARD: and if there is no place for it, it is not to be allocated here. */
#define OR_NONE (1u << 8)

/* -- uncounted -------------------------------------------------------------------------- */

/* Something lies on the shelf. Off it, where the window did not let the fast way look, or
 * else from the page heap, which gets all of it first. */
static WEIR__NOINLINE struct weir__span *pages_take_shelved(struct weir__heap *heap, size_t size,
                                                            size_t alignment,
                                                            struct weir__claim *claim)
{
    char *start;
    struct weir__span *span = NULL;
    weir__lock_take(&heap->cache.lock);
    if (!weir__windows_admit(&heap->window, (int64_t)size))
        span = weir__shelf_take(claim->shelf, weir__span_pages(size), alignment, false, &start);
    if (weir__unlikely(span != NULL)) {
        weir__span_check_freed(span, claim->owner);
        claim->block = weir__span_make_live(span, start, size, alignment, claim->tag);
        claim->zeroed = false;
    } else {
        span = weir__span_take(heap->owner->body->page_heap, size, alignment, claim);
    }
    weir__lock_drop(&heap->cache.lock);
    return span;
}

/* A thread without a heap has no shelf. */
WEIR__INLINE struct weir__span *pages_take(weir_allocator *a, size_t size, size_t alignment,
                                           struct weir__claim *claim)
{
    struct weir__heap *heap = weir__heap_cached(a);
    claim->shelf = heap->shelf;
    if (weir__likely(weir__relaxed_get(claim->shelf->count) > 0))
        return pages_take_shelved(heap, size, alignment, claim);
    return weir__span_take(a->body->page_heap, size, alignment, claim);
}

/* Before the page heap grows it gets what lies on any shelf. If the system refused, what is free
 * elsewhere goes back to that first; the thread's heap may go with it. */
static WEIR__NOINLINE struct weir__span *
pages_take_again(weir_allocator *a, size_t size, size_t alignment, struct weir__claim *claim)
{
    struct weir__span *span = NULL;
    claim->asks = false;
    if (claim->asked) {
        weir__heaps_shelves_empty(a->body->page_heap);
        span = pages_take(a, size, alignment, claim);
    }
    if (span)
        return span;
    weir__trim_all();
    return pages_take(a, size, alignment, claim);
}

/* Of a hardened context: never from a shelf. */
static WEIR__NOINLINE struct weir__span *fenced_take(weir_allocator *a, size_t size,
                                                     size_t alignment, struct weir__claim *claim)
{
    claim->shelf = &weir__no_shelf;
    claim->asks = false;
    struct weir__span *span = weir__fenced_take(a->body->page_heap, size, alignment, claim);
    if (weir__unlikely(!span)) {
        weir__trim_all();
        span = weir__fenced_take(a->body->page_heap, size, alignment, claim);
    }
    return span;
}

/* `fill`: it will not be cleared. */
WEIR__INLINE struct weir__span *span_take(weir_allocator *a, size_t size, size_t alignment,
                                          bool fill, struct weir__claim *claim)
{
    claim->owner = a;
    claim->bytes = &a->body->span_bytes;
    claim->asks = true;
    if (weir__hardened_is(a))
        return fenced_take(a, size, alignment, claim);
    struct weir__span *span = pages_take(a, size, alignment, claim);
    if (weir__unlikely(!span))
        span = pages_take_again(a, size, alignment, claim);
    if (WEIR__FILLS && span && fill)
        weir__fill_taken(claim->block, weir__span_usable(span));
    return span;
}

struct weir__span *weir__large_take(weir_allocator *a, const struct weir__request *request,
                                    uint32_t tag)
{
    weir__assert(a->body->page_heap);
    struct weir__claim claim;
    claim.tag = tag;
    return span_take(a, request->size, request->alignment, true, &claim);
}

/* The heap's shelf, with room for such a span; NULL: no memory for one. */
static struct weir__shelf *shelf_prepare_locked(struct weir__heap *heap, uint32_t npages)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    if (heap->shelf == &weir__no_shelf) {
        struct weir__body *body = heap->owner->body;
        struct weir__shelf *made = weir__shelf_make(body->page_heap, &body->span_bytes);
        if (!made)
            return NULL;
        __atomic_store_n(&heap->shelf, made, __ATOMIC_RELEASE); /* figures read it */
    }
    if (!weir__shelf_admits(heap->shelf, npages, weir__own_get(heap->window.freeing)))
        weir__heap_shelf_empty(heap);
    return heap->shelf;
}

/* Onto the thread's shelf. False: it has none, or none for such a span. */
static bool shelf_give(weir_allocator *a, struct weir__span *span)
{
    if (span->npages > WEIR__SHELF_PAGES)
        return false;
    struct weir__heap *heap = weir__heap_take(a);
    struct weir__shelf *shelf = heap->local ? shelf_prepare_locked(heap, span->npages) : NULL;
    if (shelf)
        weir__shelf_put(shelf, span, weir__span_start(span));
    weir__heap_drop(heap);
    return shelf;
}

/* A span whose label is claimed, which said `label`. */
static void span_give(weir_allocator *a, struct weir__span *span, uint64_t label)
{
    struct weir__body *body = a->body;
    if (weir__span_is_guarded(span)) {
        weir__guarded_give(a, span, label);
        return;
    }
    if (weir__span_is_fenced(span)) {
        weir__fenced_give(body->page_heap, span, label, &body->span_bytes);
        return;
    }
    if (shelf_give(a, span))
        return;
    weir__span_fill_freed(span);
    weir__span_give(body->page_heap, span, &body->span_bytes);
}

bool weir__large_give(weir_allocator *a, struct weir__span *span)
{
    weir__assert(a->body->page_heap);
    uint64_t label = weir__span_label(span);
    bool mine = weir__label_is_live(label) && weir__label_claim(&span->u.live.label, &label);
    if (mine)
        span_give(a, span, label);
    return mine;
}

/* -- counted ---------------------------------------------------------------------------- */

static WEIR__NOINLINE void large_trace(weir_allocator *a, uint64_t sequence,
                                       const struct weir__span *span, size_t alignment)
{
    weir__trace_allocated(a, sequence,
                          &(struct weir__trace_block){
                              weir__span_block(span), weir__label_size(weir__span_label(span)), 0,
                              weir__span_usable(span), alignment, span->u.live.tag});
}

/* What is a block due for that comes out of no bin? */
WEIR__INLINE unsigned large_due(weir_allocator *a, size_t size)
{
    struct weir__heap *own = weir__sample_is_on() ? weir__heap_own(a) : NULL;
    return weir__sample_due(own ? &own->window : NULL, (int64_t)size);
}

static WEIR__NOINLINE struct weir__span *large_guard(weir_allocator *a, size_t size,
                                                     size_t alignment, struct weir__claim *claim)
{
    claim->later = true;
    return weir__guarded_fits(a, size, alignment) ? weir__guarded_take(a, size, alignment, claim)
                                                  : NULL;
}

/* A guarded block is live and counted, or neither, wherever a fork falls: both happen in one hold
 * of the heap's lock. */
static WEIR__NOINLINE bool guarded_count(weir_allocator *a, struct weir__span *span, size_t size,
                                         const struct weir__claim *claim, uint64_t *sequence)
{
    struct weir__heap *heap = weir__heap_take(a);
    bool counted = weir__count_locked(heap, (int64_t)size, 1, 0);
    if (counted)
        weir__label_set(&span->u.live.label, claim->label);
    *sequence = weir__count_sequence(heap);
    weir__heap_drop(heap);
    weir__soft_limits_look(a);
    if (!counted)
        weir__guarded_give(a, span, claim->label);
    return counted;
}

/* The other way. False: somebody else has freed it. */
static WEIR__NOINLINE bool guarded_uncount(weir_allocator *a, struct weir__span *span,
                                           uint64_t *label, uint64_t *sequence)
{
    struct weir__heap *heap = weir__heap_take(a);
    bool mine = weir__label_is_live(*label) && weir__label_claim(&span->u.live.label, label);
    if (mine)
        weir__count_locked(heap, -(int64_t)weir__label_size(*label), 0, 1);
    *sequence = weir__count_sequence(heap);
    weir__heap_drop(heap);
    return mine;
}

/* NULL: *why not. */
WEIR__INLINE void *large_allocate(weir_allocator *a, size_t size, size_t alignment, bool *zeroed,
                                  unsigned due, const char **why)
{
    weir__assert(weir__allocator_is_ready(a) && a->body->page_heap);
    uint64_t sequence = 0;
    struct weir__claim claim;
    if (size >= LOOK_FIRST && weir__unlikely(weir__meter_never_fits(&a->body->meter, size))) {
        *why = over_limit;
        return NULL;
    }
    claim.tag = weir__entry_tag(weir__here.live);
    struct weir__span *span = NULL;
    bool guarded = false;
    if (weir__unlikely(due & WEIR__DUE_GUARD)) {
        guarded = (span = large_guard(a, size, alignment, &claim)) != NULL;
        *why = no_place;
        if (!guarded && (due & OR_NONE))
            return NULL;
    }
    if (weir__likely(!span))
        span = span_take(a, size, alignment, !zeroed, &claim);
    if (weir__unlikely(!span)) {
        *why = "out of memory";
        return NULL;
    }
    if (weir__unlikely(guarded)) {
        if (!guarded_count(a, span, size, &claim, &sequence)) {
            *why = over_limit;
            return NULL;
        }
    } else if (weir__unlikely(due & WEIR__DUE_SAMPLE)) {
        weir__span_make_sampled(span);
    }
    if (weir__unlikely(!guarded && !weir__count(a, (int64_t)size, 1, 0, &sequence))) {
        weir__large_give(a, span);
        *why = over_limit;
        return NULL;
    }
    if (weir__unlikely(sequence != 0))
        large_trace(a, sequence, span, alignment);
    if (weir__unlikely(due & WEIR__DUE_SAMPLE))
        weir__sample_told()->taken(a, claim.block, size, (weir_tag)claim.tag);
    if (zeroed)
        *zeroed = claim.zeroed;
    weir__slow_hook_call(a);
    if (weir__unlikely(guarded))
        weir__guarded_turn();
    if (WEIR__FILLS)
        weir__late_misuses_look();
    return claim.block;
}

static void *large_refuse(struct weir__request *request, const char *why)
{
    return weir__request_refuse(request, why, why == over_limit ? weir__meter_refused : NULL);
}

static void *large_allocate_once(weir_allocator *a, struct weir__request *request, unsigned due)
{
    const char *why = NULL;
    void *block = large_allocate(a, request->size, request->alignment, request->zeroed, due, &why);
    return block ? block : large_refuse(request, why);
}

void *weir__large_allocate_once(weir_allocator *a, struct weir__request *request)
{
    unsigned due = large_due(a, request->size) | (request->guarded ? WEIR__DUE_GUARD : 0);
    return large_allocate_once(a, request, due);
}

void *weir__large_allocate_due(weir_allocator *a, struct weir__request *request, unsigned due,
                               bool *none)
{
    const char *why = NULL;
    due |= due == WEIR__DUE_GUARD ? OR_NONE : 0;
    void *block = large_allocate(a, request->size, request->alignment, request->zeroed, due, &why);
    *none = !block && why == no_place;
    return block || *none ? block : large_refuse(request, why);
}

static WEIR__NOINLINE void *large_refused(weir_allocator *a, size_t size, size_t alignment,
                                          bool *zeroed, const char *why)
{
    struct weir__request request = {.size = size, .alignment = alignment, .zeroed = zeroed};
    large_refuse(&request, why);
    return weir__refused(a, &request);
}

void *weir__large_allocate(weir_allocator *a, size_t size, size_t alignment, bool *zeroed)
{
    const char *why = NULL;
    void *block = large_allocate(a, size, alignment, zeroed, large_due(a, size), &why);
    return weir__likely(block != NULL) ? block : large_refused(a, size, alignment, zeroed, why);
}

/* Claimed first: of two threads that free it at one instant, one does. Uncounted before the pages
 * go: else their next owner could be counted first, and the peak be too high. */
void weir__large_free(weir_allocator *a, void *block, struct weir__span *span, uint64_t label)
{
    uint64_t sequence = 0;
    if (weir__span_is_fenced(span) && !weir__hardened_expect_span(a, span, label))
        return;
    bool guarded = weir__span_is_guarded(span);
    bool mine = guarded
                    ? guarded_uncount(a, span, &label, &sequence)
                    : weir__label_is_live(label) && weir__label_claim(&span->u.live.label, &label);
    if (weir__unlikely(!mine)) {
        weir__misuse(WEIR_MISUSE_DOUBLE_FREE, block, a->name);
        return;
    }
    weir__assert(span->state == WEIR__PAGE_SPAN);
    size_t requested = weir__label_size(label);
    if (weir__likely(!guarded))
        weir__count(a, -(int64_t)requested, 0, 1, &sequence);
    if (weir__unlikely(sequence != 0))
        weir__trace_freed(a, sequence, block, requested);
    if (weir__unlikely((label & WEIR__LABEL_SAMPLED) && weir__sample_told()))
        weir__sample_told()->freed(block);
    span_give(a, span, label);
    weir__heap_slow_done(a, weir__heap_cached(a));
}

/* A block that grows and may move with its pages. They cannot move back, and a growth that was
 * counted cannot be taken out of the peak: so they move in the instant between, when no limit
 * refuses any more and nothing is counted yet. */
struct growth {
    struct weir__step step;
    struct weir__span *span;
    uint32_t npages;
};

static bool growth_move(struct weir__step *step)
{
    struct growth *growth = (struct growth *)step;
    return weir__span_move(growth->span, growth->npages);
}

static bool grow_counted(weir_allocator *a, struct weir__span *span, int64_t delta, size_t size,
                         uint64_t *sequence, bool *refused)
{
    struct weir__body *body = a->body;
    if (size >> WEIR__LABEL_SIZE_SHIFT)
        return false;
    uint32_t npages = weir__span_move_begin(body->page_heap, span, size);
    struct growth growth = {{growth_move, false}, span, npages};
    bool counted = weir__count_after(a, delta, &growth.step, sequence);
    *refused = !growth.step.tried;
    bool done =
        weir__span_move_end(body->page_heap, span, size, counted ? npages : 0, &body->span_bytes);
    if (weir__unlikely(counted && !done)) { /* another thread freed it meanwhile */
        uint64_t back = 0;
        weir__count(a, -delta, 0, 0, &back);
        if (*sequence)
            weir__trace_adjusted(*sequence, (ptrdiff_t)delta, 0);
        if (back)
            weir__trace_adjusted(back, -(ptrdiff_t)delta, 0);
    }
    return done;
}

/* The pages first: a walk never sees a size that was given up. */
static bool resize_counted(weir_allocator *a, const struct weir__found *found, size_t size,
                           uint64_t *sequence, bool *refused)
{
    struct weir__body *body = a->body;
    struct weir__span *span = found->span;
    int64_t delta = (int64_t)size - (int64_t)found->requested;
    if (delta > 0 && weir__span_may_move(span))
        return grow_counted(a, span, delta, size, sequence, refused);
    if (!weir__span_resize(body->page_heap, span, size, &body->span_bytes))
        return false;
    if (weir__count(a, delta, 0, 0, sequence))
        return true;
    weir__span_resize(body->page_heap, span, found->requested, &body->span_bytes);
    *refused = true;
    return false;
}

void *weir__large_resize(weir_allocator *a, void *block, const struct weir__found *found,
                         size_t size, bool *refused)
{
    weir__assert(found->kind == WEIR__KIND_LARGE);
    struct weir__span *span = found->span;
    uint64_t sequence = 0;
    if (found->guarded || (size <= WEIR__SMALL_MAX && found->requested > WEIR__SMALL_MAX) ||
        !resize_counted(a, found, size, &sequence, refused))
        return NULL;
    void *to = weir__span_block(span);
    if (weir__unlikely(sequence != 0))
        weir__trace_resized(a, sequence, block,
                            &(struct weir__trace_block){to, size, found->requested,
                                                        weir__span_usable(span), found->alignment,
                                                        found->tag});
    return to;
}
