/*
 * tools/bench_peers.c - `weir bench --peers`: weir against other allocators, each preloaded
 * into a process of its own. A table a group of loads, then each goal with its figure.
 */
#include "tools/bench_peers.h"
#include "tools/bench_json.h"
#include "tools/bench_options.h"
#include "tools/bench_pictures.h"
#include "tools/bench_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char small_1[] = "small, 1 thread", small_2[] = "small, 2 threads",
                  large_untouched[] = "large, untouched", large_touched[] = "large, touched",
                  traces_touched[] = "traces, touched", traces_untouched[] = "traces, untouched",
                  handoff_group[] = "producer and consumer",
                  peak_group[] = "at the peak, 2 threads", ramp_group[] = "rising total",
                  zero_group[] = "zeroed", snapshot_group[] = "snapshots";

static const struct {
    const char *group, *unit;
} groups[] = {
    {small_1, "ns a pair"},
    {small_2, "ns a pair"},
    {large_untouched, "ns a pair"},
    {large_touched, "ns a pair, a byte a page touched"},
    {traces_touched, "ns an event, a byte a page touched"},
    {traces_untouched, "ns an event"},
    {handoff_group, "ns a block"},
    {peak_group, "ns a pair or a block, the total never far below its peak"},
    {ramp_group, "ns a pair, each allocation a new peak"},
    {zero_group, "ns a pair or a block"},
};

/* -- the rows ------------------------------------------------------------------------------ */

/* A process that has loaded a model once held more than its steps do. */
#define HELD_BEFORE ((size_t)16 << 20)

static void small_rows(struct bench_plan *plan, const char *group, struct bench_job job)
{
    job.above = HELD_BEFORE;
    job.load = "pairs";
    for (job.size = 16; job.size <= 4096; job.size *= 2)
        bench_row_add(plan, group, &job, "pairs of %zu B", job.size);
    job.load = "mix";
    job.count = 1024;
    job.size = 16;
    job.size_max = 527;
    bench_row_add(plan, group, &job, "mix of 16-527 B");
    job.size_max = 4096;
    bench_row_add(plan, group, &job, "mix of 16-4096 B");
}

static void large_rows(struct bench_plan *plan, const char *group, struct bench_job job)
{
    job.load = "pairs";
    for (job.size = 64 << 10; job.size <= 64 << 20; job.size *= 4)
        bench_row_add(plan, group, &job, "pairs of %zu KiB", job.size >> 10);
    if (job.size / 4 != 64 << 20) {
        job.size = 64 << 20;
        bench_row_add(plan, group, &job, "pairs of %zu KiB", job.size >> 10);
    }
}

static void trace_rows(struct bench_plan *plan, const struct bench_traces *traces,
                       const char *group, struct bench_job job)
{
    char name[64];
    job.load = "trace";
    bench_trace_rows(plan, traces, group, &job);
    for (size_t i = 0; i < traces->n; i++) {
        bench_trace_name(name, sizeof(name), traces->paths[i]);
        job.trace = traces->paths[i];
        if (!bench_trace_threaded(name))
            continue;
        job.variant = "phases";
        bench_row_add(plan, group, &job, "%.40s, by turns", name);
        job.variant = "copies";
        job.threads = 2;
        bench_row_add(plan, group, &job, "%.40s, two at once", name);
    }
}

static void other_rows(struct bench_plan *plan, struct bench_job job)
{
    job.load = "handoff";
    job.threads = 2;
    job.above = HELD_BEFORE;
    job.size = job.size_max = 64;
    bench_row_add(plan, handoff_group, &job, "64 B");
    job.size = 16;
    job.size_max = 527;
    bench_row_add(plan, handoff_group, &job, "16-527 B");
    job.above = 0;
    bench_row_add(plan, peak_group, &job, "16-527 B, passed on");
    job.load = "mix";
    job.count = 1024;
    bench_row_add(plan, peak_group, &job, "mix of 16-527 B");
    job.load = "pairs";
    job.size = 64;
    bench_row_add(plan, peak_group, &job, "pairs of 64 B");
    job.load = "ramp";
    job.variant = "rising";
    job.count = 10000;
    job.size = 64;
    for (job.threads = 1; job.threads <= 2; job.threads++)
        bench_row_add(plan, ramp_group, &job, "10000 blocks of 64 B, %u thread%s", job.threads,
                      job.threads > 1 ? "s" : "");
}

static void zero_rows(struct bench_plan *plan, struct bench_job job)
{
    static const size_t sizes[] = {256, 4096, 65536, 1 << 20, 16 << 20};
    job.load = "zero";
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        job.size = sizes[i];
        bench_row_add(plan, zero_group, &job, "%s, dirty before", table_bytes((double)sizes[i]));
    }
    job.variant = "fresh";
    job.size = 65536;
    job.count = 2048;
    bench_row_add(plan, zero_group, &job, "64 KB, fresh memory");
    job.size = 4 << 20;
    job.count = 64;
    bench_row_add(plan, zero_group, &job, "4 MB, fresh memory");
}

static void peers_rows(struct bench_plan *plan, const struct bench_traces *traces,
                       const struct bench_options *options)
{
    struct bench_job job = {.load = "pairs", .threads = 1, .seconds = options->quick ? 0.01 : 0.05};
    small_rows(plan, small_1, job);
    job.threads = 2;
    small_rows(plan, small_2, job);
    job.threads = 1;
    large_rows(plan, large_untouched, job);
    job.touch = TOUCH_PAGE;
    large_rows(plan, large_touched, job);
    trace_rows(plan, traces, traces_touched, job);
    job.touch = TOUCH_NONE;
    trace_rows(plan, traces, traces_untouched, job);
    other_rows(plan, job);
    zero_rows(plan, job);
    job.load = "snapshot";
    bench_row_add(plan, snapshot_group, &job, "64 threads, two of them busy")->weir_only = true;
}

/* -- figures ------------------------------------------------------------------------------- */

double peers_best(const struct bench_plan *plan, const struct bench_row *row, size_t *which)
{
    double best = NAN;
    for (size_t k = 1; k < plan->ntargets; k++) {
        double ns = bench_value(&row->cells[k], "ns");
        if (isnan(best) || ns < best) {
            best = ns;
            *which = k;
        }
    }
    return best;
}

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
    double *ratios = bench_array(NULL, plan->nrows, sizeof(*ratios));
    struct verdict v = {.worst = NAN, .above_limit = -INFINITY};
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        size_t which = 0;
        if (strcmp(row->group, group) != 0 && (!second || strcmp(row->group, second) != 0))
            continue;
        double ns = bench_value(&row->cells[0], "ns"), ratio = ns / peers_best(plan, row, &which);
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

/* -- the tables ------------------------------------------------------------------------------ */

static void group_row(struct table *t, const struct bench_plan *plan, const struct bench_row *row)
{
    size_t which = 0;
    double best = peers_best(plan, row, &which), weir = bench_value(&row->cells[0], "ns");
    table_add(t, LOOK_PLAIN, "%s", row->name);
    for (size_t k = 0; k < plan->ntargets; k++) {
        double ns = bench_value(&row->cells[k], "ns");
        table_ns(t, ns <= fmin(best, weir) ? LOOK_GOOD : LOOK_PLAIN, ns);
    }
    table_add(t, LOOK_DIM, "%s", which ? plan->targets[which].name : "-");
    double ratio = weir / best;
    table_add(t,
              ratio <= 1     ? LOOK_GOOD
              : ratio > 1.25 ? LOOK_BAD
                             : LOOK_PLAIN,
              "%sx", table_number(ratio));
}

static void group_table(const struct bench_plan *plan, const char *group, const char *unit)
{
    struct verdict v = verdict_of(plan, group, NULL);
    if (v.rows == 0)
        return;
    struct table t;
    printf("\n%s%s%s: %s\n\n", table_color(LOOK_HEAD), group, table_plain(), unit);
    table_begin(&t, plan->ntargets + 3);
    table_add(&t, LOOK_HEAD, "load");
    for (size_t k = 0; k < plan->ntargets; k++)
        table_add(&t, LOOK_HEAD, "%s", plan->targets[k].name);
    table_add(&t, LOOK_HEAD, "best peer");
    table_add(&t, LOOK_HEAD, "weir/best");
    for (size_t i = 0; i < plan->nrows; i++)
        if (strcmp(plan->rows[i].group, group) == 0)
            group_row(&t, plan, &plan->rows[i]);
    table_rule(&t);
    table_add(&t, LOOK_PLAIN, "geometric mean");
    for (size_t k = 0; k <= plan->ntargets; k++)
        table_add(&t, LOOK_PLAIN, "%s", "");
    table_add(&t, v.mean <= 1 ? LOOK_GOOD : LOOK_BAD, "%sx", table_number(v.mean));
    table_print(&t);
}

static void metric_table(const struct bench_plan *plan, const char *group, const char *title,
                         const char *metric)
{
    struct table t;
    size_t rows = 0;
    table_begin(&t, plan->ntargets + 2);
    table_add(&t, LOOK_HEAD, "load");
    for (size_t k = 0; k < plan->ntargets; k++)
        table_add(&t, LOOK_HEAD, "%s", plan->targets[k].name);
    table_add(&t, LOOK_HEAD, "%s", strcmp(metric, "resident") == 0 ? "live" : "");
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        if (strcmp(row->group, group) != 0)
            continue;
        rows++;
        bool resident = strcmp(metric, "resident") == 0;
        double live = bench_value(&row->cells[0], "live");
        table_add(&t, LOOK_PLAIN, "%s", row->name);
        for (size_t k = 0; k < plan->ntargets; k++) {
            double value = bench_value(&row->cells[k], metric);
            table_ns(&t, LOOK_PLAIN, resident ? value / live : value);
        }
        table_add(&t, LOOK_PLAIN, "%s", resident ? table_bytes(live) : "");
    }
    if (rows) {
        printf("\n%s%s%s\n\n", table_color(LOOK_HEAD), title, table_plain());
        table_print(&t);
    } else {
        free(t.cells);
    }
}

/* -- the goals -------------------------------------------------------------------------------- */

void goal_add(struct table *t, bool met, const char *name, const char *goal, const char *figure)
{
    table_add(t, LOOK_PLAIN, "%s", name);
    table_add(t, LOOK_PLAIN, "%s", goal);
    table_add(t, LOOK_PLAIN, "%s", figure);
    table_add(t, met ? LOOK_GOOD : LOOK_BAD, met ? "met" : "missed");
}

static void goal_ratio(struct table *t, const char *name, const struct verdict *v, double most)
{
    char figure[80], goal[80];
    if (v->rows == 0 || isnan(v->mean))
        return;
    snprintf(goal, sizeof(goal), "<= %.2fx the best peer", most);
    snprintf(figure, sizeof(figure), "%.3fx", v->mean);
    goal_add(t, v->mean <= most, name, goal, figure);
}

static void goals_small(struct table *t, const struct bench_plan *plan)
{
    struct verdict v = verdict_of(plan, small_1, small_2);
    char figure[80];
    goal_ratio(t, "1 small, geometric mean", &v, 1.0);
    if (v.rows == 0 || isnan(v.worst))
        return;
    snprintf(figure, sizeof(figure), "%.2fx (%s)", v.worst, v.worst_row);
    goal_add(t, v.worst <= 1.25, "1 small, worst case", "<= 1.25x", figure);
}

/* Accounting that did not stay within the thread, of a million blocks. */
static void goals_slow(struct table *t, const struct bench_plan *plan)
{
    double most = NAN;
    const char *whose = "";
    char figure[80];
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        double slow = bench_value(&row->cells[0], "slow");
        if ((strcmp(row->group, small_1) != 0 && strcmp(row->group, small_2) != 0) || isnan(slow))
            continue;
        if (isnan(most) || slow > most) {
            most = slow;
            whose = row->name;
        }
    }
    if (isnan(most))
        return;
    snprintf(figure, sizeof(figure), "%.0f (%s)", most, whose);
    goal_add(t, most <= 100, "4 slow operations of 10^6, small", "<= 100", figure);
}

static void goals_large(struct table *t, const struct bench_plan *plan)
{
    struct verdict untouched = verdict_of(plan, large_untouched, NULL);
    struct verdict touched = verdict_of(plan, large_touched, NULL);
    char figure[80];
    if (untouched.rows) {
        snprintf(figure, sizeof(figure), "%.1f ns", untouched.greatest_ns);
        goal_add(t, untouched.greatest_ns <= 30, "2 large pair, untouched", "<= 30 ns", figure);
    }
    if (touched.rows) {
        snprintf(figure, sizeof(figure), "%.3f", touched.greatest_faults);
        goal_add(t, touched.greatest_faults < 0.001, "2 large pair, touched: faults", "0", figure);
    }
}

static void goals_traces(struct table *t, const struct bench_plan *plan)
{
    struct verdict touched = verdict_of(plan, traces_touched, NULL);
    struct verdict untouched = verdict_of(plan, traces_untouched, NULL);
    char figure[80];
    goal_ratio(t, "3 traces touched, geometric mean", &touched, 1.0);
    goal_ratio(t, "3 traces untouched, geometric mean", &untouched, 1.0);
    if (touched.rows == 0 || !touched.above_row)
        return;
    snprintf(figure, sizeof(figure), "%.2f MB (%.40s)", touched.above_limit / 1048576,
             touched.above_row);
    goal_add(t, touched.above_limit <= 4 * 1048576.0, "3 resident above 1.10x live", "<= 4 MB",
             figure);
}

static void goals_snapshot(struct table *t, const struct bench_plan *plan)
{
    char figure[80];
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_cell *cell = &plan->rows[i].cells[0];
        double peak = bench_value(cell, "peak_ns"), stats = bench_value(cell, "stats_us");
        double slowdown = bench_value(cell, "slowdown");
        if (strcmp(plan->rows[i].group, snapshot_group) != 0 || isnan(peak))
            continue;
        snprintf(figure, sizeof(figure), "%.0f ns", peak);
        goal_add(t, peak < 1000, "6 weir_peak_allocated", "< 1000 ns", figure);
        snprintf(figure, sizeof(figure), "%.1f us (99th percentile %.1f)", stats,
                 bench_value(cell, "stats_us_99"));
        goal_add(t, stats < 20, "6 weir_stats_get", "< 20 us", figure);
        snprintf(figure, sizeof(figure), "%.1f%% (%.1f%% beside a thread that only wakes)",
                 slowdown, bench_value(cell, "slowdown_waking"));
        goal_add(t, slowdown <= 5, "6 1000 snapshots a second", "<= 5% slower", figure);
    }
}

static void goals_print(const struct bench_plan *plan)
{
    struct table t;
    struct verdict handoff = verdict_of(plan, handoff_group, NULL);
    printf("\n%sgoals%s\n\n", table_color(LOOK_HEAD), table_plain());
    table_begin(&t, 4);
    t.nleft = 4;
    for (size_t i = 0; i < 4; i++) {
        static const char *const heads[] = {"goal", "wanted", "figure", ""};
        table_add(&t, LOOK_HEAD, "%s", heads[i]);
    }
    goals_small(&t, plan);
    goals_slow(&t, plan);
    goals_large(&t, plan);
    goals_traces(&t, plan);
    goal_ratio(&t, "5 producer and consumer", &handoff, 1.0);
    goals_snapshot(&t, plan);
    table_print(&t);
}

static void peers_print(const struct bench_plan *plan, const struct bench_targets *targets)
{
    bench_head_print("weir and its peers, each preloaded into a process of its own", plan);
    for (size_t k = 0; k < plan->ntargets; k++)
        if (plan->targets[k].preload)
            printf("  %-10s %s\n", plan->targets[k].name, plan->targets[k].preload);
    if (*targets->missing)
        printf("Not on this machine: %s.\n", targets->missing);
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
        group_table(plan, groups[i].group, groups[i].unit);
        if (strcmp(groups[i].group, large_touched) == 0)
            metric_table(plan, large_touched, "large, touched: page faults a pair", "faults");
        if (strcmp(groups[i].group, traces_touched) == 0) {
            metric_table(plan, traces_touched, "traces, touched: page faults a pass", "faults");
            metric_table(plan, traces_touched,
                         "traces, touched: peak resident over peak live bytes", "resident");
        }
    }
}

static int pictures_of_peers(const struct bench_options *options, const struct bench_plan *plan)
{
    struct picture pictures[1 + BENCH_THREAD_PICTURES + sizeof(groups) / sizeof(*groups)];
    size_t n = 0;
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
        pictures[n++] = (struct picture){.title = groups[i].group,
                                         .axis = groups[i].unit,
                                         .group = groups[i].group,
                                         .metric = "ns",
                                         .over_target = -1,
                                         .logarithmic = true,
                                         .draw = svg_dots};
    pictures[n++] = (struct picture){.title = "traces, touched: peak resident over peak live bytes",
                                     .axis = "times the peak of the live bytes",
                                     .group = traces_touched,
                                     .metric = "resident",
                                     .over = "live",
                                     .over_target = -1,
                                     .reference = 1,
                                     .draw = svg_dots};
    bench_threads_pictures(&pictures[n]);
    n += BENCH_THREAD_PICTURES;
    return pictures_write(options->svg, "weir bench --peers", plan, pictures, n);
}

int bench_mode_peers(const struct bench_options *options)
{
    static struct bench_traces traces;
    static struct bench_targets targets;
    if (traces_find(&traces, options->traces, options->ntraces) != 0 || traces_check(&traces) != 0)
        return 1;
    if (targets_peers(&targets, options->peers, options->npeers) != 0)
        return 2;
    struct bench_plan plan = bench_plan_of(options, &targets, 300);
    peers_rows(&plan, &traces, options);
    if (options->svg) /* the pictures show how it scales; the tables of --threads say more */
        bench_threads_rows(&plan, options, &traces);
    if (bench_rows_keep(&plan, options->only) != 0)
        return 2;
    if (bench_run(&plan) != 0)
        return 1;
    if (options->json)
        bench_json_print(stdout, "peers", &plan, TOUCH_PAGE);
    else
        peers_print(&plan, &targets);
    fflush(stdout);
    size_t failures = bench_say_failures(&plan);
    if (!options->json)
        goals_print(&plan);
    if (options->svg && pictures_of_peers(options, &plan) != 0)
        failures++;
    bench_plan_free(&plan);
    return failures > 0;
}
