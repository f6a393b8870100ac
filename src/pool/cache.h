/*
 * pool/cache.h - a thread cache: for each size class a bin of free blocks that its thread
 * takes from and puts to without a lock or an atomic.
 *
 * A bin begins with room for two batches; with one where it is foreign, or where bins come and go
 * (struct weir__cache, own). One that runs full, after it ran empty, gets twice the
 * room, up to BIN_BYTES_MOST of blocks and as long as all that was added in the cache stays under
 * GROWN_MOST; then it gives its older half away. So a loop that takes and frees some hundreds of
 * blocks in turn soon stays within its cache (measured: 256 blocks of 64 bytes 8.9 ns a pair
 * before, 5.4 now).
 *
 * A block whose slab has another home (pool/home.h) goes into the foreign bin of its class, which
 * nothing is taken from: a full one sends its blocks home. Else neighboring blocks that live with
 * different threads would stay with them, and each malloc and free wait for a line of the ledger
 * that the other thread wrote. The home may change at any moment; then a block lies in the other
 * bin, which costs time alone.
 *
 * The owner uses a bin either inside its own operation (alloc/small.h), or with the lock
 * held; anyone else only with the lock held and while the owner is kept out of operations. Blocks
 * move as they are: whether one came twice is found where it leaves the bin, by who makes it
 * live, or in its slab (pool/center.h).
 */
#ifndef WEIR_POOL_CACHE_H
#define WEIR_POOL_CACHE_H

#include "pool/bin.h"
#include "pool/shard.h"

/* All bins by number: those of the classes, then the foreign ones. */
#define WEIR__BINS (2 * WEIR__CLASSES)

struct weir__cache {
    weir__lock lock;           /* rank "heap" */
    struct weir__shard *shard; /* whose centers it uses; never changes */
    uint64_t used[2]; /* bit per class: its bin was made, its foreign bin; atomic, lock holders
                       * write */
    size_t grown;     /* of all bins; lock holders write */
    size_t bytes;     /* of bins and their room, next to `own`; atomic, lock holders write */
    struct weir__bin *bins;    /* WEIR__CLASSES of them; atomic, by who may use all bins */
    struct weir__bin *foreign; /* the same: made with the first that is used, gone with the last */
    struct weir__bin *own;     /* where `bins` always lie; NULL: they come and go as the foreign.
                                * Never changes */
    uint8_t latest[2];         /* bins: refilled, sent home; lock holders write */
};

/* The bin at that offset (WEIR__BIN_SHIFT) of `bins`, WEIR__CLASSES of them. */
WEIR__INLINE struct weir__bin *weir__bin_at(struct weir__bin *bins, size_t offset)
{
    weir__assert(offset >> WEIR__BIN_SHIFT < WEIR__CLASSES &&
                 offset % sizeof(struct weir__bin) == 0);
    return (struct weir__bin *)((char *)bins + offset);
}

/* The bin of that number. By who may use it. */
WEIR__INLINE struct weir__bin *weir__cache_bin(const struct weir__cache *cache, unsigned at)
{
    weir__assert(at < WEIR__BINS);
    return at < WEIR__CLASSES ? &weir__own_get(cache->bins)[at]
                              : &weir__own_get(cache->foreign)[at - WEIR__CLASSES];
}

/* Makes all bins unused; `own` is where they lie, or NULL. The cache is zero. */
void weir__cache_init(struct weir__cache *cache, struct weir__shard *shard, struct weir__bin *own);

/* An empty bin gets blocks; false: no memory. */
bool weir__cache_refill(struct weir__cache *cache, unsigned sizeclass);

/* A full bin, one of WEIR__BINS, grows or gives its older half away. False: a first bin could not
 * be made, the one block must go to the center by itself. */
bool weir__cache_drain(struct weir__cache *cache, unsigned at);

/* Empties the bins and frees their memory; with `give` the blocks go back to the
 * centers, else they are forgotten (the centers go too). Bytes, in class sizes. */
size_t weir__cache_empty(struct weir__cache *cache, bool give);

/* Free blocks of one class held now. A moment's figure, by any thread that keeps the cache from
 * being emptied meanwhile. */
WEIR__INLINE size_t weir__cache_count(const struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(sizeclass < WEIR__CLASSES);
    size_t count = 0;
    if (weir__relaxed_get(cache->used[0]) >> sizeclass & 1)
        count += weir__bin_count(&__atomic_load_n(&cache->bins, __ATOMIC_ACQUIRE)[sizeclass]);
    if (weir__relaxed_get(cache->used[1]) >> sizeclass & 1)
        count += weir__bin_count(&__atomic_load_n(&cache->foreign, __ATOMIC_ACQUIRE)[sizeclass]);
    return count;
}

/* Any thread, a moment's figure: a bit for each class of which a bin was made. */
WEIR__INLINE uint64_t weir__cache_used(const struct weir__cache *cache)
{
    return weir__relaxed_get(cache->used[0]) | weir__relaxed_get(cache->used[1]);
}

/* Walks every bin: by who may use them; and without being strict (pool/center.h). */
bool weir__cache_is_valid(const struct weir__cache *cache);
bool weir__cache_is_sound(const struct weir__cache *cache);

#endif
