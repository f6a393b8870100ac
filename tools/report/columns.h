/*
 * tools/report/columns.h - the total across time and across events, in columns: the least, the
 * greatest and the last total after any event in each. The event of the peak is a column alone; a
 * stretch without events is one column with the total before it. Owns the columns; knows no
 * holders.
 */
#ifndef WEIR_TOOLS_REPORT_COLUMNS_H
#define WEIR_TOOLS_REPORT_COLUMNS_H

#include "tools/report/data.h"

#define REPORT_COLUMNS 2400 /* at most */

struct report_column {
    uint64_t from; /* ticks from the first, or the number of an event */
    uint64_t least, most, last;
    uint32_t most_change; /* the last change of the first event that has `most` */
    uint32_t last_change;
    bool empty; /* no event in it changed anything */
};

struct report_axis {
    struct report_column *columns;
    size_t n, peak; /* peak: index of its column */
    uint64_t length;
    bool timed;
};

void report_axis_make(struct report_axis *axis, const struct report_data *data, bool timed);
void report_axis_free(struct report_axis *axis);

#endif
