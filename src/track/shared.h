/*
 * track/shared.h - the SHARED mode: operations on shared atomics while several threads work
 * at the peak and nobody watches a limit or a second peak. Owns the flag, the length of a
 * spell, and which windows and meters take part; track/phase.h decides when. Turned on and off
 * under the meter lock.
 *
 * A window takes part from its first slow operation on (weir__shared_join), and the meters up the
 * tree with it: turning the mode on and off costs nothing for those that do not.
 */
#ifndef WEIR_TRACK_SHARED_H
#define WEIR_TRACK_SHARED_H

#include "track/window.h"

/* The number of the SHARED phase that it is, each has another; 0: it is none. Atomic; written under
 * the lock. */
extern uint64_t weir__meters_shared;

WEIR__INLINE bool weir__meters_are_shared(void)
{
    return weir__relaxed_get(weir__meters_shared) != 0;
}

/* Does the window take part in the phase? By its owner, or with the lock held. */
WEIR__INLINE bool weir__shared_is_in(const struct weir__window *w)
{
    uint64_t phase = weir__relaxed_get(weir__meters_shared);
    return phase && w->shared_in == phase;
}

/* -- with the lock held -------------------------------------------------------------------- */

/* Turns the mode on, every window of the forest being closed and folded. `spell`: operations
 * of a thread between two looks at whether it still pays, a power of two; 0: as last. */
void weir__shared_begin(uint32_t spell);

/* SHARED: the window takes part from here on. By its owner. */
void weir__shared_join(struct weir__window *w);

/* The window goes. */
void weir__shared_quit(struct weir__window *w);

/* SHARED: the peak of m as far as it is known. */
int64_t weir__shared_peak(const struct weir__meter *m);

/* Back to bases: false, it was not on. */
bool weir__shared_end(void);

/* -- without ------------------------------------------------------------------------------- */

/*
 * An operation of the window's owner while SHARED, without a lock: between the two, if
 * the first says true, the owner may work on its bins, as inside an open window. Every
 * now and then it says false so that the slow operation looks for something better.
 */
bool weir__shared_enter(struct weir__window *w);
void weir__shared_leave(struct weir__window *w, int64_t delta, int allocated, int freed);

/* The two around nothing. False: go another way. */
bool weir__shared_change(struct weir__window *w, int64_t delta, int allocated, int freed);

#endif
