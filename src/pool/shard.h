/*
 * pool/shard.h - a shard: the centers that some threads of an owner use, one a class, each made
 * when its class is first wanted. Owns them; they stay until the shard is unmade. Any number of
 * threads looks for centers without a lock; they are made under the family's.
 *
 *   lists[class % WEIR__SHARD_LISTS] -> center -> center -> NULL
 */
#ifndef WEIR_POOL_SHARD_H
#define WEIR_POOL_SHARD_H

#include "pool/center.h"

#define WEIR__SHARD_LISTS 8

struct weir__shard {
    struct weir__center *lists[WEIR__SHARD_LISTS]; /* atomic: centers are put before the first */
    struct weir__page_heap *page_heap; /* up to `first` all is set first, and never changes */
    struct weir__family *family;       /* of all centers of the owner */
    uint64_t home;                     /* of the slabs of its centers */
    const struct weir__shard *first;   /* of the owner */
    struct weir__shard *next;          /* of the owner; atomic, this and nheaps by who has the
                                        * owner's lock */
    unsigned nheaps;                   /* threads that use it */
};

/* Of a zero shard, the first of its owner, or one that follows it as that number. */
void weir__shard_init(struct weir__shard *first, struct weir__page_heap *page_heap,
                      struct weir__family *family, const void *owner);
void weir__shard_init_next(struct weir__shard *shard, const struct weir__shard *first,
                           unsigned number);

/* Frees its centers, and what is in them, live or not. Nobody may use the shard any more. */
void weir__shard_unmake(struct weir__shard *shard);

/* Any thread. The next of its owner; NULL: it is the last. */
WEIR__INLINE struct weir__shard *weir__shard_next(const struct weir__shard *shard)
{
    return __atomic_load_n(&shard->next, __ATOMIC_ACQUIRE);
}

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

/* The same, made if need be; no lock further in than a cache's is held. NULL: no memory. */
struct weir__center *weir__shard_center(struct weir__shard *shard, unsigned sizeclass);

/* Every center, in no order: the one after `center` (NULL: the first). */
struct weir__center *weir__shard_after(const struct weir__shard *shard,
                                       const struct weir__center *center);

#endif
