/*
 * track/traced.h - the root that is traced (track/trace_hook.h). All windows at and below it
 * stay closed; each operation gets its number under the meter lock, left in its window's
 * `sequence`. Owns which root that is.
 */
#ifndef WEIR_TRACK_TRACED_H
#define WEIR_TRACK_TRACED_H

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

/* The slow operation below a traced root, where every window is closed: there is nothing to
 * fold, freeze or choose. */
bool weir__traced_change(struct weir__window *w, int64_t delta, int allocated, int freed);

/* Numbers a change of so many bytes and blocks: into the window, or returned; 0: not traced. */
void weir__traced_stamp(struct weir__window *w, int64_t delta, int blocks);
uint64_t weir__traced_number(const struct weir__meter *m, int64_t delta, int64_t blocks);

#endif
