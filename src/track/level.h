/*
 * track/level.h - the way from a window to the root: at each meter the window that its thread has
 * there. A common heap's window has none above it: operations count in those meters themselves.
 * Owns nothing. By the window's owner, or with the meter lock held.
 */
#ifndef WEIR_TRACK_LEVEL_H
#define WEIR_TRACK_LEVEL_H

#include "track/meter.h"

struct weir__level {
    struct weir__meter *meter;   /* NULL: past the root */
    struct weir__window *window; /* NULL: none of that thread */
};

WEIR__INLINE struct weir__level weir__level_of(struct weir__window *w)
{
    return (struct weir__level){w->meter, w};
}

WEIR__INLINE struct weir__level weir__level_above(struct weir__level at)
{
    return (struct weir__level){at.meter->parent, at.window ? at.window->up : NULL};
}

/* Adds blocks whose bytes were counted elsewhere. */
WEIR__INLINE void weir__level_counts(struct weir__level at, int allocated, int freed)
{
    if (at.window)
        weir__window_counts(at.window, allocated, freed);
    else
        weir__meter_counts(at.meter, (uint64_t)(int64_t)allocated, (uint64_t)(int64_t)freed);
}

/* Adds to the bytes ever allocated what is in no window's `taken`. */
WEIR__INLINE void weir__level_came(struct weir__level at, int64_t delta)
{
    if (delta <= 0)
        return;
    if (at.window)
        weir__relaxed_set(at.window->came, at.window->came + (uint64_t)delta);
    else
        __atomic_add_fetch(&at.meter->gone_bytes, (uint64_t)delta, __ATOMIC_RELAXED);
}

/* Counts an operation that took the slow way on shared atomics. */
WEIR__INLINE void weir__level_slow(struct weir__level at)
{
    if (at.window)
        weir__relaxed_set(at.window->shared_operations, at.window->shared_operations + 1);
    else
        __atomic_add_fetch(&at.meter->slow_operations, 1, __ATOMIC_RELAXED);
}

#endif
