/*
 * pool/label.h - the label of a span: 64 bits that say whether its block is live, and how it was
 * asked for. No state; knows nothing of where spans lie.
 *
 *   63    62    61..56    55      54..49    42..0
 *   +-----+-----+--------+---------+-------+-----------+
 *   |  1  | old | align  | sampled | color | requested |  live
 *   |                       0                         |  not live: on its way, or on a shelf
 *   +-----+-----+--------+---------+-------+-----------+  (pool/shelf.h)
 *   old    allocated before the latest checkpoint   align  log2 of what was asked for
 *   color  the block is so many lines after the start of its first page
 *   sampled  who keeps the samples is told of what becomes of it (track/sample.h)
 *
 * A live label becomes another by compare and swap where there are threads, without a lock: of two
 * threads that free a block at one instant one has the span, and the other is told at once. While
 * it is not live it is written by who has the span: a free on its way, who may use the shelf, or
 * the holder of the page heap's lock.
 */
#ifndef WEIR_POOL_LABEL_H
#define WEIR_POOL_LABEL_H

#include "base/bits.h"

#include <sys/single_threaded.h>

#define WEIR__LABEL_LIVE        ((uint64_t)1 << 63)
#define WEIR__LABEL_OLD         ((uint64_t)1 << 62)
#define WEIR__LABEL_ALIGN_SHIFT 56
#define WEIR__LABEL_SAMPLED     ((uint64_t)1 << 55)
#define WEIR__LABEL_COLOR_SHIFT 49
#define WEIR__LABEL_SIZE_SHIFT  43 /* of the size and alignment that no span reaches */

WEIR__INLINE uint64_t weir__label_make(size_t requested, size_t alignment, unsigned color)
{
    weir__assert(!(requested >> WEIR__LABEL_SIZE_SHIFT) && weir__is_power_of_two(alignment));
    weir__assert(color < 64);
    return WEIR__LABEL_LIVE | (uint64_t)weir__log2(alignment) << WEIR__LABEL_ALIGN_SHIFT |
           (uint64_t)color << WEIR__LABEL_COLOR_SHIFT | requested;
}

WEIR__INLINE bool weir__label_is_live(uint64_t label)
{
    return (int64_t)label < 0;
}

WEIR__INLINE size_t weir__label_size(uint64_t label)
{
    return label & (((uint64_t)1 << WEIR__LABEL_SIZE_SHIFT) - 1);
}

WEIR__INLINE size_t weir__label_alignment(uint64_t label)
{
    return (size_t)1 << (label >> WEIR__LABEL_ALIGN_SHIFT & 63);
}

/* Bytes from the start of the first page to the block. */
WEIR__INLINE size_t weir__label_offset(uint64_t label)
{
    return (label >> WEIR__LABEL_COLOR_SHIFT & 63) * WEIR__LINE;
}

WEIR__INLINE uint64_t weir__label_resized(uint64_t label, size_t requested)
{
    weir__assert(!(requested >> WEIR__LABEL_SIZE_SHIFT));
    return label - weir__label_size(label) + requested;
}

/* Any thread. */
WEIR__INLINE uint64_t weir__label_get(const uint64_t *label)
{
    return __atomic_load_n(label, __ATOMIC_ACQUIRE);
}

/* By who has the span, whose label is not live. */
WEIR__INLINE void weir__label_set(uint64_t *label, uint64_t to)
{
    __atomic_store_n(label, to, __ATOMIC_RELEASE);
}

/* Makes a live label that said *seen say `to`. False: it did not; *seen is what it says. */
WEIR__INLINE bool weir__label_swap(uint64_t *label, uint64_t *seen, uint64_t to)
{
    weir__assert(weir__label_is_live(*seen));
    if (!__libc_single_threaded)
        return __atomic_compare_exchange_n(label, seen, to, false, __ATOMIC_ACQ_REL,
                                           __ATOMIC_ACQUIRE);
    weir__assert(*seen == *label);
    weir__relaxed_set(*label, to);
    return true;
}

/* Takes the span out of use whose label said *seen, which was live; *seen is what it said last.
 * False: it is live no more, somebody else has it. */
WEIR__INLINE bool weir__label_claim(uint64_t *label, uint64_t *seen)
{
    while (weir__unlikely(!weir__label_swap(label, seen, 0)))
        if (!weir__label_is_live(*seen))
            return false;
    return true;
}

#endif
