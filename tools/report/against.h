/*
 * tools/report/against.h - two recordings side by side, holder by holder. Holders are matched by
 * their names, not by addresses, so that two runs and two builds can be compared. Owns the rows;
 * both reports outlive it.
 */
#ifndef WEIR_TOOLS_REPORT_AGAINST_H
#define WEIR_TOOLS_REPORT_AGAINST_H

#include "tools/report/analysis.h"

struct report_against_row {
    const char *name, *display;
    struct report_amount peak[2], left[2]; /* here, there */
    bool present[2];                       /* did it ever hold anything? */
};

struct report_against {
    const struct report *here, *there;
    struct report_against_row *rows; /* by how much the peak changed, either way; ties by name */
    size_t n, fresh, gone;           /* rows; only here; only there */
};

void report_against_make(struct report_against *against, const struct report *here,
                         const struct report *there);
void report_against_free(struct report_against *against);

static inline int64_t report_against_change(const struct report_against_row *row)
{
    return (int64_t)(row->peak[0].bytes - row->peak[1].bytes);
}

#endif
