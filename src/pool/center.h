/*
 * pool/center.h - the class center: slabs of one size class of one owner, and full
 * batches of free blocks on their way between thread caches. An owner has several
 * centers a class (shards), so that threads seldom share a slab: their ledger entries
 * would lie in one cache line. A batch goes back to the center of its first block.
 *
 *   thread caches  --full batch-->  batches | returns  --batch-->  thread caches
 *                                       |        (remote frees)
 *                                     slabs  <-->  page heap
 *
 * A batch moves as a whole, whosever slabs its blocks lie in (magazines and depot:
 * Bonwick and Adams 2001). The lock (rank "class") covers everything but `returns`,
 * the remote-free list: a thread that finds the lock taken pushes its batch there
 * with one compare-and-swap and goes on; who holds the lock takes the whole list
 * with one exchange. Pushing and taking everything never reads a node that another
 * may free, so there is no ABA. Model: docs/models/returns.pml.
 *
 * Batch objects of a center are bounded: at most `most_batches` with blocks (one more
 * while the lock is held, and what came to `returns` since it was last taken), at most
 * WEIR__SPARES_MOST without, at hand under the lock, and WEIR__REMOTE_SPARES without,
 * for who finds the lock taken. What is emptied beyond that is freed. A remote spare is
 * put and taken with one atomic exchange, so it has one owner at any time.
 */
#ifndef WEIR_POOL_CENTER_H
#define WEIR_POOL_CENTER_H

#include "os/lock.h"
#include "pool/slab.h"

struct weir__cached {
    void *block;
    uint32_t *entry;
};

#define WEIR__BATCH_MAX     31 /* a batch is 512 bytes */
#define WEIR__SPARES_MOST   16 /* as many as the largest bin gives away at a time */
#define WEIR__REMOTE_SPARES 4

struct weir__batch {
    struct weir__batch *next;
    size_t count;
    struct weir__cached blocks[WEIR__BATCH_MAX];
};

_Static_assert(sizeof(struct weir__batch) == 512, "a batch is an object of a power of two");

struct weir__center {
    weir__lock lock;
    uint16_t sizeclass;
    uint16_t batch; /* blocks moved at a time */
    uint32_t nbatches;
    uint16_t most_batches;
    uint16_t nspare; /* of `spare` */
    struct weir__page_heap *page_heap;
    const void *owner;
    struct weir__slab *partial; /* slabs with a free block; LIFO */
    struct weir__slab *full;    /* slabs with none; LIFO */
    struct weir__batch *batches;
    struct weir__batch *spare; /* empty batch objects for re-use; LIFO */
    size_t nout;               /* blocks not in slabs: live, cached or in batches */
    size_t nslabs;             /* atomic: read without the lock to skip what is empty */
    /* Any thread, atomic: */
    struct weir__batch *returns __attribute__((aligned(WEIR__LINE)));
    struct weir__batch *remote_spares[WEIR__REMOTE_SPARES]; /* NULL: none here */
} __attribute__((aligned(WEIR__LINE)));

WEIR__INLINE bool weir__center_is_empty(const struct weir__center *center)
{
    return __atomic_load_n(&center->nslabs, __ATOMIC_RELAXED) == 0;
}

void weir__center_init(struct weir__center *center, unsigned sizeclass,
                       struct weir__page_heap *page_heap, const void *owner);

/* Up to center->batch free blocks into `slots`; 0: no memory. */
unsigned weir__center_take(struct weir__center *center, struct weir__cached *blocks);

/* Takes `count` (1 to a batch) cached blocks of one class and owner back, at the center
 * where the first belongs. A block that two threads freed at one instant comes twice: found
 * when it goes into its slab, at the latest, and noted (base/error.h) for who holds no lock.
 * True: most of the class is free (pool/policy.h, loose_bytes), so that what caches hold
 * back keeps whole slabs from going back; batches go into their slabs at once then. */
bool weir__center_give(const struct weir__cached *blocks, unsigned count);

/* Puts every batched block into its slab, or on its way to another center's, and free
 * slabs into the page heap. Blocks moved: when several centers move none, all is done. */
size_t weir__center_flush(struct weir__center *center);

/* A moment's figures. */
struct weir__center_figures {
    size_t out;      /* blocks not in slabs: live, in thread caches or in batches */
    size_t batched;  /* of these in batches */
    size_t returned; /* blocks in slabs that were out before */
    size_t slabs;
    size_t ledger; /* bytes of it within the slabs */
};
void weir__center_figures(struct weir__center *center, struct weir__center_figures *figures);

/* Gives every slab back, whatever lives in it, and the batch objects. Nobody may
 * use the center any more. */
void weir__center_destroy(struct weir__center *center);

/* Calls visit for every live block, with the lock held; visit must not come back
 * here. Stops at a non-zero result and returns it. */
typedef int weir__entry_visitor(void *block, uint32_t *entry, struct weir__slab *slab, void *user);
int weir__center_each_live(struct weir__center *center, weir__entry_visitor *visit, void *user);

bool weir__center_is_valid(struct weir__center *center);

#endif
