/*
 * bench/harness/figures.h - the figures of one load through one target, over the rounds: their
 * median, how far they spread, means over loads. Single-threaded; a cell owns its values.
 */
#ifndef WEIR_BENCH_HARNESS_FIGURES_H
#define WEIR_BENCH_HARNESS_FIGURES_H

#include <stddef.h>

enum { METRIC_NAME_BYTES = 32, METRICS_MAX = 32 };

struct bench_metric {
    char name[METRIC_NAME_BYTES];
    double *values; /* one a round that had it */
    size_t n;
};

/* One load through one target: a cell of a table. */
struct bench_cell {
    struct bench_metric metrics[METRICS_MAX];
    size_t nmetrics;
    char note[300];  /* the first remark that a worker made */
    char error[300]; /* why it failed; then there are no figures */
};

/* One more value of that name; names beyond METRICS_MAX are dropped. */
void bench_figure_add(struct bench_cell *cell, const char *name, double value);
void bench_figures_free(struct bench_cell *cell);

/* Median over the rounds; NaN where the cell has no such figure. */
double bench_value(const struct bench_cell *cell, const char *metric);
/* Least over the rounds; NaN likewise. */
double bench_least(const struct bench_cell *cell, const char *metric);

/* How far the rounds lie apart, over their median: the distance between the quartiles (with
 * straight lines between values), and between least and greatest. NaN of fewer than two. */
double bench_spread(const struct bench_cell *cell, const char *metric);
double bench_range(const struct bench_cell *cell, const char *metric);

#endif
