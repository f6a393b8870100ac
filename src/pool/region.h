/*
 * pool/region.h - the address ranges that spans live in, and their page headers.
 *
 * A region is one range of addresses that weir reserves for itself, in 4 KiB pages, laid out
 * from the left and opened piece by piece as the frontier passes:
 *
 *   | span | hole | span | hole | span |  used before  |  never used  |   no access   |
 *   first                              ^frontier       ^touched       ^opened         ^npages
 *
 * So what is not used yet counts for nothing but addresses: it is not committed, not in a core
 * file, not populated by mlockall. Every page has a header outside the region; only the first and
 * last pages of a span or hole have theirs in use. A direct region holds one span, has one header,
 * is open throughout, and changes its size and place with the span.
 * All under the page heap's lock, but for weir__span_at.
 *
 * Any thread may look up any pointer at any time, also during the free that gives its
 * region back. So a region's entry in the table, its kind and its headers stay for good:
 * `nheaders` only grows, and the headers are never unmapped, only emptied; the next region of the
 * kind gets them (borrowed chunks bring their own, as many). What a racing look-up
 * reads may be of before or after, never of what is not there.
 */
#ifndef WEIR_POOL_REGION_H
#define WEIR_POOL_REGION_H

#include "base/list.h"
#include "pool/label.h"
#include "pool/map.h"

/* The unit of spans and holes: weir's own, whatever the machine's pages are (os/pages.h). */
#define WEIR__GRANULE_SHIFT 12
#define WEIR__GRANULE       ((size_t)1 << WEIR__GRANULE_SHIFT)

enum weir__page_state {
    WEIR__PAGE_NONE = 0, /* inside a span or hole, or past the frontier */
    WEIR__PAGE_SPAN,     /* first page of a span: its label says whether it is live */
    WEIR__PAGE_SPAN_END, /* last page of one of several pages */
    WEIR__PAGE_HOLE,     /* first page of a hole */
    WEIR__PAGE_HOLE_END, /* last page of one of several pages; npages is the hole's */
    WEIR__PAGE_IDLE      /* first page of the span freed last (span.h), or of a cut hole */
};

/* Header of a page. `npages` counts at the first page, and for holes the last; it, `owner`, `tag`
 * and `direct` are atomic, and what a hole has in their place: lookups of pointers that are not
 * live any more read them without the lock. */
struct weir__span {
    uint32_t npages;
    uint16_t region; /* index of the region; set at both ends */
    uint8_t state;   /* enum weir__page_state; atomic */
    bool zeroed;     /* hole: all of it is known to be zero (purged, never touched since) */
    union {
        struct {            /* a span */
            uint64_t label; /* pool/label.h: atomic */
            const void *owner;
            uint32_t tag;
            uint8_t
                direct; /* its region is; or WEIR__SPAN_GUARDED: it is in none of a page heap's */
            uint8_t filled; /* the color of the block that was there (pool/fill.h) */
        } live;
        struct { /* a hole; linked in its bin */
            struct weir__link link;
            uint32_t freed_at; /* the page heap's clock */
            uint16_t bin;      /* where it is linked */
            uint8_t filled; /* first pages of a freed block that have its pattern (pool/fill.h) */
            uint8_t color;  /* of that block */
        } hole;
    } u;
};

#define WEIR__SPAN_GUARDED 2 /* pool/trap.h */
#define WEIR__SPAN_FENCED  3 /* pool/fenced.h: it is in a page heap's, but for its pages */

_Static_assert(sizeof(struct weir__span) == 32, "two page headers a cache line");

/* Called when a page heap took addresses (true) or gave them back; NULL: nobody asked. Atomic;
 * set once. */
extern void (*weir__region_hook)(const void *address, size_t size, bool taken);

WEIR__INLINE void weir__region_tell(const void *address, size_t size, bool taken)
{
    void (*tell)(const void *, size_t, bool) =
        __atomic_load_n(&weir__region_hook, __ATOMIC_ACQUIRE);
    if (tell)
        tell(address, size, taken);
}

struct weir__page_heap;

struct weir__region {
    char *base; /* all is written under the page heap's lock. Lookups read base, frontier, touched,
                   nheaders, direct and pages without it: those are atomic */
    uint32_t npages;
    uint32_t first;      /* 0, or past the header of a borrowed chunk */
    uint32_t frontier;   /* first page past the last span or hole */
    uint32_t touched;    /* first page never handed out: zero from here on */
    uint32_t opened;     /* first page without access */
    uint32_t lowered_at; /* the page heap's clock when the frontier last went down */
    uint32_t nheaders;   /* of `pages` that may be read; only grows */
    uint16_t index;
    bool direct;              /* holds one huge span and goes back with it */
    bool busy;                /* it is being moved, or its tail purged: npages is less meanwhile, */
    uint32_t busy_touched;    /* and touched was this */
    uint32_t room;            /* headers that fit their reservation; constant */
    struct weir__span *pages; /* headers; the one at -1 may be read too */
    size_t size, alignment;   /* of the range */
    struct weir__page_heap *heap;
    struct weir__link link; /* of the page heap: in the order of making; or free ones: LIFO */
    struct weir__span own;  /* the header of a direct region */
} __attribute__((aligned(128)));

_Static_assert(sizeof(struct weir__region) == 128, "no cache line holds two regions");

/* The table of regions, in blocks that are never unmapped; those that were made are in use or
 * free. */
#define WEIR__REGION_SHIFT 9
#define WEIR__REGION_BLOCK (1u << WEIR__REGION_SHIFT)
#define WEIR__REGIONS      ((UINT16_MAX - WEIR__MAP_SPANS) & ~(WEIR__REGION_BLOCK - 1))
extern struct weir__region *weir__region_blocks[WEIR__REGIONS / WEIR__REGION_BLOCK];

_Static_assert(WEIR__REGIONS + WEIR__MAP_SPANS <= UINT16_MAX, "the map names every region");

WEIR__INLINE struct weir__region *weir__region_at(unsigned index)
{
    weir__assert(index < WEIR__REGIONS && weir__region_blocks[index >> WEIR__REGION_SHIFT]);
    return &weir__region_blocks[index >> WEIR__REGION_SHIFT][index & (WEIR__REGION_BLOCK - 1)];
}

WEIR__INLINE struct weir__region *weir__region_of_map(unsigned map_entry)
{
    weir__assert(map_entry >= WEIR__MAP_SPANS);
    return weir__region_at(map_entry - WEIR__MAP_SPANS);
}

WEIR__INLINE struct weir__region *weir__region_of_link(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__region, link);
}

/* The header of the page that `pointer` lies in, as its map entry says; NULL: it has none.
 * Any thread, any pointer. */
WEIR__INLINE struct weir__span *weir__span_at(unsigned map_entry, const void *pointer)
{
    const struct weir__region *region = weir__region_of_map(map_entry);
    const char *base = weir__relaxed_get(region->base);
    size_t page = (size_t)((const char *)pointer - base) >> WEIR__GRANULE_SHIFT;
    bool known = page < weir__relaxed_get(region->nheaders);
    return weir__likely(known) ? &weir__relaxed_get(region->pages)[page] : NULL;
}

WEIR__INLINE struct weir__region *weir__span_region(const struct weir__span *span)
{
    return weir__region_at(span->region);
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

WEIR__INLINE size_t weir__span_bytes(const struct weir__span *span)
{
    return (size_t)weir__relaxed_get(span->npages) << WEIR__GRANULE_SHIFT;
}

/* Whose it is; any thread. */
WEIR__INLINE const void *weir__span_owner(const struct weir__span *span)
{
    return weir__relaxed_get(span->u.live.owner);
}

/* The state of a page is written under the page heap's lock and read by any thread. */
WEIR__INLINE enum weir__page_state weir__page_state(const struct weir__span *page)
{
    return (enum weir__page_state)weir__relaxed_get(page->state);
}

WEIR__INLINE void weir__page_set(struct weir__span *page, enum weir__page_state state)
{
    weir__relaxed_set(page->state, (uint8_t)state);
}

/* Is there a hole next to these pages? Without the lock a moment's answer. */
WEIR__INLINE bool weir__span_has_hole_beside(const struct weir__span *span, uint32_t npages)
{
    enum weir__page_state left = weir__page_state(span - 1);
    return left == WEIR__PAGE_HOLE_END || left == WEIR__PAGE_HOLE ||
           weir__page_state(span + npages) == WEIR__PAGE_HOLE;
}

/* What the label says; any thread. */
WEIR__INLINE uint64_t weir__span_label(const struct weir__span *span)
{
    return weir__label_get(&span->u.live.label);
}

/* Of a live span, as the next. */
WEIR__INLINE char *weir__span_block(const struct weir__span *span)
{
    return weir__span_start(span) + weir__label_offset(weir__span_label(span));
}

WEIR__INLINE bool weir__span_is_guarded(const struct weir__span *span)
{
    return weir__unlikely(weir__relaxed_get(span->u.live.direct) == WEIR__SPAN_GUARDED);
}

WEIR__INLINE bool weir__span_is_fenced(const struct weir__span *span)
{
    return weir__unlikely(weir__relaxed_get(span->u.live.direct) == WEIR__SPAN_FENCED);
}

/* Either: nothing behind its block is the block's own. */
WEIR__INLINE bool weir__span_is_exact(const struct weir__span *span)
{
    return weir__unlikely(weir__relaxed_get(span->u.live.direct) >= WEIR__SPAN_GUARDED);
}

/* Of the block with this label. */
WEIR__INLINE size_t weir__span_usable_by(const struct weir__span *span, uint64_t label)
{
    return weir__span_is_exact(span) ? weir__label_size(label)
                                     : weir__span_bytes(span) - weir__label_offset(label);
}

WEIR__INLINE size_t weir__span_usable(const struct weir__span *span)
{
    return weir__span_usable_by(span, weir__span_label(span));
}

/* Does a live block with this label start there? The pointer lies in the first page. */
WEIR__INLINE bool weir__label_starts_at(uint64_t label, const void *pointer)
{
    return weir__label_is_live(label) &&
           ((uintptr_t)pointer & (WEIR__GRANULE - 1)) == weir__label_offset(label);
}

/* The same of one that is not sampled, for as many instructions: with that bit, which stands
 * before the color, the offset would be beyond the page. */
WEIR__INLINE bool weir__label_starts_plain(uint64_t label, const void *pointer)
{
    _Static_assert(WEIR__LABEL_SAMPLED >> WEIR__LABEL_COLOR_SHIFT == WEIR__GRANULE / WEIR__LINE,
                   "the offset of a sampled one is out of reach");
    return weir__label_is_live(label) && ((uintptr_t)pointer & (WEIR__GRANULE - 1)) ==
                                             (label >> WEIR__LABEL_COLOR_SHIFT & 127) * WEIR__LINE;
}

/* A region of `size` bytes, whole chunks, for `heap`, none of it open; NULL: no addresses. */
struct weir__region *weir__region_create(struct weir__page_heap *heap, size_t size,
                                         size_t alignment, bool direct);

/* A region on no page heap's list, all of whose headers may be read and none of whose pages; it
 * stays. `heap` is whose placement it has. NULL: the system refuses. */
struct weir__region *weir__region_create_closed(struct weir__page_heap *heap, size_t size);

/* A region in a retired chunk, open, without its first pages: what is left where the system has
 * no addresses; NULL: there is none. */
struct weir__region *weir__region_borrow(struct weir__page_heap *heap);

/* Opens the first `npages` pages, and more ahead, and their headers. False: the system refuses. */
bool weir__region_open(struct weir__region *region, uint32_t npages);

/* Closes what is open past the frontier, where pages may be given back in whole huge pages only;
 * bytes of it that were used. */
size_t weir__region_shut_locked(struct weir__region *region);

/* Makes a direct region `size` bytes, where it stands or elsewhere, with the contents and without
 * copying. False, and nothing changed: the system cannot, or pages must be huge. Lock not held:
 * nobody else has the block. */
bool weir__region_remap(struct weir__region *region, size_t size);

/* Gives back the addresses past the frontier; bytes. */
size_t weir__region_shrink_locked(struct weir__region *region);

/* Takes the region off its page heap, to be destroyed when the lock is dropped. */
void weir__region_doom_locked(struct weir__page_heap *heap, struct weir__region *region);

/* Gives the regions of the list back, which are in no page heap any more; the entries and the
 * headers wait for the next regions. No lock held. */
void weir__region_destroy(struct weir__list *list);

/* Is the layout whole? Adds to the bytes of live spans and the number of holes. */
bool weir__region_is_valid(const struct weir__region *region, size_t *live, size_t *nholes);

#endif
