/* tools/report/pprof.h - what is live and what was allocated, by stack and labels, as a profile of
 * pprof (profile.proto), gzipped. No state. */
#ifndef WEIR_TOOLS_REPORT_PPROF_H
#define WEIR_TOOLS_REPORT_PPROF_H

#include "tools/report/analysis.h"

#include <stdio.h>

void pprof_write(FILE *to, const struct report *report, uint32_t change);

#endif
