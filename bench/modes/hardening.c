/*
 * bench/modes/hardening.c - `weir bench --hardening`: what it costs to catch errors. weir as it is,
 * with one call in 5000 guarded, and a hardened context, in the small groups and on the traces, in
 * rounds that alternate between the three.
 */
#include "bench/modes/groups.h"
#include "bench/modes/tables.h"
#include "tools/common/memory.h"
#include "tools/common/statistics.h"
#include "tools/common/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN, GUARDS, HARDENED, TARGETS };

static const char *const groups[] = {group_small_1, group_small_2, group_traces_touched,
                                     group_traces_untouched};
#define GROUPS (sizeof groups / sizeof *groups)

static int hardening_targets(struct bench_session *s)
{
    static const struct bench_target targets[TARGETS] = {
        {.name = "weir", .ops = OPS_WEIR},
        {.name = "guards", .ops = OPS_WEIR, .source = SOURCE_GUARDS},
        {.name = "hardened", .ops = OPS_WEIR, .source = SOURCE_HARDENED}};
    for (int i = 0; i < TARGETS; i++)
        targets_add(&s->targets, &targets[i]);
    return 0;
}

static bool is_wanted(const struct bench_row *row)
{
    for (size_t i = 0; i < GROUPS; i++)
        if (strcmp(row->group, groups[i]) == 0)
            return true;
    return false;
}

static int hardening_rows(struct bench_session *s)
{
    size_t kept = 0;
    bench_groups_rows(s);
    for (size_t i = 0; i < s->plan.nrows; i++)
        if (is_wanted(&s->plan.rows[i]))
            s->plan.rows[kept++] = s->plan.rows[i];
    s->plan.nrows = kept;
    return bench_rows_keep(&s->plan, s->options->only);
}

/* -- the tables ---------------------------------------------------------------------------- */

/* Geometric mean over the rows of a group that have such a figure; NaN: none has. */
static double resident_mean(const struct bench_plan *plan, const char *group, size_t k)
{
    double *ratios = memory_array(NULL, plan->nrows, sizeof(*ratios));
    size_t n = 0;
    for (size_t i = BENCH_FIRST; (i = bench_row_next(plan, group, i)) < plan->nrows;) {
        const struct bench_cell *cells = plan->rows[i].cells;
        double ratio = bench_value(&cells[k], "resident") / bench_value(&cells[PLAIN], "resident");
        if (ratio > 0 && !isinf(ratio))
            ratios[n++] = ratio;
    }
    double mean = n ? statistics_geomean(ratios, n) : NAN;
    free(ratios);
    return mean;
}

static void ratio_add(struct table *t, double ratio)
{
    table_add(t, LOOK_PLAIN, isnan(ratio) ? "-" : "%sx", text_number(ratio));
}

static void summary_print(const struct bench_plan *plan)
{
    static const char *const heads[] = {"group", "guards, time", "guards, resident",
                                        "hardened, time", "hardened, resident"};
    struct table t;
    size_t n;
    printf("\n%sover weir as it is, geometric means%s\n\n", table_color(LOOK_HEAD), table_plain());
    table_begin(&t, sizeof heads / sizeof *heads);
    table_head(&t, heads, sizeof heads / sizeof *heads);
    for (size_t i = 0; i < GROUPS; i++) {
        if (bench_row_next(plan, groups[i], BENCH_FIRST) == plan->nrows)
            continue;
        table_add(&t, LOOK_PLAIN, "%s", groups[i]);
        for (size_t k = GUARDS; k < TARGETS; k++) {
            ratio_add(&t, bench_group_mean(plan, groups[i], k, PLAIN, &n));
            ratio_add(&t, resident_mean(plan, groups[i], k));
        }
    }
    table_print(&t);
}

static void hardening_show(const struct bench_session *s)
{
    static const struct bench_view views[] = {
        {group_small_1, "small, 1 thread: ns a pair", "load", "ns"},
        {group_small_2, "small, 2 threads: ns a pair", "load", "ns"},
        {group_traces_touched, "traces, a byte a page touched: ns an event", "trace", "ns"},
        {group_traces_touched, "traces, a byte a page touched: peak resident", "trace", "resident",
         .kind = VIEW_BYTES},
        {group_traces_untouched, "traces, untouched: ns an event", "trace", "ns"},
    };
    printf("guards: WEIR_GUARDS=5000; hardened: a root with weir_allocator_options.hardened.\n");
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        bench_view_print(&s->plan, &views[i]);
    summary_print(&s->plan);
}

const struct bench_mode bench_hardening = {"hardening",
                                           "The cost of catching errors",
                                           240,
                                           true,
                                           hardening_targets,
                                           hardening_rows,
                                           hardening_show,
                                           NULL,
                                           NULL};
