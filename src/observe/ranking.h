/*
 * observe/ranking.h - of a snapshot with any number of allocators, those that are worth a line of
 * their own, and what each holds without its descendants. Owns that choice; knows nothing of how
 * it is printed. Its memory is weir's own; the snapshot outlives it. One thread.
 */
#ifndef WEIR_OBSERVE_RANKING_H
#define WEIR_OBSERVE_RANKING_H

#include "observe/snapshot.h"

struct weir__rank {
    size_t bytes, blocks; /* live, without the descendants' */
    bool shown;
};

struct weir__ranking {
    struct weir__rank *ranks; /* by index in the snapshot */
    size_t n, shown;
    struct weir__rank others; /* the sum of those that are not shown */
};

/*
 * Chooses the `most` allocators with the greatest peaks, older ones first among equals. Peaks do
 * not fall by themselves, so the choice seldom changes from one snapshot to the next. 0 or ENOMEM.
 */
int weir__ranking_make(struct weir__ranking *ranking, const struct weir__snapshot *snapshot,
                       size_t most);
void weir__ranking_release(struct weir__ranking *ranking);

#endif
