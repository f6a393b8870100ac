/*
 * backing/jemalloc.c - regions from a jemalloc of our own: linked in whole from
 * libjemalloc_pic.a and hidden, so that the program's malloc stays what it is.
 * This file is all of libweir-jemalloc; it knows the backing table and jemalloc,
 * nothing else of weir.
 *
 * Regions come from one arena that gets its extents from os/pages.h by hooks: just what is
 * asked for, where it is asked for. jemalloc by itself takes more than twice the addresses of a
 * 4 MiB chunk at a multiple of that. What is given back goes to the machine at once and its
 * addresses are kept. Raw blocks come from jemalloc's ordinary arenas, with its ordinary
 * settings.
 *
 * State is written by start alone, before the other functions may be called.
 */
#include "backing/backing.h"
#include "os/pages.h"

#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <stdio.h>

static unsigned arena; /* index of our arena */

/*
 * jemalloc asks with the alignment of a page only when it means to grow the arena by more than
 * somebody wants (a region is never asked for so, see jemalloc_flags). Refused, it asks for the
 * region itself.
 */
static void *extent_take(extent_hooks_t *unused, void *place, size_t size, size_t alignment,
                         bool *zero, bool *commit, unsigned unused_arena)
{
    (void)unused, (void)unused_arena;
    if (place || alignment <= weir__os_page_size())
        return NULL;
    void *extent = weir__os_reserve(size, alignment);
    if (extent && !weir__os_open(extent, size)) {
        weir__os_unmap(extent, size);
        extent = NULL;
    }
    *zero = *commit = true;
    return extent;
}

/* False: it was done; so everywhere below. */
static bool extent_purge(extent_hooks_t *unused, void *extent, size_t size, size_t offset,
                         size_t length, unsigned unused_arena)
{
    (void)unused, (void)size, (void)unused_arena;
    return weir__os_purge((char *)extent + offset, length) != length;
}

static bool extent_split(extent_hooks_t *unused, void *extent, size_t size, size_t first,
                         size_t second, bool committed, unsigned unused_arena)
{
    (void)unused, (void)extent, (void)size, (void)first, (void)second, (void)committed;
    (void)unused_arena;
    return false;
}

static bool extent_merge(extent_hooks_t *unused, void *first, size_t size, void *second,
                         size_t second_size, bool committed, unsigned unused_arena)
{
    (void)unused, (void)first, (void)size, (void)second, (void)second_size, (void)committed;
    (void)unused_arena;
    return false;
}

static bool jemalloc_start(void)
{
    static extent_hooks_t hooks = {.alloc = extent_take,
                                   .purge_forced = extent_purge,
                                   .split = extent_split,
                                   .merge = extent_merge};
    extent_hooks_t *place = &hooks;
    size_t size = sizeof arena;
    /* jemalloc registers its fork handlers within this first call of it. */
    return mallctl("arenas.create", &arena, &size, &place, sizeof place) == 0;
}

static int jemalloc_flags(size_t alignment)
{
    weir__assert(weir__is_power_of_two(alignment));
    size_t least = 2 * weir__os_page_size();
    return MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE |
           MALLOCX_ALIGN(alignment < least ? least : alignment);
}

/* jemalloc knows which extents are zero, and all that nobody has are. */
static void *jemalloc_take(size_t size, size_t alignment)
{
    void *region = NULL;
    if (weir__os_page_round(size, &size))
        region = mallocx(size, jemalloc_flags(alignment) | MALLOCX_ZERO);
    if (!region)
        errno = ENOMEM;
    return region;
}

static void arena_purge(void)
{
    char name[32];
    snprintf(name, sizeof name, "arena.%u.purge", arena);
    mallctl(name, NULL, NULL, NULL, 0);
}

static void jemalloc_give(void *region, size_t size, size_t alignment)
{
    weir__assert(region && size);
    (void)size;
    int saved = errno;
    dallocx(region, jemalloc_flags(alignment));
    arena_purge();
    errno = saved;
}

static void *jemalloc_raw_allocate(size_t size, size_t alignment)
{
    weir__assert(size > 0);
    void *block = size <= PTRDIFF_MAX ? mallocx(size, MALLOCX_ALIGN(alignment)) : NULL;
    if (!block)
        errno = ENOMEM;
    return block;
}

static void jemalloc_raw_free(void *block)
{
    dallocx(block, 0);
}

const struct weir__backing weir_backing_jemalloc = {
    .abi = WEIR__BACKING_ABI,
    .name = "jemalloc",
    .start = jemalloc_start,
    .take = jemalloc_take,
    .give = jemalloc_give,
    .purge = weir__os_purge,
    .raw_allocate = jemalloc_raw_allocate,
    .raw_free = jemalloc_raw_free,
};

/* weir/link.h makes executables refer to this, and so depend on us. */
void weir_link_jemalloc(void);
void weir_link_jemalloc(void)
{
}
