/* tools/bench_peers.h - what the modes that state goals share. */
#ifndef WEIR_TOOLS_BENCH_PEERS_H
#define WEIR_TOOLS_BENCH_PEERS_H

#include "tools/bench_run.h"
#include "tools/bench_table.h"

/* The least time among the targets after the first, and whose; NaN of none. */
double peers_best(const struct bench_plan *plan, const struct bench_row *row, size_t *which);

/* A line of a table of goals: four columns. */
void goal_add(struct table *t, bool met, const char *name, const char *goal, const char *figure);

#endif
