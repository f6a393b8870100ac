/* alloc/large.c - see large.h. */
#include "alloc/large.h"

#include "alloc/body.h"
#include "alloc/count.h"
#include "alloc/inspect.h"
#include "alloc/misuse.h"
#include "alloc/trace.h"
#include "alloc/trim.h"
#include "base/error.h"
#include "pool/fill.h"
#include "pool/span.h"

/* Below this a span is taken before anybody asks whether a limit could ever admit it. */
#define LOOK_FIRST (4 * WEIR__MIB)

/* The system refused: what is free elsewhere goes back to it first. */
static WEIR__NOINLINE struct weir__span *span_take_again(weir_allocator *a,
                                                         const struct weir__request *request,
                                                         const struct weir__claim *claim,
                                                         bool *zeroed)
{
    weir__trim_all();
    return weir__span_take(a->body->page_heap, request->size, request->alignment, claim, zeroed);
}

WEIR__INLINE struct weir__span *span_take(weir_allocator *a, const struct weir__request *request,
                                          uint32_t tag)
{
    bool zeroed;
    struct weir__body *body = a->body;
    struct weir__claim claim = {a, tag, &body->span_bytes};
    bool *said = request->zeroed ? request->zeroed : &zeroed;
    struct weir__span *span =
        weir__span_take(body->page_heap, request->size, request->alignment, &claim, said);
    if (weir__unlikely(!span))
        span = span_take_again(a, request, &claim, said);
    if (WEIR__FILLS && span && !request->zeroed)
        weir__fill_taken(weir__span_block(span), weir__span_usable(span));
    return span;
}

struct weir__span *weir__large_take(weir_allocator *a, const struct weir__request *request,
                                    uint32_t tag)
{
    return span_take(a, request, tag);
}

bool weir__large_give(weir_allocator *a, struct weir__span *span)
{
    weir__assert(a->body->page_heap);
    return weir__span_give(a->body->page_heap, span, &a->body->span_bytes);
}

static WEIR__NOINLINE void large_trace(weir_allocator *a, uint64_t sequence,
                                       const struct weir__span *span, size_t alignment)
{
    weir__trace_allocated(
        a, sequence,
        &(struct weir__trace_block){weir__span_block(span), span->u.live.requested, 0,
                                    weir__span_usable(span), alignment, span->u.live.tag});
}

void *weir__large_allocate(weir_allocator *a, const struct weir__request *request)
{
    weir__assert(weir__allocator_is_ready(a) && a->body->page_heap);
    uint64_t sequence = 0;
    size_t size = request->size;
    if (size >= LOOK_FIRST && weir__unlikely(weir__meter_never_fits(&a->body->meter, size)))
        return weir__block_failed(a, request, "over the limit");
    struct weir__span *span = span_take(a, request, weir__entry_tag(weir__here.live));
    if (weir__unlikely(!span))
        return weir__block_failed(a, request, "out of memory");
    void *block = weir__span_block(span);
    if (weir__unlikely(!weir__count(a, (int64_t)size, 1, 0, &sequence))) {
        weir__large_give(a, span);
        return weir__block_failed(a, request, "over the limit");
    }
    if (weir__unlikely(sequence != 0))
        large_trace(a, sequence, span, request->alignment);
    weir__slow_hook_call(a);
    if (WEIR__FILLS)
        weir__late_misuses_look();
    return block;
}

/* The traced case: the event is told only when the page heap says that this was the first
 * free. */
static WEIR__NOINLINE void freed_trace(weir_allocator *a, void *block, size_t requested,
                                       uint64_t sequence, bool first)
{
    if (first)
        weir__trace_freed(a, sequence, block, requested);
    else
        weir__trace_adjusted(sequence, -(ptrdiff_t)requested, -1);
}

/* Uncounted before the pages go: else their next owner could be counted first, and the peak be
 * too high. Of two threads that free one span at a time the page heap tells who was first. */
void weir__large_free(weir_allocator *a, void *block, struct weir__span *span)
{
    weir__assert(weir__span_block(span) == block || span->state != WEIR__PAGE_SPAN);
    size_t requested = span->u.live.requested;
    uint64_t sequence = 0;
    weir__count(a, -(int64_t)requested, 0, 1, &sequence);
    bool first = weir__large_give(a, span);
    if (weir__unlikely(sequence != 0))
        freed_trace(a, block, requested, sequence, first);
    if (weir__likely(first))
        return;
    weir__count_mend(a, requested);
    weir__misuse(WEIR_MISUSE_DOUBLE_FREE, block, a->name);
}

/* Taken back, as if it had not been counted. */
static void growth_uncount(weir_allocator *a, int64_t delta, uint64_t sequence)
{
    uint64_t back = 0;
    weir__count(a, -delta, 0, 0, &back);
    if (weir__unlikely(sequence != 0))
        weir__trace_adjusted(sequence, (ptrdiff_t)delta, 0);
    if (weir__unlikely(back != 0))
        weir__trace_adjusted(back, -(ptrdiff_t)delta, 0);
}

/* The pages first: a walk never sees a size that was given up. But a block that may move with
 * its pages is counted first: it could not move back. */
static bool resize_counted(weir_allocator *a, const struct weir__found *found, size_t size,
                           uint64_t *sequence, bool *refused)
{
    struct weir__body *body = a->body;
    struct weir__span *span = found->span;
    int64_t delta = (int64_t)size - (int64_t)found->requested;
    bool first = delta > 0 && weir__span_may_move(span);
    if (first && !weir__count(a, delta, 0, 0, sequence)) {
        *refused = true;
        return false;
    }
    if (!weir__span_resize(body->page_heap, span, size, &body->span_bytes)) {
        if (first)
            growth_uncount(a, delta, *sequence);
        return false;
    }
    if (first || weir__count(a, delta, 0, 0, sequence))
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
    if ((size <= WEIR__SMALL_MAX && found->requested > WEIR__SMALL_MAX) ||
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
