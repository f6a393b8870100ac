/*
 * pool/store.h - a store of memory: slabs for blocks up to 16 KiB, spans for the
 * rest, both from one backing. It knows sizes and addresses, not requests: who
 * owns a block and how it is counted is the business of the layers above.
 *
 * One lock a store (rank "pool"). Several class centers and any number of
 * allocators share a store.
 */
#ifndef WEIR_POOL_STORE_H
#define WEIR_POOL_STORE_H

#include "backing/backing.h"
#include "os/lock.h"
#include "pool/policy.h"
#include "pool/region.h"
#include "pool/slab.h"

/* Bins of holes: exact for 1..32 pages, then 16 a power of two. */
#define WEIR__REGION_FIRST (256 * WEIR__MIB)
#define WEIR__EXACT_PAGES  32
#define WEIR__BIN_COUNT    (WEIR__EXACT_PAGES + 16 * 27)

struct weir__store {
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

    /* Decay: see weir__store_decay_locked. */
    uint64_t clock_start; /* of the coarse clock, ns */
    uint32_t ops;         /* gives since the clock was last read */
    uint32_t now;         /* the store's clock then */
    uint32_t decayed_at;  /* when decay last ran */

    /* The budget: see weir__store_relieve. */
    size_t given;   /* bytes freed since it was last looked at */
    bool over;      /* it is exceeded; atomic */
    bool relieving; /* a thread is at it */

    /* Figures, bytes. */
    size_t reserved;   /* taken from the backing */
    size_t headers;    /* slab and page headers that are in use, and region tables */
    size_t span_live;  /* in live spans, whole pages */
    size_t hole_dirty; /* in holes that may be resident */
};

void weir__store_init(struct weir__store *store, const struct weir__backing *backing);

/* Gives everything back; nobody may hold a block. */
void weir__store_destroy(struct weir__store *store);

/* A free slab, `zeroed` set truly; NULL when there is no memory. */
struct weir__slab *weir__store_take_slab(struct weir__store *store);
void weir__store_give_slab(struct weir__store *store, struct weir__slab *slab);

/* What a live span remembers of its request. `bytes` is the owner's count of bytes
 * in live spans, whole pages, kept under the store's lock. */
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
struct weir__span *weir__store_take_span(struct weir__store *store, size_t size, size_t alignment,
                                         const struct weir__claim *claim, bool *zeroed);
/* False: the span is not live; nothing happened. */
bool weir__store_give_span(struct weir__store *store, struct weir__span *span, size_t *bytes);
void weir__store_give_span_locked(struct weir__store *store, struct weir__span *span);

/* Grows or shrinks a live span where it stands. False: it cannot. */
bool weir__store_resize_span(struct weir__store *store, struct weir__span *span, size_t size,
                             size_t *bytes);

/* Purges every free slab and hole and gives whole free chunks and regions back.
 * Bytes no longer resident. */
size_t weir__store_trim(struct weir__store *store);

/* Lets memory that nobody re-used for a while go, at most a few steps of work;
 * called with the lock held on slow paths. */
void weir__store_decay_locked(struct weir__store *store);

/* The same at once, by who does not hold the lock. */
void weir__store_decay(struct weir__store *store);

/*
 * Purges free memory beyond the budget (pool/policy.h), down to three quarters of it: so
 * much as was freed since the last look, and a quarter of the budget. Called after a free
 * with the lock not held, which is dropped while the system works; what is purged is out
 * of the layout meanwhile. (pool/budget.c)
 */
void weir__store_relieve_slow(struct weir__store *store);
WEIR__INLINE void weir__store_relieve(struct weir__store *store)
{
    if (weir__unlikely(__atomic_load_n(&store->over, __ATOMIC_RELAXED)))
        weir__store_relieve_slow(store);
}

/* `bytes` came back: is the budget to be looked at? Lock held, as for the next ones. */
void weir__store_budget_look_locked(struct weir__store *store);
WEIR__INLINE void weir__store_given_locked(struct weir__store *store, size_t bytes)
{
    store->given += bytes;
    if (weir__unlikely(store->given >= weir__policy.look_bytes))
        weir__store_budget_look_locked(store);
}

/* In a forked child: no other thread is at work here. */
void weir__store_forked(struct weir__store *store);

/* Dirty pages out of the layout: the end of a region's tail, or a hole. Nobody else takes
 * them until they are put back. (pool/span.c) */
struct weir__cut {
    struct weir__region *region; /* of a tail; else NULL */
    struct weir__span *hole;
    uint32_t npages; /* that the region had */
    char *start;
    size_t size;
};
bool weir__span_cut_locked(struct weir__store *store, size_t wanted, struct weir__cut *cut);
/* `purged`: they read as zero now. */
void weir__span_uncut_locked(struct weir__store *store, const struct weir__cut *cut, bool purged);

/* The dirty slabs that are free for longest, at most so many; and back. (pool/store.c) */
unsigned weir__slabs_cut_locked(struct weir__store *store, struct weir__slab **slabs,
                                unsigned most);
void weir__slab_uncut_locked(struct weir__store *store, struct weir__slab *slab, bool purged);

/* The store's clock: milliseconds, wrapping. */
uint32_t weir__store_clock(const struct weir__store *store);

/* Purges dirty holes that were freed at least `idle_ms` ago, until `quota` bytes are
 * reached; bytes (pool/span.c). */
size_t weir__span_purge_locked(struct weir__store *store, uint32_t idle_ms, size_t quota);
/* Purges what lies between a region's frontier and its touched end; bytes. */
size_t weir__span_purge_tail_locked(struct weir__store *store, struct weir__region *region);
/* Gives back regions that hold nothing (pool/span.c); bytes. */
size_t weir__span_release_locked(struct weir__store *store);

/* Bytes past the frontiers, and of the idle span, that may be resident. */
size_t weir__store_tails_locked(const struct weir__store *store);

/* Makes a hole of the idle span: before anything else looks at the layout. */
void weir__store_settle_locked(struct weir__store *store);

/* For every live span, in address order a region; `visit` may give it back. */
typedef int weir__span_visitor(struct weir__span *span, void *user);
int weir__store_each_span_locked(struct weir__store *store, weir__span_visitor *visit, void *user);

/* Does a live span hold that page of the region? Walks back over headers, for reporting
 * misuse only; any thread, a moment's answer. */
bool weir__span_covers(const struct weir__region *region, size_t page);

/* Whole-structure check (debug builds and tests). */
bool weir__store_is_valid(struct weir__store *store);

#endif
