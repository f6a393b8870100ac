/*
 * tools/report/runs.h - run over run: of each run that the program marked, the total before it,
 * its greatest and after it, and what was born in it and lived beyond the next run of its name.
 * Owns the runs; knows no holders.
 */
#ifndef WEIR_TOOLS_REPORT_RUNS_H
#define WEIR_TOOLS_REPORT_RUNS_H

#include "tools/report/data.h"

struct report_run {
    uint32_t mark;
    uint64_t before, peak, after;
    uint64_t born, born_blocks; /* allocated by its thread in it */
    struct report_kept {
        uint64_t bytes, blocks;
    } kept; /* of those: live behind the next run of the same name; of the last run: at the end */
    uint32_t next; /* run of the same name, or REPORT_NONE */
};

struct report_runs {
    struct report_run *runs; /* in the order in which they began */
    size_t n;
    uint32_t kind;       /* of the marks: run; steps, where there are no runs */
    size_t rises;        /* runs whose level before is above that before the run before */
    size_t pairs;        /* that were compared */
    int64_t median_rise; /* of the level before, from one run to the next */
};

void report_runs_make(struct report_runs *runs, const struct report_data *data);
void report_runs_free(struct report_runs *runs);

#endif
