/*
 * bench/modes/accounting.c - `weir bench --baseline FOLDER`: what exactness costs. weir against
 * the same weir built with --disable-accounting (its library in FOLDER), and against that one
 * with three shared atomics around it in the caller.
 */
#include "bench/modes/goals.h"
#include "bench/modes/mode.h"
#include "bench/modes/tables.h"
#include "tools/common/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char steady_1[] = "steady, 1 thread", steady_2[] = "steady, 2 threads",
                  ramp_steady[] = "up and down below the peak",
                  ramp_rising[] = "up and down, each a new peak", traces_group[] = "traces";

enum { TRACKED, UNTRACKED, ATOMICS, TARGETS };

static int accounting_targets(struct bench_session *s)
{
    char *folder = realpath(s->options->baseline, NULL);
    if (!folder) {
        perror(s->options->baseline);
        return 1;
    }
    const struct bench_target targets[TARGETS] = {
        {.name = "weir", .ops = OPS_WEIR},
        {.name = "untracked", .ops = OPS_WEIR, .library_path = folder},
        {.name = "atomics", .ops = OPS_ATOMICS, .library_path = folder}};
    for (int i = 0; i < TARGETS; i++)
        targets_add(&s->targets, &targets[i]);
    return 0;
}

static int accounting_rows(struct bench_session *s)
{
    /* A load a line, or two. */
    /* clang-format off */
#define HELD .above = (size_t)16 << 20
#define MIX(most, n)                                                                               \
    {.load = "mix", .size = 16, .size_max = (most), .count = 1024, .threads = (n), HELD}
#define PAIRS(n)                                                                                   \
    {.load = "pairs", .size = 16, .threads = (n), HELD}, .size_last = 4096, .size_times = 4
#define UP_TO_2 .threads_last = 2, .threads_times = 2
    static const struct bench_loads loads[] = {
        {steady_1, "pairs of %s B", PAIRS(1)},
        {steady_1, "mix of 16-527 B", MIX(527, 1)},
        {steady_1, "mix of 16-4096 B", MIX(4096, 1)},
        {steady_2, "pairs of %s B", PAIRS(2)},
        {steady_2, "mix of 16-527 B", MIX(527, 2)},
        {steady_2, "mix of 16-4096 B", MIX(4096, 2)},
        {ramp_steady, "1000 of 64 B, %t", {.load = "ramp", .size = 64, .count = 1000}, UP_TO_2},
        {ramp_rising, "1000 of 64 B, %t",
         {.load = "ramp", .variant = "rising", .size = 64, .count = 1000}, UP_TO_2},
    };
    /* clang-format on */
    double seconds = s->options->quick ? 0.01 : 0.05;
    struct bench_job job = {.variant = "",
                            .threads = 1,
                            .seconds = seconds,
                            .touch = (enum bench_touch)s->options->touch};
    bench_loads_add(&s->plan, loads, sizeof loads / sizeof *loads, false, seconds);
    bench_trace_rows(&s->plan, &s->traces, traces_group, job);
    return 0;
}

/* -- the tables ------------------------------------------------------------------------------- */

static void group_table(const struct bench_plan *plan, const char *group)
{
    static const char *const tail[] = {"difference", "ratio"};
    struct table t;
    bench_table_begin(&t, plan, group, "load", tail, 2);
    for (size_t i = BENCH_FIRST; (i = bench_row_next(plan, group, i)) < plan->nrows;) {
        const struct bench_row *row = &plan->rows[i];
        double tracked = bench_row_value(row, TRACKED), untracked = bench_row_value(row, UNTRACKED);
        bench_table_row(&t, plan, row);
        table_add(&t, LOOK_PLAIN, isnan(tracked - untracked) ? "-" : "%+.2f", tracked - untracked);
        table_add(&t, LOOK_PLAIN, "%sx", text_number(tracked / untracked));
    }
    table_print(&t);
}

static void accounting_show(const struct bench_session *s)
{
    printf("weir: as it is; untracked: built without accounting; atomics: untracked, and three "
           "shared\n"
           "atomics in the caller. difference and ratio: weir and untracked.\n");
    group_table(&s->plan, steady_1);
    group_table(&s->plan, steady_2);
    group_table(&s->plan, ramp_steady);
    group_table(&s->plan, ramp_rising);
    group_table(&s->plan, traces_group);
}

/* -- the goals --------------------------------------------------------------------------------- */

static void goal_steady(struct bench_goals *goals, const struct bench_plan *plan, const char *group)
{
    double most = NAN;
    const char *whose = "";
    for (size_t i = BENCH_FIRST; (i = bench_row_next(plan, group, i)) < plan->nrows;) {
        const struct bench_row *row = &plan->rows[i];
        double difference = bench_row_value(row, TRACKED) - bench_row_value(row, UNTRACKED);
        if (isnan(most) || difference > most) {
            most = difference;
            whose = row->name;
        }
    }
    bench_goal_add(goals, most <= 1.5, text_made("4 %s", group), "<= 1.5 ns a pair more",
                   "%+.2f ns (%s)", most, whose);
}

/* The figure of a group's row of so many threads, through the k-th target. */
static double ramp_value(const struct bench_plan *plan, const char *group, unsigned threads, int k)
{
    for (size_t i = BENCH_FIRST; (i = bench_row_next(plan, group, i)) < plan->nrows;)
        if (plan->rows[i].job.threads == threads)
            return bench_row_value(&plan->rows[i], (size_t)k);
    return NAN;
}

static void accounting_close(const struct bench_session *s)
{
    struct bench_goals goals = {0};
    const struct bench_plan *plan = &s->plan;
    size_t n;
    goal_steady(&goals, plan, steady_1);
    goal_steady(&goals, plan, steady_2);
    double mean = bench_group_mean(plan, traces_group, TRACKED, UNTRACKED, &n);
    bench_goal_add(&goals, mean <= 1.05, "4 traces, geometric mean", "<= 1.05x untracked", "%.3fx",
                   mean);
    double up = ramp_value(plan, ramp_rising, 1, TRACKED),
           flat = ramp_value(plan, ramp_steady, 1, TRACKED);
    bench_goal_add(&goals, up <= flat * 1.01, "4 rising total, 1 thread",
                   "<= the steady state (+1%)", "%.2f ns against %.2f ns", up, flat);
    double ours = ramp_value(plan, ramp_rising, 2, TRACKED),
           atomics = ramp_value(plan, ramp_rising, 2, ATOMICS);
    bench_goal_add(&goals, ours <= atomics, "4 rising total, 2 threads", "<= shared atomics",
                   "%.2f ns against %.2f ns", ours, atomics);
    bench_goals_print(&goals);
    bench_goals_free(&goals);
}

const struct bench_mode bench_accounting = {"accounting",
                                            "The cost of exactness, in ns",
                                            100,
                                            true,
                                            accounting_targets,
                                            accounting_rows,
                                            accounting_show,
                                            accounting_close,
                                            NULL};
