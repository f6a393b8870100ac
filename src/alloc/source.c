/*
 * alloc/source.c - providers of single blocks for contexts that bypass the pool: the
 * backing's own, and the C library's. Tracked like a user's functions.
 */
#include "alloc/source.h"

#include "alloc/body.h"
#include "backing/backing.h"

#include <errno.h>
#include <stdlib.h>

static void *malloc_allocate(void *unused, size_t size, size_t alignment)
{
    (void)unused;
    if (alignment <= _Alignof(max_align_t))
        return malloc(size);
    void *block = NULL;
    return posix_memalign(&block, alignment, size) == 0 ? block : NULL;
}

static void malloc_free(void *unused, void *block, size_t size, size_t alignment)
{
    (void)unused, (void)size, (void)alignment;
    free(block);
}

static void *raw_allocate(void *unused, size_t size, size_t alignment)
{
    (void)unused;
    return weir__backing_get()->raw_allocate(size, alignment);
}

static void raw_free(void *unused, void *block, size_t size, size_t alignment)
{
    (void)unused, (void)size, (void)alignment;
    weir__backing_get()->raw_free(block);
}

static void *region_allocate(void *unused, size_t size, size_t alignment)
{
    (void)unused;
    return weir__backing_get()->take(size, alignment);
}

static void region_free(void *unused, void *block, size_t size, size_t alignment)
{
    (void)unused;
    weir__backing_get()->give(block, size, alignment);
}

static void malloc_stats(void *unused, weir_stats *stats)
{
    (void)unused;
    stats->cached = stats->reserved = WEIR_UNSUPPORTED;
}

/* In place of every source, the pool's too, where the host's malloc is the backing. */
static const weir_allocator_functions in_place_of_all = {raw_allocate, raw_free, NULL,        NULL,
                                                         NULL,         NULL,     malloc_stats};

bool weir__source_is_pool(const struct weir__body *body)
{
    return body->functions.allocate == raw_allocate && body->functions.stats == malloc_stats;
}

bool weir__source_replaces_pool(struct weir__body *body, struct weir__body *pool)
{
    if (!weir__backing_is_malloc())
        return false;
    body->functions = in_place_of_all;
    body->user = pool;
    body->backing = weir__backing_malloc.name;
    body->filled = true;
    return true;
}

const weir_allocator_functions *weir__source_functions(weir_source source, const char **backing)
{
    static const weir_allocator_functions from_malloc = {
        malloc_allocate, malloc_free, NULL, NULL, NULL, NULL, NULL};
    static const weir_allocator_functions from_raw = {raw_allocate, raw_free, NULL, NULL,
                                                      NULL,         NULL,     NULL};
    static const weir_allocator_functions from_regions = {
        region_allocate, region_free, NULL, NULL, NULL, NULL, NULL};
    const struct weir__backing *provider = weir__backing_get();
    *backing = source == WEIR_SOURCE_MALLOC ? "malloc" : provider->name;
    if (weir__backing_is_malloc())
        return &in_place_of_all;
    if (source == WEIR_SOURCE_MALLOC)
        return &from_malloc;
    return provider->raw_allocate ? &from_raw : &from_regions;
}
