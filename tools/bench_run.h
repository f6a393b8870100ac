/*
 * tools/bench_run.h - the launcher's side of `weir bench`: runs jobs, each in a process of
 * its own, in rounds that alternate between the targets, and keeps every figure of every
 * round. Knows no load.
 */
#ifndef WEIR_TOOLS_BENCH_RUN_H
#define WEIR_TOOLS_BENCH_RUN_H

#include "tools/bench_job.h"

enum { METRIC_NAME_BYTES = 32, METRICS_MAX = 24 };

/* Whose code serves the allocations of a job. */
struct bench_target {
    const char *name; /* as tables say it */
    enum bench_ops ops;
    enum bench_source source;
    const char *preload;      /* library for LD_PRELOAD, or NULL */
    const char *library_path; /* a folder for LD_LIBRARY_PATH, or NULL */
};

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

/* One load: a row of a table. */
struct bench_row {
    char name[64];
    char group[48];
    struct bench_job job;     /* ops and source are the target's */
    bool weir_only;           /* the first target alone */
    struct bench_cell *cells; /* one a target, made by bench_run */
};

struct bench_plan {
    struct bench_row *rows;
    size_t nrows;
    const struct bench_target *targets;
    size_t ntargets;
    unsigned rounds;     /* 0: as many as fit into `seconds`, 1 to 15 */
    double seconds;      /* with rounds == 0 */
    unsigned rounds_run; /* out */
    double load_before;  /* out: runnable tasks on the machine before the first */
};

/* Adds a row, with memory of its own for the name; returns it, valid until the next. */
struct bench_row *bench_row_add(struct bench_plan *plan, const char *group,
                                const struct bench_job *job, const char *name, ...)
    __attribute__((format(printf, 4, 5)));

/* Runs everything, with progress on standard error if that is a terminal. 0, or 1 after one
 * line on standard error where no process could be run. */
int bench_run(struct bench_plan *plan);
void bench_plan_free(struct bench_plan *plan);

/* Median over the rounds; NaN where the cell has no such figure. */
double bench_value(const struct bench_cell *cell, const char *metric);
/* Greatest over the rounds; NaN likewise. */
double bench_greatest(const struct bench_cell *cell, const char *metric);
double bench_least(const struct bench_cell *cell, const char *metric);

/* Geometric mean of the values that are numbers; NaN of none. */
double bench_geomean(const double *values, size_t n);

void *bench_array(void *old, size_t n, size_t size); /* reallocarray that ends the program */

#endif
