/* tools/stats/process.h - the figures of another process, which runs under `weir run`, as the
 * memory that they share shows them at this moment. It is read, never written. */
#ifndef WEIR_TOOLS_STATS_PROCESS_H
#define WEIR_TOOLS_STATS_PROCESS_H

#include "tools/common/json.h"

/* Prints them, as text or (j) as one JSON object. 0; 1 after one line that says why there are none:
 * no such process, it has ended, another user's, not under weir run, weir is not in it. */
int stats_process(int pid, struct json *j);

#endif
