/*
 * bench/modes/accounting.c - `weir bench --baseline FOLDER`: what exactness costs. weir against
 * the same weir built with --disable-accounting (its library in FOLDER), and against that one
 * with three shared atomics around it in the caller.
 */
#include "bench/modes/goals.h"
#include "bench/harness/json.h"
#include "bench/modes/options.h"
#include "tools/common/table.h"
#include "tools/common/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char steady_1[] = "steady, 1 thread", steady_2[] = "steady, 2 threads",
                  ramp_steady[] = "up and down below the peak",
                  ramp_rising[] = "up and down, each a new peak", traces_group[] = "traces";

enum { TRACKED, UNTRACKED, ATOMICS, TARGETS };

/* -- the rows -------------------------------------------------------------------------------- */

static void steady_rows(struct bench_plan *plan, const char *group, struct bench_job job)
{
    static const size_t sizes[] = {16, 64, 256, 1024, 4096};
    job.above = (size_t)16 << 20;
    job.load = "pairs";
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        job.size = sizes[i];
        bench_row_add(plan, group, &job, "pairs of %zu B", job.size);
    }
    bench_mix_rows(plan, group, job);
}

static void accounting_rows(struct bench_plan *plan, const struct bench_traces *traces,
                            const struct bench_options *options)
{
    struct bench_job job = {.threads = 1, .seconds = options->quick ? 0.01 : 0.05, .variant = ""};
    steady_rows(plan, steady_1, job);
    job.threads = 2;
    steady_rows(plan, steady_2, job);
    job.load = "ramp";
    job.size = 64;
    job.count = 1000;
    for (job.threads = 1; job.threads <= 2; job.threads++) {
        job.variant = "";
        bench_row_add(plan, ramp_steady, &job, "1000 of 64 B, %u thread%s", job.threads,
                      job.threads > 1 ? "s" : "");
        job.variant = "rising";
        bench_row_add(plan, ramp_rising, &job, "1000 of 64 B, %u thread%s", job.threads,
                      job.threads > 1 ? "s" : "");
    }
    job = (struct bench_job){.load = "trace", .threads = 1, .seconds = job.seconds, .variant = ""};
    job.touch = options->touch;
    bench_trace_rows(plan, traces, traces_group, &job);
}

/* -- the table -------------------------------------------------------------------------------- */

static double cell_ns(const struct bench_row *row, int target)
{
    return bench_value(&row->cells[target], "ns");
}

static void group_rows(struct table *t, const struct bench_plan *plan, const char *group)
{
    table_rule(t);
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        if (strcmp(row->group, group) != 0)
            continue;
        double tracked = cell_ns(row, TRACKED), untracked = cell_ns(row, UNTRACKED);
        bool trace = strcmp(group, traces_group) == 0;
        table_add(t, LOOK_DIM, "%s", group);
        table_add(t, LOOK_PLAIN, "%s", row->name);
        table_ns(t, LOOK_PLAIN, tracked);
        table_ns(t, LOOK_PLAIN, untracked);
        bool both = !isnan(tracked - untracked);
        table_add(t, LOOK_PLAIN, both ? "%+.2f" : "-", tracked - untracked);
        table_add(t, LOOK_PLAIN, both ? "%.2fx" : "-", tracked / untracked);
        table_ns(t, LOOK_PLAIN, trace ? NAN : cell_ns(row, ATOMICS));
    }
}

static void accounting_table(const struct bench_plan *plan)
{
    static const char *const heads[] = {
        "load", "", "tracked", "untracked", "difference", "ratio", "untracked + shared atomics"};
    struct table t;
    table_begin(&t, sizeof(heads) / sizeof(*heads));
    t.nleft = 2;
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
        table_add(&t, LOOK_HEAD, "%s", heads[i]);
    group_rows(&t, plan, steady_1);
    group_rows(&t, plan, steady_2);
    group_rows(&t, plan, ramp_steady);
    group_rows(&t, plan, ramp_rising);
    group_rows(&t, plan, traces_group);
    table_print(&t);
}

/* -- the goals --------------------------------------------------------------------------------- */

/* Greatest difference in a group, and whose. */
static double difference_most(const struct bench_plan *plan, const char *group, const char **whose)
{
    double most = NAN;
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        double difference = cell_ns(row, TRACKED) - cell_ns(row, UNTRACKED);
        if (strcmp(row->group, group) != 0 || isnan(difference))
            continue;
        if (isnan(most) || difference > most) {
            most = difference;
            *whose = row->name;
        }
    }
    return most;
}

static const struct bench_row *ramp_row(const struct bench_plan *plan, const char *group,
                                        unsigned threads)
{
    for (size_t i = 0; i < plan->nrows; i++)
        if (strcmp(plan->rows[i].group, group) == 0 && plan->rows[i].job.threads == threads)
            return &plan->rows[i];
    return NULL;
}

static void goal_steady(struct bench_goals *t, const struct bench_plan *plan, const char *group)
{
    char name[80], figure[80];
    const char *whose = "";
    double most = difference_most(plan, group, &whose);
    snprintf(name, sizeof(name), "4 %s", group);
    snprintf(figure, sizeof(figure), "%+.2f ns (%s)", most, whose);
    bench_goal_add(t, most <= 1.5, name, "<= 1.5 ns a pair more", figure);
}

static void goal_traces(struct bench_goals *t, const struct bench_plan *plan)
{
    double *ratios = memory_array(NULL, plan->nrows, sizeof(*ratios));
    char figure[80];
    size_t n = 0;
    for (size_t i = 0; i < plan->nrows; i++)
        if (strcmp(plan->rows[i].group, traces_group) == 0)
            ratios[n++] = cell_ns(&plan->rows[i], TRACKED) / cell_ns(&plan->rows[i], UNTRACKED);
    double mean = bench_geomean(ratios, n);
    snprintf(figure, sizeof(figure), "%.3fx", mean);
    bench_goal_add(t, mean <= 1.05, "4 traces, geometric mean", "<= 1.05x untracked", figure);
    free(ratios);
}

static void goals_ramp(struct bench_goals *t, const struct bench_plan *plan)
{
    const struct bench_row *rising = ramp_row(plan, ramp_rising, 1),
                           *steady = ramp_row(plan, ramp_steady, 1),
                           *both = ramp_row(plan, ramp_rising, 2);
    char figure[80];
    if (!rising || !steady || !both)
        return;
    double up = cell_ns(rising, TRACKED), flat = cell_ns(steady, TRACKED);
    snprintf(figure, sizeof(figure), "%.2f ns against %.2f ns", up, flat);
    bench_goal_add(t, up <= flat * 1.01, "4 rising total, 1 thread", "<= the steady state (+1%)",
                   figure);
    double ours = cell_ns(both, TRACKED), atomics = cell_ns(both, ATOMICS);
    snprintf(figure, sizeof(figure), "%.2f ns against %.2f ns", ours, atomics);
    bench_goal_add(t, ours <= atomics, "4 rising total, 2 threads", "<= shared atomics", figure);
}

static void accounting_goals(const struct bench_plan *plan)
{
    struct bench_goals goals = {0};
    goal_steady(&goals, plan, steady_1);
    goal_steady(&goals, plan, steady_2);
    goal_traces(&goals, plan);
    goals_ramp(&goals, plan);
    bench_goals_print(&goals);
    bench_goals_free(&goals);
}

int bench_mode_accounting(const struct bench_options *options)
{
    static struct bench_traces traces;
    static struct bench_targets targets;
    char *folder = realpath(options->baseline, NULL);
    if (!folder) {
        perror(options->baseline);
        return 1;
    }
    if (traces_find(&traces, options->traces, options->ntraces) != 0 || traces_check(&traces) != 0)
        return 1;
    targets_add(&targets, &(struct bench_target){.name = "weir", .ops = OPS_WEIR});
    targets_add(&targets, &(struct bench_target){
                              .name = "untracked", .ops = OPS_WEIR, .library_path = folder});
    targets_add(&targets, &(struct bench_target){
                              .name = "atomics", .ops = OPS_ATOMICS, .library_path = folder});
    struct bench_plan plan = bench_plan_of(options, &targets, 100);
    accounting_rows(&plan, &traces, options);
    if (bench_run(&plan) != 0)
        return 1;
    if (options->json) {
        bench_json_print(stdout, "accounting", &plan, options->touch, NULL);
    } else {
        bench_head_print("The cost of exactness, in ns", &plan);
        putchar('\n');
        accounting_table(&plan);
        accounting_goals(&plan);
    }
    fflush(stdout);
    size_t failures = bench_say_failures(&plan);
    bench_plan_free(&plan);
    free(folder);
    return failures > 0;
}
