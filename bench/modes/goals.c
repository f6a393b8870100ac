/* bench/modes/goals.c - see goals.h. */
#include "bench/modes/goals.h"
#include "bench/modes/groups.h"
#include "bench/modes/tables.h"
#include "tools/common/memory.h"
#include "tools/common/statistics.h"
#include "tools/common/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_goal_add(struct bench_goals *goals, bool met, const char *name, const char *wanted,
                    const char *figure, ...)
{
    goals->list = memory_grow(goals->list, goals->n, sizeof(*goals->list));
    struct bench_goal *goal = &goals->list[goals->n++];
    va_list arguments;
    va_start(arguments, figure);
    goal->met = met;
    snprintf(goal->name, sizeof(goal->name), "%s", name);
    snprintf(goal->wanted, sizeof(goal->wanted), "%s", wanted);
    vsnprintf(goal->figure, sizeof(goal->figure), figure, arguments);
    va_end(arguments);
}

void bench_goals_free(struct bench_goals *goals)
{
    free(goals->list);
    *goals = (struct bench_goals){0};
}

void bench_goals_print(const struct bench_goals *goals)
{
    static const char *const heads[] = {"goal", "wanted", "figure", ""};
    struct table t;
    if (goals->n == 0)
        return;
    printf("\n%sgoals%s: what weir's authors want of it, by the numbers of "
           "docs/internals/performance.md; "
           "\"peer\" is "
           "any other\nallocator of this run, and a goal counts on a quiet machine alone\n\n",
           table_color(LOOK_HEAD), table_plain());
    table_begin(&t, 4);
    t.nleft = 4;
    table_head(&t, heads, 4);
    for (size_t i = 0; i < goals->n; i++) {
        const struct bench_goal *goal = &goals->list[i];
        table_add(&t, LOOK_PLAIN, "%s", goal->name);
        table_add(&t, LOOK_PLAIN, "%s", goal->wanted);
        table_add(&t, LOOK_PLAIN, "%s", goal->figure);
        table_add(&t, goal->met ? LOOK_GOOD : LOOK_BAD, goal->met ? "met" : "missed");
    }
    table_print(&t);
}

void bench_goals_json(struct json *j, const struct bench_goals *goals)
{
    json_array(j, "goals");
    for (size_t i = 0; i < goals->n; i++) {
        const struct bench_goal *goal = &goals->list[i];
        json_line(j);
        json_object(j, NULL);
        json_text(j, "goal", goal->name);
        json_text(j, "wanted", goal->wanted);
        json_text(j, "figure", goal->figure);
        json_bool(j, "met", goal->met);
        json_end(j);
    }
    json_end(j);
}

/* -- of --peers ------------------------------------------------------------------------------- */

/* weir in a group or two, in rows whose name begins with a word. */
struct verdict {
    double mean, worst; /* over the best peer */
    const char *worst_row, *slow_row, *above_row;
    double ns, faults, slow, above; /* weir's own, the greatest; NaN: no row has it */
    size_t rows;
};

/* The greater one, and whose it is. */
static void greatest(double *most, const char **whose, double value, const char *row)
{
    if (isnan(value) || value <= *most)
        return;
    *most = value;
    *whose = row;
}

static struct verdict verdict_of(const struct bench_plan *plan, const char *group,
                                 const char *second, const char *begins)
{
    double *ratios = memory_array(NULL, plan->nrows, sizeof(*ratios));
    const char *whose;
    struct verdict v = {.worst = NAN, .ns = NAN, .faults = NAN, .slow = NAN, .above = NAN};
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        const struct bench_cell *weir = &row->cells[0];
        size_t which = 0;
        if ((strcmp(row->group, group) != 0 && strcmp(row->group, second) != 0) ||
            strncmp(row->name, begins, strlen(begins)) != 0)
            continue;
        double ns = bench_row_value(row, 0), ratio = ns / bench_row_best(plan, row, 1, &which);
        ratios[v.rows++] = ratio;
        greatest(&v.worst, &v.worst_row, ratio, row->name);
        greatest(&v.ns, &whose, ns, row->name);
        greatest(&v.faults, &whose, bench_value(weir, "faults"), row->name);
        greatest(&v.slow, &v.slow_row, bench_value(weir, "slow"), row->name);
        greatest(&v.above, &v.above_row,
                 bench_value(weir, "resident") - 1.10 * bench_value(weir, "live"), row->name);
    }
    v.mean = statistics_geomean(ratios, v.rows);
    free(ratios);
    return v;
}

static void goal_mean(struct bench_goals *goals, const char *name, const struct verdict *v)
{
    if (!isnan(v->mean))
        bench_goal_add(goals, v->mean <= 1, name, "<= 1.00x the best peer", "%.3fx", v->mean);
}

static void goals_time(struct bench_goals *goals, const struct bench_plan *plan)
{
    struct verdict small = verdict_of(plan, group_small_1, group_small_2, "");
    struct verdict untouched = verdict_of(plan, group_large_untouched, "", "");
    struct verdict touched = verdict_of(plan, group_large_touched, "", "");
    goal_mean(goals, "1 small, geometric mean", &small);
    if (!isnan(small.worst))
        bench_goal_add(goals, small.worst <= 1.25, "1 small, worst case", "<= 1.25x", "%.2fx (%s)",
                       small.worst, small.worst_row);
    if (!isnan(small.slow)) /* accounting that did not stay within the thread */
        bench_goal_add(goals, small.slow <= 100, "4 slow operations of 10^6, small", "<= 100",
                       "%.0f (%s)", small.slow, small.slow_row);
    if (untouched.rows)
        bench_goal_add(goals, untouched.ns <= 30, "2 large pair, untouched", "<= 30 ns", "%.1f ns",
                       untouched.ns);
    if (touched.rows)
        bench_goal_add(goals, touched.faults < 0.001, "2 large pair, touched: faults", "0", "%.3f",
                       touched.faults);
}

static void goals_traces(struct bench_goals *goals, const struct bench_plan *plan)
{
    struct verdict touched = verdict_of(plan, group_traces_touched, "", "");
    struct verdict untouched = verdict_of(plan, group_traces_untouched, "", "");
    struct verdict handed = verdict_of(plan, group_handoff, "", "producer");
    goal_mean(goals, "3 traces touched, geometric mean", &touched);
    goal_mean(goals, "3 traces untouched, geometric mean", &untouched);
    if (!isnan(touched.above))
        bench_goal_add(goals, touched.above <= 4.0 * MIB, "3 resident above 1.10x live", "<= 4 MiB",
                       "%.2f MiB (%.40s)", touched.above / (double)MIB, touched.above_row);
    goal_mean(goals, "5 producer and consumer", &handed);
}

static void goals_snapshot(struct bench_goals *goals, const struct bench_cell *cell)
{
    double peak = bench_value(cell, "peak_ns"), stats = bench_value(cell, "stats_us");
    double slowdown = bench_value(cell, "slowdown");
    if (isnan(peak))
        return;
    bench_goal_add(goals, peak < 1000, "6 weir_peak_allocated", "< 1000 ns", "%.0f ns", peak);
    bench_goal_add(goals, stats < 20, "6 weir_stats_get", "< 20 us",
                   "%.1f us (99th percentile %.1f)", stats, bench_value(cell, "stats_us_99"));
    bench_goal_add(goals, slowdown <= 5, "6 1000 snapshots a second", "<= 5% slower",
                   "%.1f%% (%.1f%% beside a thread that only wakes)", slowdown,
                   bench_value(cell, "slowdown_waking"));
}

void bench_goals_of_peers(struct bench_goals *goals, const struct bench_plan *plan)
{
    goals_time(goals, plan);
    goals_traces(goals, plan);
    for (size_t i = BENCH_FIRST; (i = bench_row_next(plan, group_snapshots, i)) < plan->nrows;)
        goals_snapshot(goals, &plan->rows[i].cells[0]);
    for (size_t i = BENCH_FIRST;
         (i = bench_row_next(plan, group_fragmentation, i)) < plan->nrows;) {
        double drift = bench_value(&plan->rows[i].cells[0], "drift");
        if (!isnan(drift))
            bench_goal_add(goals, drift <= 1.05,
                           "8 a service's resident over live, end over middle", "<= 1.05", "%.3f",
                           drift);
    }
}
