/*
 * track/shown.h - figures as another process can read them at any moment, also when this
 * one was killed in the middle of an operation. Owns the layout and the sums; who puts
 * the words into shared memory is another's business (preload/image.c), who reads them
 * there, too (tools/shown/figures.c).
 *
 * A root meter is shown by weir__shown_begin. Then every change of its figures is also
 * in words that need no lock to be read and are true after each single store:
 *
 *   total  = other_bytes + sum over shown tallies (taken - given + slow)
 *   blocks = other_allocated - other_freed + sum (allocating / 2 - freeing / 2)
 *   peak   = the greatest of peak, shared_peak, the total, and, while `solo` names a
 *            tally, solo_offset + its `hi`
 *
 * A tally is the first line of a window (track/window.h), which its thread writes with
 * plain stores. What windows count that are not shown goes to `other`. Where a thread's
 * tally moves to `other`, `moving` says so: a reader that finds it set after a death
 * cannot be exact.
 */
#ifndef WEIR_TRACK_SHOWN_H
#define WEIR_TRACK_SHOWN_H

#include "base/bits.h"

struct weir__level;
struct weir__meter;
struct weir__window;

/* As track/window.h has it; its thread writes, anyone reads. */
struct weir__tally {
    int64_t taken;
    uint64_t allocating;
    int64_t given;
    uint64_t freeing;
    int64_t hi, hi_blocks;
    int64_t slow; /* bytes that slow operations of the window counted */
    uint64_t unused;
};

/* Atomic words; written under the meter lock, but `other` and shared_peak, which any
 * thread may add to. */
struct weir__shown {
    int64_t peak, shared_peak;
    int64_t solo_offset;
    uint64_t solo; /* the number of the tally that has the total to itself; 0: none */
    int64_t other_bytes;
    uint64_t other_allocated, other_freed;
    uint64_t failures;
    uint64_t moving;
    uint64_t peak_blocks;   /* live at the peak of `peak_blocks_of` bytes, */
    int64_t peak_blocks_of; /* which a lone window made; 0: none is known */
};

/*
 * Shows the figures of the root `m` in *shown from here on, starting from what they are: the
 * peak, and all that is counted, as `other`. Windows that have a number are shown by their
 * tally, the others stay closed. NULL: no longer. Takes the meter lock.
 */
void weir__shown_begin(struct weir__meter *m, struct weir__shown *shown);

/*
 * In a forked child, between weir__meter_fork_prepare and _done, where tallies lie in memory
 * that is the parent's, too: the windows were given new tallies, all zero. What they had
 * counted is what the parent's had before the fork. The figures go on in *shown (NULL: nobody
 * reads).
 */
void weir__shown_forked(struct weir__meter *m, struct weir__shown *shown);

/* A slow operation counted this at the meter, not in a window; by the window's owner while SHARED,
 * else with the meter lock held, as what follows. */
void weir__shown_slow(struct weir__level at, int64_t delta, int allocated, int freed);

/* A free of `delta` bytes was counted twice: one of the two is taken back. */
void weir__shown_mend(struct weir__meter *m, int64_t delta);

/* What lived in a meter below ended with it. */
void weir__shown_retire(struct weir__meter *m, int64_t bytes, uint64_t blocks);

/* The window ends: its tally goes to `other`. */
void weir__shown_detach(struct weir__window *w);

/* A window has the total of m to itself from `used` on; and no longer. */
void weir__shown_solo_begin(struct weir__meter *m, const struct weir__window *w);
void weir__shown_solo_end(struct weir__meter *m);

/* A peak of so many bytes comes next, with so many blocks. */
void weir__shown_peak_blocks(struct weir__meter *m, int64_t peak, uint64_t blocks);

void weir__shown_peak(struct weir__meter *m);                      /* m->peak rose */
void weir__shown_shared_peak(struct weir__meter *m, int64_t live); /* any thread */

/* May the window be opened? Not where its tally would be missed. */
bool weir__shown_admits(const struct weir__window *w);

#endif
