/*
 * bench/modes/peers.c - `weir bench --peers`: weir against other allocators, each preloaded
 * into a process of its own. A table a group of loads, each figure with its spread; then a line a
 * group, and each goal with its figure.
 */
#include "bench/modes/groups.h"
#include "bench/harness/json.h"
#include "bench/harness/pictures.h"
#include "bench/modes/summary.h"
#include "tools/common/table.h"
#include "bench/modes/wanted.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bench_targets targets;

/* -- a group -------------------------------------------------------------------------------- */

static void group_row(struct table *t, const struct bench_plan *plan, const struct bench_row *row)
{
    size_t which = 0;
    double best = bench_row_best(plan, row, 1, &which), weir = bench_row_value(row, 0);
    table_add(t, LOOK_PLAIN, "%s", row->name);
    for (size_t k = 0; k < plan->ntargets; k++) {
        double value = bench_row_value(row, k);
        table_spread(t, value <= fmin(best, weir) ? LOOK_GOOD : LOOK_PLAIN, value,
                     bench_spread(&row->cells[k], row->metric));
    }
    table_add(t, LOOK_DIM, "%s", which ? plan->targets[which].name : "-");
    double ratio = weir / best;
    table_add(t,
              ratio <= 1                   ? LOOK_GOOD
              : ratio > BENCH_WORST_WANTED ? LOOK_BAD
                                           : LOOK_PLAIN,
              "%sx", table_number(ratio));
}

/* The geometric means over the best of each load, weir among them; the last over the best peer. */
static void group_means(struct table *t, const struct bench_plan *plan, const char *group)
{
    struct bench_summary s = bench_summary_of(plan, group);
    table_add(t, LOOK_PLAIN, "geometric mean over the best");
    for (size_t k = 0; k < plan->ntargets; k++) {
        char percent[] = "    ";
        bool spread = plan->rounds_run > 1;
        table_add(t, k == s.lowest ? LOOK_GOOD : LOOK_PLAIN, "%sx%s%s",
                  table_number(s.means[k].value), s.means[k].loads == s.loads ? "" : "*",
                  spread ? percent + 1 : "");
    }
    table_add(t, LOOK_PLAIN, "%s", "");
    table_add(t, bench_summary_lowest(&s) ? LOOK_GOOD : LOOK_BAD, "%sx",
              table_number(bench_group_over_peers(plan, group)));
    bench_summary_free(&s);
}

static void group_table(const struct bench_plan *plan, const struct bench_group *group)
{
    struct table t;
    if (bench_group_next(plan, group->name, (size_t)-1) == plan->nrows)
        return;
    printf("\n%s%s%s: %s\n\n", table_color(LOOK_HEAD), group->name, table_plain(), group->unit);
    table_begin(&t, plan->ntargets + 3);
    table_add(&t, LOOK_HEAD, "load");
    for (size_t k = 0; k < plan->ntargets; k++)
        table_add(&t, LOOK_HEAD, "%s", plan->targets[k].name);
    table_add(&t, LOOK_HEAD, "best peer");
    table_add(&t, LOOK_HEAD, "weir/best");
    for (size_t i = (size_t)-1; (i = bench_group_next(plan, group->name, i)) < plan->nrows;)
        group_row(&t, plan, &plan->rows[i]);
    table_rule(&t);
    group_means(&t, plan, group->name);
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

/* -- memory -------------------------------------------------------------------------------------
 */

/* A figure of bytes: how much, and exactly. */
static void bytes_add(struct table *t, double bytes)
{
    if (isnan(bytes))
        table_add(t, LOOK_PLAIN, "-");
    else
        table_add(t, LOOK_PLAIN, "%s %11.0f", table_bytes(bytes), bytes);
}

/* How a row's resident memory came and went; a line a target. */
static void burst_table(const struct bench_plan *plan, const struct bench_row *row)
{
    static const char *const metrics[] = {"live",  "busy",       "freed",  "idle",
                                          "woken", "background", "trimmed"};
    static const char *const heads[] = {"",           "stays live",      "at the greatest",
                                        "freed",      "after the sleep", "works again",
                                        "background", "trimmed"};
    struct table t;
    printf("\n%s%s%s: growth of resident memory, bytes\n\n", table_color(LOOK_HEAD), row->name,
           table_plain());
    table_begin(&t, 8);
    for (size_t i = 0; i < 8; i++)
        table_add(&t, LOOK_HEAD, "%s", heads[i]);
    for (size_t k = 0; k < plan->ntargets; k++) {
        table_add(&t, LOOK_PLAIN, "%s", plan->targets[k].name);
        for (size_t m = 0; m < 7; m++)
            bytes_add(&t, bench_value(&row->cells[k], metrics[m]));
    }
    table_print(&t);
}

/* Resident over live as the simulated hour goes by. */
static void service_table(const struct bench_plan *plan, const struct bench_row *row)
{
    static const char *const metrics[] = {"m10", "m20", "m30", "m40", "m50", "m60", "drift"};
    static const char *const labels[] = {"minutes 1-10",    "minutes 11-20", "minutes 21-30",
                                         "minutes 31-40",   "minutes 41-50", "minutes 51-60",
                                         "41-60 over 21-40"};
    struct table t;
    printf("\n%s%s%s: resident over live bytes, over time (live at the end: %.0f bytes)\n\n",
           table_color(LOOK_HEAD), row->name, table_plain(), bench_value(&row->cells[0], "live"));
    table_begin(&t, plan->ntargets + 1);
    table_add(&t, LOOK_HEAD, "simulated time");
    for (size_t k = 0; k < plan->ntargets; k++)
        table_add(&t, LOOK_HEAD, "%s", plan->targets[k].name);
    for (size_t m = 0; m < sizeof(metrics) / sizeof(*metrics); m++) {
        table_add(&t, LOOK_PLAIN, "%s", labels[m]);
        for (size_t k = 0; k < plan->ntargets; k++)
            table_ns(&t, LOOK_PLAIN, bench_value(&row->cells[k], metrics[m]));
    }
    table_print(&t);
}

static void fragmentation_tables(const struct bench_plan *plan)
{
    for (size_t i = (size_t)-1;
         (i = bench_group_next(plan, group_fragmentation, i)) < plan->nrows;) {
        const struct bench_row *row = &plan->rows[i];
        if (strcmp(row->job.load, "service") == 0)
            service_table(plan, row);
        else
            burst_table(plan, row);
    }
}

/* -- all of it ------------------------------------------------------------------------------------
 */

static void peers_head(const struct bench_plan *plan)
{
    bench_head_print("weir and its peers, each preloaded into a process of its own", plan);
    for (size_t k = 0; k < plan->ntargets; k++)
        if (plan->targets[k].preload)
            printf("  %-10s %s\n", plan->targets[k].name, plan->targets[k].preload);
    if (*targets.missing)
        printf("Not on this machine: %s.\n", targets.missing);
    if (*targets.left_out)
        printf("Left out: %s.\n", targets.left_out);
    if (plan->rounds_run > 1)
        printf("Beside each figure: how far the rounds spread, from the first quartile to the "
               "third, over the median.\n");
}

static void peers_print(const struct bench_plan *plan)
{
    peers_head(plan);
    for (size_t i = 0; i < BENCH_GROUPS; i++) {
        group_table(plan, &bench_groups[i]);
        if (strcmp(bench_groups[i].name, group_large_touched) == 0)
            metric_table(plan, group_large_touched, "large, touched: page faults a pair", "faults");
        if (strcmp(bench_groups[i].name, group_traces_touched) == 0) {
            metric_table(plan, group_traces_touched, "traces, touched: page faults a pass",
                         "faults");
            metric_table(plan, group_traces_touched,
                         "traces, touched: peak resident over peak live bytes", "resident");
        }
    }
    fragmentation_tables(plan);
}

static void peers_goals(const struct bench_plan *plan)
{
    struct bench_goals goals = {0};
    bench_summaries_print(plan);
    bench_wanted_add(&goals, plan);
    bench_goals_print(&goals);
    bench_goals_free(&goals);
}

static void peers_json(FILE *to, const struct bench_plan *plan)
{
    struct bench_goals goals = {0};
    bench_wanted_add(&goals, plan);
    fprintf(to, ",\n  \"summary\": ");
    bench_summaries_json(to, plan);
    fprintf(to, ",\n  \"goals\": ");
    bench_goals_json(to, &goals);
    fprintf(to, ",\n  \"missing\": ");
    bench_json_string(to, targets.missing);
    fprintf(to, ",\n  \"left_out\": ");
    bench_json_string(to, targets.left_out);
    bench_goals_free(&goals);
}

static int pictures_of_peers(const struct bench_options *options, const struct bench_plan *plan)
{
    struct picture pictures[1 + BENCH_THREAD_PICTURES + BENCH_GROUPS];
    size_t n = 0;
    for (size_t i = 0; i < BENCH_GROUPS; i++)
        pictures[n++] = (struct picture){.title = bench_groups[i].name,
                                         .axis = bench_groups[i].unit,
                                         .group = bench_groups[i].name,
                                         .over_target = -1,
                                         .logarithmic = true,
                                         .draw = svg_dots};
    pictures[n++] = (struct picture){.title = "traces, touched: peak resident over peak live bytes",
                                     .axis = "times the peak of the live bytes",
                                     .group = group_traces_touched,
                                     .metric = "resident",
                                     .over = "live",
                                     .over_target = -1,
                                     .reference = 1,
                                     .draw = svg_dots};
    bench_threads_pictures(&pictures[n]);
    n += BENCH_THREAD_PICTURES;
    return pictures_write(options->svg, "weir bench --peers", plan, pictures, n);
}

static int peers_rows(struct bench_plan *plan, const struct bench_options *options)
{
    static struct bench_traces traces;
    if (traces_find(&traces, options->traces, options->ntraces) != 0 || traces_check(&traces) != 0)
        return 1;
    bench_groups_rows(plan, &traces, options);
    if (options->svg) /* the pictures show how it scales; the tables of --threads say more */
        bench_threads_rows(plan, options, &traces);
    return bench_rows_keep(plan, options->only);
}

int bench_mode_peers(const struct bench_options *options)
{
    if (targets_peers(&targets, &options->from) != 0)
        return 2;
    struct bench_plan plan = bench_plan_of(options, &targets, 600);
    int status = peers_rows(&plan, options);
    if (status)
        return status;
    if (bench_run(&plan) != 0)
        return 1;
    if (options->json)
        bench_json_print(stdout, "peers", &plan, TOUCH_PAGE, peers_json);
    else
        peers_print(&plan);
    fflush(stdout);
    size_t failures = bench_say_failures(&plan) + targets.nleft_out;
    if (!options->json)
        peers_goals(&plan);
    if (options->svg && pictures_of_peers(options, &plan) != 0)
        failures++;
    bench_plan_free(&plan);
    return failures > 0;
}
