/*
 * track/window.h - a thread's window onto an allocator's figures: its share of the
 * accounting, changed with plain stores of its own thread.
 *
 * The exact total of a meter is base + sum(used - origin) over its windows, the
 * peak can only move where the lock sees it: see docs/watermark.md and meter.h.
 *
 *   used2   twice the net bytes this window has counted, plus 1 while its thread is
 *           inside an operation. One store ends the operation and takes effect.
 *   cap2    an operation that would lift used2 above it goes the slow way; the most
 *           negative number closes the window for allocations and frees alike.
 *   hi2     greatest used2 since the window was opened (solo windows), or cap2.
 *
 * An operation stores used2 | 1, then reads cap2; who closes a window stores cap2,
 * fences all threads (membarrier) and waits until used2 is even. So the owner either
 * sees the window closed or is waited for, at no cost to the owner.
 */
#ifndef WEIR_TRACK_WINDOW_H
#define WEIR_TRACK_WINDOW_H

#include "base/bits.h"

struct weir__meter;

#define WEIR__WINDOW_CLOSED INT64_MIN

struct weir__window {
    int64_t used2;        /* written by the owner alone */
    int64_t cap2;         /* written with the meter lock held */
    int64_t hi2;          /* written by the owner alone */
    uint64_t allocations; /* written by the owner alone; never goes back */
    uint64_t frees;       /* the same */
    uint64_t sequence;    /* number of the latest traced operation; the owner takes it */
    bool open;            /* the rest: under the meter lock */
    bool waiting;         /* being closed; its thread must be waited for */
    int64_t origin2;      /* used2 that `base` already holds */
    struct weir__meter *meter;
    const void *thread; /* identity of the owner */
    struct weir__window *next, *prev;
    int64_t granted2; /* cap2 while open, kept while a reader has it closed */
    uint64_t ops_at_open;
    uint64_t shared_operations; /* done on shared atomics; written by the owner */
} __attribute__((aligned(WEIR__LINE)));

/* Relaxed accesses: one writer each, exchanged through the fence protocol. */
WEIR__INLINE int64_t weir__window_load(const int64_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

WEIR__INLINE void weir__window_store(int64_t *field, int64_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

/* Enters an operation; returns used2 before it. The store must come before any
 * load of the operation: for the compiler here, for the processor by membarrier. */
WEIR__INLINE int64_t weir__window_enter(struct weir__window *w)
{
    int64_t used2 = weir__window_load(&w->used2);
    weir__window_store(&w->used2, used2 | 1);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return used2;
}

/* Leaves it: with `used2` as it was, nothing happened; with another, it took effect. */
WEIR__INLINE void weir__window_leave(struct weir__window *w, int64_t used2)
{
    __atomic_store_n(&w->used2, used2, __ATOMIC_RELEASE);
}

/* May used2 become `to`? Notes the high-water mark if so. */
WEIR__INLINE bool weir__window_admits(struct weir__window *w, int64_t to)
{
    if (weir__unlikely(to > weir__window_load(&w->cap2)))
        return false;
    if (weir__unlikely(to > weir__window_load(&w->hi2)))
        weir__window_store(&w->hi2, to);
    return true;
}

/* Counters have one writer: no read-modify-write instruction with a lock prefix. */
WEIR__INLINE void weir__window_count(uint64_t *counter)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

#endif
