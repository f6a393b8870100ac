/*
 * base/sized.h - structs of the public headers that begin with their size, as the program knows
 * it: 0 is the first release's. A later library adds fields at the end; programs built with
 * earlier and later headers go on. docs/internals/api.md has the policy.
 *
 * Owns no state; knows nothing of any one struct. Thread rule: functions of their arguments alone.
 */
#ifndef WEIR_BASE_SIZED_H
#define WEIR_BASE_SIZED_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a struct up to and with this field: `first` below, for the last of the first release. */
#define WEIR__SIZE_WITH(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))

/*
 * The options that a program gave, into `to` of `known` bytes. Fields that it does not know become
 * zero. `from` NULL: all are. False, and `to` undefined: its size does not fit, or
 * it has fields that this library does not know and they are not all zero bytes.
 */
bool weir__options_take(void *to, size_t known, size_t first, const void *from);

/* Is it one that a program may say: 0, or from `first` to 4096 bytes? */
bool weir__size_fits(size_t size, size_t first);

/*
 * The figures in `from`, of `known` bytes, into the program's struct, as many of them as it knows;
 * its size then says how many bytes were filled. What it has beyond stays as it was.
 * Its size must fit.
 */
void weir__figures_give(void *to, size_t first, const void *from, size_t known);

#endif
