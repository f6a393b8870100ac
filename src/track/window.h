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

#include "base/bits.h"
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
    const void *thread; /* identity of the owner */
    struct weir__window *next, *prev;
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

/* Enters an operation of the kind that `word` counts. The store must come before any
 * load of the operation: for the compiler here, for the processor by membarrier. */
WEIR__INLINE void weir__window_enter(uint64_t *word)
{
    weir__own_set(*word, weir__own_get(*word) + 1);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * Leaves it: what was stored takes effect. `step` is 1 for a block counted, -1 for
 * nothing done, 2n - 1 for n blocks. One instruction in memory on x86-64, where every
 * store releases.
 */
WEIR__INLINE void weir__window_leave(uint64_t *word, int64_t step)
{
#if defined(__x86_64__) && !defined(WEIR__ATOMIC_OWN)
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *word += (uint64_t)step;
#else
    __atomic_store_n(word, weir__own_get(*word) + (uint64_t)step, __ATOMIC_RELEASE);
#endif
}

/* The question of a free. Only a closed window's cap is this negative, so its upper half
 * tells, and that fits into one instruction. */
WEIR__INLINE bool weir__window_is_closed(const struct weir__window *w)
{
    return weir__own_get(w->cap_half[1]) == INT32_MIN;
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

/* May `used` become `to`? */
WEIR__INLINE bool weir__window_admits(const struct weir__window *w, int64_t to)
{
    return weir__likely(to <= weir__own_get(w->cap));
}

/* Must the blocks at a high-water mark be noted with it? Costs a third of an allocation whose
 * total rises, so only where somebody wants it (alloc/trim.c). */
extern bool weir__window_notes_blocks;

/* Notes the high-water mark, and perhaps the blocks at it: `used` becomes `to` without fail, and
 * `change` is what the two words are short of (twice the blocks, and the odd one). A mark
 * noted before that is sure would stay, and be a peak that never was. */
WEIR__INLINE void weir__window_note(struct weir__window *w, int64_t to, int64_t change)
{
    if (weir__unlikely(to > weir__own_get(w->hi))) {
        weir__own_set(w->hi, to);
        if (weir__unlikely(weir__own_get(weir__window_notes_blocks)))
            weir__own_set(w->hi_blocks,
                          (int64_t)(weir__own_get(w->allocating) - weir__own_get(w->freeing)) +
                              change);
    }
}

#endif
