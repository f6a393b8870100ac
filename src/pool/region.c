/*
 * pool/region.c - reserves the addresses of regions, registers them in the address map, opens
 * them and advises huge pages. Owns the table of regions; entries are handed out under a separate
 * lock because page heaps share the table.
 */
#include "pool/region.h"

#include "base/fault.h"
#include "os/locks.h"
#include "os/pages.h"
#include "pool/chunk.h"

#include <string.h>

void (*weir__region_hook)(const void *address, size_t size, bool taken) WEIR__AT_START;

/*
 * Huge pages serve everything from 8 MiB on, and the first 4 MiB once more than these is opened.
 * So a program of a few MiB holds about what it uses: one touched byte of a huge page is 2 MiB,
 * and the traces of 1.3 to 2.3 MB held 1.8 times their live bytes with huge pages at the start.
 * Measured on the inference traces (docs/internals/performance.md).
 */
#define REGION_HUGE_HEAD (4 * WEIR__MIB)
#define REGION_HUGE_TAIL (8 * WEIR__MIB)

/* Opened ahead: as much as is open, within these. */
#define OPEN_FIRST ((uint32_t)(4 * WEIR__MIB >> WEIR__GRANULE_SHIFT))
#define OPEN_MOST  ((uint32_t)(64 * WEIR__MIB >> WEIR__GRANULE_SHIFT))

/* Unmapped at a time, so that no other thread waits for the kernel for long. */
#define UNMAP_MOST (32 * WEIR__MIB)

#define CHUNK_PAGES ((uint32_t)(WEIR__CHUNK >> WEIR__GRANULE_SHIFT))

_Static_assert(sizeof(struct weir__chunk) + (CHUNK_PAGES + 2) * sizeof(struct weir__span) <=
                   WEIR__SLAB,
               "a chunk's first slab has room for the page headers of a borrowed chunk");

struct weir__region *weir__region_blocks[WEIR__REGIONS / WEIR__REGION_BLOCK];

/* Under the lock. */
static struct {
    weir__lock lock;
    unsigned made;                                /* entries ever used */
    struct weir__list direct, spanning, borrowed; /* free ones, by kind; LIFO */
} table = {.lock = WEIR__LOCK(REGIONS)};
WEIR__LOCKS_KNOW(REGIONS, &table.lock);

/* -- entries and headers -------------------------------------------------------------- */

/* Of that many pages, and the one before. */
static size_t headers_size(size_t nheaders)
{
    return weir__round_up((nheaders + 2) * sizeof(struct weir__span), weir__os_page_size());
}

static struct weir__list *list_of(const struct weir__region *region)
{
    return region->first ? &table.borrowed : region->direct ? &table.direct : &table.spanning;
}

/* A free entry with room for the headers, the one with the least. */
static struct weir__region *region_reuse_locked(struct weir__list *list, size_t room)
{
    weir__assert(weir__lock_is_mine(&table.lock));
    struct weir__region *best = NULL;
    for (const struct weir__link *link = list->first; link; link = link->next) {
        struct weir__region *region = weir__region_of_link(link);
        if (region->room >= room && (!best || region->room < best->room))
            best = region;
        if (region->room == room)
            break;
    }
    if (best)
        weir__list_remove(list, &best->link);
    return best;
}

/* All zero but for its index. */
static struct weir__region *entry_add_locked(void)
{
    weir__assert(weir__lock_is_mine(&table.lock));
    struct weir__region **block = &weir__region_blocks[table.made / WEIR__REGION_BLOCK];
    if (table.made == WEIR__REGIONS)
        return NULL;
    if (!*block)
        *block = weir__os_map_apart(WEIR__REGION_BLOCK * sizeof **block);
    if (!*block)
        return NULL;
    struct weir__region *region = *block + table.made % WEIR__REGION_BLOCK;
    region->index = (uint16_t)table.made++;
    return region;
}

static struct weir__region *region_add_locked(size_t npages, bool direct)
{
    weir__assert(weir__lock_is_mine(&table.lock));
    weir__assert(npages > 0);
    size_t page = weir__os_page_size(), size = page + headers_size(npages);
    char *reserved = direct ? NULL : weir__os_reserve(size, 1);
    struct weir__region *region = direct || reserved ? entry_add_locked() : NULL;
    if (!region) {
        if (reserved)
            weir__os_unmap(reserved, size);
        return NULL;
    }
    /* The first page stays closed, as the last ones do: see weir__os_map_apart. */
    struct weir__span *headers = reserved ? (struct weir__span *)(reserved + page) : NULL;
    weir__relaxed_set(region->direct, direct);
    weir__relaxed_set(region->pages, direct ? &region->own : headers + 1);
    region->room = direct ? 1 : (uint32_t)npages;
    __atomic_store_n(&region->nheaders, direct, __ATOMIC_RELEASE);
    return region;
}

/* An entry whose headers are all zero. */
static struct weir__region *region_enter(size_t npages, bool direct)
{
    weir__assert(npages > 0);
    if (weir__fault_now())
        return NULL;
    weir__lock_take(&table.lock);
    struct weir__region *region = direct ? region_reuse_locked(&table.direct, 1)
                                         : region_reuse_locked(&table.spanning, npages);
    if (!region)
        region = region_add_locked(npages, direct);
    weir__lock_drop(&table.lock);
    return region;
}

static void region_leave(struct weir__region *region)
{
    if (region->direct)
        __atomic_store_n(&region->own.state, WEIR__PAGE_NONE, __ATOMIC_RELEASE);
    else if (region->nheaders && !region->first)
        weir__os_purge(region->pages - 1, headers_size(region->nheaders));
    weir__lock_take(&table.lock);
    weir__list_push(list_of(region), &region->link);
    weir__lock_drop(&table.lock);
}

static bool headers_open(struct weir__region *region, uint32_t npages)
{
    weir__assert(npages <= region->room);
    if (npages <= region->nheaders)
        return true;
    size_t size = headers_size(npages);
    if (!weir__os_open(region->pages - 1, size))
        return false;
    size_t open = weir__min(size / sizeof(struct weir__span) - 2, region->room);
    __atomic_store_n(&region->nheaders, (uint32_t)open, __ATOMIC_RELEASE);
    return true;
}

/* -- placement -------------------------------------------------------------------------- */

static const struct weir__os_placement *placement_of(const struct weir__region *region)
{
    return &region->heap->placement;
}

/* What is opened and closed at a time: a page, or a huge one where all must be. */
static size_t region_unit(const struct weir__region *region)
{
    return weir__page_heap_keeps_pages(region->heap) ? weir__os_huge_page_size()
                                                     : weir__os_page_size();
}

/* [start, end) is opened, up to where all was open before. */
static void part_advise(const struct weir__region *region, size_t start, size_t end)
{
    weir__assert(start < end);
    if (region->direct || placement_of(region)->huge_pages || !region->heap->policy->huge_pages)
        return;
    size_t from = weir__max(start, REGION_HUGE_TAIL);
    if (start <= REGION_HUGE_HEAD && end > REGION_HUGE_HEAD)
        weir__os_huge_pages(region->base, REGION_HUGE_HEAD, true);
    if (end > from)
        weir__os_huge_pages(region->base + from, end - from, true);
}

/* [start, end), which is closed. Its pages are as they must be, or it stays closed. */
static bool part_open(struct weir__region *region, size_t start, size_t end)
{
    char *part = region->base + start;
    if (weir__unlikely(region->heap->hardened))
        return true; /* who takes a span opens it */
    if (!weir__os_open(part, end - start))
        return false;
    part_advise(region, start, end);
    if (weir__os_placement_settle(placement_of(region), part, end - start))
        return true;
    weir__os_close(part, end - start);
    weir__os_placement_apply(placement_of(region), part, end - start);
    return false;
}

/* Is it a tail that nobody is at, of a region that is opened as it is used? */
static bool region_has_tail(const struct weir__region *region)
{
    return !region->direct && !region->busy && !region->first;
}

size_t weir__region_shut_locked(struct weir__region *region)
{
    weir__assert(weir__lock_is_mine(&region->heap->lock));
    size_t start =
        weir__round_up((size_t)region->frontier << WEIR__GRANULE_SHIFT, region_unit(region));
    size_t end = (size_t)region->opened << WEIR__GRANULE_SHIFT;
    size_t touched = (size_t)region->touched << WEIR__GRANULE_SHIFT;
    if (!region_has_tail(region) || start >= end)
        return 0;
    weir__os_close(region->base + start, end - start);
    weir__os_placement_apply(placement_of(region), region->base + start, end - start);
    region->opened = (uint32_t)(start >> WEIR__GRANULE_SHIFT);
    weir__relaxed_set(region->touched, (uint32_t)weir__min(region->touched, region->opened));
    return touched > start ? touched - start : 0;
}

/* -- ranges ----------------------------------------------------------------------------- */

bool weir__region_open(struct weir__region *region, uint32_t npages)
{
    weir__assert(npages <= region->npages);
    if (weir__likely(npages <= region->opened))
        return true;
    size_t ahead = weir__max(OPEN_FIRST, weir__min(region->opened, OPEN_MOST));
    if (weir__page_heap_keeps_pages(region->heap))
        ahead = 0; /* it would be in use at once */
    uint32_t most = (uint32_t)weir__min(region->opened + ahead, region->npages);
    uint32_t least = region->direct ? region->npages : npages;
    uint32_t tries[] = {(uint32_t)weir__max(most, least), least};
    for (int i = 0; i < 2 && !weir__fault_now(); i++) {
        size_t start = (size_t)region->opened << WEIR__GRANULE_SHIFT;
        size_t end = weir__round_up((size_t)tries[i] << WEIR__GRANULE_SHIFT, region_unit(region));
        uint32_t headers = region->direct ? 1 : (uint32_t)(end >> WEIR__GRANULE_SHIFT);
        if (headers_open(region, headers) && part_open(region, start, end)) {
            region->opened = (uint32_t)(end >> WEIR__GRANULE_SHIFT);
            return true;
        }
    }
    return false;
}

/* A direct region moves as a whole, so that all of it has the same advice from the start. */
static void region_advise(struct weir__region *region)
{
    weir__os_placement_apply(placement_of(region), region->base, region->size);
    if (region->direct && !placement_of(region)->huge_pages && region->heap->policy->huge_pages)
        weir__os_huge_pages(region->base, region->size, true);
}

/* Closed addresses in front of a hardened region, which are no part of it. */
static size_t region_lead(const struct weir__page_heap *heap, size_t alignment)
{
    return heap->hardened ? alignment : 0;
}

static void range_unmap(char *base, size_t size)
{
    for (size_t part; size; base += part, size -= part) {
        part = weir__min(size, UNMAP_MOST);
        weir__os_unmap(base, part);
    }
}

static void range_give(struct weir__region *region)
{
    if (!region->first) {
        size_t lead = region_lead(region->heap, region->alignment);
        range_unmap(region->base - lead, region->size + lead);
        return;
    }
    memset(region->pages - 1, 0, (CHUNK_PAGES + 2) * sizeof *region->pages);
    weir__os_placement_undo(placement_of(region), region->base, WEIR__CHUNK);
    weir__chunk_retire_one(region->heap->backing, region->base);
}

/* False: no memory for the map. */
static bool region_set(struct weir__region *region, struct weir__page_heap *heap, char *base,
                       size_t size)
{
    weir__assert(size % WEIR__CHUNK == 0 && ((uintptr_t)base & (WEIR__CHUNK - 1)) == 0);
    weir__relaxed_set(region->base, base);
    region->heap = heap;
    region->size = size;
    region->npages = (uint32_t)(size >> WEIR__GRANULE_SHIFT);
    region->busy = false;
    if (!weir__map_set(base, size, WEIR__MAP_SPANS + region->index))
        return false;
    weir__region_tell(base, size, true);
    return true;
}

struct weir__region *weir__region_create(struct weir__page_heap *heap, size_t size,
                                         size_t alignment, bool direct)
{
    weir__assert(size && size % WEIR__CHUNK == 0 && weir__is_power_of_two(alignment));
    weir__assert(alignment >= WEIR__CHUNK);
    struct weir__region *region = region_enter(size >> WEIR__GRANULE_SHIFT, direct);
    if (!region)
        return NULL;
    size_t lead = region_lead(heap, alignment);
    char *range = weir__fault_now() ? NULL : weir__os_reserve(size + lead, alignment);
    char *base = range ? range + lead : NULL;
    if (base && region_set(region, heap, base, size)) {
        region->alignment = alignment;
        region->first = region->opened = 0;
        weir__relaxed_set(region->frontier, 0);
        weir__relaxed_set(region->touched, 0);
        region_advise(region);
        return region;
    }
    if (range)
        range_unmap(range, size + lead);
    region_leave(region);
    return NULL;
}

struct weir__region *weir__region_create_closed(struct weir__page_heap *heap, size_t size)
{
    struct weir__region *region = weir__region_create(heap, size, WEIR__CHUNK, false);
    if (!region)
        return NULL;
    if (weir__fault_now() || !headers_open(region, region->npages)) {
        struct weir__list list = {NULL};
        weir__list_push(&list, &region->link);
        weir__region_destroy(&list);
        return NULL;
    }
    weir__relaxed_set(region->frontier, region->npages);
    weir__relaxed_set(region->touched, region->npages);
    return region;
}

/* Headers and chunk lie in the first slab, which no span gets. */
struct weir__region *weir__region_borrow(struct weir__page_heap *heap)
{
    struct weir__chunk *chunk = weir__fault_now() ? NULL : weir__chunk_revive(heap->backing);
    if (!chunk)
        return NULL;
    weir__lock_take(&table.lock);
    struct weir__region *region = region_reuse_locked(&table.borrowed, CHUNK_PAGES);
    if (!region)
        region = entry_add_locked();
    weir__lock_drop(&table.lock);
    weir__os_placement_apply(&heap->placement, chunk, WEIR__CHUNK);
    if (!region || !weir__os_placement_settle(&heap->placement, chunk, WEIR__CHUNK) ||
        !region_set(region, heap, (char *)chunk, WEIR__CHUNK)) {
        weir__os_placement_undo(&heap->placement, chunk, WEIR__CHUNK);
        weir__chunk_retire_one(heap->backing, chunk);
        return NULL;
    }
    weir__relaxed_set(region->pages, (struct weir__span *)(chunk + 1) + 1);
    region->first = WEIR__SLAB >> WEIR__GRANULE_SHIFT;
    weir__relaxed_set(region->frontier, region->first);
    weir__relaxed_set(region->touched, region->first);
    region->room = region->opened = CHUNK_PAGES;
    __atomic_store_n(&region->nheaders, CHUNK_PAGES, __ATOMIC_RELEASE);
    return region;
}

void weir__region_doom_locked(struct weir__page_heap *heap, struct weir__region *region)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__list_remove(&heap->regions, &region->link);
    weir__list_append(&heap->doomed, &region->link);
    heap->reserved -= region->size;
    weir__page_heap_due_locked(heap, WEIR__DUE_DOOMED);
}

void weir__region_destroy(struct weir__list *list)
{
    for (struct weir__region *region; (region = weir__region_of_link(list->first));) {
        weir__list_remove(list, &region->link);
        weir__map_set(region->base, region->size, WEIR__MAP_FOREIGN);
        weir__region_tell(region->base, region->size, false);
        range_give(region);
        region_leave(region);
    }
}

/* The addresses are nobody's in the map while they change hands. */
bool weir__region_remap(struct weir__region *region, size_t size)
{
    weir__assert(region->direct && size && size % WEIR__CHUNK == 0);
    char *base = region->base;
    if (size > region->size && weir__page_heap_keeps_pages(region->heap))
        return false; /* what is added might not be huge */
    unsigned entry = WEIR__MAP_SPANS + region->index;
    weir__map_set(base, region->size, WEIR__MAP_FOREIGN);
    char *moved =
        weir__fault_now() ? NULL : weir__os_remap(base, region->size, size, region->alignment);
    if (moved && weir__map_set(moved, size, entry)) {
        weir__region_tell(base, region->size, false);
        weir__region_tell(moved, size, true);
        weir__relaxed_set(region->base, moved);
        return true;
    }
    weir__assert(!moved);
    weir__map_set(base, region->size, entry);
    return false;
}

size_t weir__region_shrink_locked(struct weir__region *region)
{
    weir__assert(weir__lock_is_mine(&region->heap->lock));
    size_t kept = weir__round_up((size_t)region->frontier << WEIR__GRANULE_SHIFT, WEIR__CHUNK);
    if (region->direct || region->busy || region->first || kept >= region->size || !kept)
        return 0;
    size_t bytes = region->size - kept;
    weir__map_set(region->base + kept, bytes, WEIR__MAP_FOREIGN);
    weir__region_tell(region->base + kept, bytes, false);
    range_unmap(region->base + kept, bytes);
    region->size = kept;
    region->npages = (uint32_t)(kept >> WEIR__GRANULE_SHIFT);
    region->opened = (uint32_t)weir__min(region->opened, region->npages);
    weir__relaxed_set(region->touched, (uint32_t)weir__min(region->touched, region->npages));
    return bytes;
}

/* -- checking ---------------------------------------------------------------------------- */

static bool layout_is_valid(const struct weir__region *region, uint32_t page, bool after_hole)
{
    const struct weir__span *span = &region->pages[page], *end = span + span->npages - 1;
    bool hole = span->state == WEIR__PAGE_HOLE;
    if (!span->npages || span->npages > region->frontier - page || span->region != region->index ||
        (hole && after_hole) ||
        (!hole && span->state != WEIR__PAGE_SPAN && span->state != WEIR__PAGE_IDLE))
        return false;
    return span->npages == 1 || region->direct ||
           end->state == (hole ? WEIR__PAGE_HOLE_END : WEIR__PAGE_SPAN_END);
}

static bool bounds_are_valid(const struct weir__region *region)
{
    unsigned entry = WEIR__MAP_SPANS + region->index;
    return region->first <= region->frontier && region->frontier <= region->touched &&
           region->touched <= region->opened &&
           (region->busy || region->npages == region->size >> WEIR__GRANULE_SHIFT) &&
           ((region->direct && region->busy) || /* it is being moved */
            (weir__map_get(region->base) == entry &&
             weir__map_get(region->base + region->size - 1) == entry));
}

bool weir__region_is_valid(const struct weir__region *region, size_t *live, size_t *nholes)
{
    bool hole = false;
    if (!bounds_are_valid(region))
        return false;
    for (uint32_t page = region->first; page < region->frontier;) {
        const struct weir__span *span = &region->pages[page];
        if (!layout_is_valid(region, page, hole))
            return false;
        hole = span->state == WEIR__PAGE_HOLE;
        *nholes += hole;
        if (span->state == WEIR__PAGE_SPAN)
            *live += (size_t)span->npages << WEIR__GRANULE_SHIFT;
        page += span->npages;
    }
    return !hole;
}
