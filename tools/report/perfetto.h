/* tools/report/perfetto.h - a recording over time for ui.perfetto.dev: binary packets with the
 * threads, counters of memory, slices of the program's marks, and refused requests. No state. */
#ifndef WEIR_TOOLS_REPORT_PERFETTO_H
#define WEIR_TOOLS_REPORT_PERFETTO_H

#include "tools/report/analysis.h"

#include <stdio.h>

#define PERFETTO_POINTS 100000 /* of a counter, at most */

void perfetto_write(FILE *to, const struct report *report);

#endif
