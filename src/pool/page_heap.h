/*
 * pool/page_heap.h - the memory of a pool: slabs for blocks up to 16 KiB (pool/chunk.h), spans
 * for the rest (pool/span.h), and when it goes back to the system. It knows sizes and addresses,
 * not requests: who owns a block and how it is counted is the business of the layers above.
 *
 * One lock a page heap (rank "page heap"). Several class centers and any number of allocators share
 * a page heap. The system is asked to purge or unmap with the lock dropped: what has to go is
 * taken out of the layout before (pool/purge.h, `doomed`).
 */
#ifndef WEIR_POOL_PAGE_HEAP_H
#define WEIR_POOL_PAGE_HEAP_H

#include "backing/backing.h"
#include "os/lock.h"
#include "os/placement.h"
#include "os/residence.h"
#include "pool/policy.h"
#include "pool/region.h"
#include "pool/slab.h"

#define WEIR__REGION_FIRST (256 * WEIR__MIB)

/* Bins of holes: exact for 1..32 pages, then 16 a power of two. */
#define WEIR__EXACT_PAGES 32
#define WEIR__BIN_COUNT   (WEIR__EXACT_PAGES + 16 * 27)

_Static_assert(WEIR__BIN_COUNT <= UINT16_MAX, "u.hole.bin holds any");
_Static_assert(WEIR__BIN_COUNT <= 32 * 64, "bin_words has a bit for each word of bin_used");

/* What is to be done when the lock is not held. */
enum { WEIR__DUE_DECAY = 1, WEIR__DUE_BUDGET = 2, WEIR__DUE_DOOMED = 4 };

/* All fields are written under the lock. */
struct weir__page_heap {
    weir__lock lock; /* its holder writes all that follows, but what never changes */
    uint32_t due;    /* bits; atomic: read without the lock */
    const struct weir__backing *backing; /* never changes */
    const struct weir__policy *policy;   /* never changes */
    void *owner;                         /* whose it is, for the layer above; the same */
    struct weir__os_placement placement; /* the same: set before the first use */
    bool hardened;                       /* all its slabs and spans are: the same */

    /* Slabs: see pool/chunk.h. */
    struct weir__list chunks;  /* every chunk, latest first */
    struct weir__chunk *fresh; /* the chunk whose never-used slabs come next */
    struct weir__slab *dirty_slabs, *clean_slabs;
    struct weir__slab *oldest_dirty; /* the end of that list */
    size_t nused_slabs, nfree_slabs, ndirty_slabs;

    /* Spans: see pool/span.h; holes by size: see pool/hole.h, how the bits go with them, too. */
    struct weir__list regions;               /* in the order of making */
    struct weir__list doomed;                /* regions in no list above, to be destroyed */
    struct weir__list bins[WEIR__BIN_COUNT]; /* holes */
    uint64_t bin_used[(WEIR__BIN_COUNT + 63) / 64];
    uint32_t bin_words;
    struct weir__span *idle; /* freed last, still laid out as a span, or NULL */
    size_t next_region;      /* size of the next region, bytes */

    /* The clock: milliseconds, wrapping, read every policy->look_ops gives. */
    uint64_t clock_start; /* of the coarse clock, ns */
    uint32_t ops;         /* gives until it is read again */
    uint32_t now;         /* what it said then */
    uint32_t decayed_at;  /* when decay was last due */

    uint32_t nshelves; /* that spans of it may lie on (pool/shelf.h) */

    int64_t given; /* bytes freed, less those until the budget is looked at */
    bool purging;  /* a thread is at it */

    uint64_t random;             /* hardened: what its choices are drawn from */
    struct weir__fences *fences; /* hardened: spans that wait (pool/fenced.h); NULL: none
                                  * yet; atomic, set once */

    const void *taker; /* whom a span is being taken for; from --enable-debug=1 on */

    /* Figures, bytes. */
    size_t reserved;   /* addresses of regions and chunks */
    size_t headers;    /* slab headers */
    size_t guarded;    /* in spans of places of pool/trap.h, which `reserved` has not */
    size_t span_live;  /* in spans, live or on shelves, whole pages */
    size_t hole_dirty; /* in holes that may be resident */
};

WEIR__INLINE struct weir__region *weir__region_first(const struct weir__page_heap *heap)
{
    return weir__region_of_link(heap->regions.first);
}

WEIR__INLINE struct weir__region *weir__region_next(const struct weir__region *region)
{
    return weir__region_of_link(region->link.next);
}

void weir__page_heap_init(struct weir__page_heap *heap, const struct weir__backing *backing,
                          const struct weir__policy *policy);

/* Gives everything back; nobody may hold a block. */
void weir__page_heap_destroy(struct weir__page_heap *heap);

/* Purges what is free and gives whole free chunks and regions back; `addresses`: and those
 * that no span was ever at, too, because the system refused some. Bytes no longer resident. */
size_t weir__page_heap_trim(struct weir__page_heap *heap, bool addresses);

/*
 * Decay: what nobody re-used for decay_ms (pool/policy.h) goes back to the system, looked at
 * every step_ms and, to keep steady loads free of faults, at most half of it a half-life: the
 * dirty bytes of an idle page heap halve every decay_ms. An operation ticks with the lock held;
 * the work is then due for weir__page_heap_relieve.
 */
void weir__page_heap_tick_slow_locked(struct weir__page_heap *heap);
WEIR__INLINE void weir__page_heap_tick_locked(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(heap->ops > 0);
    if (weir__unlikely(!--heap->ops))
        weir__page_heap_tick_slow_locked(heap);
}

/* Does what is due: decay, the budget, the end of regions. The lock is not held; called after
 * whatever gives memory back. */
void weir__page_heap_relieve_slow(struct weir__page_heap *heap);
WEIR__INLINE void weir__page_heap_relieve(struct weir__page_heap *heap)
{
    if (weir__unlikely(weir__relaxed_get(heap->due)))
        weir__page_heap_relieve_slow(heap);
}
WEIR__INLINE void weir__page_heap_due_locked(struct weir__page_heap *heap, uint32_t what)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__relaxed_set(heap->due, heap->due | what);
}

/* Looks at the clock and lets decay work, by who does not hold the lock. */
void weir__page_heap_decay(struct weir__page_heap *heap);

/* Free bytes that may be resident. */
size_t weir__page_heap_dirty_locked(const struct weir__page_heap *heap);

/* Must its pages be huge? Then they are never purged in part. */
WEIR__INLINE bool weir__page_heap_keeps_pages(const struct weir__page_heap *heap)
{
    return heap->placement.huge_pages == WEIR_HUGE_PAGES_REQUIRED;
}

/* What it has open, at most `room` ranges of it; how many there are. Takes the lock. */
size_t weir__page_heap_ranges(struct weir__page_heap *heap, struct weir__os_range *ranges,
                              size_t room);

/* In a forked child: no other thread is at work here. What one had cut out is leaked. */
void weir__page_heap_forked(struct weir__page_heap *heap);

/* Whole-structure check (debug builds and tests). Takes the lock. */
bool weir__page_heap_is_valid(struct weir__page_heap *heap);

#endif
