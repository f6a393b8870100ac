/* alloc/allocate.c - the calls that allocate; see weir/allocator.h. Owns nothing. */
#include "alloc/allocate.h"

#include "alloc/body.h"
#include "alloc/hardened_small.h"
#include "alloc/large.h"
#include "alloc/provided.h"
#include "alloc/refusal.h"
#include "alloc/small.h"
#include "base/error.h"
#include "pool/resize.h"

#include <errno.h>
#include <string.h>

WEIR__INLINE bool allocate_near(weir_allocator *a, size_t size, const uint16_t *map, void **block,
                                bool *zeroed)
{
    if (weir__unlikely(!weir__allocator_is_near(a) || size > WEIR__SMALL_MAX))
        return false;
    return weir__small_allocate(weir__heap_near(a), size, map, block, zeroed);
}

/* Neither large nor without a pool; or the alignment decides. */
static WEIR__NOINLINE void *allocate_other(weir_allocator *a, struct weir__request *request)
{
    if (weir__unlikely(request->size > WEIR__REQUEST_MAX ||
                       request->alignment > PTRDIFF_MAX / 2 + 1))
        return weir__block_failed(a, request, "impossibly large");
    void *block = weir__allocate_once(a, request);
    return weir__likely(block != NULL) ? block : weir__refused(a, request);
}

void *weir__allocate_once(weir_allocator *a, struct weir__request *request)
{
    if (weir__unlikely(!a->body->page_heap))
        return weir__provided_allocate(a, request);
    if (weir__hardened_is(a))
        return weir__hardened_allocate_once(a, request);
    int sizeclass = weir__class_of(request->size, weir__max(request->alignment, WEIR__GRAIN));
    if (weir__unlikely(sizeclass < 0))
        return weir__large_allocate_once(a, request);
    return weir__small_allocate_slow(a, (unsigned)sizeclass, request);
}

static WEIR__NOINLINE void *allocate_any(weir_allocator *a, size_t size, size_t alignment,
                                         bool *zeroed)
{
    if (weir__unlikely(!weir__allocator_check(a, NULL)))
        return NULL;
    if (weir__likely(size > WEIR__SMALL_MAX && size <= WEIR__REQUEST_MAX &&
                     alignment <= WEIR__GRANULE && a->body->page_heap))
        return weir__large_allocate(a, size, alignment, zeroed);
    return allocate_other(
        a, &(struct weir__request){.size = size, .alignment = alignment, .zeroed = zeroed});
}

/* What is large comes off the shelf of the thread's heap. A second function is for a shelf with
 * several, so that the first saves no registers. */
static WEIR__NOINLINE void *allocate_large_slow(weir_allocator *a, size_t size, size_t alignment)
{
    void *block = NULL;
    struct weir__heap *heap = a ? weir__heap_cached(a) : &weir__no_heap;
    if (size > WEIR__SMALL_MAX)
        block = weir__large_pop(a, heap, size, alignment, false, WEIR__REACH_ANY);
    else if (weir__unlikely(weir__heap_is_wary(heap)))
        block = weir__hardened_allocate(heap, size, alignment);
    return block ? block : allocate_any(a, size, alignment, NULL);
}

WEIR__INLINE void *allocate_large(weir_allocator *a, struct weir__heap *heap,
                                  enum weir__reach reach, size_t size, size_t alignment)
{
    void *block = NULL;
    if (weir__likely(size > WEIR__SMALL_MAX))
        block = weir__large_pop(a, heap, size, alignment, true, reach);
    return weir__likely(block != NULL) ? block : allocate_large_slow(a, size, alignment);
}

/* Of a far allocator, or none. */
WEIR__INLINE bool allocate_far(weir_allocator *a, size_t size, const uint16_t *map, void **block,
                               bool *zeroed)
{
    if (weir__unlikely(!a || size > WEIR__SMALL_MAX))
        return false;
    return weir__small_allocate_from(weir__heap_far(a), WEIR__REACH_CHILD, size, map, block,
                                     zeroed);
}

/* Of a near one, which is never NULL. */
static WEIR__NOINLINE void *allocate_default_slow(weir_allocator *a, size_t size)
{
    if (!a)
        __builtin_unreachable();
    return allocate_large(a, weir__heap_near(a), WEIR__REACH_ROOT, size, WEIR_DEFAULT_ALIGNMENT);
}

/* Small ones, too, of a context that is no child of a root, or hardened. */
static WEIR__NOINLINE void *allocate_default_far_slow(weir_allocator *a, size_t size)
{
    void *block = NULL;
    if (!a)
        return allocate_any(a, size, WEIR_DEFAULT_ALIGNMENT, NULL);
    struct weir__heap *heap = weir__heap_far(a);
    if (size <= WEIR__SMALL_MAX && !weir__heap_is_wary(heap))
        block = weir__small_allocate_aligned(heap, size, WEIR_DEFAULT_ALIGNMENT);
    return block ? block : allocate_large(a, heap, WEIR__REACH_CHILD, size, WEIR_DEFAULT_ALIGNMENT);
}

void *weir_allocate(weir_allocator *a, size_t size)
{
    void *block;
    if (weir__likely(weir__allocator_is_near(a)))
        return weir__likely(allocate_near(a, size, weir__class_map64, &block, NULL))
                   ? block
                   : allocate_default_slow(a, size);
    return weir__likely(allocate_far(a, size, weir__class_map64, &block, NULL))
               ? block
               : allocate_default_far_slow(a, size);
}

static WEIR__NOINLINE void *allocate_aligned_large(weir_allocator *a, size_t size, size_t alignment)
{
    return a ? allocate_large(a, weir__heap_cached(a), WEIR__REACH_ANY, size, alignment)
             : allocate_any(a, size, alignment, NULL);
}

/* `heap` is that of `a`, or the one that is none. */
WEIR__INLINE void *allocate_aligned_in(weir_allocator *a, struct weir__heap *heap, size_t size,
                                       size_t alignment)
{
    if (weir__unlikely(!weir__is_power_of_two(alignment)))
        return weir__fail_null(EINVAL, "alignment %zu is not a power of two", alignment);
    void *block =
        size <= WEIR__SMALL_MAX ? weir__small_allocate_aligned(heap, size, alignment) : NULL;
    return weir__likely(block != NULL) ? block : allocate_aligned_large(a, size, alignment);
}

/* Of a near one. */
static WEIR__NOINLINE void *allocate_aligned_slow(weir_allocator *a, size_t size, size_t alignment)
{
    return allocate_aligned_in(a, weir__heap_near(a), size, alignment);
}

/* Of a far one, or none. */
static WEIR__NOINLINE void *allocate_aligned_far_slow(weir_allocator *a, size_t size,
                                                      size_t alignment)
{
    return allocate_aligned_in(a, a ? weir__heap_far(a) : &weir__no_heap, size, alignment);
}

static WEIR__NOINLINE void *allocate_aligned_far(weir_allocator *a, size_t size, size_t alignment)
{
    void *block;
    if (alignment == WEIR__GRAIN && allocate_far(a, size, weir__class_map16, &block, NULL))
        return block;
    if (alignment == WEIR_DEFAULT_ALIGNMENT &&
        allocate_far(a, size, weir__class_map64, &block, NULL))
        return block;
    return allocate_aligned_far_slow(a, size, alignment);
}

void *weir_allocate_aligned(weir_allocator *a, size_t size, size_t alignment)
{
    void *block;
    if (weir__unlikely(!weir__allocator_is_near(a)))
        return allocate_aligned_far(a, size, alignment);
    if (alignment == WEIR__GRAIN && allocate_near(a, size, weir__class_map16, &block, NULL))
        return block;
    if (alignment == WEIR_DEFAULT_ALIGNMENT &&
        allocate_near(a, size, weir__class_map64, &block, NULL))
        return block;
    return allocate_aligned_slow(a, size, alignment);
}

/* -- zeroed ---------------------------------------------------------------------------- */

/* What a provider's functions clear was cleared before it was counted (alloc/provided.c). */
void *weir__allocate_zeroed(weir_allocator *a, size_t count, size_t size, size_t alignment)
{
    size_t total;
    bool zeroed = false;
    if (!weir__is_power_of_two(alignment))
        return weir__fail_null(EINVAL, "alignment %zu is not a power of two", alignment);
    if (!weir__allocator_check(a, NULL))
        return NULL;
    if (__builtin_mul_overflow(count, size, &total))
        return weir__block_failed(a,
                                  &(struct weir__request){.size = SIZE_MAX, .alignment = alignment},
                                  "count times size overflows");
    void *block = allocate_any(a, total, alignment, &zeroed);
    if (!block || zeroed || !total)
        return block;
    if (a->body->page_heap && weir__map_get(block) >= WEIR__MAP_SPANS)
        return weir__span_clear(a->body->page_heap, block, total);
    return memset(block, 0, total);
}

void *weir_allocate_zeroed_aligned(weir_allocator *a, size_t count, size_t size, size_t alignment)
{
    void *block = weir__allocate_zeroed(a, count, size, alignment);
    if (weir__unlikely(!block && errno != EINVAL))
        errno = ENOMEM;
    return block;
}

void *weir_allocate_zeroed(weir_allocator *a, size_t count, size_t size)
{
    size_t total;
    void *block;
    bool zeroed;
    if (weir__likely(!__builtin_mul_overflow(count, size, &total) &&
                     (allocate_near(a, total, weir__class_map64, &block, &zeroed) ||
                      (!weir__allocator_is_near(a) &&
                       allocate_far(a, total, weir__class_map64, &block, &zeroed)))))
        return zeroed ? block : memset(block, 0, total);
    return weir_allocate_zeroed_aligned(a, count, size, WEIR_DEFAULT_ALIGNMENT);
}
