/*
 * backing/jemalloc.c - regions from a jemalloc of our own: linked in whole from
 * libjemalloc_pic.a and hidden, so that the program's malloc stays what it is.
 * This file is all of libweir-jemalloc; it knows the backing table and jemalloc,
 * nothing else of weir.
 *
 * Regions come from one arena that keeps what it is given: no decay and no
 * oversize threshold, so that a region used again does not fault. Sending memory
 * back to the machine is the pool's decision, through purge and trim. Raw blocks
 * come from jemalloc's ordinary arenas, with its ordinary settings.
 *
 * State is written by start alone, before the other functions may be called.
 */
#include "backing/backing.h"
#include "os/pages.h"

#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

static unsigned arena; /* index of our arena */

/*
 * Which chunks of the address space were ever part of a region: one bit for each
 * 2 MiB, set by whoever takes the first, never cleared. A region all of whose
 * bits were clear is as the kernel mapped it: zero. jemalloc does not tell.
 *
 *     address:  | 63..48: 0 | 47..27: index of the word | 26..21: bit | 20..0 |
 *
 * Reserved address space, of which one page stands for 64 GiB of regions. NULL
 * where it could not be had, or where jemalloc fills memory (MALLOC_CONF=junk).
 */
#define CHUNK_SHIFT  21
#define ADDRESS_BITS 48
#define USED_BYTES   ((size_t)1 << (ADDRESS_BITS - CHUNK_SHIFT - 3))
static _Atomic uint64_t *used;

static void used_start(void)
{
    const char *junk;
    size_t size = sizeof junk;
    if (mallctl("opt.junk", &junk, &size, NULL, 0) == 0 && junk[0] != 'f')
        return;
    void *map = mmap(NULL, USED_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map != MAP_FAILED)
        used = map;
}

/* Marks the region's chunks; was none of them marked before? */
static bool used_mark(const void *region, size_t size)
{
    uintptr_t first = (uintptr_t)region >> CHUNK_SHIFT;
    uintptr_t last = ((uintptr_t)region + size - 1) >> CHUNK_SHIFT;
    if (!used || last >> (ADDRESS_BITS - CHUNK_SHIFT))
        return false;
    bool fresh = true;
    for (uintptr_t chunk = first; chunk <= last; chunk++) {
        uint64_t bit = UINT64_C(1) << (chunk & 63);
        fresh &= !(atomic_fetch_or_explicit(&used[chunk >> 6], bit, memory_order_relaxed) & bit);
    }
    return fresh;
}

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
    used_start();
    return jemalloc_settle_arena();
}

static int jemalloc_flags(size_t alignment)
{
    size_t page = weir__os_page_size();
    return MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE |
           MALLOCX_ALIGN(alignment < page ? page : alignment);
}

static void *jemalloc_take(size_t size, size_t alignment, bool *zeroed)
{
    *zeroed = false;
    if (!weir__os_page_round(size, &size)) {
        errno = ENOMEM;
        return NULL;
    }
    void *region = mallocx(size, jemalloc_flags(alignment));
    if (!region) {
        errno = ENOMEM;
        return NULL;
    }
    *zeroed = used_mark(region, size);
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

static size_t jemalloc_raw_usable(const void *block)
{
    return sallocx(block, 0);
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
    .raw_usable = jemalloc_raw_usable,
};

/* weir/link.h makes every executable refer to this, and so depend on us. */
void weir_link_jemalloc(void);
void weir_link_jemalloc(void)
{
}
