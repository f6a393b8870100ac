/*
 * track/shown.h - figures as another process can read them at any moment, also when this
 * one was killed in the middle of an operation. Owns the layout and the sums; who puts
 * the words into shared memory is another's business (preload/image.c), who reads them
 * there, too (tools/run_figures.c).
 *
 * A root meter is shown by weir__meter_show. Then every change of its figures is also
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

#include <stdint.h>

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
};

#endif
