/* track/reading.h - what a meter says at one instant. Owns nothing. Any thread. */
#ifndef WEIR_TRACK_READING_H
#define WEIR_TRACK_READING_H

#include "track/window.h"

struct weir__meter_reading {
    size_t total, peak, count;
    uint64_t allocations, frees, slow_operations, failures, crossings;
    uint64_t bytes; /* ever allocated */
};

/* One instant's exact figures of m and its descendants. Takes the meter lock. */
void weir__meter_read(struct weir__meter *m, struct weir__meter_reading *reading);
size_t weir__meter_peak(struct weir__meter *m);

/* The same with the lock held, every window below m being shut and SHARED left. */
void weir__meter_read_locked(struct weir__meter *m, struct weir__meter_reading *reading);

/* The greatest of `recorded` and what a lone window above its base has come to. Lock held. */
int64_t weir__meter_peak_now(const struct weir__meter *m, int64_t recorded);

/*
 * If the peak rose above seen->peak, stores it and returns true. seen->blocks is then the
 * number of blocks at the peak where a window that has the total to itself made it, else the
 * number now. With the calling thread's window (may be NULL) a call that finds nothing new
 * takes no lock; it compares with what was there last.
 */
struct weir__peak_seen {
    int64_t recorded, high;
    size_t peak, blocks;
};
bool weir__meter_peak_rose(struct weir__meter *m, const struct weir__window *own,
                           struct weir__peak_seen *seen);

/* The meter's lone window goes, and its highest mark, `high`, is the peak: how many blocks were
 * live then is known later, too, where somebody looks. The meter lock is held. */
void weir__meter_blocks_note(struct weir__meter *m, int64_t high);

#endif
