/*
 * track/phase.h - every heuristic of the watermark: when a window is opened and with how much
 * credit, when windows stay closed for a spell, when operations go to shared atomics. Nothing
 * here decides whether a figure is true. Each meter has its own phases; SHARED is the process's.
 * With the meter lock held.
 */
#ifndef WEIR_TRACK_PHASE_H
#define WEIR_TRACK_PHASE_H

#include "track/window.h"

/*
 * Chooses how w's next operations of about `size` bytes go. A thread that was alone lately has
 * everything up to the limits (SOLO). Of several each gets its part of the credit below the
 * peaks (CREDIT). At the peak, or while phases end too soon, windows stay closed for a
 * spell: on shared atomics where that is allowed, under the lock otherwise.
 */
void weir__phase_choose(struct weir__window *w, int64_t size);

/* A freeze ended a phase of m; `solo`: the window that had the total to itself, or NULL; own_ops:
 * what the calling thread had done in its own window. */
void weir__phase_ended(struct weir__meter *m, const struct weir__shutting *shutting,
                       const struct weir__window *solo, uint64_t own_ops);

/* Has another thread the total to itself, and makes so much of it that w's had better wait? */
bool weir__phase_is_anothers_turn(struct weir__window *w);

/* Before it asks again; without the lock. */
void weir__phase_pause(void);

/* SHARED ended, for an operation at m to look for something better. */
void weir__phase_shared_ended(struct weir__meter *m);

#endif
