/*
 * pool/fill.h - patterns in blocks, from --enable-debug=1 on: what is handed out begins with
 * 0xA5, what is free with 0x5A, so that nobody reads what he did not write without seeing it,
 * and a write into a block that was freed is found when its memory is handed out. Owns the
 * patterns. Knows nothing of who reports.
 *
 * No more than the first WEIR__FILL_MOST bytes have a pattern. A block that is known to be zero
 * stays zero until it is handed out. Has no lock: the thread that has the block, or the lock over
 * its memory, fills it and looks at it. Two threads that free one block at one instant both have
 * it: what is freed is filled without order.
 */
#ifndef WEIR_POOL_FILL_H
#define WEIR_POOL_FILL_H

#include "pool/slab.h"

#if WEIR_DEBUG >= 1
#define WEIR__FILLS 1
#else
#define WEIR__FILLS 0
#endif

#define WEIR__FILL_MOST  WEIR__SMALL_MAX
#define WEIR__FILL_TAKEN 0xA5
#define WEIR__FILL_FREED 0x5A

void weir__fill_bytes(void *start, size_t size, unsigned char pattern);

/* The same, by atomic stores without order. */
void weir__fill_bytes_relaxed(void *start, size_t size, unsigned char pattern);

/* The offset of the first byte without the pattern; SIZE_MAX: there is none. */
size_t weir__fill_broken(const void *start, size_t size, unsigned char pattern);

/* The same of a cached block whose copy is true, else SIZE_MAX. */
size_t weir__fill_written(const struct weir__cached *cached);

/* Has nobody written into the block since it was freed? True below level 1, and where the copy
 * is not true or there is no block. */
WEIR__INLINE bool weir__fill_is_intact(const struct weir__cached *cached)
{
    return !WEIR__FILLS || weir__fill_written(cached) == SIZE_MAX;
}

WEIR__INLINE void weir__fill_taken(void *block, size_t usable)
{
    if (WEIR__FILLS)
        weir__fill_bytes(block, usable, WEIR__FILL_TAKEN);
}

WEIR__INLINE void weir__fill_freed(void *block, size_t usable)
{
    if (WEIR__FILLS)
        weir__fill_bytes_relaxed(block, usable, WEIR__FILL_FREED);
}

/* As it was when it was freed. */
void weir__fill_again(const struct weir__cached *cached);

#endif
