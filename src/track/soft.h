/*
 * track/soft.h - the soft limit of a meter: each time the total comes to be above it is noted once,
 * exactly. Windows get no credit past it, as past a limit, and while the total is above it none is
 * open: every operation is a slow one then, so that the fall is seen, too. Owns how many crossings
 * are to be told; knows nothing of who is told. With the meter lock held but for what says
 * otherwise.
 */
#ifndef WEIR_TRACK_SOFT_H
#define WEIR_TRACK_SOFT_H

#include "track/meter.h"

/* How many meters have crossings that were not told yet. Atomic; any thread. */
extern unsigned weir__soft_crossed;

/* base(m) has changed, and m has a soft limit. Where it is crossed base is live. */
void weir__soft_look(struct weir__meter *m);

/* Limits have changed. */
void weir__soft_bound_update(struct weir__meter *m);

bool weir__soft_is_valid(const struct weir__meter *m);

/* -- any thread, no lock of the meters' needed ---------------------------------------------- */

/* Sets it; 0: none. A total that is above it already crosses it when it was below again. */
void weir__soft_set(struct weir__meter *m, size_t bytes);

/* 0: none. */
size_t weir__soft_limit(const struct weir__meter *m);

/* The total after a crossing that was not told yet: it is the caller's to tell. 0: there is none.
 */
size_t weir__soft_take(struct weir__meter *m);

#endif
