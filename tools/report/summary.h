/* tools/report/summary.h - what `weir trace` prints of a trace that was replayed. No state. */
#ifndef WEIR_TOOLS_REPORT_SUMMARY_H
#define WEIR_TOOLS_REPORT_SUMMARY_H

#include "tools/report/against.h"
#include "tools/trace/replay.h"

#include <stdio.h>

struct summary {
    const char *path;
    const struct trace_info *info;
    const struct trace_replay *end; /* replayed to the end, figures checked */
    /* Of JSON alone: replayed to the peak, and the blocks that live at the end. */
    const struct trace_replay *peak;
    const struct trace_blocks *blocks;
    const struct report *report;
    const struct report_against *against; /* or NULL */
    size_t top;                           /* lines of each table; 0: all */
};

void summary_text(FILE *to, const struct summary *report);
void summary_json(FILE *to, const struct summary *report);

/* What is damaged or missing, a line each that begins with `prefix`; nothing of a trace that
 * has all. Never says that it has. */
void summary_state(FILE *to, const char *prefix, const struct trace_replay *end);

/* One line for an event. */
void summary_event(FILE *to, const struct trace_info *info, const struct trace_record *record);

#endif
