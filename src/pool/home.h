/*
 * pool/home.h - the home of a slab: whose blocks it has, and which of the owner's shards it is
 * of, in one word, so that a free learns by one compare whether the block belongs to its heap
 * thread's (alloc/small.h). No state.
 *
 *    63         48 47                       0
 *   +-------------+--------------------------+
 *   |    shard    |          owner           |     0: nobody's
 *   +-------------+--------------------------+
 */
#ifndef WEIR_POOL_HOME_H
#define WEIR_POOL_HOME_H

#include "base/bits.h"

#define WEIR__HOME_SHIFT  48
#define WEIR__HOME_NONE   ((uint64_t)0)
#define WEIR__HOME_NEVER  UINT64_MAX /* of no slab */
#define WEIR__HOME_SHARDS UINT16_MAX

/* In the owner, whose address is a multiple of 64: the slab is hardened (pool/canary.h), and no
 * fast way may take or free its blocks. So what weir__home_owner says of it equals no owner. */
#define WEIR__HOME_HARDENED ((uint64_t)1)

/* Owners are weir's own objects, below 2^48 as all that the map knows (pool/map.h). */
WEIR__INLINE uint64_t weir__home_of(const void *owner, unsigned shard)
{
    weir__assert(owner && (uintptr_t)owner >> WEIR__HOME_SHIFT == 0 && shard < WEIR__HOME_SHARDS);
    return (uint64_t)shard << WEIR__HOME_SHIFT | (uint64_t)(uintptr_t)owner;
}

/* NULL: nobody's. */
WEIR__INLINE const void *weir__home_owner(uint64_t home)
{
    return (const void *)(uintptr_t)(home & (((uint64_t)1 << WEIR__HOME_SHIFT) - 1));
}

/* Whether it is hardened or not. */
WEIR__INLINE const void *weir__home_true_owner(uint64_t home)
{
    return weir__home_owner(home & ~WEIR__HOME_HARDENED);
}

#endif
