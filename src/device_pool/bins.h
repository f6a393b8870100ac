/*
 * device_pool/bins.h - free blocks by size: 8 bins a power of two (exact below 4 KiB), each
 * a LIFO list, and a bitmap of the bins that hold something. Owns no memory; the pool's
 * lock covers it.
 */
#ifndef WEIR_DEVICE_BINS_H
#define WEIR_DEVICE_BINS_H

#include "base/list.h"

#define WEIR__DEVICE_UNIT ((size_t)256) /* blocks are rounded to it: CUDA's least alignment */
#define WEIR__DEVICE_BINS 320           /* to 2^48 bytes */

struct weir__device_block;

struct weir__device_bins {
    uint64_t words;                             /* bit i: used[i] is not 0 */
    uint64_t used[WEIR__DEVICE_BINS / 64];      /* bit i: lists[i] is not empty */
    struct weir__list lists[WEIR__DEVICE_BINS]; /* of blocks, by `link` */
};

void weir__device_bins_add(struct weir__device_bins *bins, struct weir__device_block *block);
void weir__device_bins_remove(struct weir__device_bins *bins, struct weir__device_block *block);

/*
 * The smallest block of at least `size` bytes whose range is at most `range_max` long
 * (lowest address on a tie), or NULL. Of one bin it looks at the 32 blocks freed last,
 * so it is the best fit to within an eighth, in bounded time.
 */
struct weir__device_block *weir__device_bins_fit(const struct weir__device_bins *bins, size_t size,
                                                 size_t range_max);

/* The last non-empty bin before `end`, or -1: for walks from the largest blocks down. */
int weir__device_bins_before(const struct weir__device_bins *bins, int end);

#endif
