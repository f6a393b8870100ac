/*
 * track/meter.h - exact total, peak, count and limit of an allocator and its
 * descendants, without shared writes in the steady state.
 *
 * One meter an allocator, in a tree: a meter's figures include its children's.
 * Bytes are signed 64-bit here. Invariants, under the lock, outside SHARED:
 *
 *   live(m)  = base(m) + sum over windows w in the subtree of (used(w) - origin(w))
 *   level(m) = base(m) + sum over open windows w in the subtree of (cap(w) - origin(w))
 *   level(m) <= limit(m)
 *   level(m) <= ceiling(m), or solo(m) is the only open window in the subtree
 *
 * so as long as no slow operation runs, live(m) <= level(m) <= ceiling(m) = the least
 * of the peaks watched, and none of them can move; or one thread alone moves live(m)
 * and notes its own maximum. docs/watermark.md argues it, docs/models checks it.
 *
 * SHARED: several threads work at the peak and no limit or second peak is watched:
 * all windows stay closed and operations go to shared atomics.
 */
#ifndef WEIR_TRACK_METER_H
#define WEIR_TRACK_METER_H

#include "os/lock.h"
#include "track/trace_hook.h"
#include "track/window.h"

/* A peak of its own: the true maximum of the total since it was added. */
struct weir__peak_observer {
    int64_t peak;
    struct weir__peak_observer *next;
};

struct weir__meter {
    /* Under the meter lock; peak and solo are stored atomically, for weir__meter_note looks
     * at them without it. */
    struct weir__meter *parent, *children, *next, *prev; /* children: latest first */
    int64_t base, level, limit, ceiling, peak;
    struct weir__peak_observer *observers;
    struct weir__window *windows; /* own ones; opened latest first */
    struct weir__window *solo;
    unsigned nopen;  /* open windows in the subtree */
    unsigned crowd;  /* threads that were active at the last freeze */
    unsigned shares; /* parts that the credit is to be divided into; 0: unknown */
    uint64_t gone_allocations, gone_frees; /* of windows and children that are gone */
    uint64_t fork_allocations, fork_frees; /* of all there were when a fork began */
    uint64_t slow_operations;              /* own */
    uint64_t failures;                     /* own and of children gone; atomic */
    struct weir__shown *shown;             /* its figures for another process; NULL: nobody reads */
    /* Any thread, while SHARED. */
    int64_t shared_live __attribute__((aligned(WEIR__LINE)));
    int64_t shared_peak;
} __attribute__((aligned(WEIR__LINE)));

struct weir__meter_reading {
    size_t total, peak, count;
    uint64_t allocations, frees, slow_operations, failures;
};

#define WEIR__NO_LIMIT ((int64_t)1 << 61)

/* parent NULL: a root. */
void weir__meter_init(struct weir__meter *m, struct weir__meter *parent, size_t limit);

/* Takes the meter out of the tree; what is live in it counts as freed. Its windows
 * were detached, it has no children. The number of that in a trace, or 0. */
uint64_t weir__meter_destroy(struct weir__meter *m, size_t live_bytes, size_t live_blocks);

void weir__window_attach(struct weir__window *w, struct weir__meter *m, const void *thread);
void weir__window_detach(struct weir__window *w);

/* Closes a window so that its heap may be worked on; its owner's heap lock is held,
 * so it stays closed until that is dropped. */
void weir__window_close(struct weir__window *w);
void weir__window_release(struct weir__window *w); /* ends it */

/*
 * The slow operation: counts `delta` bytes and the blocks, if every limit up the
 * tree allows. False: a limit refuses, nothing changed. By the window's owner,
 * outside an operation.
 */
bool weir__meter_change(struct weir__window *w, int64_t delta, unsigned allocated, unsigned freed);

/*
 * An operation of the window's owner while SHARED, without a lock: between the two, if
 * the first says true, the owner may work on its bins, as inside an open window. Every
 * now and then it says false so that the slow operation looks for something better.
 */
bool weir__shared_enter(struct weir__window *w);
void weir__shared_leave(struct weir__window *w, int64_t delta, unsigned allocated, unsigned freed);

extern uint32_t weir__meters_shared;

WEIR__INLINE bool weir__meters_are_shared(void)
{
    return __atomic_load_n(&weir__meters_shared, __ATOMIC_RELAXED);
}

/* Would `size` more bytes exceed a limit even with nothing else live? */
bool weir__meter_never_fits(const struct weir__meter *m, size_t size);

/* Counts a refused or failed request. */
void weir__meter_failed(struct weir__meter *m);

/* One instant's exact figures of m and its descendants. */
void weir__meter_read(struct weir__meter *m, struct weir__meter_reading *reading);
size_t weir__meter_peak(struct weir__meter *m);
/*
 * The peak if it rose above note->peak: true if so. `blocks`: those that lived at the
 * peak, where the window that made it is open and has the total to itself; else those
 * that live now. With the calling thread's window a call that finds nothing new takes no
 * lock; it compares with what was there last.
 */
struct weir__meter_note {
    int64_t recorded, high;
    size_t peak, blocks;
};
bool weir__meter_note(struct weir__meter *m, const struct weir__window *own,
                      struct weir__meter_note *note);

void weir__meter_reset_peak(struct weir__meter *m);

/* False: more is live than that. 0: no limit. */
bool weir__meter_set_limit(struct weir__meter *m, size_t limit);
size_t weir__meter_limit(struct weir__meter *m);

void weir__meter_observe(struct weir__meter *m, struct weir__peak_observer *observer);
size_t weir__meter_observed(struct weir__meter *m, struct weir__peak_observer *observer);
void weir__meter_forget(struct weir__meter *m, struct weir__peak_observer *observer);

/*
 * Tracing (track/trace_hook.h) of a root and what is below it. All windows there stay
 * closed, each operation gets its number under the meter lock, left in its window's
 * `sequence`. EBUSY: another root is traced. `at`: the figures at that instant.
 */
int weir__meter_trace_begin(struct weir__meter *root, const struct weir__trace_hooks *hooks,
                            struct weir__meter_reading *at);
void weir__meter_trace_end(struct weir__meter *root, struct weir__meter_reading *at);

/* Is it at or below the traced root? Any thread; a moment's answer. */
bool weir__meter_is_traced(const struct weir__meter *m);

/*
 * Shows the figures of the root `m` in *shown from here on (track/shown.h), starting from
 * what they are: the peak, and all that is counted, as `other`. Windows that have a number
 * are shown by their tally, the others stay closed. NULL: no longer.
 */
void weir__meter_show(struct weir__meter *m, struct weir__shown *shown);

/* Before the process may not make the system call membarrier any more: closes every window
 * for good (track/fences.c). Any thread, no lock of weir's held; a second call does nothing. */
void weir__meters_unfence(void);

/* Around fork, the lock held: every window is closed and folded, and SHARED stays off. */
void weir__meter_fork_prepare(void);
void weir__meter_fork_done(void);

/*
 * In the child, between the two, where tallies lie in memory that is the parent's, too: the
 * windows were given new tallies, all zero. What they had counted is what the parent's had
 * before the fork. The figures go on in *shown (NULL: nobody reads).
 */
void weir__meter_fork_tallies(struct weir__meter *m, struct weir__shown *shown);

/* The invariants above, over the whole forest. */
bool weir__meter_is_valid(void);

#endif
