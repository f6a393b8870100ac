/*
 * tools/report/lines.h - a report as lines for a terminal, as JSON, and as a verdict. No state.
 */
#ifndef WEIR_TOOLS_REPORT_LINES_H
#define WEIR_TOOLS_REPORT_LINES_H

#include "tools/common/json.h"
#include "tools/report/against.h"
#include "tools/report/analysis.h"

/* Behind the line that names the peak: why, the bill, the ladder, what grew, runs. `top`: rows of
 * the bill, 0: all. */
void report_lines_peak(FILE *to, const struct report *report, size_t top);

/* Who holds what is live at the end. */
void report_lines_left(FILE *to, const struct report *report, size_t top);

/* Each run in a line. */
void report_lines_runs(FILE *to, const struct report *report);

/* Who holds what after a change. */
void report_lines_at(FILE *to, const struct report *report, uint32_t change, size_t top);

void report_lines_against(FILE *to, const struct report_against *against, size_t top);

/* Members of an open object: "holders", "ladder", "grew", "runs". */
void report_json(struct json *j, const struct report *report, size_t top);
void report_json_against(struct json *j, const struct report_against *against, size_t top);

/* "in run x, layer y" or "". Good until the next call. */
const char *report_where(const struct report *report, uint32_t change);

/* "2.696 s", or of a trace without a clock "event 12". */
const char *report_when(const struct report *report, uint32_t change);

/* "12%", "3.4%", "<1%". */
const char *report_share(uint64_t part, uint64_t whole);

#endif
