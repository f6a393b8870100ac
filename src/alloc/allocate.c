/*
 * alloc/allocate.c - the way of an allocation. The fast path is allocate_small: one
 * stack pop and three plain stores of accounting, no lock, no atomic, no call. Its
 * cost is guarded by tests/test_callgrind.sh.
 */
#include "alloc/block.h"

#include <errno.h>
#include <string.h>

/*
 * A block of the class that `map` names, or NULL: go the slow way. The order is
 * that of window.h: enter, be admitted, take, leave; nothing of the bin is looked
 * at before the window is known to be open.
 */
WEIR__INLINE void *allocate_small(weir_allocator *a, size_t size, const uint16_t *map)
{
    struct weir__heap *heap = weir__heap_cached(a);
    if (weir__unlikely(!heap || size > WEIR__SMALL_MAX))
        return NULL;
    struct weir__bin *bin = weir__cache_bin(&heap->cache, map[weir__class_index(size)]);
#ifndef WEIR_NO_ACCOUNTING
    int64_t used2 = weir__window_enter(&heap->window), to = used2 + 2 * (int64_t)size;
    if (weir__unlikely(!weir__window_admits(&heap->window, to))) {
        weir__window_leave(&heap->window, used2);
        return NULL;
    }
#endif
    struct weir__slot *top = __atomic_load_n(&bin->top, __ATOMIC_RELAXED);
    if (weir__unlikely(top == bin->base)) {
#ifndef WEIR_NO_ACCOUNTING
        weir__window_leave(&heap->window, used2);
#endif
        return NULL;
    }
    void *block = top[-1].block;
    uint32_t *word = top[-1].word;
    __atomic_store_n(&bin->top, top - 1, __ATOMIC_RELAXED);
    weir__word_set(word, heap->window.word | (uint32_t)size);
#ifndef WEIR_NO_ACCOUNTING
    weir__window_count(&heap->window.allocations);
    weir__window_leave(&heap->window, to);
#endif
    return block;
}

static WEIR__NOINLINE void *allocate_default_slow(weir_allocator *a, size_t size)
{
    return weir__allocate_slow(a, &(struct weir__request){size, WEIR_DEFAULT_ALIGNMENT, NULL});
}

void *weir_allocate(weir_allocator *a, size_t size)
{
    void *block = allocate_small(a, size, weir__class_map64);
    if (weir__likely(block != NULL))
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
    void *block = NULL;
    if (alignment == 16)
        block = allocate_small(a, size, weir__class_map16);
    else if (alignment == WEIR_DEFAULT_ALIGNMENT)
        block = allocate_small(a, size, weir__class_map64);
    if (weir__likely(block != NULL))
        return block;
    return allocate_aligned_slow(a, size, alignment);
}

/* -- the slow way -------------------------------------------------------------------- */

bool weir__heap_count(struct weir__heap *heap, int64_t delta, unsigned allocated, unsigned freed)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)heap, (void)delta, (void)allocated, (void)freed;
    return true;
#else
    struct weir__window *w = &heap->window;
    int64_t used2 = weir__window_enter(w), to = used2 + 2 * delta;
    if (weir__unlikely(!weir__window_admits(w, to))) {
        weir__window_leave(w, used2);
        return weir__meter_change(w, delta, allocated, freed);
    }
    if (allocated)
        weir__window_count(&w->allocations);
    if (freed)
        weir__window_count(&w->frees);
    weir__window_leave(w, to);
    return true;
#endif
}

void *weir__allocate_failed(weir_allocator *a, size_t size, const char *why)
{
    weir__meter_failed(&a->body->meter);
    return weir__fail_null(ENOMEM, "allocator \"%s\": %zu bytes: %s", a->name, size, why);
}

/* Takes the top of the bin, counts it, gives it back if a limit says no. */
static void *small_take_locked(struct weir__heap *heap, struct weir__bin *bin,
                               const struct weir__request *request)
{
    struct weir__slot slot = *--bin->top;
    if (!weir__heap_count(heap, (int64_t)request->size, 1, 0)) {
        bin->top++;
        return NULL;
    }
    if (request->zeroed)
        *request->zeroed = weir__word_get(slot.word) & WEIR__WORD_ZERO;
    uint32_t aligned = request->alignment > WEIR_DEFAULT_ALIGNMENT ? WEIR__WORD_ALIGNED : 0;
    weir__word_set(slot.word, heap->window.word | aligned | (uint32_t)request->size);
    return slot.block;
}

static void *small_allocate(weir_allocator *a, unsigned class, const struct weir__request *request)
{
    struct weir__heap *heap = weir__heap_get(a);
    struct weir__bin *bin = &heap->cache.bins[class];
    weir__lock_take(&heap->cache.lock);
    bool filled = bin->top > bin->base || weir__cache_refill(&heap->cache, class);
    void *block = filled ? small_take_locked(heap, bin, request) : NULL;
    weir__lock_drop(&heap->cache.lock);
    if (block)
        return block;
    return weir__allocate_failed(a, request->size, filled ? "over the limit" : "out of memory");
}

/* A heap's slow count opens windows: its lock must be held, and is not on the way
 * of spans until then. */
static bool large_count(struct weir__heap *heap, int64_t delta, unsigned allocated, unsigned freed)
{
#ifndef WEIR_NO_ACCOUNTING
    struct weir__window *w = &heap->window;
    if (heap->slot) {
        int64_t used2 = weir__window_enter(w), to = used2 + 2 * delta;
        bool admitted = weir__window_admits(w, to);
        if (admitted && allocated)
            weir__window_count(&w->allocations);
        if (admitted && freed)
            weir__window_count(&w->frees);
        weir__window_leave(w, admitted ? to : used2);
        if (weir__likely(admitted))
            return true;
    }
#endif
    weir__lock_take(&heap->cache.lock);
    bool counted = weir__heap_count(heap, delta, allocated, freed);
    weir__lock_drop(&heap->cache.lock);
    return counted;
}

static void *large_allocate(weir_allocator *a, const struct weir__request *request)
{
    struct weir__body *body = a->body;
    if (weir__unlikely(weir__meter_never_fits(&body->meter, request->size)))
        return weir__allocate_failed(a, request->size, "over the limit");
    struct weir__heap *heap = weir__heap_get(a);
    struct weir__claim claim = {a, request->size, weir__word_tag(heap->window.word),
                                &body->span_bytes};
    bool zeroed;
    struct weir__span *span =
        weir__store_take_span(body->store, request->size, request->alignment, &claim, &zeroed);
    if (weir__unlikely(!span))
        return weir__allocate_failed(a, request->size, "out of memory");
    if (weir__unlikely(!large_count(heap, (int64_t)request->size, 1, 0))) {
        weir__store_give_span(body->store, span, &body->span_bytes);
        return weir__allocate_failed(a, request->size, "over the limit");
    }
    if (request->zeroed)
        *request->zeroed = zeroed;
    return weir__span_block(span);
}

void *weir__allocate_slow(weir_allocator *a, const struct weir__request *request)
{
    if (weir__unlikely(!weir__allocator_check(a, NULL))) {
        errno = EINVAL;
        return NULL;
    }
    if (weir__unlikely(request->size > PTRDIFF_MAX || request->alignment > PTRDIFF_MAX / 2 + 1))
        return weir__allocate_failed(a, request->size, "impossibly large");
    if (!a->body->store)
        return weir__foreign_allocate(a, request);
    if (request->size > WEIR__SMALL_MAX)
        return large_allocate(a, request);
    int class = weir__class_of(request->size, weir__max(request->alignment, WEIR__GRAIN));
    return class < 0 ? large_allocate(a, request) : small_allocate(a, (unsigned)class, request);
}

/* -- zeroed ---------------------------------------------------------------------------- */

/* Clears what is not known to be zero; 0 or an errno value. */
static int block_clear(weir_allocator *a, void *block, size_t size)
{
    const struct weir__body *body = a->body;
    if (body->functions.zero)
        return body->functions.zero(body->user, block, size);
    memset(block, 0, size);
    return 0;
}

void *weir_allocate_zeroed_aligned(weir_allocator *a, size_t count, size_t size, size_t alignment)
{
    size_t total;
    if (!weir__is_power_of_two(alignment))
        return weir__fail_null(EINVAL, "alignment %zu is not a power of two", alignment);
    if (!weir__allocator_check(a, NULL)) {
        errno = EINVAL;
        return NULL;
    }
    if (__builtin_mul_overflow(count, size, &total))
        return weir__allocate_failed(a, SIZE_MAX, "count times size overflows");
    bool zeroed = false;
    void *block = weir__allocate_slow(a, &(struct weir__request){total, alignment, &zeroed});
    if (!block || zeroed || total == 0)
        return block;
    int error = block_clear(a, block, total);
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
    return weir_allocate_zeroed_aligned(a, count, size, WEIR_DEFAULT_ALIGNMENT);
}
