/*
 * bench/modes/peers.c - `weir bench --peers`: weir against other allocators, each preloaded
 * into its own process. A table a group of loads, each figure with its spread; then a line a
 * group, and each goal with its figure.
 */
#include "bench/modes/goals.h"
#include "bench/modes/groups.h"
#include "bench/modes/summary.h"
#include "bench/modes/tables.h"
#include "tools/common/text.h"

#include <stdio.h>
#include <string.h>

static int peers_rows(struct bench_session *s)
{
    bench_groups_rows(s);
    return bench_rows_keep(&s->plan, s->options->only);
}

/* The geometric means over the best of each load, weir among them; the last over the best peer. */
static void group_means(struct table *t, const struct bench_plan *plan, const char *group)
{
    struct bench_summary s = bench_summary_of(plan, group);
    size_t n;
    table_add(t, LOOK_PLAIN, "geometric mean over the best");
    for (size_t k = 0; k < plan->ntargets; k++) {
        bool all = s.means[k].loads == s.loads;
        table_add(t, k == s.lowest ? LOOK_GOOD : LOOK_PLAIN, "%sx%s%s",
                  text_number(s.means[k].value), all ? "" : "*",
                  plan->rounds_run < 2 ? ""
                  : all                ? "    "
                                       : "   ");
    }
    table_add(t, LOOK_PLAIN, "%s", "");
    table_add(t, bench_summary_lowest(&s) ? LOOK_GOOD : LOOK_BAD, "%sx",
              text_number(bench_group_mean(plan, group, 0, BENCH_BEST + 1, &n)));
    bench_summary_free(&s);
}

static void group_table(const struct bench_plan *plan, const struct bench_group *group)
{
    static const char *const tail[] = {"best peer", "weir/best"};
    struct table t;
    if (bench_row_next(plan, group->name, BENCH_FIRST) == plan->nrows)
        return;
    bench_table_begin(&t, plan, text_made("%s: %s", group->name, group->unit), "load", tail, 2);
    for (size_t i = BENCH_FIRST; (i = bench_row_next(plan, group->name, i)) < plan->nrows;) {
        const struct bench_row *row = &plan->rows[i];
        size_t which = 0;
        double ratio = bench_row_value(row, 0) / bench_row_best(plan, row, 1, &which);
        bench_table_row(&t, plan, row);
        table_add(&t, LOOK_DIM, "%s", which ? plan->targets[which].name : "-");
        table_add(&t,
                  ratio <= 1                   ? LOOK_GOOD
                  : ratio > BENCH_WORST_WANTED ? LOOK_BAD
                                               : LOOK_PLAIN,
                  "%sx", text_number(ratio));
    }
    table_rule(&t);
    group_means(&t, plan, group->name);
    table_print(&t);
}

/* How memory came and went. */
static void memory_tables(const struct bench_plan *plan)
{
    static const struct bench_phase burst[] = {
        {"live", "stays live"},      {"busy", "at the greatest"}, {"freed", "freed"},
        {"idle", "after the sleep"}, {"woken", "works again"},    {"background", "background"},
        {"trimmed", "trimmed"}};
    static const struct bench_phase service[] = {
        {"m10", "minutes 1-10"},      {"m20", "minutes 11-20"}, {"m30", "minutes 21-30"},
        {"m40", "minutes 31-40"},     {"m50", "minutes 41-50"}, {"m60", "minutes 51-60"},
        {"drift", "41-60 over 21-40"}};
    for (size_t i = BENCH_FIRST;
         (i = bench_row_next(plan, group_fragmentation, i)) < plan->nrows;) {
        const struct bench_row *row = &plan->rows[i];
        bool hour = strcmp(row->job.load, "service") == 0;
        if (strcmp(row->job.load, "replaced") == 0)
            continue;
        bench_phases_print(plan, row,
                           hour ? "resident over live bytes, over simulated time"
                                : "growth of resident memory",
                           hour ? service : burst, 7, !hour);
    }
}

static void peers_show(const struct bench_session *s)
{
    static const struct bench_view views[] = {
        {group_large_touched, "large, touched: page faults a pair", "load", "faults"},
        {group_traces_touched, "traces, touched: page faults a pass", "load", "faults"},
        {group_traces_touched, "traces, touched: peak resident over peak live bytes", "load",
         "resident", "live", .bytes = "live"},
    };
    for (size_t i = 0; i < BENCH_GROUPS; i++) {
        group_table(&s->plan, &bench_groups[i]);
        for (size_t k = 0; k < sizeof views / sizeof *views; k++)
            if (views[k].group == bench_groups[i].name)
                bench_view_print(&s->plan, &views[k]);
    }
    memory_tables(&s->plan);
}

static void peers_close(const struct bench_session *s)
{
    struct bench_goals goals = {0};
    bench_summaries_print(&s->plan);
    bench_goals_of_peers(&goals, &s->plan);
    bench_goals_print(&goals);
    bench_goals_free(&goals);
}

static void peers_json(struct json *j, const struct bench_session *s)
{
    struct bench_goals goals = {0};
    bench_goals_of_peers(&goals, &s->plan);
    bench_summaries_json(j, &s->plan);
    bench_goals_json(j, &goals);
    json_text(j, "missing", s->targets.missing);
    json_text(j, "left_out", s->targets.left_out);
    bench_goals_free(&goals);
}

const struct bench_mode bench_peers = {
    "peers",
    "weir and its peers, each preloaded into a process of its own",
    600,
    true,
    bench_targets_peers,
    peers_rows,
    peers_show,
    peers_close,
    peers_json};
