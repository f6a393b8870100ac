/*
 * track/phase.h - every heuristic of the watermark: when a window is opened and with how much
 * credit, when windows stay closed for a spell, when operations go to shared atomics. Nothing
 * here decides whether a figure is true. Owns the length of spells. With the meter lock held.
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

/* A freeze ended a phase; `solo`: of a window that had the total to itself. */
void weir__phase_ended(const struct weir__shutting *shutting, bool solo);

/* SHARED ended, for an operation to look for something better. */
void weir__phase_shared_ended(void);

#endif
