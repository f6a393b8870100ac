/*
 * pool/entry.h - the ledger entry: 32 bits a block, all that weir knows of it. No
 * state; knows nothing of slabs and classes.
 *
 *    31 30   29   28   27          15 14         0
 *   +-----+-----+-----+--------------+------------+
 *   | 1 1 | old | al  |     tag      | requested  |  live
 *   | 0 1 |  z  |            mark                 |  cached: free, in a bin, a batch or a depot
 *   | 0 0 |  0  |  u  |   next + 1   |     0      |  free: in its slab's chain
 *   +-----+-----+-----+--------------+------------+
 *   old  allocated before the latest checkpoint    al  asked for more than 64-byte alignment
 *   u    was handed out before                     z   its memory is known to be zero
 *   mark whose copy of the block is true (pool/cached.h)
 *
 * An entry is written by the thread that holds the block: the caller of allocate and free
 * for live <-> cached, the holder of the center's lock for cached <-> free.
 */
#ifndef WEIR_POOL_ENTRY_H
#define WEIR_POOL_ENTRY_H

#include "base/bits.h"

#define WEIR__ENTRY_LIVE       0xC0000000u
#define WEIR__ENTRY_CACHED     0x40000000u
#define WEIR__ENTRY_OLD        0x20000000u
#define WEIR__ENTRY_ALIGNED    0x10000000u
#define WEIR__ENTRY_USED       0x10000000u
#define WEIR__ENTRY_ZERO       0x20000000u
#define WEIR__ENTRY_MARK_MAX   0x1FFFFFFFu
#define WEIR__ENTRY_TAG_SHIFT  15
#define WEIR__ENTRY_TAG_MAX    8191u
#define WEIR__ENTRY_SIZE_MASK  0x7FFFu
#define WEIR__ENTRY_NEXT_SHIFT 15
#define WEIR__ENTRY_NEXT_MAX   8191u

/* NOLINTNEXTLINE(misc-redundant-expression): that it is always 0 is what is asserted */
_Static_assert((WEIR__ENTRY_SIZE_MASK & WEIR__ENTRY_TAG_MAX << WEIR__ENTRY_TAG_SHIFT) == 0 &&
                   (WEIR__ENTRY_TAG_MAX << WEIR__ENTRY_TAG_SHIFT & WEIR__ENTRY_ALIGNED) == 0 &&
                   (WEIR__ENTRY_LIVE & WEIR__ENTRY_OLD) == 0,
               "the parts of a live entry are apart");
_Static_assert((WEIR__ENTRY_MARK_MAX & (WEIR__ENTRY_LIVE | WEIR__ENTRY_ZERO)) == 0,
               "a mark is apart from state and zero");

WEIR__INLINE uint32_t weir__entry_get(const uint32_t *entry)
{
    return weir__relaxed_get(*entry);
}

/* Of whatever pointer anybody asks about: the slab may be another by now, and the entry a part of a
 * block, which is written plainly. ThreadSanitizer does not see it. */
WEIR__UNSEEN uint32_t weir__entry_get_stale(const uint32_t *entry)
{
    return weir__own_get(*entry);
}

WEIR__INLINE void weir__entry_set(uint32_t *entry, uint32_t value)
{
    weir__relaxed_set(*entry, value);
}

WEIR__INLINE bool weir__entry_is_live(uint32_t value)
{
    return value >= WEIR__ENTRY_LIVE;
}

WEIR__INLINE bool weir__entry_is_cached(uint32_t value)
{
    return (value & WEIR__ENTRY_LIVE) == WEIR__ENTRY_CACHED;
}

/* In its slab's chain: free, and handed out before. */
WEIR__INLINE bool weir__entry_is_chained(uint32_t value)
{
    return (value & (WEIR__ENTRY_LIVE | WEIR__ENTRY_OLD | WEIR__ENTRY_USED)) == WEIR__ENTRY_USED;
}

WEIR__INLINE size_t weir__entry_size(uint32_t value)
{
    return value & WEIR__ENTRY_SIZE_MASK;
}

WEIR__INLINE uint32_t weir__entry_tag(uint32_t value)
{
    return (value >> WEIR__ENTRY_TAG_SHIFT) & WEIR__ENTRY_TAG_MAX;
}

/* Of a chained one: index + 1 of the next, 0 at the end. */
WEIR__INLINE unsigned weir__entry_next(uint32_t value)
{
    return (value >> WEIR__ENTRY_NEXT_SHIFT) & WEIR__ENTRY_NEXT_MAX;
}

/* What becomes of a cached one when its block goes into the chain before `next`. */
WEIR__INLINE uint32_t weir__entry_chained(unsigned next)
{
    weir__assert(next <= WEIR__ENTRY_NEXT_MAX);
    return WEIR__ENTRY_USED | next << WEIR__ENTRY_NEXT_SHIFT;
}

/* Of a live one; weir_checkpoint may set the `old` bit meanwhile. */
WEIR__INLINE void weir__entry_resize(uint32_t *entry, size_t size)
{
    weir__assert(size < WEIR__ENTRY_SIZE_MASK);
    uint32_t value = weir__entry_get(entry);
    while (weir__entry_is_live(value) &&
           !__atomic_compare_exchange_n(entry, &value,
                                        (value & ~WEIR__ENTRY_SIZE_MASK) | (uint32_t)size, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

#endif
