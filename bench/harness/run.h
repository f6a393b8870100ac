/*
 * bench/harness/run.h - the launcher's side of `weir bench`: runs jobs, each in a process of
 * its own, in rounds that alternate between the targets, and keeps every figure of every
 * round. Knows no load.
 */
#ifndef WEIR_BENCH_HARNESS_RUN_H
#define WEIR_BENCH_HARNESS_RUN_H

#include "bench/harness/figures.h"
#include "bench/harness/job.h"
#include "bench/harness/noise.h"

/* Whose code serves the allocations of a job. */
struct bench_target {
    const char *name; /* as tables say it */
    enum bench_ops ops;
    enum bench_source source;
    const char *preload;      /* library for LD_PRELOAD, or NULL */
    const char *library_path; /* a folder for LD_LIBRARY_PATH, or NULL */
};

/* One load: a row of a table. */
struct bench_row {
    char name[64];
    char group[48];
    struct bench_job job;     /* ops and source are the target's */
    const char *metric;       /* by which targets are compared, the least is the best; "ns" */
    bool weir_only;           /* the first target alone */
    unsigned rounds_most;     /* runs in no more rounds than this; 0: in all */
    struct bench_cell *cells; /* one a target, made by bench_run */
};

struct bench_plan {
    struct bench_row *rows;
    size_t nrows;
    const struct bench_target *targets;
    size_t ntargets;
    unsigned rounds;          /* 0: as many as fit into `seconds`, 1 to 15 */
    double seconds;           /* with rounds == 0 */
    unsigned limit;           /* seconds after which a load counts as hung; 0: the worker's own */
    unsigned rounds_run;      /* out */
    struct bench_noise noise; /* out */
};

/* Adds a row, with its own memory for the name; returns it, valid until the next. */
struct bench_row *bench_row_add(struct bench_plan *plan, const char *group,
                                const struct bench_job *job, const char *name, ...)
    __attribute__((format(printf, 4, 5)));

/* Runs everything, with progress on standard error if that is a terminal. 0, or 1 after one
 * line on standard error where no process could be run. */
int bench_run(struct bench_plan *plan);
void bench_plan_free(struct bench_plan *plan);

#endif
