/* tools/report/bill.h - the bill of the peak: who held how much of it, and what it would be
 * without; as HTML and as CSV. No state. */
#ifndef WEIR_TOOLS_REPORT_BILL_H
#define WEIR_TOOLS_REPORT_BILL_H

#include "tools/report/analysis.h"

#include <stdio.h>

void bill_write(FILE *to, const struct report *report);

/* "at 262.9 ms, in run x" or "same moment". */
void bill_bound_write(FILE *to, const struct report *report, uint32_t change);

/* "2.696 s" or "event 12". */
const char *bill_when(const struct report *report, uint32_t change);

void bill_csv(FILE *to, const struct report *report);

#endif
