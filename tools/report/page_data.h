/*
 * tools/report/page_data.h - the figures that a page's script draws from, as one JSON object
 * (packed.h has the numbers). Says what was left out. No state.
 */
#ifndef WEIR_TOOLS_REPORT_PAGE_DATA_H
#define WEIR_TOOLS_REPORT_PAGE_DATA_H

#include "tools/report/icicle.h"

#include <stdio.h>

struct page_data {
    const struct report *report;
    const struct icicle *icicle; /* NULL: there are no stacks */
    size_t marks_left_out;       /* set by page_data_write */
};

#define PAGE_MARKS 3000 /* at most: the longest */

void page_data_write(FILE *to, struct page_data *data);

/* Nanoseconds from the start. */
uint64_t page_ns(const struct report *report, uint64_t ticks);

#endif
