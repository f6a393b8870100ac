/*
 * track/shared.h - the SHARED mode: operations on shared atomics while several threads work
 * at the peak and nobody watches a limit or a second peak. Owns the flag and the length of a
 * spell; track/phase.h decides when. Turned on and off under the meter lock.
 */
#ifndef WEIR_TRACK_SHARED_H
#define WEIR_TRACK_SHARED_H

#include "track/window.h"

/* Atomic; written under the lock. */
extern uint32_t weir__meters_shared;

WEIR__INLINE bool weir__meters_are_shared(void)
{
    return weir__relaxed_get(weir__meters_shared);
}

/* Turns the mode on, every window of the forest being closed and folded. `spell`: operations
 * of a window between two looks at whether it still pays, a power of two; 0: as last. */
void weir__shared_begin(uint32_t spell);

/* Back to bases: false, it was not on. */
bool weir__shared_end(void);

/* Was it ever on? Under the meter lock. An operation that saw it on may still be under way. */
extern bool weir__meters_were_shared;

/*
 * An operation of the window's owner while SHARED, without a lock. After weir__shared_enter has
 * said true the owner may look at its bins; once weir__shared_count has, the operation is counted,
 * and it works on them and leaves. Either may say false: go another way, after weir__shared_undo
 * where it had entered. Every now and then the first does so that the slow operation looks for
 * something better.
 *
 *   if (weir__shared_enter(w))
 *       if (there is a block && weir__shared_count(w, size))
 *           take it; weir__shared_leave(w, size, 1, 0)
 *       else weir__shared_undo(w)
 */
bool weir__shared_enter(struct weir__window *w);
bool weir__shared_count(struct weir__window *w, int64_t delta);
void weir__shared_leave(struct weir__window *w, int64_t delta, int allocated, int freed);
void weir__shared_undo(struct weir__window *w);

/* The same around nothing. False: go another way. */
bool weir__shared_change(struct weir__window *w, int64_t delta, int allocated, int freed);

#endif
