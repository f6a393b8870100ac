/*
 * pool/word.h - the ledger word: 32 bits a block, all that weir knows of it.
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
 * A word is written by the thread that holds the block: the caller of allocate
 * and free for live <-> cached, the holder of the class lock for cached <-> free.
 */
#ifndef WEIR_POOL_WORD_H
#define WEIR_POOL_WORD_H

#include "base/bits.h"

#define WEIR__WORD_LIVE      0xC0000000u
#define WEIR__WORD_CACHED    0x40000000u
#define WEIR__WORD_OLD       0x20000000u
#define WEIR__WORD_ALIGNED   0x10000000u
#define WEIR__WORD_USED      0x10000000u
#define WEIR__WORD_ZERO      0x00000001u
#define WEIR__WORD_TAG_SHIFT 15
#define WEIR__WORD_TAG_MAX   8191u
#define WEIR__WORD_SIZE_MASK 0x7FFFu
#define WEIR__WORD_NEXT_MASK 0xFFFFFu

WEIR__INLINE uint32_t weir__word_get(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

WEIR__INLINE void weir__word_set(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

WEIR__INLINE bool weir__word_is_live(uint32_t value)
{
    return value >= WEIR__WORD_LIVE;
}

WEIR__INLINE bool weir__word_is_cached(uint32_t value)
{
    return (value & WEIR__WORD_LIVE) == WEIR__WORD_CACHED;
}

WEIR__INLINE size_t weir__word_size(uint32_t value)
{
    return value & WEIR__WORD_SIZE_MASK;
}

WEIR__INLINE uint32_t weir__word_tag(uint32_t value)
{
    return (value >> WEIR__WORD_TAG_SHIFT) & WEIR__WORD_TAG_MAX;
}

#endif
