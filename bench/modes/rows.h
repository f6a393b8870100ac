/*
 * bench/modes/rows.h - loads as lines of a table: each becomes the rows of a plan, one for every
 * size, count and number of threads that it runs through. No state; one thread.
 */
#ifndef WEIR_BENCH_MODES_ROWS_H
#define WEIR_BENCH_MODES_ROWS_H

#include "bench/harness/run.h"
#include "tools/common/options.h"

struct bench_loads {
    const char *group;
    /* Of a row, with %s its size, %k the same scaled; %n its count, %N the same as scaled bytes, %c
     * "2 contexts"; %T its threads, %t "2 threads"; %e its seconds. */
    const char *name;
    struct bench_job job; /* the first row's; seconds 0: the mode's */
    size_t size_last, size_times;
    size_t count_last, count_times;
    unsigned threads_last, threads_times;
    const char *metric; /* by which targets are compared; NULL: "ns" */
    size_t quick_count; /* the count, or the last one, in a short run; 0: the same */
    double quick_seconds;
    unsigned rounds_most;
    bool weir_only;
};

/* Their rows; `seconds` of measuring each. */
void bench_loads_add(struct bench_plan *plan, const struct bench_loads *loads, size_t n, bool quick,
                     double seconds);

/* A row for each trace, named after it. */
void bench_trace_rows(struct bench_plan *plan, const struct option_list *traces, const char *group,
                      struct bench_job job);

/* Two for each trace of an inference in one thread: its parts by turns, and two at once. */
void bench_turn_rows(struct bench_plan *plan, const struct option_list *traces, const char *group,
                     struct bench_job job);

/* Row by row: the next of the group after `i`, or nrows. i = BENCH_FIRST for the first. */
size_t bench_row_next(const struct bench_plan *plan, const char *group, size_t i);
#define BENCH_FIRST ((size_t)-1)

/* Keeps the rows whose group or name has `word` in it; NULL keeps all. 0, or 2 after one line
 * where none is left. */
int bench_rows_keep(struct bench_plan *plan, const char *word);

#endif
