/*
 * track/traced.h - the root that is traced (track/trace_hook.h), and how its operations get
 * their numbers. Owns which root that is.
 *
 * Several threads take turns: all windows of the root stay closed, and so no operation below it is
 * fast; each gets its number under the meter lock, left in its window's `sequence`. A thread that
 * came TURN_LEAST times in turn has the root to itself: its window there is open, but to operations
 * alone that number themselves (weir__numbered_*), between entering and leaving as track/count.h
 * has it. The thread that closes the window has the numbers in order, for all that the thread
 * counted before has its number by then.
 */
#ifndef WEIR_TRACK_TRACED_H
#define WEIR_TRACK_TRACED_H

#include "track/count.h"
#include "track/reading.h"
#include "track/trace_hook.h"
#include "track/window.h"

/* Is it at or below the traced root? Any thread; a moment's answer. */
bool weir__meter_is_traced(const struct weir__meter *m);

/* Take the meter lock. 0; EBUSY: another root is traced. `at`: the figures at that instant. */
int weir__traced_begin(struct weir__meter *root, const struct weir__trace_hooks *hooks,
                       struct weir__meter_reading *at);
void weir__traced_end(struct weir__meter *root, struct weir__meter_reading *at);

/* -- with the meter lock held ------------------------------------------------------------- */

/* The slow operation below a traced root. */
struct weir__step;
bool weir__traced_change(struct weir__window *w, int64_t delta, int allocated, int freed,
                         struct weir__step *step);

/* Numbers a change of so many bytes and blocks: into the window, or returned; 0: not traced. */
void weir__traced_stamp(struct weir__window *w, int64_t delta, int blocks);
uint64_t weir__traced_number(const struct weir__meter *m, int64_t delta, int64_t blocks);

/* -- by the owner of a window, outside an operation ------------------------------------------ */

bool weir__numbered_is_above(const struct weir__window *w);

/* One of its thread's windows from w up is. */
WEIR__INLINE bool weir__window_is_numbered(const struct weir__window *w, enum weir__reach reach)
{
    return weir__own_get(w->numbered_cap) != WEIR__WINDOW_CLOSED ||
           (reach != WEIR__REACH_ROOT && weir__numbered_is_above(w));
}

/* May it number its operations alone? A moment's answer, to be had first: a process that is a
 * copy has no numbers to give. */
WEIR__INLINE bool weir__window_may_number(const struct weir__window *w, enum weir__reach reach)
{
    return weir__window_is_numbered(w, reach) && !weir__trace_is_copy();
}

/* Have all from w up, of which one is numbered, room for `size` bytes more? */
bool weir__numbered_admit(const struct weir__window *w, int64_t size);

/* While allocations are sampled: the same. `samples`: and does no point lie in it? That is passed
 * then (track/count.h). */
bool weir__numbered_sampled(struct weir__window *w, int64_t size, bool samples);

/* The same at a root, without a call: who numbers by itself saves no registers for it. */
WEIR__INLINE bool weir__numbered_passes(struct weir__window *w, int64_t size, bool samples,
                                        int64_t to)
{
    int64_t left = weir__relaxed_get(w->countdown) - weir__sample_bytes(size);
    if (weir__relaxed_get(w->numbered_cap) != WEIR__WINDOW_SAMPLED ||
        to > weir__relaxed_get(w->granted) || (samples && left < 0))
        return false;
    if (samples)
        weir__relaxed_set(w->countdown, left);
    return true;
}

/* As weir__allocating_enter and weir__freeing_enter. True: weir__trace_stamp next, before the
 * block can be another's, and then the way out that track/count.h has. */
WEIR__INLINE bool weir__numbered_allocating_enter(struct weir__window *w, enum weir__reach reach,
                                                  int64_t size, bool samples, int64_t *to)
{
    struct weir__window *top = weir__window_top(w, reach);
    weir__window_enter(&top->allocating);
    *to = weir__window_after(w, size);
    if (weir__likely(reach == WEIR__REACH_ROOT ? *to <= weir__own_get(w->numbered_cap)
                                               : weir__numbered_admit(w, size)))
        return true;
    if (reach == WEIR__REACH_ROOT
            ? weir__numbered_passes(w, size, samples, *to)
            : weir__sample_is_on() && weir__numbered_sampled(w, size, samples))
        return true;
    weir__window_leave(&top->allocating, -1);
    return false;
}

WEIR__INLINE bool weir__numbered_freeing_enter(struct weir__window *w, enum weir__reach reach)
{
    struct weir__window *top = weir__window_top(w, reach);
    weir__window_enter(&top->freeing);
    if (weir__likely(reach == WEIR__REACH_ROOT ? weir__window_is_numbered(w, reach)
                                               : weir__numbered_admit(w, 0)) ||
        (reach != WEIR__REACH_ROOT && weir__sample_is_on() && weir__numbered_sampled(w, 0, false)))
        return true;
    weir__window_leave(&top->freeing, -1);
    return false;
}

/* An operation without bins: its number, or 0: nothing happened. */
uint64_t weir__numbered_count(struct weir__window *w, int64_t delta, int allocated, int freed);

#endif
