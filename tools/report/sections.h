/* tools/report/sections.h - the parts of a page behind its bill. No state. */
#ifndef WEIR_TOOLS_REPORT_SECTIONS_H
#define WEIR_TOOLS_REPORT_SECTIONS_H

#include "tools/report/against.h"
#include "tools/report/icicle.h"

#include <stdio.h>

void section_callers(FILE *to, const struct report *report, const struct icicle *icicle);
void section_stayed(FILE *to, const struct report *report);
void section_runs(FILE *to, const struct report *report);
void section_kinds(FILE *to, const struct report *report); /* sizes, threads, temporary */
void section_events(FILE *to, const struct report *report);
void section_against(FILE *to, const struct report_against *against);

#endif
