/*
 * bench/modes/wanted.h - the goals of docs/performance.md that `weir bench --peers` checks. No
 * state; single-threaded.
 */
#ifndef WEIR_BENCH_MODES_WANTED_H
#define WEIR_BENCH_MODES_WANTED_H

#include "bench/modes/goals.h"
#include "bench/harness/run.h"

/* Those of which the plan has rows, each with its figure. */
void bench_wanted_add(struct bench_goals *goals, const struct bench_plan *plan);

#endif
