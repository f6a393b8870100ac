/* bench/modes/tables.c - see tables.h. */
#include "bench/modes/tables.h"
#include "tools/common/memory.h"
#include "tools/common/statistics.h"
#include "tools/common/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

double bench_row_value(const struct bench_row *row, size_t k)
{
    return bench_value(&row->cells[k], row->metric);
}

double bench_row_best(const struct bench_plan *plan, const struct bench_row *row, size_t first,
                      size_t *which)
{
    double best = NAN;
    for (size_t k = first; k < plan->ntargets; k++) {
        double value = bench_row_value(row, k);
        if (value > 0 && !(best <= value)) {
            best = value;
            *which = k;
        }
    }
    return best;
}

double bench_group_mean(const struct bench_plan *plan, const char *group, size_t k, size_t over,
                        size_t *n)
{
    double *ratios = memory_array(NULL, plan->nrows, sizeof(*ratios));
    *n = 0;
    for (size_t i = BENCH_FIRST; (i = bench_row_next(plan, group, i)) < plan->nrows;) {
        const struct bench_row *row = &plan->rows[i];
        size_t which = 0;
        double base = over < BENCH_BEST ? bench_row_value(row, over)
                                        : bench_row_best(plan, row, over - BENCH_BEST, &which);
        double ratio = bench_row_value(row, k) / base;
        if (ratio > 0)
            ratios[(*n)++] = ratio;
    }
    double mean = statistics_geomean(ratios, *n);
    free(ratios);
    return mean;
}

void bench_table_begin(struct table *t, const struct bench_plan *plan, const char *title,
                       const char *first, const char *const *tail, size_t ntail)
{
    printf("\n%s%s%s\n\n", table_color(LOOK_HEAD), title, table_plain());
    table_begin(t, 1 + plan->ntargets + ntail);
    table_add(t, LOOK_HEAD, "%s", first);
    for (size_t k = 0; k < plan->ntargets; k++)
        table_add(t, LOOK_HEAD, "%s", plan->targets[k].name);
    table_head(t, tail, ntail);
}

void bench_table_row(struct table *t, const struct bench_plan *plan, const struct bench_row *row)
{
    size_t which = 0;
    double best = bench_row_best(plan, row, 0, &which);
    table_add(t, LOOK_PLAIN, "%s", row->name);
    for (size_t k = 0; k < plan->ntargets; k++) {
        double value = bench_row_value(row, k);
        table_spread(t, value <= best ? LOOK_GOOD : LOOK_PLAIN, text_number(value),
                     bench_spread(&row->cells[k], row->metric));
    }
}

static void view_cell(struct table *t, const struct bench_cell *cell, const struct bench_view *view)
{
    double value = bench_value(cell, view->metric);
    if (view->over)
        value /= bench_value(cell, view->over);
    const char *text = isnan(value)                  ? "-"
                       : view->kind == VIEW_BYTES    ? text_size(value)
                       : view->kind == VIEW_MILLIONS ? text_number(value / 1e6)
                       : view->kind == VIEW_PERCENT  ? text_made("%.2f%%", value)
                                                     : text_number(value);
    table_spread(t, LOOK_PLAIN, text, bench_spread(cell, view->metric));
}

void bench_view_print(const struct bench_plan *plan, const struct bench_view *view)
{
    struct table t;
    struct bench_plan shown = *plan;
    if (view->weir_only)
        shown.ntargets = 1;
    if (bench_row_next(plan, view->group, BENCH_FIRST) == plan->nrows)
        return;
    bench_table_begin(&t, &shown, view->title, view->first, &view->bytes, view->bytes != NULL);
    for (size_t i = BENCH_FIRST; (i = bench_row_next(plan, view->group, i)) < plan->nrows;) {
        table_add(&t, LOOK_PLAIN, "%s", plan->rows[i].name);
        for (size_t k = 0; k < shown.ntargets; k++)
            view_cell(&t, &plan->rows[i].cells[k], view);
        if (view->bytes)
            table_add(&t, LOOK_PLAIN, "%s",
                      text_size(bench_value(&plan->rows[i].cells[0], view->bytes)));
    }
    table_print(&t);
}

void bench_phases_print(const struct bench_plan *plan, const struct bench_row *row,
                        const char *title, const struct bench_phase *phases, size_t n, bool bytes)
{
    struct table t;
    char whole[200];
    snprintf(whole, sizeof whole, "%s: %s", row->name, title);
    bench_table_begin(&t, plan, whole, "", NULL, 0);
    for (size_t m = 0; m < n; m++) {
        struct bench_view view = {.metric = phases[m].metric,
                                  .kind = bytes ? VIEW_BYTES : VIEW_NUMBER};
        table_add(&t, LOOK_PLAIN, "%s", phases[m].label);
        for (size_t k = 0; k < plan->ntargets; k++)
            view_cell(&t, &row->cells[k], &view);
    }
    table_print(&t);
}
