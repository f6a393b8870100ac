/*
 * track/window.h - a thread's window onto an allocator's figures: its share of the
 * accounting, changed with plain stores of its own thread.
 *
 * The exact total of a meter is base + sum(used - origin) over its windows, the
 * peak can only move where the lock sees it: see docs/watermark.md and meter.h.
 *
 *   allocating, freeing   twice the blocks this window has counted, plus 1 while its
 *           thread is in the middle of such an operation: one store says both
 *   taken, given   bytes of allocations and of frees that this window has counted; what
 *           is called its `used` is taken - given. Two words, because in a row of pairs
 *           one would wait for itself twice a pair (measured: 6.2 ns a pair, now 5.5)
 *   cap     an operation that would lift `used` above it goes the slow way; the most
 *           negative number closes the window for allocations and frees alike.
 *   hi      greatest `used` since the window was opened (solo windows), or cap.
 *   slow    bytes of slow operations; they are not in `used`
 *
 * The first line is the window's tally (track/shown.h): it may lie on a page that another
 * process reads. Nothing there is a pointer, and nothing there decides an operation but
 * the parity of the two counts.
 *
 * An operation makes its word odd, then reads cap; who closes a window stores cap,
 * fences all threads (membarrier) and waits until both words are even. So the owner
 * either sees the window closed or is waited for, at no cost to the owner.
 */
#ifndef WEIR_TRACK_WINDOW_H
#define WEIR_TRACK_WINDOW_H

#include "base/list.h"
#include "track/shown.h"

#include <stddef.h>

struct weir__meter;

#define WEIR__WINDOW_CLOSED INT64_MIN

struct weir__window {
    int64_t taken; /* written by the owner alone, as the next three */
    uint64_t allocating;
    int64_t given;
    uint64_t freeing;
    int64_t hi;        /* as taken */
    int64_t hi_blocks; /* at `hi`: two times the blocks counted in less those out; as hi */
    int64_t slow;      /* under the meter lock, or while SHARED by the owner */
    uint64_t unused;
    union {                  /* the second line */
        int64_t cap;         /* written with the meter lock held */
        int32_t cap_half[2]; /* low, high: little-endian machines only */
    };
    uint64_t sequence; /* number of the latest traced operation; the owner takes it */
    uint32_t held;     /* its bins are worked on by who closed it */
    bool open;         /* the rest: under the meter lock */
    bool waiting;      /* being closed; its thread must be waited for */
    uint32_t number;   /* of its tally, for who reads it from outside; 0: it is not shown */
    int64_t origin;    /* `used` that `base` already holds */
    struct weir__meter *meter;
    const void *thread;             /* identity of the owner */
    struct weir__link link;         /* of the meter: opened latest first */
    int64_t granted;                /* cap while open, kept while a reader has it closed */
    uint64_t ops_at_open, ops_seen; /* to judge phases by */
    uint64_t shared_operations;     /* done on shared atomics; written by the owner */
} __attribute__((aligned(WEIR__LINE)));

_Static_assert(
    offsetof(struct weir__window, cap) == sizeof(struct weir__tally) &&
        offsetof(struct weir__window, allocating) == offsetof(struct weir__tally, allocating) &&
        offsetof(struct weir__window, given) == offsetof(struct weir__tally, given) &&
        offsetof(struct weir__window, freeing) == offsetof(struct weir__tally, freeing) &&
        offsetof(struct weir__window, hi) == offsetof(struct weir__tally, hi) &&
        offsetof(struct weir__window, hi_blocks) == offsetof(struct weir__tally, hi_blocks) &&
        offsetof(struct weir__window, slow) == offsetof(struct weir__tally, slow),
    "a window begins with its tally");

WEIR__INLINE int64_t weir__window_load(const int64_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

WEIR__INLINE void weir__window_store(int64_t *field, int64_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

/* Who closed the window asks, behind its store and its fence. Sequentially consistent, so that
 * neither load comes before that store where the fence is one of the thread inside
 * (window_say_inside): Dekker's argument needs both sides to be. Costs nothing on x86-64. */
WEIR__INLINE bool weir__window_is_inside(const struct weir__window *w)
{
    return (__atomic_load_n(&w->allocating, __ATOMIC_SEQ_CST) |
            __atomic_load_n(&w->freeing, __ATOMIC_SEQ_CST)) &
           1;
}

WEIR__INLINE uint64_t weir__window_allocations(const struct weir__window *w)
{
    return __atomic_load_n(&w->allocating, __ATOMIC_RELAXED) / 2;
}

WEIR__INLINE uint64_t weir__window_frees(const struct weir__window *w)
{
    return __atomic_load_n(&w->freeing, __ATOMIC_RELAXED) / 2;
}

WEIR__INLINE int64_t weir__window_used(const struct weir__window *w)
{
    return weir__window_load(&w->taken) - weir__window_load(&w->given);
}

/* Of `used`, what the base does not hold yet. */
WEIR__INLINE int64_t weir__window_unfolded(const struct weir__window *w)
{
    return weir__window_used(w) - w->origin;
}

WEIR__INLINE uint64_t weir__window_operations(const struct weir__window *w)
{
    return weir__window_allocations(w) + weir__window_frees(w);
}

/* Counts blocks by other ways than the window; outside an operation. By the owner, or with the
 * meter lock held and the window closed. */
WEIR__INLINE void weir__window_counts(struct weir__window *w, int allocated, int freed)
{
    __atomic_store_n(&w->allocating, w->allocating + (uint64_t)(2 * (int64_t)allocated),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&w->freeing, w->freeing + (uint64_t)(2 * (int64_t)freed), __ATOMIC_RELAXED);
}

/* -- by any thread, without a lock ---------------------------------------------------- */

/* `thread` NULL: a common heap's; its owner is whoever holds the heap's lock, so every close
 * of it waits. */
void weir__window_attach(struct weir__window *w, struct weir__meter *m, const void *thread);
void weir__window_detach(struct weir__window *w);

/* Closes a window so that its heap may be worked on; its owner's heap lock is held, so it
 * stays closed until weir__window_release. */
void weir__window_close(struct weir__window *w);
void weir__window_release(struct weir__window *w);

/* -- with the meter lock held ----------------------------------------------------------- */

void weir__window_open(struct weir__window *w, int64_t grant, bool solo);

/* The window is closed and its thread outside: what it counted goes to the base. */
void weir__window_fold(struct weir__window *w);

/* Waits until its thread is outside. */
void weir__window_await(struct weir__window *w);

/* What closing windows took. */
struct weir__shutting {
    const void *self;
    bool fence;          /* other threads' windows were among them */
    uint64_t others_ops; /* done by other threads' windows while open */
    uint64_t cost_ns;    /* of the fence and the waiting */
};

/* Closes every open window below `top`; `self` is the calling thread, which is outside. */
struct weir__shutting weir__windows_shut(struct weir__meter *top, const void *self);

/* Reopens them as they were. */
void weir__windows_reopen(struct weir__meter *top);

/* Folds them: base(m) is live(m) for all of the subtree. */
void weir__windows_fold(struct weir__meter *top);

/* Waits for the thread of every window below `top` (NULL: of the process). */
void weir__windows_await(struct weir__meter *top);

#endif
