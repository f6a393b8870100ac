/* tools/report/folded.h - what is live by stack, a line each: "root;...;leaf bytes". No state. */
#ifndef WEIR_TOOLS_REPORT_FOLDED_H
#define WEIR_TOOLS_REPORT_FOLDED_H

#include "tools/report/analysis.h"

#include <stdio.h>

void folded_write(FILE *to, const struct report *report, uint32_t change);

#endif
