/* alloc/large.c - see large.h. */
#include "alloc/large.h"

#include "alloc/body.h"
#include "alloc/count.h"
#include "alloc/inspect.h"
#include "alloc/trace.h"

/* Below this a span is taken before anybody asks whether a limit could ever admit it. */
#define LOOK_FIRST (4 * WEIR__MIB)

struct weir__span *weir__large_take(weir_allocator *a, const struct weir__request *request,
                                    uint32_t tag)
{
    bool zeroed;
    struct weir__body *body = a->body;
    struct weir__claim claim = {a, request->size, tag, &body->span_bytes};
    return weir__page_heap_take_span(body->page_heap, request->size, request->alignment, &claim,
                                     request->zeroed ? request->zeroed : &zeroed);
}

bool weir__large_give(weir_allocator *a, struct weir__span *span)
{
    return weir__page_heap_give_span(a->body->page_heap, span, &a->body->span_bytes);
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
    uint64_t sequence = 0;
    size_t size = request->size;
    if (size >= LOOK_FIRST && weir__unlikely(weir__meter_never_fits(&a->body->meter, size)))
        return weir__block_failed(a, request, "over the limit");
    struct weir__span *span = weir__large_take(a, request, weir__entry_tag(weir__here.live));
    if (weir__unlikely(!span))
        return weir__block_failed(a, request, "out of memory");
    void *block = weir__span_block(span);
    if (weir__unlikely(!weir__count(a, (int64_t)size, 1, 0, &sequence))) {
        weir__large_give(a, span);
        return weir__block_failed(a, request, "over the limit");
    }
    if (weir__unlikely(sequence != 0))
        large_trace(a, sequence, span, request->alignment);
    weir__watch_call(weir__heap_cached(a));
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

/* Counted before the pages go: else their next owner could be counted first, and the peak be
 * too high. Of two threads that free one span at a time the page heap tells who was first. */
bool weir__large_free(weir_allocator *a, void *block, const struct weir__place *place)
{
    struct weir__span *span = place->span;
    if (weir__unlikely(!span || span->u.live.owner != a))
        return false;
    size_t requested = span->u.live.requested;
    uint64_t sequence = 0;
    weir__count(a, -(int64_t)requested, 0, 1, &sequence);
    bool first = weir__large_give(a, span);
    if (weir__unlikely(sequence != 0))
        freed_trace(a, block, requested, sequence, first);
    if (weir__unlikely(!first))
        weir__count_mend(a, requested);
    return first;
}

/* The pages first: a walk never sees a size that was given up. */
bool weir__large_resize(weir_allocator *a, void *block, const struct weir__found *found,
                        size_t size, bool *refused)
{
    struct weir__body *body = a->body;
    struct weir__span *span = found->place.span;
    uint64_t sequence = 0;
    if ((size <= WEIR__SMALL_MAX && found->requested > WEIR__SMALL_MAX) ||
        !weir__page_heap_resize_span(body->page_heap, span, size, &body->span_bytes))
        return false;
    if (!weir__count(a, (int64_t)size - (int64_t)found->requested, 0, 0, &sequence)) {
        weir__page_heap_resize_span(body->page_heap, span, found->requested, &body->span_bytes);
        *refused = true;
        return false;
    }
    if (weir__unlikely(sequence != 0))
        weir__trace_resized(a, sequence, block,
                            &(struct weir__trace_block){block, size, found->requested,
                                                        weir__span_usable(span), found->alignment,
                                                        found->tag});
    return true;
}
