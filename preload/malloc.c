/*
 * preload/malloc.c - malloc and its relatives over the CPU allocator, with glibc's
 * rules: blocks aligned to 16 bytes, realloc to nothing frees, ENOMEM where memory or
 * the budget ends. Owns no state; safe from the first call in the process, before any
 * constructor has run, because the core is.
 *
 * C++'s operators new and delete are not here, and reach malloc by the C++ runtime's own.
 * Those alone do what the standard asks in every program: a program that replaces some
 * gets the others built on its own (nothrow on plain, array on scalar, sized on unsized);
 * a plugin of a C program finds its own, and a runtime to throw bad_alloc, where our
 * names would come first in every scope; the new_handler is called, whichever library holds it.
 * It costs a call. A program linked with a shared tcmalloc or jemalloc has the operators
 * of that one, whose blocks weir does not see (preload_malloc_is_ours).
 */
#include "preload/preload.h"

#include "alloc/cpu.h"
#include "alloc/deallocate.h"
#include "alloc/hardened_small.h"
#include "alloc/large.h"
#include "alloc/reallocate.h"
#include "alloc/small.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRELOAD_ALIGNMENT WEIR__GRAIN

_Static_assert(_Alignof(max_align_t) <= PRELOAD_ALIGNMENT, "malloc suits every object");

/* C23 names that this C library's headers may not declare. */
PRELOAD_API void free_sized(void *block, size_t size);
PRELOAD_API void free_aligned_sized(void *block, size_t alignment, size_t size);

/* -- allocating --------------------------------------------------------------------- */

/* What is neither a small block of the fast way nor alone on the thread's shelf. */
static WEIR__NOINLINE void *allocate_other(size_t size)
{
    struct weir__request request = {.size = size, .alignment = PRELOAD_ALIGNMENT};
    void *block = size <= WEIR__SMALL_MAX
                      ? weir__small_allocate_numbered(
                            weir__here.heaps[0],
                            weir__class_map16[weir__class_index(size)] >> WEIR__BIN_SHIFT, &request)
                      : NULL;
    return block ? block : weir_allocate_aligned(weir_cpu_allocator(), size, PRELOAD_ALIGNMENT);
}

/* Off a shelf with several spans. */
static WEIR__NOINLINE void *allocate_shelved(size_t size)
{
    void *block = weir__large_pop(&weir__cpu, weir__here.heaps[0], size, PRELOAD_ALIGNMENT, false,
                                  WEIR__REACH_ROOT);
    return block ? block : allocate_other(size);
}

static WEIR__NOINLINE void *allocate_slow(size_t size)
{
    void *block = NULL;
    if (weir__unlikely(size <= WEIR__SMALL_MAX))
        return allocate_other(size);
    block = weir__large_pop(&weir__cpu, weir__here.heaps[0], size, PRELOAD_ALIGNMENT, true,
                            WEIR__REACH_ROOT);
    return weir__likely(block != NULL) ? block : allocate_shelved(size);
}

/* The CPU allocator is the first of the process, so its heap is each thread's first. It
 * is there before the allocator is: the one that is none. */
WEIR__INLINE bool allocate_small(size_t size, void **block)
{
    return weir__likely(size <= WEIR__SMALL_MAX) &&
           weir__small_allocate(weir__here.heaps[0], size, weir__class_map16, block, NULL);
}

PRELOAD_API void *malloc(size_t size)
{
    void *block;
    return weir__likely(allocate_small(size, &block)) ? block : allocate_slow(size);
}

static WEIR__NOINLINE void *zeroed_slow(size_t count, size_t size)
{
    return weir_allocate_zeroed_aligned(weir_cpu_allocator(), count, size, PRELOAD_ALIGNMENT);
}

/* Small blocks: to clear one costs less than to find out whether it is clear. */
PRELOAD_API void *calloc(size_t count, size_t size)
{
    size_t total;
    void *block;
    if (weir__unlikely(__builtin_mul_overflow(count, size, &total)) ||
        weir__unlikely(!allocate_small(total, &block)))
        return zeroed_slow(count, size);
    return memset(block, 0, total);
}

/* -- freeing ------------------------------------------------------------------------ */

static WEIR__NOINLINE void free_other(void *block, struct weir__place place)
{
    if (place.slab && weir__slab_is_hardened(place.slab)
            ? weir__hardened_free(&weir__cpu, block, place)
            : weir__small_free_foreign(&weir__cpu, weir__here.heaps[0], block, place) ||
                  weir__small_free_numbered(&weir__cpu, weir__here.heaps, block, place))
        return;
    if (preload_is_other(block))
        preload_other.free(block);
    else if (block)
        weir__deallocate_slow(weir_cpu_allocator(), block, place);
}

/* A large block onto the thread's shelf. */
static WEIR__NOINLINE void free_slow(void *block, struct weir__place place)
{
    uint64_t label;
    struct weir__span *span = weir__place_plain_span(place, block, &label);
    if (weir__unlikely(!span || span->u.live.owner != &weir__cpu ||
                       !weir__large_push(&weir__cpu, weir__here.heaps[0], WEIR__REACH_ROOT, block,
                                         span, &label)))
        free_other(block, place);
}

PRELOAD_API void free(void *block)
{
    struct weir__place place = weir__place_quick(block);
    if (weir__unlikely(!weir__small_free(&weir__cpu, weir__here.heaps, block, place)))
        free_slow(block, place);
}

/* A program that does not free what it asked for is let be, but in a hardened process. */
PRELOAD_API void free_sized(void *block, size_t size)
{
    if (weir__unlikely(weir__allocator_is_ready(&weir__cpu) && weir__hardened_is(&weir__cpu)) &&
        !preload_is_other(block))
        weir_deallocate_sized(&weir__cpu, block, size);
    else
        free(block);
}

PRELOAD_API void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    free_sized(block, size);
}

/* -- resizing ------------------------------------------------------------------------ */

static WEIR__NOINLINE void *realloc_slow(void *block, size_t size)
{
    if (!preload_is_other(block))
        return weir__reallocate_as(weir_cpu_allocator(), block, size, PRELOAD_ALIGNMENT);
    void *to = malloc(size);
    if (!to)
        return NULL;
    memcpy(to, block, weir__min(preload_other.usable(block), size));
    free(block);
    return to;
}

PRELOAD_API void *realloc(void *block, size_t size)
{
    if (!block)
        return malloc(size);
    if (size == 0) {
        free(block);
        return NULL;
    }
    void *to = NULL;
    struct weir__place place = weir__place_quick(block);
    if (size <= WEIR__SMALL_MAX)
        to = weir__small_resize(&weir__cpu, weir__here.heaps[0], block, place, size,
                                weir__class_map16[weir__class_index(size)]);
    return to ? to : realloc_slow(block, size);
}

PRELOAD_API void *reallocarray(void *block, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, total);
}

/* -- aligned ------------------------------------------------------------------------- */

/* `alignment` is a power of two. */
static void *allocate_aligned(size_t size, size_t alignment)
{
    if (alignment <= PRELOAD_ALIGNMENT)
        return malloc(size);
    return weir_allocate_aligned(weir_cpu_allocator(), size, alignment);
}

/* Its errors are its result; errno stays. */
PRELOAD_API int posix_memalign(void **block, size_t alignment, size_t size)
{
    if (!weir__is_power_of_two(alignment) || alignment % sizeof(void *))
        return EINVAL;
    int saved = errno;
    void *made = allocate_aligned(size, alignment);
    errno = saved;
    if (!made)
        return ENOMEM;
    *block = made;
    return 0;
}

/* As glibc: an alignment that is no power of two is rounded up to one. */
PRELOAD_API void *memalign(size_t alignment, size_t size)
{
    if (alignment > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    if (alignment && !weir__is_power_of_two(alignment))
        alignment = (size_t)2 << weir__log2(alignment);
    return allocate_aligned(size, alignment);
}

/* glibc from 2.38 on refuses what the older ones round up. A program that runs without weir
 * runs with it. */
PRELOAD_API void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

PRELOAD_API void *valloc(size_t size)
{
    return allocate_aligned(size, page_size());
}

PRELOAD_API void *pvalloc(size_t size)
{
    size_t page = page_size();
    if (size > PTRDIFF_MAX - page) {
        errno = ENOMEM;
        return NULL;
    }
    return allocate_aligned(weir__round_up(size ? size : 1, page), page);
}

/* -- asking --------------------------------------------------------------------------- */

static WEIR__NOINLINE size_t usable_slow(void *block)
{
    if (block && preload_is_other(block))
        return preload_other.usable(block);
    return weir__usable_size_slow(weir_cpu_allocator(), block);
}

PRELOAD_API size_t malloc_usable_size(void *block)
{
    struct weir__place place = weir__place_quick(block);
    uint32_t value;
    if (weir__likely(weir__small_is_live(&weir__cpu, place, &value)))
        return place.slab->size;
    return usable_slow(block);
}
