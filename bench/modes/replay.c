/*
 * bench/modes/replay.c - `weir bench`: recorded traces and a few synthetic loads through weir
 * and through raw allocation. Tables and a sentence.
 */
#include "bench/modes/mode.h"
#include "bench/modes/tables.h"
#include "tools/common/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char traces_group[] = "traces", threads_group[] = "two threads",
                  synthetic_group[] = "synthetic";

static const struct bench_loads loads[] = {
    {synthetic_group, "pairs of 64 B", {.load = "pairs", .size = 64}},
    {synthetic_group, "pairs of 64 B, 2 threads", {.load = "pairs", .size = 64, .threads = 2}},
    {synthetic_group, "pairs of 1 MiB", {.load = "pairs", .size = 1 << 20}},
    {synthetic_group,
     "mix of 16-527 B",
     {.load = "mix", .size = 16, .size_max = 527, .count = 1024}},
    {synthetic_group,
     "mix of 16-4096 B",
     {.load = "mix", .size = 16, .size_max = 4096, .count = 1024}},
    {synthetic_group,
     "passed to another thread",
     {.load = "handoff", .size = 16, .size_max = 527, .threads = 2}},
};

static int replay_targets(struct bench_session *s)
{
    targets_replay(&s->targets);
    return 0;
}

static int replay_rows(struct bench_session *s)
{
    double seconds = s->options->quick ? 0.005 : 0.03;
    struct bench_job job = {.touch = (enum bench_touch)s->options->touch,
                            .variant = "",
                            .threads = 1,
                            .seconds = seconds};
    bench_trace_rows(&s->plan, &s->traces, traces_group, job);
    bench_turn_rows(&s->plan, &s->traces, threads_group, job);
    size_t from = s->plan.nrows;
    bench_loads_add(&s->plan, loads, sizeof loads / sizeof *loads, false, seconds);
    for (size_t i = from; i < s->plan.nrows; i++)
        s->plan.rows[i].job.touch = job.touch;
    return bench_rows_keep(&s->plan, s->options->only);
}

/* -- the tables ---------------------------------------------------------------------------- */

static size_t malloc_index(const struct bench_plan *plan)
{
    size_t k = 0;
    while (strcmp(plan->targets[k].name, "malloc") != 0)
        k++;
    return k;
}

/* Every weir in the row was exact in every round. */
static bool row_is_exact(const struct bench_plan *plan, const struct bench_row *row)
{
    for (size_t k = 0; k < plan->ntargets; k++)
        if (plan->targets[k].ops == OPS_WEIR && !(bench_least(&row->cells[k], "exact") > 0))
            return false;
    return true;
}

static void time_table(const struct bench_plan *plan, const char *group, const char *title)
{
    static const char *const tail[] = {"exact"};
    struct table t;
    if (bench_row_next(plan, group, BENCH_FIRST) == plan->nrows)
        return;
    bench_table_begin(&t, plan, title, "", tail, 1);
    for (size_t i = BENCH_FIRST; (i = bench_row_next(plan, group, i)) < plan->nrows;) {
        bool exact = row_is_exact(plan, &plan->rows[i]);
        bench_table_row(&t, plan, &plan->rows[i]);
        table_add(&t, exact ? LOOK_GOOD : LOOK_BAD, exact ? "yes" : "no");
    }
    table_rule(&t);
    table_add(&t, LOOK_PLAIN, "time over raw malloc's (geometric mean)");
    for (size_t k = 0, n; k < plan->ntargets; k++) {
        double mean = bench_group_mean(plan, group, k, malloc_index(plan), &n);
        table_spread(&t, mean < 1 ? LOOK_GOOD : LOOK_PLAIN, text_made("%sx", text_number(mean)),
                     NAN);
    }
    table_add(&t, LOOK_PLAIN, "%s", "");
    table_print(&t);
}

static void replay_show(const struct bench_session *s)
{
    static const char *const said[TOUCH_COUNT] = {
        "none are touched", "a byte of each page is written", "every byte is written"};
    static const struct bench_view views[] = {
        {traces_group, "page faults a pass", "trace", "faults"},
        {threads_group, "page faults a pass, two threads", "trace", "faults"},
        {traces_group, "peak resident over peak live bytes", "trace", "resident", "live",
         .bytes = "live"},
        {threads_group, "peak resident over peak live bytes, two threads", "trace", "resident",
         "live", .bytes = "live"},
    };
    const struct bench_plan *plan = &s->plan;
    printf("Of the blocks, %s.\n", said[s->options->touch]);
    time_table(plan, traces_group, "traces, ns an event");
    time_table(plan, threads_group, "traces in two threads, ns an event");
    time_table(plan, synthetic_group, "synthetic loads, ns a pair");
    printf(
        "\n  weir/NAME: weir's statistics over that allocator, without weir's pool.\n"
        "  design: exact statistics as one would write them first. Each call takes one mutex of "
        "the\n"
        "  process; a hash map from pointer to size, with a node for each block, says what a free\n"
        "  gives back; all of it over malloc.\n");
    for (size_t i = 0; i < sizeof views / sizeof *views && s->options->touch != TOUCH_NONE; i++)
        bench_view_print(plan, &views[i]);
}

/* -- the sentence ------------------------------------------------------------------------- */

struct summary {
    double best, worst;               /* weir's time over raw malloc's */
    double faults, faults_malloc;     /* of all traces, a pass each */
    double above_live;                /* greatest resident / live, of traces over 8 MiB */
    size_t traces, exact, weir_cells; /* cells that claim exactness */
};

static void summary_row(struct summary *s, const struct bench_plan *plan,
                        const struct bench_row *row)
{
    for (size_t k = 0; k < plan->ntargets; k++)
        if (plan->targets[k].ops == OPS_WEIR) {
            s->weir_cells++;
            s->exact += bench_least(&row->cells[k], "exact") > 0;
        }
    if (strcmp(row->group, traces_group) != 0)
        return;
    const struct bench_cell *weir = &row->cells[0], *raw = &row->cells[malloc_index(plan)];
    double ratio = bench_value(weir, "ns") / bench_value(raw, "ns");
    double live = bench_value(weir, "live");
    s->best = fmin(s->best, ratio);
    s->worst = fmax(s->worst, ratio);
    s->faults += bench_value(weir, "faults");
    s->faults_malloc += bench_value(raw, "faults");
    if (live > 8 * (double)MIB)
        s->above_live = fmax(s->above_live, bench_value(weir, "resident") / live);
}

static void replay_close(const struct bench_session *session)
{
    const struct bench_plan *plan = &session->plan;
    struct summary s = {.best = NAN, .worst = NAN, .above_live = NAN};
    double mean = bench_group_mean(plan, traces_group, 0, malloc_index(plan), &s.traces);
    for (size_t i = 0; i < plan->nrows; i++)
        summary_row(&s, plan, &plan->rows[i]);
    putchar('\n');
    if (s.traces) {
        printf("%sweir replays %s in %s of raw malloc's time%s (geometric mean; %s to %s),\n"
               "with %.0f page faults where malloc takes %.0f",
               table_color(LOOK_HEAD), text_of(s.traces, "recorded traces"), text_number(mean),
               table_plain(), text_number(s.best), text_number(s.worst), s.faults, s.faults_malloc);
        if (session->options->touch != TOUCH_NONE && !isnan(s.above_live))
            printf(", and at most %s times the live bytes resident (traces over 8 MiB)",
                   text_number(s.above_live));
        printf(".\n");
    }
    printf(
        "Its statistics are exact in %s%zu of %zu measurements%s: total, peak and count equal the "
        "trace's own after every event.\n",
        table_color(s.exact == s.weir_cells ? LOOK_GOOD : LOOK_BAD), s.exact, s.weir_cells,
        table_plain());
}

const struct bench_mode bench_replay = {"replay",
                                        "Recorded inference traces; each cell a process of its own",
                                        50,
                                        true,
                                        replay_targets,
                                        replay_rows,
                                        replay_show,
                                        replay_close,
                                        NULL};
