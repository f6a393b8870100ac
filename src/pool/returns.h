/*
 * pool/returns.h - the remote frees of a center: a fixed set of batches in which a thread
 * that finds the center's lock taken leaves its blocks, and goes on. Owns the batches and who has
 * one; knows nothing of slabs.
 *
 *   free   a bit per empty batch       full   a bit per batch with blocks
 *
 *   any thread:  claims a bit of `free` by compare-and-swap, fills the batch, sets it in `full`
 *   lock holder: looks at `full`, empties a batch, clears its bit, sets it in `free`
 *
 * So a batch has one owner at any time: who cleared its bit in `free`, then who holds the
 * lock. A compare-and-swap of a set of bits that are equal claims a batch that is empty, so
 * there is no ABA. A thread that finds none empty waits for the lock instead: there are
 * never more than WEIR__RETURNS batches, and no memory is taken.
 * Model: docs/models/returns.pml.
 *
 * Around fork nobody is in the middle of it: givers hold the lock of a heap.
 */
#ifndef WEIR_POOL_RETURNS_H
#define WEIR_POOL_RETURNS_H

#include "pool/cached.h"
#include "pool/class.h"

#define WEIR__RETURNS 5

struct weir__batch {
    struct weir__cached blocks[WEIR__BATCH_MAX];
    size_t count;
};

struct weir__returns {
    uint32_t free, full; /* any thread, atomic */
    struct weir__batch batches[WEIR__RETURNS];
};

_Static_assert(WEIR__RETURNS < 32, "free and full have a bit for each batch");
_Static_assert(sizeof(struct weir__batch) == 752, "five fit below a page");
_Static_assert(sizeof(struct weir__returns) <= 4096, "no more book-keeping than a page");

/* NULL: no memory. */
struct weir__returns *weir__returns_make(void);

/* Any thread. False: none is empty, or there are no returns (NULL). */
bool weir__returns_put(struct weir__returns *returns, const struct weir__cached *blocks,
                       unsigned count);

/* The lock is held from here on. */

/* A full batch, or NULL: none, or no returns. */
WEIR__INLINE struct weir__batch *weir__returns_first(struct weir__returns *returns)
{
    uint32_t full = returns ? __atomic_load_n(&returns->full, __ATOMIC_ACQUIRE) : 0;
    return weir__unlikely(full) ? &returns->batches[__builtin_ctz(full)] : NULL;
}

/* That batch's blocks were taken out of it. */
void weir__returns_emptied(struct weir__returns *returns, const struct weir__batch *batch);

/* Blocks in full batches. */
size_t weir__returns_count(const struct weir__returns *returns);

/* Nobody may put any more. */
void weir__returns_unmake(struct weir__returns *returns);

#endif
