/*
 * backing/malloc.c - the host's malloc as provider: each block by itself, so that a tool that
 * watches malloc's blocks watches weir's. Owns nothing. Regions, which only pools ask for,
 * are the system's.
 *
 * The one provider that calls the host's malloc: a library that is malloc itself has an empty
 * table in its place (preload/policy.c).
 */
#include "backing/backing.h"
#include "base/bits.h"
#include "os/memory_tool.h"

#include <errno.h>
#include <stdlib.h>

static void *malloc_take(size_t size, size_t alignment)
{
    weir__assert(weir__is_power_of_two(alignment));
    return weir__backing_system.take(size, alignment);
}

static void malloc_give(void *region, size_t size, size_t alignment)
{
    weir__backing_system.give(region, size, alignment);
}

static size_t malloc_purge(void *part, size_t size)
{
    return weir__backing_system.purge(part, size);
}

/* Exactly `size` bytes: the tools report the first one behind them. */
static void *malloc_raw_allocate(size_t size, size_t alignment)
{
    weir__assert(size > 0 && weir__is_power_of_two(alignment));
    void *block = NULL;
    if (!weir__os_memory_is_excessive(size, alignment)) {
        if (alignment <= _Alignof(max_align_t))
            block = malloc(size);
        else if (posix_memalign(&block, alignment, size) != 0)
            block = NULL;
    }
    if (!block)
        errno = ENOMEM;
    return block;
}

static void malloc_raw_free(void *block)
{
    free(block);
}

const struct weir__backing weir__backing_malloc = {
    .abi = WEIR__BACKING_ABI,
    .name = "malloc",
    .take = malloc_take,
    .give = malloc_give,
    .purge = malloc_purge,
    .raw_allocate = malloc_raw_allocate,
    .raw_free = malloc_raw_free,
};
