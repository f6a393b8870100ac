/*
 * pool/region.h - the address ranges that spans live in, and their page headers.
 *
 * A region is one range from the backing, in 4 KiB pages, laid out from the left:
 *
 *   | span | hole | span | span | hole | span |   never used, or given back   |
 *   0                                         ^frontier                       ^npages
 *
 * Every page has a header outside the region; only the first and last pages of a
 * span or hole have theirs in use. A direct region holds one span and has one header.
 * All under the page heap's lock, but for weir__span_at.
 *
 * Any thread may look up any pointer at any time, also beside the free that gives its
 * region back. So a region's entry in the table, its kind and its headers stay for good:
 * `pages` and `nheaders` never change once they are set, and the headers are never
 * unmapped, only emptied; the next region of the kind gets them. What a racing look-up
 * reads may be of before or after, never of what is not there.
 */
#ifndef WEIR_POOL_REGION_H
#define WEIR_POOL_REGION_H

#include "pool/map.h"

/* The unit of spans and holes: weir's own, whatever the machine's pages are (os/pages.h). */
#define WEIR__GRANULE_SHIFT 12
#define WEIR__GRANULE       ((size_t)1 << WEIR__GRANULE_SHIFT)

enum weir__page_state {
    WEIR__PAGE_NONE = 0, /* inside a span or hole, or past the frontier */
    WEIR__PAGE_SPAN,     /* first page of a live span */
    WEIR__PAGE_SPAN_END, /* last page of one of several pages */
    WEIR__PAGE_HOLE,     /* first page of a hole */
    WEIR__PAGE_HOLE_END, /* last page of one of several pages; npages is the hole's */
    WEIR__PAGE_IDLE      /* first page of the span freed last (page heap.h) */
};

/* Header of a page. `npages` counts at the first page, and for holes the last. */
struct weir__span {
    uint32_t npages;
    uint16_t region; /* index in weir__regions; set at both ends */
    uint8_t state;
    bool zeroed; /* hole: all of it is known to be zero (purged, never touched since) */
    union {
        struct { /* a live span */
            size_t requested;
            const void *owner;
            uint32_t tag;
            uint16_t color; /* block = page start + color * 64 */
            uint8_t align_shift;
            bool old; /* allocated before the latest checkpoint */
        } live;
        struct { /* a hole; linked in its bin */
            struct weir__span *next, *prev;
            uint32_t freed_at; /* the page heap's clock */
            uint16_t bin;      /* where it is linked */
        } hole;
    } u;
};

_Static_assert(sizeof(struct weir__span) == 32, "two page headers a cache line");

/* Called when a pool took memory from the backing (true) or gave it back, with locks of the
 * pool held; NULL: nobody asked. Atomic; set once. */
extern void (*weir__region_watcher)(const void *address, size_t size, bool taken);

WEIR__INLINE void weir__region_tell(const void *address, size_t size, bool taken)
{
    void (*tell)(const void *, size_t, bool) =
        __atomic_load_n(&weir__region_watcher, __ATOMIC_ACQUIRE);
    if (tell)
        tell(address, size, taken);
}

struct weir__page_heap;

struct weir__region {
    char *base; /* atomic: read without the lock */
    uint32_t npages;
    uint32_t frontier;   /* first page past the last span or hole */
    uint32_t touched;    /* first page never handed out: zero from here on */
    uint32_t lowered_at; /* the page heap's clock when the frontier last went down */
    uint16_t index;
    bool direct;              /* holds one huge span and goes back with it */
    bool busy;                /* its tail is being purged: npages is less meanwhile, */
    uint32_t busy_touched;    /* and touched was this */
    uint32_t nheaders;        /* of `pages`: npages at least, 1 of a direct region; atomic */
    struct weir__span *pages; /* headers; guards at -1 and npages, but not of a direct region */
    size_t size, alignment;   /* as taken from the backing */
    struct weir__page_heap *heap;
    struct weir__region *next; /* of the page heap: in the order of making; or free ones: LIFO */
    struct weir__span own;     /* the header of a direct region */
} __attribute__((aligned(128)));

/* The entries [0, regions made) are in use or free; the system backs what is touched. */
#define WEIR__REGIONS 65533
extern struct weir__region weir__regions[WEIR__REGIONS];

_Static_assert(WEIR__REGIONS + WEIR__MAP_SPANS <= UINT16_MAX, "the map names every region");

WEIR__INLINE struct weir__region *weir__region_of_map(unsigned map_entry)
{
    return &weir__regions[map_entry - WEIR__MAP_SPANS];
}

/* The header of the page that `pointer` lies in, as its map entry says; NULL: it has none.
 * Any thread, any pointer. */
WEIR__INLINE struct weir__span *weir__span_at(unsigned map_entry, const void *pointer)
{
    const struct weir__region *region = weir__region_of_map(map_entry);
    const char *base = __atomic_load_n(&region->base, __ATOMIC_RELAXED);
    size_t page = (size_t)((const char *)pointer - base) >> WEIR__GRANULE_SHIFT;
    bool known = page < __atomic_load_n(&region->nheaders, __ATOMIC_RELAXED);
    return weir__likely(known) ? &region->pages[page] : NULL;
}

WEIR__INLINE struct weir__region *weir__span_region(const struct weir__span *span)
{
    return &weir__regions[span->region];
}

WEIR__INLINE uint32_t weir__span_page(const struct weir__span *span)
{
    return (uint32_t)(span - weir__span_region(span)->pages);
}

WEIR__INLINE char *weir__span_start(const struct weir__span *span)
{
    const struct weir__region *region = weir__span_region(span);
    return region->base + ((size_t)(span - region->pages) << WEIR__GRANULE_SHIFT);
}

WEIR__INLINE char *weir__span_block(const struct weir__span *span)
{
    return weir__span_start(span) + (size_t)span->u.live.color * 64;
}

WEIR__INLINE size_t weir__span_usable(const struct weir__span *span)
{
    return ((size_t)span->npages << WEIR__GRANULE_SHIFT) - (size_t)span->u.live.color * 64;
}

/* A region of at least `size` bytes for `page heap`; NULL when there is no memory. */
struct weir__region *weir__region_create(struct weir__page_heap *heap, size_t size,
                                         size_t alignment, bool direct);

/* Gives its memory back; the entry and the headers wait for the next region. */
void weir__region_destroy(struct weir__region *region);

#endif
