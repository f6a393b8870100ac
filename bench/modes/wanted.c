/* bench/modes/wanted.c - see wanted.h. */
#include "bench/modes/wanted.h"
#include "bench/modes/groups.h"
#include "bench/modes/summary.h"
#include "tools/common/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- weir in a group, or two --------------------------------------------------------------------
 */

struct verdict {
    double mean, worst; /* weir over the best peer */
    const char *worst_row;
    double greatest_ns, greatest_faults, above_limit; /* weir's own */
    const char *above_row;
    size_t rows;
};

/* Resident memory above 1.10 times the live bytes, in bytes. */
static void verdict_memory(struct verdict *v, const struct bench_row *row)
{
    double resident = bench_value(&row->cells[0], "resident");
    double above = resident - 1.10 * bench_value(&row->cells[0], "live");
    if (isnan(above) || above <= v->above_limit)
        return;
    v->above_limit = above;
    v->above_row = row->name;
}

static struct verdict verdict_of(const struct bench_plan *plan, const char *group,
                                 const char *second)
{
    double *ratios = memory_array(NULL, plan->nrows, sizeof(*ratios));
    struct verdict v = {.worst = NAN, .above_limit = -INFINITY};
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        size_t which = 0;
        if (strcmp(row->group, group) != 0 && (!second || strcmp(row->group, second) != 0))
            continue;
        double ns = bench_row_value(row, 0), ratio = ns / bench_row_best(plan, row, 1, &which);
        ratios[v.rows++] = ratio;
        if (isnan(v.worst) || ratio > v.worst) {
            v.worst = ratio;
            v.worst_row = row->name;
        }
        v.greatest_ns = fmax(v.greatest_ns, ns);
        v.greatest_faults = fmax(v.greatest_faults, bench_value(&row->cells[0], "faults"));
        verdict_memory(&v, row);
    }
    v.mean = bench_geomean(ratios, v.rows);
    free(ratios);
    return v;
}

/* -- the goals ---- */

static void goal_ratio(struct bench_goals *t, const char *name, const struct verdict *v,
                       double most)
{
    char figure[80], goal[80];
    if (v->rows == 0 || isnan(v->mean))
        return;
    snprintf(goal, sizeof(goal), "<= %.2fx the best peer", most);
    snprintf(figure, sizeof(figure), "%.3fx", v->mean);
    bench_goal_add(t, v->mean <= most, name, goal, figure);
}

static void goals_small(struct bench_goals *t, const struct bench_plan *plan)
{
    struct verdict v = verdict_of(plan, group_small_1, group_small_2);
    char figure[80];
    goal_ratio(t, "1 small, geometric mean", &v, 1.0);
    if (v.rows == 0 || isnan(v.worst))
        return;
    snprintf(figure, sizeof(figure), "%.2fx (%s)", v.worst, v.worst_row);
    bench_goal_add(t, v.worst <= 1.25, "1 small, worst case", "<= 1.25x", figure);
}

/* Accounting that did not stay within the thread, of a million blocks. */
static void goals_slow(struct bench_goals *t, const struct bench_plan *plan)
{
    double most = NAN;
    const char *whose = "";
    char figure[80];
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        double slow = bench_value(&row->cells[0], "slow");
        if ((strcmp(row->group, group_small_1) != 0 && strcmp(row->group, group_small_2) != 0) ||
            isnan(slow))
            continue;
        if (isnan(most) || slow > most) {
            most = slow;
            whose = row->name;
        }
    }
    if (isnan(most))
        return;
    snprintf(figure, sizeof(figure), "%.0f (%s)", most, whose);
    bench_goal_add(t, most <= 100, "4 slow operations of 10^6, small", "<= 100", figure);
}

static void goals_large(struct bench_goals *t, const struct bench_plan *plan)
{
    struct verdict untouched = verdict_of(plan, group_large_untouched, NULL);
    struct verdict touched = verdict_of(plan, group_large_touched, NULL);
    char figure[80];
    if (untouched.rows) {
        snprintf(figure, sizeof(figure), "%.1f ns", untouched.greatest_ns);
        bench_goal_add(t, untouched.greatest_ns <= 30, "2 large pair, untouched", "<= 30 ns",
                       figure);
    }
    if (touched.rows) {
        snprintf(figure, sizeof(figure), "%.3f", touched.greatest_faults);
        bench_goal_add(t, touched.greatest_faults < 0.001, "2 large pair, touched: faults", "0",
                       figure);
    }
}

static void goals_traces(struct bench_goals *t, const struct bench_plan *plan)
{
    struct verdict touched = verdict_of(plan, group_traces_touched, NULL);
    struct verdict untouched = verdict_of(plan, group_traces_untouched, NULL);
    char figure[80];
    goal_ratio(t, "3 traces touched, geometric mean", &touched, 1.0);
    goal_ratio(t, "3 traces untouched, geometric mean", &untouched, 1.0);
    if (touched.rows == 0 || !touched.above_row)
        return;
    snprintf(figure, sizeof(figure), "%.2f MB (%.40s)", touched.above_limit / 1048576,
             touched.above_row);
    bench_goal_add(t, touched.above_limit <= 4 * 1048576.0, "3 resident above 1.10x live",
                   "<= 4 MB", figure);
}

static void goals_snapshot(struct bench_goals *t, const struct bench_plan *plan)
{
    char figure[80];
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_cell *cell = &plan->rows[i].cells[0];
        double peak = bench_value(cell, "peak_ns"), stats = bench_value(cell, "stats_us");
        double slowdown = bench_value(cell, "slowdown");
        if (strcmp(plan->rows[i].group, group_snapshots) != 0 || isnan(peak))
            continue;
        snprintf(figure, sizeof(figure), "%.0f ns", peak);
        bench_goal_add(t, peak < 1000, "6 weir_peak_allocated", "< 1000 ns", figure);
        snprintf(figure, sizeof(figure), "%.1f us (99th percentile %.1f)", stats,
                 bench_value(cell, "stats_us_99"));
        bench_goal_add(t, stats < 20, "6 weir_stats_get", "< 20 us", figure);
        snprintf(figure, sizeof(figure), "%.1f%% (%.1f%% beside a thread that only wakes)",
                 slowdown, bench_value(cell, "slowdown_waking"));
        bench_goal_add(t, slowdown <= 5, "6 1000 snapshots a second", "<= 5% slower", figure);
    }
}

/* Blocks that one thread allocates and another one frees, by the row's name. */
static void goals_handoff(struct bench_goals *t, const struct bench_plan *plan)
{
    double *ratios = memory_array(NULL, plan->nrows, sizeof(*ratios));
    struct verdict v = {.mean = NAN};
    for (size_t i = (size_t)-1; (i = bench_group_next(plan, group_handoff, i)) < plan->nrows;) {
        const struct bench_row *row = &plan->rows[i];
        size_t which = 0;
        if (strncmp(row->name, "producer", 8) == 0)
            ratios[v.rows++] = bench_row_value(row, 0) / bench_row_best(plan, row, 1, &which);
    }
    v.mean = bench_geomean(ratios, v.rows);
    goal_ratio(t, "5 producer and consumer", &v, 1.0);
    free(ratios);
}

/* Memory of a service that runs on and on, and of a process that has become small again. */
static void goals_fragmentation(struct bench_goals *t, const struct bench_plan *plan)
{
    char figure[100];
    for (size_t i = (size_t)-1;
         (i = bench_group_next(plan, group_fragmentation, i)) < plan->nrows;) {
        const struct bench_cell *cell = &plan->rows[i].cells[0];
        double drift = bench_value(cell, "drift");
        if (isnan(drift))
            continue;
        snprintf(figure, sizeof(figure), "%.3f", drift);
        bench_goal_add(t, drift <= 1.05, "8 a service's resident over live, end over middle",
                       "<= 1.05", figure);
    }
}

void bench_wanted_add(struct bench_goals *goals, const struct bench_plan *plan)
{
    goals_small(goals, plan);
    goals_slow(goals, plan);
    goals_large(goals, plan);
    goals_traces(goals, plan);
    goals_handoff(goals, plan);
    goals_snapshot(goals, plan);
    goals_fragmentation(goals, plan);
}
