/*
 * pool/class.h - the size classes. 16-byte steps to 224, then 256 and eight classes a
 * doubling to 16 KiB: at most 12.5% above the size rounded up to its alignment.
 * Larger blocks are spans (pool/span.h).
 *
 * Blocks of no bytes have their own class, the first. They have addresses but no memory: their
 * slabs cannot be read or written (pool/chunk.h), so that a use of one ends the program.
 *
 * Two maps lead from a size to a class: one for blocks aligned to 16, one for
 * blocks aligned to 64, which uses only the classes that are multiples of 64.
 * No state: both are constant data, and there is nothing to initialize before the first call. Any
 * thread.
 */
#ifndef WEIR_POOL_CLASS_H
#define WEIR_POOL_CLASS_H

#include "base/bits.h"

#define WEIR__CLASSES   64              /* a cache keeps one bit each in 64 */
#define WEIR__SMALL_MAX ((size_t)16384) /* largest block from a slab */
#define WEIR__GRAIN     16
#define WEIR__MAP_SIZE  (WEIR__SMALL_MAX / WEIR__GRAIN + 1)

#define WEIR__CLASS_EMPTY  0  /* of blocks of no bytes */
#define WEIR__EMPTY_STRIDE 64 /* addresses that each of them has */

/* Entries are class << 5: the byte offset of the class's bin in a thread cache. */
#define WEIR__BIN_SHIFT 5
extern const uint16_t weir__class_map16[WEIR__MAP_SIZE];
extern const uint16_t weir__class_map64[WEIR__MAP_SIZE];

extern const uint16_t weir__class_bytes[WEIR__CLASSES];

/* From one block of a slab to the next. */
WEIR__INLINE size_t weir__class_stride(unsigned sizeclass)
{
    weir__assert(sizeclass < WEIR__CLASSES);
    return sizeclass == WEIR__CLASS_EMPTY ? WEIR__EMPTY_STRIDE : weir__class_bytes[sizeclass];
}

/* The smallest size that either map sends there, at any alignment up to 64. */
extern const uint16_t weir__class_least[WEIR__CLASSES];

/* Index into either map, size <= WEIR__SMALL_MAX. */
WEIR__INLINE size_t weir__class_index(size_t size)
{
    weir__assert(size <= WEIR__SMALL_MAX);
    return (size + WEIR__GRAIN - 1) / WEIR__GRAIN;
}

/* The smallest class whose blocks hold `size` bytes at `alignment`, or -1: too
 * large or too strictly aligned for a slab. alignment is a power of two. */
int weir__class_of(size_t size, size_t alignment);

/* Blocks that move between a thread cache and a center at a time: about 16 KiB of them. */
#define WEIR__BATCH_MAX 31
unsigned weir__class_batch(unsigned sizeclass);

/* Blocks that a center keeps outside its slabs, at most WEIR__DEPOT_MAX: 256 KiB of blocks
 * whose batches are full, 64 KiB of others. */
#define WEIR__DEPOT_MAX 7912
unsigned weir__class_depot(unsigned sizeclass);

#endif
