/*
 * alloc/allocate.c - the way of an allocation. The fast path is alloc/small.h's.
 */
#include "alloc/block.h"
#include "alloc/small.h"
#include "alloc/trace.h"
#include "pool/span.h"

#include <errno.h>
#include <string.h>

WEIR__INLINE bool allocate_small(weir_allocator *a, size_t size, const uint16_t *map, void **block,
                                 bool *zeroed)
{
    if (weir__unlikely(!a || size > WEIR__SMALL_MAX))
        return false;
    return weir__small_allocate(weir__heap_cached(a), size, map, block, zeroed);
}

/* -- large blocks ---------------------------------------------------------------------- */

/* Below this a span is taken before anybody asks whether a limit could ever admit it. */
#define LOOK_FIRST (4 * WEIR__MIB)

/* Counts a span that was taken, the way that may be refused; 0 or why not. */
static WEIR__NOINLINE const char *large_account(weir_allocator *a, struct weir__span *span,
                                                size_t alignment)
{
    struct weir__body *body = a->body;
    size_t size = span->u.live.requested;
    uint64_t sequence = 0;
    if (weir__unlikely(!weir__account(a, (int64_t)size, 1, 0, &sequence))) {
        weir__span_give(body->page_heap, span, &body->span_bytes);
        return "over the limit";
    }
    if (weir__unlikely(sequence != 0))
        weir__trace_allocated(a, sequence,
                              &(struct weir__trace_block){weir__span_block(span), size, 0,
                                                          weir__span_usable(span), alignment,
                                                          span->u.live.tag});
    return NULL;
}

/* `a` is ready and its blocks come from a page heap; the size is no small one's or the
 * alignment too strict. Guarded by tests/test_callgrind.sh. */
static void *large_allocate(weir_allocator *a, size_t size, size_t alignment, bool *zeroed)
{
    struct weir__body *body = a->body;
    const struct weir__request request = {size, alignment, NULL};
    if (size >= LOOK_FIRST && weir__unlikely(weir__meter_never_fits(&body->meter, size)))
        return weir__allocate_failed(a, &request, "over the limit");
    struct weir__claim claim = {a, size, weir__entry_tag(weir__here.entry), &body->span_bytes};
    struct weir__span *span = weir__span_take(body->page_heap, size, alignment, &claim, zeroed);
    if (weir__unlikely(!span)) {
        weir__reclaim();
        span = weir__span_take(body->page_heap, size, alignment, &claim, zeroed);
    }
    if (weir__unlikely(!span))
        return weir__allocate_failed(a, &request, "out of memory");
    void *block = weir__span_block(span);
    struct weir__heap *heap = weir__heap_cached(a);
    if (weir__likely(weir__window_count(&heap->window, (int64_t)size, 1, 0))) {
        weir__watch_call(heap);
        return block;
    }
    const char *why = large_account(a, span, alignment);
    if (weir__unlikely(why != NULL))
        return weir__allocate_failed(a, &request, why);
    weir__watch_call(weir__heap_cached(a));
    return block;
}

static WEIR__NOINLINE void *allocate_default_slow(weir_allocator *a, size_t size)
{
    bool zeroed;
    if (size > WEIR__SMALL_MAX &&
        weir__likely(size <= PTRDIFF_MAX && weir__allocator_is_ready(a) && a->body->page_heap))
        return large_allocate(a, size, WEIR_DEFAULT_ALIGNMENT, &zeroed);
    return weir__allocate_slow(a, &(struct weir__request){size, WEIR_DEFAULT_ALIGNMENT, NULL});
}

void *weir_allocate(weir_allocator *a, size_t size)
{
    void *block;
    if (weir__likely(allocate_small(a, size, weir__class_map64, &block, NULL)))
        return block;
    return allocate_default_slow(a, size);
}

static WEIR__NOINLINE void *allocate_aligned_slow(weir_allocator *a, size_t size, size_t alignment)
{
    if (!weir__is_power_of_two(alignment))
        return weir__fail_null(EINVAL, "alignment %zu is not a power of two", alignment);
    return weir__allocate_slow(a, &(struct weir__request){size, alignment, NULL});
}

void *weir_allocate_aligned(weir_allocator *a, size_t size, size_t alignment)
{
    void *block;
    if (alignment == WEIR__GRAIN && allocate_small(a, size, weir__class_map16, &block, NULL))
        return block;
    if (alignment == WEIR_DEFAULT_ALIGNMENT &&
        allocate_small(a, size, weir__class_map64, &block, NULL))
        return block;
    return allocate_aligned_slow(a, size, alignment);
}

/* -- the slow way -------------------------------------------------------------------- */

#ifdef WEIR_NO_ACCOUNTING

bool weir__heap_count(struct weir__heap *heap, int64_t delta, unsigned allocated, unsigned freed)
{
    (void)heap, (void)delta, (void)allocated, (void)freed;
    return true;
}

bool weir__account(weir_allocator *a, int64_t delta, unsigned allocated, unsigned freed,
                   uint64_t *sequence)
{
    (void)a, (void)delta, (void)allocated, (void)freed, (void)sequence;
    return true;
}

#else

bool weir__heap_count(struct weir__heap *heap, int64_t delta, unsigned allocated, unsigned freed)
{
    return weir__window_count(&heap->window, delta, allocated, freed) ||
           weir__meter_change(&heap->window, delta, allocated, freed);
}

bool weir__account(weir_allocator *a, int64_t delta, unsigned allocated, unsigned freed,
                   uint64_t *sequence)
{
    struct weir__heap *heap = weir__heap_get(a);
    if (heap->slot && weir__likely(weir__window_count(&heap->window, delta, allocated, freed)))
        return true;
    weir__lock_take(&heap->cache.lock);
    bool counted = weir__heap_count(heap, delta, allocated, freed);
    uint64_t number = weir__heap_sequence(heap);
    if (number)
        *sequence = number;
    weir__lock_drop(&heap->cache.lock);
    return counted;
}

#endif

void *weir__allocate_failed(weir_allocator *a, const struct weir__request *request, const char *why)
{
    weir__meter_failed(&a->body->meter);
    weir__trace_failed(a, request->size, request->alignment, ENOMEM);
    return weir__fail_null(ENOMEM, "allocator \"%s\": %zu bytes: %s", a->name, request->size, why);
}

/* The block, its ledger entry written. */
WEIR__INLINE void *cached_make_live(struct weir__cached cached, const struct weir__request *request)
{
    if (request->zeroed)
        *request->zeroed = weir__entry_get(cached.entry) & WEIR__ENTRY_ZERO;
    uint32_t aligned = request->alignment > WEIR_DEFAULT_ALIGNMENT ? WEIR__ENTRY_ALIGNED : 0;
    weir__entry_set(cached.entry, weir__here.entry | aligned | (uint32_t)request->size);
    return cached.block;
}

/* The top of the bin, if the limits let it be counted. */
static void *small_take_locked(struct weir__heap *heap, struct weir__bin *bin,
                               const struct weir__request *request)
{
    struct weir__cached cached = bin->top[-1];
    if (!weir__heap_count(heap, (int64_t)request->size, 1, 0))
        return NULL;
    weir__bin_set_top(bin, bin->top - 1);
    return cached_make_live(cached, request);
}

/* While SHARED: from the thread's own bin without its lock. NULL: the other way. */
static void *small_take_shared(struct weir__heap *heap, struct weir__bin *bin,
                               const struct weir__request *request)
{
    if (!heap->slot || !weir__shared_enter(&heap->window))
        return NULL;
    struct weir__cached *top = weir__own_get(bin->top);
    void *block = NULL;
    if (weir__likely(top[-1].block != NULL)) {
        weir__own_set(bin->top, top - 1);
        block = cached_make_live(top[-1], request);
    }
    weir__shared_leave(&heap->window, block ? (int64_t)request->size : 0, block != NULL, 0);
    return block;
}

static void *small_allocate(weir_allocator *a, unsigned sizeclass,
                            const struct weir__request *request)
{
    struct weir__heap *heap = weir__heap_get(a);
    struct weir__bin *bin = &heap->cache.bins[sizeclass];
    if (weir__meters_are_shared()) {
        void *shared = small_take_shared(heap, bin, request);
        if (weir__likely(shared != NULL))
            return shared;
    }
    weir__lock_take(&heap->cache.lock);
    bool filled = bin->top > bin->base || weir__cache_refill(&heap->cache, sizeclass);
    if (weir__unlikely(!filled)) {
        weir__lock_drop(&heap->cache.lock);
        weir__reclaim();
        weir__lock_take(&heap->cache.lock);
        filled = bin->top > bin->base || weir__cache_refill(&heap->cache, sizeclass);
    }
    void *block = filled ? small_take_locked(heap, bin, request) : NULL;
    uint64_t sequence = weir__heap_sequence(heap);
    weir__lock_drop(&heap->cache.lock);
    if (weir__unlikely(!block))
        return weir__allocate_failed(a, request, filled ? "over the limit" : "out of memory");
    if (weir__unlikely(sequence != 0))
        weir__trace_allocated(
            a, sequence,
            &(struct weir__trace_block){block, request->size, 0, weir__class_bytes[sizeclass],
                                        request->alignment, weir__entry_tag(weir__here.entry)});
    weir__scavenge_now_and_then(heap);
    return block;
}

void *weir__allocate_slow(weir_allocator *a, const struct weir__request *request)
{
    if (weir__unlikely(!weir__allocator_check(a, NULL)))
        return NULL;
    if (weir__unlikely(request->size > PTRDIFF_MAX || request->alignment > PTRDIFF_MAX / 2 + 1))
        return weir__allocate_failed(a, request, "impossibly large");
    if (!a->body->page_heap)
        return weir__foreign_allocate(a, request);
    int sizeclass = weir__class_of(request->size, weir__max(request->alignment, WEIR__GRAIN));
    if (sizeclass >= 0)
        return small_allocate(a, (unsigned)sizeclass, request);
    bool zeroed = false;
    void *block = large_allocate(a, request->size, request->alignment, &zeroed);
    if (request->zeroed)
        *request->zeroed = zeroed;
    return block;
}

/* -- zeroed ---------------------------------------------------------------------------- */

void *weir_allocate_zeroed_aligned(weir_allocator *a, size_t count, size_t size, size_t alignment)
{
    size_t total;
    if (!weir__is_power_of_two(alignment))
        return weir__fail_null(EINVAL, "alignment %zu is not a power of two", alignment);
    if (!weir__allocator_check(a, NULL))
        return NULL;
    if (__builtin_mul_overflow(count, size, &total))
        return weir__allocate_failed(a, &(struct weir__request){SIZE_MAX, alignment, NULL},
                                     "count times size overflows");
    bool zeroed = false;
    void *block = weir__allocate_slow(a, &(struct weir__request){total, alignment, &zeroed});
    if (!block || zeroed || total == 0)
        return block;
    unsigned entry = a->body->page_heap ? weir__map_get(block) : WEIR__MAP_FOREIGN;
    if (entry >= WEIR__MAP_SPANS) {
        weir__span_clear(weir__span_at(entry, block), total);
        return block;
    }
    int error = weir__allocator_zero(a, block, total);
    if (error) {
        weir_deallocate(a, block);
        weir__meter_failed(&a->body->meter);
        errno = error;
        return NULL;
    }
    return block;
}

void *weir_allocate_zeroed(weir_allocator *a, size_t count, size_t size)
{
    size_t total;
    void *block;
    bool zeroed;
    if (weir__likely(!__builtin_mul_overflow(count, size, &total) &&
                     allocate_small(a, total, weir__class_map64, &block, &zeroed)))
        return zeroed ? block : memset(block, 0, total);
    return weir_allocate_zeroed_aligned(a, count, size, WEIR_DEFAULT_ALIGNMENT);
}
