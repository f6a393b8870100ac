/*
 * pool/cache.h - a thread cache: for each size class a stack of free blocks that
 * its thread takes from and puts to without a lock or an atomic.
 *
 *   bin   base [slot slot slot ... ] top ... limit
 *
 * A bin begins with room for two batches. One that runs full, after it ran empty, gets twice the
 * room, up to BIN_BYTES_MOST of blocks and as long as all that was added in the cache stays under
 * GROWN_MOST; then it gives its older half away. So a loop that takes and frees some hundreds of
 * blocks in turn soon stays within its cache (measured: 256 blocks of 64 bytes 8.9 ns a pair
 * before, 5.4 now).
 *
 * The owner uses a bin either inside an open window (track/window.h), or with the
 * lock held; anyone else only with the lock held and the window closed. Below the base
 * stands a slot without a block, so that the owner finds the bin empty by what it pops. An
 * unused bin has base == top == limit, after the one such slot that all of them share: it
 * reads as both empty and full.
 */
#ifndef WEIR_POOL_CACHE_H
#define WEIR_POOL_CACHE_H

#include "pool/center.h"

struct weir__bin {
    struct weir__cached *top;
    struct weir__cached *base;
    struct weir__cached *limit;
    size_t grown; /* bytes of blocks it may hold beyond two batches, and a flag */
};

_Static_assert(sizeof(struct weir__bin) == 1 << WEIR__BIN_SHIFT,
               "class << WEIR__BIN_SHIFT is its offset");

/* The one slot under every unused bin. */
extern struct weir__cached weir__no_cached;

#define WEIR__BIN_UNUSED                                                                           \
    {                                                                                              \
        &weir__no_cached + 1, &weir__no_cached + 1, &weir__no_cached + 1, 0                        \
    }

struct weir__cache {
    weir__lock lock;              /* rank "heap" */
    struct weir__center *centers; /* WEIR__CLASSES of them */
    uint64_t used;                /* bit per class: its bin was made */
    size_t grown;                 /* of all bins */
    struct weir__bin bins[WEIR__CLASSES] __attribute__((aligned(WEIR__LINE)));
};

WEIR__INLINE struct weir__bin *weir__cache_bin(struct weir__cache *cache, size_t offset)
{
    return (struct weir__bin *)((char *)cache->bins + offset);
}

/* The top of a bin is written by who may use it, and read by anyone for figures. */
WEIR__INLINE struct weir__cached *weir__bin_top(const struct weir__bin *bin)
{
    return __atomic_load_n(&bin->top, __ATOMIC_RELAXED);
}

WEIR__INLINE void weir__bin_set_top(struct weir__bin *bin, struct weir__cached *top)
{
    __atomic_store_n(&bin->top, top, __ATOMIC_RELAXED);
}

/* Makes all bins unused; the cache is zero. */
void weir__cache_init(struct weir__cache *cache);

/* An empty bin gets blocks; false: no memory. */
bool weir__cache_refill(struct weir__cache *cache, unsigned sizeclass);

/* A full bin grows or gives its older half away. False: a first bin could not be made,
 * the one block must go to the center by itself. */
bool weir__cache_drain(struct weir__cache *cache, unsigned sizeclass);

/* Empties the bins and frees their memory; with `give` the blocks go back to the
 * centers, else they are forgotten (the centers go too). Bytes, in class sizes. */
size_t weir__cache_empty(struct weir__cache *cache, bool give);

/* Free blocks of one class held now; any thread, a moment's figure. */
WEIR__INLINE size_t weir__cache_count(const struct weir__cache *cache, unsigned sizeclass)
{
    const struct weir__bin *bin = &cache->bins[sizeclass];
    const struct weir__cached *top = weir__bin_top(bin);
    const struct weir__cached *base = __atomic_load_n(&bin->base, __ATOMIC_RELAXED);
    return base && top > base ? (size_t)(top - base) : 0;
}

WEIR__INLINE uint64_t weir__cache_used(const struct weir__cache *cache)
{
    return __atomic_load_n(&cache->used, __ATOMIC_RELAXED);
}

#endif
