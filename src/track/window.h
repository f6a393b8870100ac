/*
 * track/window.h - a thread's window onto an allocator's figures: its share of the
 * accounting, changed with plain stores of its own thread.
 *
 * The exact total of a meter is base + sum(used - origin) over its windows, the
 * peak can only move where the lock sees it: see docs/watermark.md and meter.h.
 *
 *   inside  the thread is in the middle of an operation
 *   used    net bytes this window has counted
 *   cap     an operation that would lift `used` above it goes the slow way; the most
 *           negative number closes the window for allocations and frees alike.
 *   hi      greatest `used` since the window was opened (solo windows), or cap.
 *
 * An operation stores `inside`, then reads cap; who closes a window stores cap, fences
 * all threads (membarrier) and waits until `inside` is clear. So the owner either sees
 * the window closed or is waited for, at no cost to the owner.
 */
#ifndef WEIR_TRACK_WINDOW_H
#define WEIR_TRACK_WINDOW_H

#include "base/bits.h"

struct weir__meter;

#define WEIR__WINDOW_CLOSED INT64_MIN

struct weir__window {
    uint8_t inside;       /* written by the owner alone, as the next */
    int64_t used;
    int64_t cap;          /* written with the meter lock held */
    int64_t hi;           /* written by the owner alone, as the next two */
    uint64_t allocations; /* never goes back */
    uint64_t frees;       /* the same */
    uint64_t sequence;    /* number of the latest traced operation; the owner takes it */
    bool open;            /* the rest: under the meter lock */
    bool waiting;         /* being closed; its thread must be waited for */
    int64_t origin;       /* `used` that `base` already holds */
    struct weir__meter *meter;
    const void *thread; /* identity of the owner */
    struct weir__window *next, *prev;
    int64_t granted; /* cap while open, kept while a reader has it closed */
    uint64_t ops_at_open, ops_seen; /* to judge phases by */
    uint64_t shared_operations; /* done on shared atomics; written by the owner */
} __attribute__((aligned(WEIR__LINE)));

WEIR__INLINE int64_t weir__window_load(const int64_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

WEIR__INLINE void weir__window_store(int64_t *field, int64_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

/* Enters an operation. The store must come before any load of the operation: for the
 * compiler here, for the processor by membarrier. */
WEIR__INLINE void weir__window_enter(struct weir__window *w)
{
    __atomic_store_n(&w->inside, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Leaves it: what it stored takes effect, `used` first of all. */
WEIR__INLINE void weir__window_leave(struct weir__window *w)
{
    __atomic_store_n(&w->inside, 0, __ATOMIC_RELEASE);
}

/* May `used` become `to`? Notes the high-water mark if so. */
WEIR__INLINE bool weir__window_admits(struct weir__window *w, int64_t to)
{
    if (weir__unlikely(to > weir__own_get(w->cap)))
        return false;
    if (weir__unlikely(to > weir__own_get(w->hi)))
        weir__own_set(w->hi, to);
    return true;
}

#endif
