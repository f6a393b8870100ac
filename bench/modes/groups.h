/*
 * bench/modes/groups.h - the groups of loads in which weir is set beside other allocators: their
 * names, their units, their rows. Single-threaded; no state.
 */
#ifndef WEIR_BENCH_MODES_GROUPS_H
#define WEIR_BENCH_MODES_GROUPS_H

#include "bench/modes/options.h"

struct bench_group {
    const char *name, *unit;
};

/* All in which targets are compared, in the order of the tables. */
extern const struct bench_group bench_groups[];
enum { BENCH_GROUPS = 14 };

/* The names of those of which a goal of its own is asked. */
extern const char group_small_1[], group_small_2[], group_large_untouched[], group_large_touched[],
    group_traces_touched[], group_traces_untouched[], group_handoff[], group_fragmentation[],
    group_snapshots[];

/* Every row of every group, and of the snapshots. */
void bench_groups_rows(struct bench_plan *plan, const struct bench_traces *traces,
                       const struct bench_options *options);

/* Row by row: the next of the group after `i`, or nrows. i = (size_t)-1 for the first. */
size_t bench_group_next(const struct bench_plan *plan, const char *group, size_t i);

#endif
