/*
 * pool/page_heap.h - a page heap of memory: slabs for blocks up to 16 KiB, spans for the
 * rest, both from one backing. It knows sizes and addresses, not requests: who
 * owns a block and how it is counted is the business of the layers above.
 *
 * One lock a page heap (rank "pool"). Several class centers and any number of
 * allocators share a page heap.
 */
#ifndef WEIR_POOL_PAGE_HEAP_H
#define WEIR_POOL_PAGE_HEAP_H

#include "backing/backing.h"
#include "os/lock.h"
#include "pool/policy.h"
#include "pool/region.h"
#include "pool/slab.h"

/* Bins of holes: exact for 1..32 pages, then 16 a power of two. */
#define WEIR__REGION_FIRST (256 * WEIR__MIB)
#define WEIR__EXACT_PAGES  32
#define WEIR__BIN_COUNT    (WEIR__EXACT_PAGES + 16 * 27)

struct weir__page_heap {
    weir__lock lock;
    const struct weir__backing *backing;

    /* Slabs. Free ones are taken where they are warm: of `dirty_slabs`, used since they were
     * last purged, LIFO; then of `clean_slabs`, purged, LIFO; then fresh ones. */
    struct weir__chunk *chunks; /* every chunk, latest first */
    struct weir__chunk *fresh;  /* the chunk whose never-used slabs come next */
    struct weir__slab *dirty_slabs, *clean_slabs;
    struct weir__slab *oldest_dirty; /* the end of that list */
    size_t nused_slabs, nfree_slabs, ndirty_slabs;

    /* Spans; holes by size as pool/hole.h says, how the bits go with them too. */
    struct weir__region *regions, *last_region;
    struct weir__span *bins[WEIR__BIN_COUNT]; /* LIFO lists of holes */
    uint64_t bin_used[(WEIR__BIN_COUNT + 63) / 64];
    uint32_t bin_words;
    struct weir__span *idle; /* freed last, still laid out as a span, or NULL */
    size_t next_region;      /* size of the next region, bytes */

    /* Decay: see weir__page_heap_decay_locked. */
    uint64_t clock_start; /* of the coarse clock, ns */
    uint32_t ops;         /* gives since the clock was last read */
    uint32_t now;         /* the page heap's clock then */
    uint32_t decayed_at;  /* when decay last ran */

    /* The budget: see weir__page_heap_relieve. */
    size_t given;   /* bytes freed since it was last looked at */
    bool over;      /* it is exceeded; atomic */
    bool relieving; /* a thread is at it */

    /* Figures, bytes. */
    size_t reserved;   /* taken from the backing */
    size_t headers;    /* slab and page headers that are in use, and region tables */
    size_t span_live;  /* in live spans, whole pages */
    size_t hole_dirty; /* in holes that may be resident */
};

void weir__page_heap_init(struct weir__page_heap *heap, const struct weir__backing *backing);

/* Gives everything back; nobody may hold a block. */
void weir__page_heap_destroy(struct weir__page_heap *heap);

/* A free slab, `zeroed` set truly; NULL when there is no memory. */
struct weir__slab *weir__page_heap_take_slab(struct weir__page_heap *heap);
void weir__page_heap_give_slab(struct weir__page_heap *heap, struct weir__slab *slab);

/* What a live span remembers of its request. `bytes` is the owner's count of bytes
 * in live spans, whole pages, kept under the page heap's lock. */
struct weir__claim {
    const void *owner;
    size_t requested;
    uint32_t tag;
    size_t *bytes;
};

/*
 * A live span of at least `size` bytes at `alignment` (a power of two), its
 * block `weir__span_block`. *zeroed: the usable bytes are known to be zero. NULL
 * when there is no memory.
 */
struct weir__span *weir__page_heap_take_span(struct weir__page_heap *heap, size_t size,
                                             size_t alignment, const struct weir__claim *claim,
                                             bool *zeroed);
/* False: the span is not live; nothing happened. */
bool weir__page_heap_give_span(struct weir__page_heap *heap, struct weir__span *span,
                               size_t *bytes);
void weir__page_heap_give_span_locked(struct weir__page_heap *heap, struct weir__span *span);

/* Grows or shrinks a live span where it stands. False: it cannot. */
bool weir__page_heap_resize_span(struct weir__page_heap *heap, struct weir__span *span, size_t size,
                                 size_t *bytes);

/* Purges every free slab and hole and gives whole free chunks and regions back.
 * Bytes no longer resident. */
size_t weir__page_heap_trim(struct weir__page_heap *heap);

/* Lets memory that nobody re-used for a while go, at most a few steps of work;
 * called with the lock held on slow paths. */
void weir__page_heap_decay_locked(struct weir__page_heap *heap);

/* The same at once, by who does not hold the lock. */
void weir__page_heap_decay(struct weir__page_heap *heap);

/*
 * Purges free memory beyond the budget (pool/policy.h), down to three quarters of it: so
 * much as was freed since the last look, and a quarter of the budget. Called after a free
 * with the lock not held, which is dropped while the system works; what is purged is out
 * of the layout meanwhile. (pool/budget.c)
 */
void weir__page_heap_relieve_slow(struct weir__page_heap *heap);
WEIR__INLINE void weir__page_heap_relieve(struct weir__page_heap *heap)
{
    if (weir__unlikely(__atomic_load_n(&heap->over, __ATOMIC_RELAXED)))
        weir__page_heap_relieve_slow(heap);
}

/* `bytes` came back: is the budget to be looked at? Lock held, as for the next ones. */
void weir__page_heap_budget_look_locked(struct weir__page_heap *heap);
WEIR__INLINE void weir__page_heap_given_locked(struct weir__page_heap *heap, size_t bytes)
{
    heap->given += bytes;
    if (weir__unlikely(heap->given >= weir__policy.look_bytes))
        weir__page_heap_budget_look_locked(heap);
}

/* In a forked child: no other thread is at work here. */
void weir__page_heap_forked(struct weir__page_heap *heap);

/* Dirty pages out of the layout: the end of a region's tail, or a hole. Nobody else takes
 * them until they are put back. (pool/span.c) */
struct weir__cut {
    struct weir__region *region; /* of a tail; else NULL */
    struct weir__span *hole;
    uint32_t npages; /* that the region had */
    char *start;
    size_t size;
};
bool weir__span_cut_locked(struct weir__page_heap *heap, size_t wanted, struct weir__cut *cut);
/* `purged`: they read as zero now. */
void weir__span_uncut_locked(struct weir__page_heap *heap, const struct weir__cut *cut,
                             bool purged);

/* The dirty slabs that are free for longest, at most so many; and back. (pool/page_heap.c) */
unsigned weir__slabs_cut_locked(struct weir__page_heap *heap, struct weir__slab **slabs,
                                unsigned most);
void weir__slab_uncut_locked(struct weir__page_heap *heap, struct weir__slab *slab, bool purged);

/* The page heap's clock: milliseconds, wrapping. */
uint32_t weir__page_heap_clock(const struct weir__page_heap *heap);

/* Purges dirty holes that were freed at least `idle_ms` ago, until `quota` bytes are
 * reached; bytes (pool/span.c). */
size_t weir__span_purge_locked(struct weir__page_heap *heap, uint32_t idle_ms, size_t quota);
/* Purges what lies between a region's frontier and its touched end; bytes. */
size_t weir__span_purge_tail_locked(struct weir__page_heap *heap, struct weir__region *region);
/* Gives back regions that hold nothing (pool/span.c); bytes. */
size_t weir__span_release_locked(struct weir__page_heap *heap);

/* Bytes past the frontiers, and of the idle span, that may be resident. */
size_t weir__page_heap_tails_locked(const struct weir__page_heap *heap);

/* Makes a hole of the idle span: before anything else looks at the layout. */
void weir__page_heap_settle_locked(struct weir__page_heap *heap);

/* For every live span, in address order a region; `visit` may give it back. */
typedef int weir__span_visitor(struct weir__span *span, void *user);
int weir__page_heap_each_span_locked(struct weir__page_heap *heap, weir__span_visitor *visit,
                                     void *user);

/* Does a live span hold that page of the region? Walks back over headers, for reporting
 * misuse only; any thread, a moment's answer. */
bool weir__span_covers(const struct weir__region *region, size_t page);

/* Whole-structure check (debug builds and tests). */
bool weir__page_heap_is_valid(struct weir__page_heap *heap);

#endif
