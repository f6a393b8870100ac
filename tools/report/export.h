/*
 * tools/report/export.h - a report for other tools: pprof's profile.proto, Perfetto's trace, folded
 * stacks for flame graphs, the bill as CSV. What is live is that after one change. No state.
 */
#ifndef WEIR_TOOLS_REPORT_EXPORT_H
#define WEIR_TOOLS_REPORT_EXPORT_H

#include "tools/report/analysis.h"

#include <stdio.h>

enum export_kind { EXPORT_PPROF, EXPORT_PERFETTO, EXPORT_FOLDED, EXPORT_CSV };

#define EXPORT_KINDS "pprof|perfetto|folded|csv"

void export_write(FILE *to, const struct report *report, enum export_kind kind, uint32_t change);

/* The moment that is meant by "peak", "end", the number of an event, or a mark's name: its end.
 * False: none. */
bool export_moment(const struct report *report, const char *text, uint32_t *change);

#endif
