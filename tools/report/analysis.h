/*
 * tools/report/analysis.h - all that a report says of a trace, computed once; texts, pages and
 * exports only write it down. Owns everything below it but the trace.
 */
#ifndef WEIR_TOOLS_REPORT_ANALYSIS_H
#define WEIR_TOOLS_REPORT_ANALYSIS_H

#include "tools/report/columns.h"
#include "tools/report/mappings.h"
#include "tools/report/pass.h"
#include "tools/report/runs.h"

#define REPORT_ROWS 20 /* of a bill whose levels are kept */

struct report_options {
    report_namer *namer; /* NULL: none */
    report_problem *problem;
    void *user;
    int by;       /* enum report_by of the first grouping; -1: as the trace has it */
    bool all;     /* groupings by everything; else the first alone */
    bool columns; /* levels over time */
};

struct report {
    struct report_data data;
    struct report_frames frames; /* of a trace with stacks */
    struct report_sites sites;
    bool has_sites;
    report_problem *problem; /* of the options, with its user; or NULL */
    void *user;

    struct report_axis axes[2]; /* across time, across events; without a clock, only the second */
    struct report_samples samples;
    uint32_t *sample_of[2];                       /* by column: its sample */
    struct report_grouping groupings[REPORT_BYS]; /* the first is the report's */
    size_t ngroupings;
    struct report_step ladder[REPORT_STEPS];
    size_t nladder;
    struct report_runs runs;
    struct report_floors floors;
    struct report_mappings mappings;
};

/* 0, or an errno value with info->why. report_free in either case. */
int report_make(struct report *report, struct trace_info *info, const char *path,
                const struct report_options *options);
void report_make_text(struct report *report, const struct trace *trace, const char *path,
                      const struct report_options *options);
void report_free(struct report *report);

/* -- answers ---------------------------------------------------------------------------------- */

/* The holder without which the peak would be least; REPORT_NONE: none would lower it. */
uint32_t report_best_without(const struct report *report);

/* How many of the first holders have half of the peak. */
size_t report_half(const struct report *report);

/* Holders that grew, by how much: the first `most` of them. Returns how many there are. */
size_t report_grown(const struct report *report, uint32_t *holders, size_t most);

/* Is growth by so many bytes worth the first screen? From 2 % of the peak on. */
bool report_is_worth(const struct report *report, uint64_t grew);

/* Holders by what they left: the first `most` of them. Returns how many left anything. */
size_t report_leavers(const struct report *report, uint32_t *holders, size_t most);

/* Marks that are open at an event, outermost first: those of the change's thread, or else of any.
 * How many, at most `most`. */
size_t report_marks_at(const struct report *report, uint32_t change, uint32_t *marks, size_t most);

const char *report_display(const struct report_holder *holder);

#endif
