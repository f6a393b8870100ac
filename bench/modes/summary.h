/*
 * bench/modes/summary.h - a group of loads in one line: of each target the geometric mean of its
 * figures, each over the best of its load; the load in which the first target, weir, is worst. No
 * state; a summary owns its means.
 */
#ifndef WEIR_BENCH_MODES_SUMMARY_H
#define WEIR_BENCH_MODES_SUMMARY_H

#include "bench/harness/run.h"
#include "tools/common/json.h"

#include <stdbool.h>

/* What no single load of weir's is to pass, times the best of the load. */
#define BENCH_WORST_WANTED 1.25

struct bench_mean {
    double value; /* 1: the best in every load; NaN where every load failed */
    size_t loads; /* that have a figure */
};

struct bench_summary {
    const char *group;
    size_t loads;             /* in which anything was compared */
    struct bench_mean *means; /* one a target */
    size_t lowest;            /* the target with the least mean */
    double worst;             /* the first target's greatest figure over the best */
    const char *worst_load;
};

struct bench_summary bench_summary_of(const struct bench_plan *plan, const char *group);
void bench_summary_free(struct bench_summary *summary);
/* Has the first target the least mean, and the figure of every load? */
bool bench_summary_lowest(const struct bench_summary *summary);
bool bench_summary_even(const struct bench_summary *summary); /* worst <= BENCH_WORST_WANTED */

/* A line for each group that has rows, then which goals hold. */
void bench_summaries_print(const struct bench_plan *plan);
/* "summary": [{"group", "loads", "means": {TARGET: {"mean", "loads"}}, "lowest", "worst",
 * "worst_load", "is_lowest", "is_even"}, ...] */
void bench_summaries_json(struct json *j, const struct bench_plan *plan);

#endif
