/*
 * track/shared.h - the SHARED mode: operations on shared atomics while several threads work
 * at the peak and nobody watches a limit or a second peak. Owns the flag and the length of a
 * spell; track/phase.h decides when. Turned on and off under the meter lock.
 */
#ifndef WEIR_TRACK_SHARED_H
#define WEIR_TRACK_SHARED_H

#include "track/window.h"

/* The number of the spell (track/spell.h) in which operations are on shared atomics; 0: they are
 * not. Atomic; written under the lock. */
extern uint64_t weir__meters_shared;

WEIR__INLINE bool weir__meters_are_shared(void)
{
    return weir__relaxed_get(weir__meters_shared) != 0;
}

/* Does the window take part in it? By its owner. */
WEIR__INLINE bool weir__shared_has(const struct weir__window *w)
{
    uint64_t spell = weir__relaxed_get(weir__meters_shared);
    return spell && w->spell == spell;
}

/* Turns the mode on, every window of the forest being closed and folded; nobody takes part yet.
 * `spell`: operations of a thread between two looks at whether it still pays, a power of two; 0: as
 * last. */
void weir__shared_begin(uint32_t spell);

/* Back to bases: false, it was not on. */
bool weir__shared_end(void);

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
