/*
 * bench/modes/tables.h - tables of figures: a line a row, a column a target, next to each figure
 * how far its rounds spread. No state; one thread.
 */
#ifndef WEIR_BENCH_MODES_TABLES_H
#define WEIR_BENCH_MODES_TABLES_H

#include "bench/modes/rows.h"
#include "tools/common/table.h"

/* One metric of the rows of a group. */
struct bench_view {
    const char *group, *title, *first; /* above the table; above the rows' names */
    const char *metric, *over;         /* over another one of the same cell, or NULL */
    enum { VIEW_NUMBER, VIEW_BYTES, VIEW_MILLIONS, VIEW_PERCENT } kind;
    bool weir_only;
    const char *bytes; /* a last column: this metric of the first target; or NULL */
};

/* Nothing, where the group has no rows. */
void bench_view_print(const struct bench_plan *plan, const struct bench_view *view);

/* How one row went on: a line a metric, as it is or in bytes. */
struct bench_phase {
    const char *metric, *label;
};
void bench_phases_print(const struct bench_plan *plan, const struct bench_row *row,
                        const char *title, const struct bench_phase *phases, size_t n, bool bytes);

/* A title, and the heads of a table with `ntail` columns behind the targets'. */
void bench_table_begin(struct table *t, const struct bench_plan *plan, const char *title,
                       const char *first, const char *const *tail, size_t ntail);

/* Its name and its figures, the best of them marked. */
void bench_table_row(struct table *t, const struct bench_plan *plan, const struct bench_row *row);

/* The figure of a row by its own metric, through the k-th target. */
double bench_row_value(const struct bench_row *row, size_t k);

/* The least of the targets from `first` on, and whose; NaN of none. */
double bench_row_best(const struct bench_plan *plan, const struct bench_row *row, size_t first,
                      size_t *which);

/* Geometric mean, over the rows of a group, of target k's figure over target `over`'s; or, with
 * over = BENCH_BEST + f, over the best of the targets from f on. *n: rows that have both. */
double bench_group_mean(const struct bench_plan *plan, const char *group, size_t k, size_t over,
                        size_t *n);
#define BENCH_BEST ((size_t)1 << 32)

#endif
