/*
 * pool/center.h - the center of a size class: slabs of that class of one owner, and free
 * blocks on their way between thread caches. An owner has several centers a class (shards),
 * so that threads seldom share a slab: their ledger entries would lie in one cache line. A
 * block goes back to the center of its slab, whichever thread frees it (pool/cache.h); a batch to
 * the center of its first block.
 *
 *   thread caches  --batch-->  depot | returns  --batch-->  thread caches
 *                                |    (remote frees)
 *                              slabs  <-->  page heap
 *
 * A batch moves as a whole, whosever slabs its blocks lie in. A block that leaves the depot
 * for its slab and belongs to another center is a stray: it is carried there once the lock
 * is dropped, because centers' locks have one rank.
 *
 * Owns its slabs, depot and returns; knows nothing of allocators but their address. The lock
 * (rank "class") covers everything but the returns, where a thread that finds it
 * taken leaves its batch. Book-keeping of a center: at most WEIR__CENTER_BYTES, however
 * many threads and blocks there are.
 *
 * Two threads that free a block at one instant make two copies of it. The second to come to
 * a slab finds the block not cached, and is noted (pool/late_misuse.h) and dropped.
 */
#ifndef WEIR_POOL_CENTER_H
#define WEIR_POOL_CENTER_H

#include "base/list.h"
#include "os/lock.h"
#include "pool/depot.h"
#include "pool/family.h"
#include "pool/returns.h"
#include "pool/slab.h"

#define WEIR__CENTER_BYTES (WEIR__DEPOT_BYTES + 4096)

struct weir__center {
    weir__lock lock;    /* up to `family` all is set before anybody sees the center, and stays; */
    uint16_t sizeclass; /* the rest is written by the holder of the lock */
    uint16_t batch;     /* blocks moved at a time */
    uint64_t home;      /* of its slabs */
    struct weir__page_heap *page_heap;
    struct weir__family *family;  /* NULL: it has no siblings */
    struct weir__center *sibling; /* the next of the ring, itself if alone; atomic */
    struct weir__slab *partial;   /* slabs with a free block; LIFO */
    struct weir__slab *full;      /* slabs with none; LIFO */
    struct weir__depot depot;
    uint32_t takes, came;           /* batches that were taken, and that others brought home */
    uint32_t takes_seen, came_seen; /* what siblings go by; with the family's lock, too */
    uint32_t borrowed;              /* blocks of siblings, since the last new slab */
    size_t nout;                    /* blocks not in slabs: live, cached, in depot or returns */
    size_t nslabs;                  /* atomic: read without the lock to skip what is empty */
    struct weir__returns *returns;  /* atomic: made under the lock when first wanted */
    struct weir__center *next;      /* of its shard (pool/shard.h); never changes */
} __attribute__((aligned(WEIR__LINE)));

/* Any thread, a moment's answer: neither slabs nor blocks of others. */
WEIR__INLINE bool weir__center_is_empty(const struct weir__center *center)
{
    return weir__relaxed_get(center->nslabs) == 0 && weir__relaxed_get(center->depot.count) == 0 &&
           !weir__returns_first(__atomic_load_n(&center->returns, __ATOMIC_ACQUIRE));
}

/* One without siblings, whose slabs have that home. */
void weir__center_init(struct weir__center *center, unsigned sizeclass,
                       struct weir__page_heap *page_heap, uint64_t home);

/* Up to center->batch free blocks into `blocks`; 0: no memory. */
unsigned weir__center_take(struct weir__center *center, struct weir__cached *blocks);

/* The same until there are `least`, as long as the center has some: at most a batch more than that.
 * `foreign` (may be NULL) has blocks that were freed away from their home: those that the center
 * may have are taken out of it, before slabs are asked for. */
unsigned weir__center_take_many(struct weir__center *center, struct weir__cached *blocks,
                                unsigned least, struct weir__bin *foreign);

/* Takes `count` (1 to a batch) cached blocks of the class and owner of `own` back, at the
 * center where the first belongs. True: most of the class is free (pool/policy.h,
 * loose_bytes), so that what caches hold back keeps whole slabs from going back; blocks go
 * into their slabs at once then. */
bool weir__center_give(struct weir__center *own, const struct weir__cached *blocks, unsigned count);

/* The same for any number of blocks that were freed away from their home: into the depot, however
 * few they are. Most of them belong where the first does. */
void weir__center_bring_home(struct weir__center *own, const struct weir__cached *blocks,
                             unsigned count);

/* The center where a cached block of the class and owner of `own` belongs at this moment; NULL:
 * its slab serves others by now, so that this is the second copy of a block that went back with
 * its slab. */
struct weir__center *weir__center_of(const struct weir__center *own,
                                     const struct weir__cached *cached);

/* Puts the blocks of depot and returns that belong to its slabs into them. The lock is held. */
void weir__center_settle_locked(struct weir__center *center);

/* Puts every block of depot and returns into its slab, also those of other centers, and free
 * slabs into the page heap; the memory of the depot goes. */
void weir__center_flush(struct weir__center *center);

/* A moment's figures. */
struct weir__center_figures {
    size_t out;      /* blocks not in slabs: live, in thread caches, depots and returns */
    size_t batched;  /* of these in depot and returns */
    size_t returned; /* blocks in slabs that were out before */
    size_t slabs;
    size_t ledger; /* bytes of it within the slabs */
};
void weir__center_figures(struct weir__center *center, struct weir__center_figures *figures);

/* Gives every slab back, whatever lives in it, and the book-keeping. Nobody may use the
 * center any more. */
void weir__center_destroy(struct weir__center *center);

/* Calls visit for every live block, with the lock held; visit must not come back here.
 * Stops at a non-zero result and returns it. A block whose entry was overwritten is noted
 * and not visited. */
typedef int weir__entry_visitor(void *block, uint32_t *entry, struct weir__slab *slab, void *user);
int weir__center_each_live(struct weir__center *center, weir__entry_visitor *visit, void *user);

/* The same for every block that was ever handed out of its slabs, whatever its entry says. */
int weir__center_each_used(struct weir__center *center, weir__entry_visitor *visit, void *user);

/* Are these cached blocks of its class and owner, each with its own entry, and their copies
 * true? `strict` false: a copy that is not is the program's fault, and found where it leaves. */
bool weir__center_cached_are_valid(const struct weir__center *center,
                                   const struct weir__cached *blocks, size_t count, bool strict);

/* Walks lists, slabs, ledgers, depot and returns; and without being strict. */
bool weir__center_is_valid(struct weir__center *center);
bool weir__center_is_sound(struct weir__center *center);

#endif
