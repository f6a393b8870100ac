/*
 * tools/bench_wanted.h - the goals of docs/performance.md that `weir bench --peers` checks. No
 * state; single-threaded.
 */
#ifndef WEIR_TOOLS_BENCH_WANTED_H
#define WEIR_TOOLS_BENCH_WANTED_H

#include "tools/bench_goals.h"
#include "tools/bench_run.h"

/* Those of which the plan has rows, each with its figure. */
void bench_wanted_add(struct bench_goals *goals, const struct bench_plan *plan);

#endif
