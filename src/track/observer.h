/*
 * track/observer.h - its own peak: the true maximum of a meter's total since it was added.
 * The caller owns the memory and forgets the observer before the meter goes. Any thread; the
 * functions take the meter lock.
 */
#ifndef WEIR_TRACK_OBSERVER_H
#define WEIR_TRACK_OBSERVER_H

#include "base/list.h"

struct weir__meter;

struct weir__peak_observer {
    int64_t peak; /* under the meter lock, as is the link */
    struct weir__peak_observer *next;
};

void weir__meter_observe(struct weir__meter *m, struct weir__peak_observer *observer);
size_t weir__meter_observed(struct weir__meter *m, struct weir__peak_observer *observer);
void weir__meter_forget(struct weir__meter *m, struct weir__peak_observer *observer);

#endif
