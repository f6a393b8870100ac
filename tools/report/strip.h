/* tools/report/strip.h - the total and its holders over time, as a picture that needs no script,
 * and its legend; and small pictures of one holder. No state. */
#ifndef WEIR_TOOLS_REPORT_STRIP_H
#define WEIR_TOOLS_REPORT_STRIP_H

#include "tools/report/analysis.h"

#include <stdio.h>

void strip_write(FILE *to, const struct report *report);

/* A kept holder's bytes over time, with the peak's moment. */
void strip_small_write(FILE *to, const struct report *report, uint32_t holder);

/* Its floors. */
void strip_floors_write(FILE *to, const struct report_holder *holder);

/* The axis that is shown first. */
const struct report_axis *strip_axis(const struct report *report);

/* Which color a holder of the first grouping has in the strip, from 1 on; 0: that of others. */
unsigned strip_color(const struct report *report, uint32_t holder);

#endif
