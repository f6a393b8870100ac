/*
 * pool/entry.h - the ledger entry: 32 bits a block, all that weir knows of it.
 *
 *    31 30   29   28   27          15 14         0
 *   +-----+-----+-----+--------------+------------+
 *   | 1 1 | old | al  |     tag      | requested  |  live
 *   | 0 1 |  0                                | z |  cached: free, in a thread cache or batch
 *   | 0 0 |  0  |  u  |         next + 1          |  free: in its slab's chain
 *   +-----+-----+-----+--------------+------------+
 *   old  allocated before the latest checkpoint    al  asked for more than 64-byte alignment
 *   z    the block's memory is known to be zero    u   was live before
 *
 * An entry is written by the thread that holds the block: the caller of allocate
 * and free for live <-> cached, the holder of the class lock for cached <-> free.
 */
#ifndef WEIR_POOL_ENTRY_H
#define WEIR_POOL_ENTRY_H

#include "base/bits.h"

#define WEIR__ENTRY_LIVE      0xC0000000u
#define WEIR__ENTRY_CACHED    0x40000000u
#define WEIR__ENTRY_OLD       0x20000000u
#define WEIR__ENTRY_ALIGNED   0x10000000u
#define WEIR__ENTRY_USED      0x10000000u
#define WEIR__ENTRY_ZERO      0x00000001u
#define WEIR__ENTRY_TAG_SHIFT 15
#define WEIR__ENTRY_TAG_MAX   8191u
#define WEIR__ENTRY_SIZE_MASK 0x7FFFu
#define WEIR__ENTRY_NEXT_MASK 0xFFFFFu

WEIR__INLINE uint32_t weir__entry_get(const uint32_t *entry)
{
    return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

WEIR__INLINE void weir__entry_set(uint32_t *entry, uint32_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

WEIR__INLINE bool weir__entry_is_live(uint32_t value)
{
    return value >= WEIR__ENTRY_LIVE;
}

WEIR__INLINE bool weir__entry_is_cached(uint32_t value)
{
    return (value & WEIR__ENTRY_LIVE) == WEIR__ENTRY_CACHED;
}

WEIR__INLINE size_t weir__entry_size(uint32_t value)
{
    return value & WEIR__ENTRY_SIZE_MASK;
}

WEIR__INLINE uint32_t weir__entry_tag(uint32_t value)
{
    return (value >> WEIR__ENTRY_TAG_SHIFT) & WEIR__ENTRY_TAG_MAX;
}

#endif
