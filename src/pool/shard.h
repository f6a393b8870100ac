/*
 * pool/shard.h - a shard: the centers that some threads of an owner use, one a class, each made
 * when its class is first wanted. Owns them; they stay until the shard is unmade. Any number of
 * threads looks for centers and makes them at once, without a lock.
 *
 *   lists[class % WEIR__SHARD_LISTS] -> center -> center -> NULL
 */
#ifndef WEIR_POOL_SHARD_H
#define WEIR_POOL_SHARD_H

#include "pool/center.h"

#define WEIR__SHARD_LISTS 8

struct weir__shard {
    struct weir__center *lists[WEIR__SHARD_LISTS]; /* atomic: centers are put before the first */
    struct weir__page_heap *page_heap; /* this and the owner are set first, and never change */
    const void *owner;
    struct weir__shard
        *next;       /* of the owner; atomic, this and nheaps by who has the owner's lock */
    unsigned nheaps; /* threads that use it */
};

/* The shard is zero. */
void weir__shard_init(struct weir__shard *shard, struct weir__page_heap *page_heap,
                      const void *owner);

/* Frees its centers, and what is in them, live or not. Nobody may use the shard any more. */
void weir__shard_unmake(struct weir__shard *shard);

/* NULL: nobody wanted the class. */
WEIR__INLINE struct weir__center *weir__shard_find(const struct weir__shard *shard,
                                                   unsigned sizeclass)
{
    weir__assert(sizeclass < WEIR__CLASSES);
    struct weir__center *center =
        __atomic_load_n(&shard->lists[sizeclass % WEIR__SHARD_LISTS], __ATOMIC_ACQUIRE);
    while (center && center->sizeclass != sizeclass)
        center = center->next;
    return center;
}

/* The same, made if need be. NULL: no memory. */
struct weir__center *weir__shard_center(struct weir__shard *shard, unsigned sizeclass);

/* Every center, in no order: the one after `center` (NULL: the first). */
struct weir__center *weir__shard_after(const struct weir__shard *shard,
                                       const struct weir__center *center);

#endif
