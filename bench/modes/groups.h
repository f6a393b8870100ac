/*
 * bench/modes/groups.h - the groups of loads in which weir is compared with other allocators: their
 * names, their units, their rows. No state; one thread.
 */
#ifndef WEIR_BENCH_MODES_GROUPS_H
#define WEIR_BENCH_MODES_GROUPS_H

#include "bench/modes/mode.h"

struct bench_group {
    const char *name, *unit;
};

/* All in which targets are compared, in the order of the tables. */
extern const struct bench_group bench_groups[];
enum { BENCH_GROUPS = 14 };

/* The names of those of which its own goal is asked. */
extern const char group_small_1[], group_small_2[], group_large_untouched[], group_large_touched[],
    group_traces_touched[], group_traces_untouched[], group_handoff[], group_fragmentation[],
    group_snapshots[];

/* Every row of every group, and of the snapshots. */
void bench_groups_rows(struct bench_session *session);

#endif
