/*
 * track/window.h - a thread's window onto an allocator's figures: its share of the
 * accounting, changed with plain stores by its thread.
 *
 * The exact total of a meter is base + sum(used - origin) over its windows, the
 * peak can only move where the lock sees it: see docs/internals/watermark.md and meter.h.
 *
 * A thread that works in a meter has a window at each meter from there to the root: `up` leads
 * from one to the next, `top` to the last. An operation counts in all of them, so that each meter
 * has all of its figures in its own windows. A common heap's window has none above it and is
 * not opened, unless it is a root's.
 *
 *   allocating, freeing   sequence counters: twice the blocks that this window has counted,
 *           plus, in the top one, a busy bit (1) while its thread is in such an operation on any
 *           window below. One store says both
 *   taken, given   bytes of allocations and of frees that this window has counted; its `used`
 *           is taken - given. Two counters: with one, back-to-back pairs would serialize on
 *           store forwarding of that word (measured: 6.2 ns a pair instead of 5.5)
 *   cap     an operation that would lift `used` above it goes the slow way;
 *           WEIR__WINDOW_CLOSED closes the window for allocations and frees alike
 *   hi      greatest `used` since the window was opened (solo windows), or cap
 *   slow    bytes of slow operations; they are not in `used`
 *   countdown   while allocations are sampled: the bytes to the next point (track/sample.h)
 *
 * Four flags say what a window's state is:
 *
 *   open     it has a grant, which counts in the level of its meter. While a reader has it
 *            shut, cap is WEIR__WINDOW_CLOSED, `open` stays and `granted` says what it reopens to
 *   numbered it is open for operations that number themselves alone (track/traced.h): cap stays
 *            WEIR__WINDOW_CLOSED, and `numbered_cap` is what cap would be
 *   waiting  it was shut, and its thread was not seen outside since; within one hold of the lock
 *   away     in the top one: its thread is on its way to the meter lock, and does nothing in any
 *            window below before it has it
 *   held     its bins are worked on by the thread that closed it (weir__window_close); it is not
 * opened before weir__window_release
 *
 * The first line is the window's tally (track/shown.h): it may lie on a page that another
 * process reads. Nothing there is a pointer, and nothing there decides an operation but
 * the busy bits.
 *
 * An operation sets the busy bit, then reads each cap. The thread that closes a window stores cap,
 * fences all threads (membarrier) and waits until the operation under way has ended. So the owner
 * either sees the window closed or is waited for, at no cost to the owner. An owner that is at work
 * finds it closed within some 100 ns and is away then: that is waited for first, and saves the
 * fence.
 *
 * Owns the protocol; knows nothing of bins and blocks. Each field says who writes it.
 */
#ifndef WEIR_TRACK_WINDOW_H
#define WEIR_TRACK_WINDOW_H

#include "base/list.h"
#include "track/shown.h"

#include <stddef.h>

struct weir__meter;

#define WEIR__WINDOW_CLOSED INT64_MIN

/* In the cap of an open window while allocations are sampled (track/sample.h), `sampled_cap` being
 * what it would be: no allocation is within it, and to frees it is not closed. */
#define WEIR__WINDOW_SAMPLED (INT64_MIN + ((int64_t)1 << 32))

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
        int64_t cap;         /* written with the meter lock held; by the owner to close it */
        int32_t cap_half[2]; /* low, high: little-endian machines only */
    };
    struct weir__window *up;  /* of its thread at the meter above; NULL: none. Never changes, */
    struct weir__window *top; /* nor does this: the last in that direction, or itself */
    int64_t sampled_cap;      /* as cap; closed but while allocations are sampled and no call is
                                 counted */
    int64_t countdown;        /* bytes to the next point (track/sample.h); negative: it is to be
                                 drawn. Written by the owner; under the meter lock while closed */
    int64_t numbered_cap;     /* as cap */
    uint64_t sequence;        /* number of the latest traced operation; the owner takes it */
    uint32_t held;            /* atomic: set under the meter lock, cleared by who set it */
    uint32_t number;          /* of its tally, for who reads it from outside; 0: it is not shown */
    bool away;                /* atomic: set by the owner, cleared by it under the meter lock */
    bool open;                /* the rest: under the meter lock, but shared_operations */
    bool waiting;
    bool only_frees; /* nearly, when it was last open */
    bool numbered;
    int64_t origin;  /* `used` that `base` already holds */
    int64_t granted; /* cap while open, kept while a reader has it closed. Its thread alone opens
                      * it, and reads this in an operation */
    int64_t guarded_cap; /* as cap; closed but while calls are counted */
    int64_t calls_left; /* allocations to the next that is guarded (track/sample.h); as countdown */
    struct weir__meter *meter;
    const void *thread;     /* identity of the owner */
    struct weir__link link; /* of the meter: opened latest first */
    /* To judge phases by: what was done when it was opened, and counted for the crowd. */
    uint64_t ops_at_open, allocated_at_open, ops_seen;
    uint64_t ops_read;              /* when it was last reopened after a reading */
    uint64_t solo_at;               /* when it was last opened solo, in ns */
    uint64_t polled_at, polled_ops; /* when another thread last waited for it, what was done */
    struct weir__window *shut_next; /* of those closed together; within one hold of the lock */
    uint64_t spell;                 /* the last one it took part in (track/spell.h); 0: none */
    struct weir__link spell_link;
    uint64_t shared_operations; /* done on shared atomics; written by the owner */
    uint64_t came;              /* bytes of allocations that `taken` has not: under the meter lock,
                                 * or while SHARED by the owner */
} __attribute__((aligned(WEIR__LINE)));

/* Whether the blocks at a high-water mark are stored with it: a third of the cost of an allocation
 * that raises the mark, so only while a peak is watched. Written by weir__slow_hook_set alone
 * (alloc/inspect.h), read by every owner; relaxed. */
extern bool weir__window_records_blocks;

_Static_assert(
    offsetof(struct weir__window, cap) == sizeof(struct weir__tally) &&
        offsetof(struct weir__window, allocating) == offsetof(struct weir__tally, allocating) &&
        offsetof(struct weir__window, given) == offsetof(struct weir__tally, given) &&
        offsetof(struct weir__window, freeing) == offsetof(struct weir__tally, freeing) &&
        offsetof(struct weir__window, hi) == offsetof(struct weir__tally, hi) &&
        offsetof(struct weir__window, hi_blocks) == offsetof(struct weir__tally, hi_blocks) &&
        offsetof(struct weir__window, slow) == offsetof(struct weir__tally, slow),
    "a window begins with its tally");

/* Is its thread in an operation that counts in it? It may be in one of another window below the
 * same top. For the thread that closed the window, after the store and the fence. Sequentially
 * consistent, so that neither load comes before that store where the fence is one of the thread
 * inside (weir__shared_enter): Dekker's argument needs both sides to be. Costs nothing on x86-64.
 */
WEIR__INLINE bool weir__window_is_inside(const struct weir__window *w)
{
    const struct weir__window *top = w->top;
    return (__atomic_load_n(&w->allocating, __ATOMIC_SEQ_CST) |
            __atomic_load_n(&w->freeing, __ATOMIC_SEQ_CST) |
            __atomic_load_n(&top->allocating, __ATOMIC_SEQ_CST) |
            __atomic_load_n(&top->freeing, __ATOMIC_SEQ_CST)) &
           1;
}

WEIR__INLINE uint64_t weir__window_allocations(const struct weir__window *w)
{
    return weir__relaxed_get(w->allocating) / 2;
}

WEIR__INLINE uint64_t weir__window_frees(const struct weir__window *w)
{
    return weir__relaxed_get(w->freeing) / 2;
}

WEIR__INLINE int64_t weir__window_used(const struct weir__window *w)
{
    return weir__relaxed_get(w->taken) - weir__relaxed_get(w->given);
}

/* Bytes ever allocated, growth of blocks included. */
WEIR__INLINE uint64_t weir__window_bytes(const struct weir__window *w)
{
    return (uint64_t)weir__relaxed_get(w->taken) + weir__relaxed_get(w->came);
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

/* Adds blocks whose bytes were counted elsewhere. By the owner outside an operation, or with the
 * meter lock held and the window closed. */
WEIR__INLINE void weir__window_counts(struct weir__window *w, int allocated, int freed)
{
    weir__relaxed_set(w->allocating, w->allocating + (uint64_t)(2 * (int64_t)allocated));
    weir__relaxed_set(w->freeing, w->freeing + (uint64_t)(2 * (int64_t)freed));
}

/* -- by any thread, without a lock ---------------------------------------------------- */

/* `up`: its thread's window at the parent of m, which stays for as long. `thread` is compared with
 * the caller's when windows are closed: the caller's own need no fence. NULL: the window of a
 * common heap, whose owner is the thread that holds the heap's lock; so every close of it fences
 * and waits, and it has no window above it. */
void weir__window_attach(struct weir__window *w, struct weir__meter *m, struct weir__window *up,
                         const void *thread);
void weir__window_detach(struct weir__window *w);

/* In a forked child, of a thread that is not there: none is above it any more. */
void weir__window_part(struct weir__window *w);

/* Closes a window so that its heap may be worked on; its owner's heap lock is held, so it
 * stays closed until weir__window_release. */
void weir__window_close(struct weir__window *w);
void weir__window_release(struct weir__window *w);

/* -- with the meter lock held ----------------------------------------------------------- */

/* May it be opened, and those above it? Not if an operation in it would miss a meter above; nor
 * while somebody has hold of the bins of one, or a total is above its soft limit. */
bool weir__windows_may_open(const struct weir__window *w);

/* With a grant below the ceiling, or, solo, for as much as the limit allows. */
void weir__window_open(struct weir__window *w, int64_t grant, bool solo);

/* Lets operations in again: it is open, and its thread had closed it. */
void weir__window_admit(struct weir__window *w);

/* The window is closed and its thread outside: what it counted goes to the base. */
void weir__window_fold(struct weir__window *w);

/* Waits until the operation that its thread is in, if any, has ended. */
void weir__window_await(struct weir__window *w);

/* Windows of other threads for which it is worth to wait until their threads come by themselves;
 * where there are more a fence does for all. */
#define WEIR__WINDOWS_ASKED 4

/* What closing windows took. */
struct weir__shutting {
    const void *self;
    struct weir__window *first; /* all of them */
    unsigned others;            /* windows of other threads among them; the first few: */
    struct weir__window *asked[WEIR__WINDOWS_ASKED];
    unsigned only_free;  /* of these, threads that nearly only freed */
    uint64_t others_ops; /* done by other threads' windows while open */
    uint64_t cost_ns;    /* of the fence and the waiting */
};

/* Closes every open window of the meter, so that nothing below it counts any more; `self` is the
 * calling thread, which is outside. */
struct weir__shutting weir__windows_shut(struct weir__meter *m, const void *self);

/* Reopens them as they were. Where there are many of other threads, those whose threads did
 * nothing since the last time are folded instead: they cost the next reader nothing. */
void weir__windows_reopen(const struct weir__shutting *s);

/* Folds them: base is live. */
void weir__windows_fold(const struct weir__shutting *s);

/* Folds every open window of the meter, below which nobody is inside: the windows of its root are
 * closed. */
void weir__windows_fold_quiet(struct weir__meter *m);

#endif
