/*
 * tools/report/pass.h - what holders did over the whole trace, in one pass over its changes: the
 * peak without each, what each held at least in every tenth, and its bytes at chosen moments.
 * State: the grouping's holders.
 */
#ifndef WEIR_TOOLS_REPORT_PASS_H
#define WEIR_TOOLS_REPORT_PASS_H

#include "tools/report/holders.h"

/* Moments: last changes of events, ascending, each once. */
struct report_samples {
    uint32_t *changes;
    size_t n;
};

/* Where floors are looked at. With runs: before each of them, else always. */
struct report_floors {
    uint32_t *points; /* changes before runs, ascending */
    size_t npoints;   /* 0: the tenths of the time, or of the events */
};

/* Sets most, without, floor, grew, area of each holder. grouping->of is at hand. */
void report_pass_run(struct report_grouping *grouping, const struct report_data *data,
                     const struct report_samples *samples, const struct report_floors *floors);

/* Chooses the holders of the strip, and keeps their levels and those of the first `rows`. */
void report_levels_keep(struct report_grouping *grouping, const struct report_data *data,
                        const struct report_samples *samples, size_t rows);

/* A kept holder's levels at the samples, or NULL. */
const uint64_t *report_levels_of(const struct report_grouping *grouping,
                                 const struct report_samples *samples, uint32_t holder);

/* One step of the ladder: without the greatest holder of the moment that bound, this binds. */
struct report_step {
    uint32_t holder; /* that is taken away */
    uint64_t most;   /* the peak then */
    uint32_t change; /* when */
};

/* How many steps, at most 8; `steps` has room for them. */
size_t report_ladder(const struct report_grouping *grouping, const struct report_data *data,
                     struct report_step *steps);

#define REPORT_STEPS 8

#endif
