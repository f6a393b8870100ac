/*
 * pool/bin.h - a bin: the stack of cached blocks of one class in a thread cache, and its
 * memory, which it owns. Knows nothing of classes and centers.
 *
 *   no block | base [cached cached ... ] top ... limit
 *
 * Below the base stands one without a block, which is never a true copy (pool/cached.h), so that
 * one comparison tells the owner that the bin is empty and that a copy is not true. An unused bin
 * has base == top == limit, after the one without a block that all unused bins share: it reads as
 * both empty and full.
 *
 * Who may use a bin: pool/cache.h. `top` and `base` are read by any thread for figures.
 */
#ifndef WEIR_POOL_BIN_H
#define WEIR_POOL_BIN_H

#include "pool/cached.h"
#include "pool/class.h"

struct weir__bin {
    struct weir__cached *top;  /* by who may use the bin; atomic */
    struct weir__cached *base; /* from here on by the holder of the cache's lock; base is atomic */
    struct weir__cached *limit;
    uint32_t grown; /* bytes of blocks it may hold beyond its first room */
    bool refilled;  /* it ran empty since it last grew */
};

_Static_assert(sizeof(struct weir__bin) == 1 << WEIR__BIN_SHIFT,
               "class << WEIR__BIN_SHIFT is its offset");

/* The one under every unused bin: top[-1] of it. */
extern struct weir__cached weir__no_cached;

#define WEIR__BIN_UNUSED                                                                           \
    {                                                                                              \
        &weir__no_cached + 1, &weir__no_cached + 1, &weir__no_cached + 1, 0, false                 \
    }

/* WEIR__CLASSES unused ones, which nobody writes: where none were made yet. */
extern struct weir__bin weir__no_bins[WEIR__CLASSES];

/* The top of a bin is written by who may use it, and read by anyone for figures. */
WEIR__INLINE struct weir__cached *weir__bin_top(const struct weir__bin *bin)
{
    return weir__relaxed_get(bin->top);
}

WEIR__INLINE void weir__bin_set_top(struct weir__bin *bin, struct weir__cached *top)
{
    weir__relaxed_set(bin->top, top);
}

/* Any thread, a moment's figure. */
WEIR__INLINE size_t weir__bin_count(const struct weir__bin *bin)
{
    const struct weir__cached *top = weir__bin_top(bin);
    const struct weir__cached *base = weir__relaxed_get(bin->base);
    return base && top > base ? (size_t)(top - base) : 0;
}

WEIR__INLINE size_t weir__bin_room(const struct weir__bin *bin)
{
    return (size_t)(bin->limit - bin->base);
}

/* Of its memory; by the holder of the cache's lock, as what follows. */
size_t weir__bin_bytes(const struct weir__bin *bin);

/* Gives it room for so many blocks, those that it has included. False: no memory, and it is
 * as it was. */
bool weir__bin_resize(struct weir__bin *bin, size_t room);

/* Unused from here on, whatever it had. */
void weir__bin_unmake(struct weir__bin *bin);

/* Takes the lowest `count` away. */
void weir__bin_shift(struct weir__bin *bin, size_t count);

/* As drawn above: its ends and what stands below. */
bool weir__bin_is_valid(const struct weir__bin *bin);

#endif
