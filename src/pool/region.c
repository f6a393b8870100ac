/*
 * pool/region.c - takes regions from the backing, registers them in the address
 * map, and advises huge pages. Owns weir__regions; entries are handed out under a
 * lock of its own because page heaps share the table.
 */
#include "pool/region.h"

#include "backing/backing.h"
#include "base/fault.h"
#include "os/locks.h"
#include "os/pages.h"
#include "pool/page_heap.h"
#include "pool/policy.h"

void (*weir__region_watcher)(const void *address, size_t size, bool taken);

/*
 * Huge pages serve the first 4 MiB and everything from 8 MiB on; between them small
 * pages keep what a program of a few MiB holds close to what it uses. Measured on
 * the inference traces (docs/performance.md).
 */
#define REGION_HUGE_HEAD (4 * WEIR__MIB)
#define REGION_HUGE_TAIL (8 * WEIR__MIB)

struct weir__region weir__regions[WEIR__REGIONS];

/* Under the lock. */
static struct {
    weir__lock lock;
    unsigned made;                          /* entries ever used */
    struct weir__region *direct, *spanning; /* free ones, by kind */
} table = {.lock = WEIR__LOCK(REGIONS)};
WEIR__LOCKS_KNOW(REGIONS, &table.lock);

static size_t headers_size(size_t nheaders)
{
    return weir__round_up((nheaders + 2) * sizeof(struct weir__span), weir__os_page_size());
}

/* A free entry with headers enough, the one with the fewest. */
static struct weir__region *region_reuse_locked(size_t npages, bool direct)
{
    struct weir__region **best = direct && table.direct ? &table.direct : NULL;
    for (struct weir__region **at = &table.spanning; !direct && *at; at = &(*at)->next)
        if ((*at)->nheaders >= npages && (!best || (*at)->nheaders < (*best)->nheaders))
            best = at;
    struct weir__region *region = best ? *best : NULL;
    if (region)
        *best = region->next;
    return region;
}

static struct weir__region *region_add_locked(size_t npages, bool direct)
{
    struct weir__region *region = &weir__regions[table.made];
    if (table.made == WEIR__REGIONS)
        return NULL;
    struct weir__span *headers = direct ? NULL : weir__os_map(headers_size(npages));
    if (!direct && !headers)
        return NULL;
    region->index = (uint16_t)table.made++;
    region->direct = direct;
    region->pages = direct ? &region->own : headers + 1;
    __atomic_store_n(&region->nheaders, direct ? 1 : (uint32_t)npages, __ATOMIC_RELEASE);
    return region;
}

/* An entry whose headers are all zero, with guards. */
static struct weir__region *region_enter(size_t npages, bool direct)
{
    if (weir__fault_now())
        return NULL;
    weir__lock_take(&table.lock);
    struct weir__region *region = region_reuse_locked(npages, direct);
    if (!region)
        region = region_add_locked(npages, direct);
    weir__lock_drop(&table.lock);
    if (region && !direct)
        region->pages[-1].state = region->pages[npages].state = WEIR__PAGE_SPAN_END;
    return region;
}

static void region_leave(struct weir__region *region)
{
    if (region->direct)
        __atomic_store_n(&region->own.state, WEIR__PAGE_NONE, __ATOMIC_RELEASE);
    else
        weir__os_purge(region->pages - 1, headers_size(region->nheaders));
    weir__lock_take(&table.lock);
    struct weir__region **list = region->direct ? &table.direct : &table.spanning;
    region->next = *list;
    *list = region;
    weir__lock_drop(&table.lock);
}

static void region_advise(struct weir__region *region)
{
    if (!weir__policy.huge_pages)
        return;
    if (region->direct) {
        weir__os_huge_pages(region->base, region->size, true);
        return;
    }
    weir__os_huge_pages(region->base, weir__min(region->size, REGION_HUGE_HEAD), true);
    if (region->size > REGION_HUGE_TAIL)
        weir__os_huge_pages(region->base + REGION_HUGE_TAIL, region->size - REGION_HUGE_TAIL, true);
}

struct weir__region *weir__region_create(struct weir__page_heap *heap, size_t size,
                                         size_t alignment, bool direct)
{
    size_t npages = size >> WEIR__GRANULE_SHIFT;
    struct weir__region *region = region_enter(npages, direct);
    if (!region)
        return NULL;
    char *base = weir__fault_now() ? NULL : heap->backing->take(size, alignment);
    if (!base)
        goto no_base;
    __atomic_store_n(&region->base, base, __ATOMIC_RELAXED);
    region->npages = (uint32_t)npages;
    region->frontier = 0;
    region->touched = 0;
    region->busy = false;
    region->size = size;
    region->alignment = alignment;
    region->heap = heap;
    region->next = NULL;
    if (!weir__map_set(base, size, WEIR__MAP_SPANS + region->index))
        goto no_map;
    region_advise(region);
    weir__region_tell(base, size, true);
    return region;

no_map:
    heap->backing->give(base, size, alignment);
no_base:
    region_leave(region);
    return NULL;
}

void weir__region_destroy(struct weir__region *region)
{
    weir__map_set(region->base, region->size, WEIR__MAP_FOREIGN);
    if (region->heap->backing->trim && region->touched)
        region->heap->backing->purge(region->base, (size_t)region->touched << WEIR__GRANULE_SHIFT);
    weir__region_tell(region->base, region->size, false);
    region->heap->backing->give(region->base, region->size, region->alignment);
    region_leave(region);
}
