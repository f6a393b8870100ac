/*
 * backing/jemalloc.c - regions from a jemalloc of our own: linked in whole from
 * libjemalloc_pic.a and hidden, so that the program's malloc stays what it is.
 * This file is all of libweir-jemalloc; it knows the backing table and jemalloc,
 * nothing else of weir.
 *
 * Regions come from one arena that keeps what it is given: no decay and no
 * oversize threshold. Sending memory back to the machine is the pool's decision,
 * through purge and trim. Raw blocks
 * come from jemalloc's ordinary arenas, with its ordinary settings.
 *
 * State is written by start alone, before the other functions may be called.
 */
#include "backing/backing.h"
#include "os/pages.h"

#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <stdio.h>

static unsigned arena; /* index of our arena */

static bool jemalloc_set(const char *what, void *value, size_t size)
{
    char name[64];
    snprintf(name, sizeof name, "arena.%u.%s", arena, what);
    return mallctl(name, NULL, NULL, value, size) == 0;
}

static bool jemalloc_settle_arena(void)
{
    ssize_t never = -1;
    /* Implied by "never" in jemalloc 5.3, but not promised: big extents purge at
     * once. */
    size_t unlimited = SIZE_MAX;
    return jemalloc_set("dirty_decay_ms", &never, sizeof never) &&
           jemalloc_set("muzzy_decay_ms", &never, sizeof never) &&
           jemalloc_set("oversize_threshold", &unlimited, sizeof unlimited);
}

static bool jemalloc_start(void)
{
    size_t size = sizeof arena;
    /* jemalloc registers its fork handlers within this first call of it. */
    if (mallctl("arenas.create", &arena, &size, NULL, 0) != 0)
        return false;
    return jemalloc_settle_arena();
}

static int jemalloc_flags(size_t alignment)
{
    size_t page = weir__os_page_size();
    return MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE |
           MALLOCX_ALIGN(alignment < page ? page : alignment);
}

/* jemalloc knows which extents are zero already, and has the others purged. */
static void *jemalloc_take(size_t size, size_t alignment)
{
    void *region = NULL;
    if (weir__os_page_round(size, &size))
        region = mallocx(size, jemalloc_flags(alignment) | MALLOCX_ZERO);
    if (!region)
        errno = ENOMEM;
    return region;
}

static void jemalloc_give(void *region, size_t size, size_t alignment)
{
    (void)size;
    int saved = errno;
    dallocx(region, jemalloc_flags(alignment));
    errno = saved;
}

/* Bytes that our arena keeps resident though nobody has them. */
static size_t jemalloc_kept(void)
{
    char name[64];
    uint64_t epoch = 1;
    size_t page, size = sizeof epoch, page_size = sizeof page, kept = 0;
    if (mallctl("epoch", &epoch, &size, &epoch, size) != 0 ||
        mallctl("arenas.page", &page, &page_size, NULL, 0) != 0)
        return 0;
    static const char *const kinds[] = {"pdirty", "pmuzzy"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t npages;
        size = sizeof npages;
        snprintf(name, sizeof name, "stats.arenas.%u.%s", arena, kinds[i]);
        if (mallctl(name, &npages, &size, NULL, 0) == 0)
            kept += npages * page; /* jemalloc's, not the machine's */
    }
    return kept;
}

static size_t jemalloc_trim(void)
{
    size_t before = jemalloc_kept();
    jemalloc_set("purge", NULL, 0);
    size_t after = jemalloc_kept();
    return before > after ? before - after : 0;
}

static void *jemalloc_raw_allocate(size_t size, size_t alignment)
{
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
    .trim = jemalloc_trim,
    .raw_allocate = jemalloc_raw_allocate,
    .raw_free = jemalloc_raw_free,
};

/* weir/link.h makes every executable refer to this, and so depend on us. */
void weir_link_jemalloc(void);
void weir_link_jemalloc(void)
{
}
