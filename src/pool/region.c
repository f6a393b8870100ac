/*
 * pool/region.c - takes regions from the backing, registers them in the address
 * map, and advises huge pages. Owns weir__regions; slots are handed out under a
 * lock of its own because stores share the table.
 */
#include "pool/region.h"

#include "backing/backing.h"
#include "base/fault.h"
#include "base/lock.h"
#include "base/meta.h"
#include "base/trace_hook.h"
#include "pool/policy.h"
#include "pool/store.h"

/*
 * Huge pages serve the first 4 MiB and everything from 8 MiB on; between them small
 * pages keep what a program of a few MiB holds close to what it uses. Measured on
 * the inference traces (docs/performance.md).
 */
#define REGION_HUGE_HEAD (4 * WEIR__MIB)
#define REGION_HUGE_TAIL (8 * WEIR__MIB)

struct weir__region *weir__regions[WEIR__REGIONS];
static weir__lock region_table_lock;

static size_t region_headers_size(size_t npages)
{
    return (npages + 2) * sizeof(struct weir__span);
}

static bool region_enter(struct weir__region *region)
{
    weir__lock_take(&region_table_lock);
    unsigned index = 0;
    while (index < WEIR__REGIONS && weir__regions[index])
        index++;
    if (index < WEIR__REGIONS) {
        region->index = (uint16_t)index;
        __atomic_store_n(&weir__regions[index], region, __ATOMIC_RELEASE);
    }
    weir__lock_drop(&region_table_lock);
    return index < WEIR__REGIONS;
}

static void region_leave(struct weir__region *region)
{
    weir__lock_take(&region_table_lock);
    weir__regions[region->index] = NULL;
    weir__lock_drop(&region_table_lock);
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

struct weir__region *weir__region_create(struct weir__store *store, size_t size, size_t alignment,
                                         bool direct)
{
    struct weir__region *region = weir__meta_allocate(sizeof *region);
    if (!region)
        return NULL;
    size_t npages = size >> WEIR__PAGE_SHIFT;
    struct weir__span *headers =
        weir__fault_now() ? NULL : weir__os_map(region_headers_size(npages));
    bool zeroed = false;
    char *base =
        headers && !weir__fault_now() ? store->backing->take(size, alignment, &zeroed) : NULL;
    if (!base)
        goto no_base;
    *region = (struct weir__region){.base = base,
                                    .npages = (uint32_t)npages,
                                    .touched = zeroed ? 0 : (uint32_t)npages,
                                    .direct = direct,
                                    .pages = headers + 1,
                                    .size = size,
                                    .alignment = alignment,
                                    .store = store};
    headers[0].state = headers[npages + 1].state = WEIR__PAGE_SPAN_END;
    if (!region_enter(region))
        goto no_slot;
    if (!weir__map_set(base, size, WEIR__MAP_SPANS + region->index))
        goto no_map;
    region_advise(region);
    weir__trace_region(base, size, true);
    return region;

no_map:
    region_leave(region);
no_slot:
    store->backing->give(base, size, alignment);
no_base:
    if (headers)
        weir__os_unmap(headers, region_headers_size(npages));
    weir__meta_free(region, sizeof *region);
    return NULL;
}

void weir__region_destroy(struct weir__region *region)
{
    weir__map_set(region->base, region->size, WEIR__MAP_FOREIGN);
    region_leave(region);
    if (region->store->backing->trim && region->touched)
        region->store->backing->purge(region->base, (size_t)region->touched << WEIR__PAGE_SHIFT);
    weir__trace_region(region->base, region->size, false);
    region->store->backing->give(region->base, region->size, region->alignment);
    weir__os_unmap(region->pages - 1, region_headers_size(region->npages));
    weir__meta_free(region, sizeof *region);
}
