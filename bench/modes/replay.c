/*
 * bench/modes/replay.c - `weir bench`: recorded traces and a few synthetic loads through weir
 * and through raw allocation. Three tables and a sentence.
 */
#include "bench/harness/json.h"
#include "bench/modes/options.h"
#include "bench/harness/pictures.h"
#include "tools/common/table.h"
#include "tools/common/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char traces_group[] = "traces", threads_group[] = "two threads",
                  synthetic_group[] = "synthetic";

/* -- what is run ------------------------------------------------------------------------ */

static void synthetic_rows(struct bench_plan *plan, struct bench_job job)
{
    job.load = "pairs";
    job.size = 64;
    bench_row_add(plan, synthetic_group, &job, "pairs of 64 B");
    job.threads = 2;
    bench_row_add(plan, synthetic_group, &job, "pairs of 64 B, 2 threads");
    job.threads = 1;
    job.size = 1 << 20;
    bench_row_add(plan, synthetic_group, &job, "pairs of 1 MiB");
    bench_mix_rows(plan, synthetic_group, job);
    job.load = "handoff";
    job.count = 1024;
    job.size = 16;
    job.size_max = 527;
    job.threads = 2;
    bench_row_add(plan, synthetic_group, &job, "passed to another thread");
}

/* -- the tables ---------------------------------------------------------------------------- */

static void head_add(struct table *t, const struct bench_plan *plan, const char *first,
                     const char *last)
{
    table_add(t, LOOK_HEAD, "%s", first);
    for (size_t k = 0; k < plan->ntargets; k++)
        table_add(t, LOOK_HEAD, "%s", plan->targets[k].name);
    if (last)
        table_add(t, LOOK_HEAD, "%s", last);
}

/* The least of a row; NaN of none. */
static double row_best(const struct bench_plan *plan, const struct bench_row *row,
                       const char *metric)
{
    double best = NAN;
    for (size_t k = 0; k < plan->ntargets; k++)
        best = fmin(best, bench_value(&row->cells[k], metric));
    return best;
}

static int reference_index(const struct bench_plan *plan)
{
    for (size_t k = 0; k < plan->ntargets; k++)
        if (strcmp(plan->targets[k].name, "malloc") == 0)
            return (int)k;
    return 0;
}

static double ratio_to_malloc(const struct bench_plan *plan, const struct bench_row *row, size_t k)
{
    return bench_value(&row->cells[k], "ns") /
           bench_value(&row->cells[reference_index(plan)], "ns");
}

/* Geometric means of the ratio to raw malloc, over the rows of one group. */
static void means_add(struct table *t, const struct bench_plan *plan, const char *group)
{
    double ratios[256];
    table_rule(t);
    table_add(t, LOOK_PLAIN, "time over raw malloc's (geometric mean)");
    for (size_t k = 0; k < plan->ntargets; k++) {
        size_t n = 0;
        for (size_t i = 0; i < plan->nrows && n < 256; i++)
            if (strcmp(plan->rows[i].group, group) == 0)
                ratios[n++] = ratio_to_malloc(plan, &plan->rows[i], k);
        double mean = bench_geomean(ratios, n);
        table_add(t, mean < 1 ? LOOK_GOOD : LOOK_PLAIN, "%sx",
                  isnan(mean) ? "-" : table_number(mean));
    }
    table_add(t, LOOK_PLAIN, "%s", "");
}

/* "yes" where every weir in the row was exact in every round. */
static void exact_add(struct table *t, const struct bench_plan *plan, const struct bench_row *row)
{
    for (size_t k = 0; k < plan->ntargets; k++)
        if (plan->targets[k].ops == OPS_WEIR && !(bench_least(&row->cells[k], "exact") > 0)) {
            table_add(t, LOOK_BAD, "no");
            return;
        }
    table_add(t, LOOK_GOOD, "yes");
}

static bool group_is_empty(const struct bench_plan *plan, const char *group)
{
    for (size_t i = 0; i < plan->nrows; i++)
        if (strcmp(plan->rows[i].group, group) == 0)
            return false;
    return true;
}

static void time_table(const struct bench_plan *plan, const char *group, const char *first)
{
    struct table t;
    if (group_is_empty(plan, group))
        return;
    putchar('\n');
    table_begin(&t, plan->ntargets + 2);
    head_add(&t, plan, first, "exact");
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        if (strcmp(row->group, group) != 0)
            continue;
        double best = row_best(plan, row, "ns");
        table_add(&t, LOOK_PLAIN, "%s", row->name);
        for (size_t k = 0; k < plan->ntargets; k++) {
            double ns = bench_value(&row->cells[k], "ns");
            table_ns(&t, ns <= best ? LOOK_GOOD : LOOK_PLAIN, ns);
        }
        exact_add(&t, plan, row);
    }
    means_add(&t, plan, group);
    table_print(&t);
}

static void memory_cell(struct table *t, const struct bench_cell *cell)
{
    double faults = bench_value(cell, "faults"), live = bench_value(cell, "live");
    double resident = bench_value(cell, "resident");
    if (isnan(faults) || isnan(resident))
        table_add(t, LOOK_PLAIN, "-");
    else
        table_add(t, LOOK_PLAIN, "%.0f | %s", faults, table_number(resident / live));
}

static void memory_table(const struct bench_plan *plan)
{
    struct table t;
    table_begin(&t, plan->ntargets + 2);
    head_add(&t, plan, "trace", NULL);
    table_add(&t, LOOK_HEAD, "live");
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        if (strcmp(row->job.load, "trace") != 0)
            continue;
        table_add(&t, LOOK_PLAIN, "%s", row->name);
        for (size_t k = 0; k < plan->ntargets; k++)
            memory_cell(&t, &row->cells[k]);
        table_add(&t, LOOK_PLAIN, "%s", table_bytes(bench_greatest(&row->cells[0], "live")));
    }
    table_print(&t);
}

/* -- the sentence ------------------------------------------------------------------------- */

struct summary {
    double mean, best, worst;         /* weir's time over raw malloc's */
    double faults, faults_malloc;     /* of all traces, a pass each */
    double above_live;                /* greatest resident / live, of traces over 8 MB */
    size_t traces, exact, weir_cells; /* cells that claim exactness */
};

static void summary_row(struct summary *s, const struct bench_plan *plan,
                        const struct bench_row *row, double *ratios)
{
    for (size_t k = 0; k < plan->ntargets; k++)
        if (plan->targets[k].ops == OPS_WEIR) {
            s->weir_cells++;
            s->exact += bench_least(&row->cells[k], "exact") > 0;
        }
    if (strcmp(row->group, traces_group) != 0)
        return;
    double ratio = ratio_to_malloc(plan, row, 0);
    ratios[s->traces++] = ratio;
    s->best = fmin(s->best, ratio);
    s->worst = fmax(s->worst, ratio);
    s->faults += bench_value(&row->cells[0], "faults");
    s->faults_malloc += bench_value(&row->cells[reference_index(plan)], "faults");
    double live = bench_value(&row->cells[0], "live");
    if (live > 8e6)
        s->above_live = fmax(s->above_live, bench_value(&row->cells[0], "resident") / live);
}

static void summary_print(const struct bench_options *options, const struct bench_plan *plan)
{
    double *ratios = memory_array(NULL, plan->nrows, sizeof(*ratios));
    struct summary s = {.best = NAN, .worst = NAN, .above_live = NAN};
    for (size_t i = 0; i < plan->nrows; i++)
        summary_row(&s, plan, &plan->rows[i], ratios);
    s.mean = bench_geomean(ratios, s.traces);
    putchar('\n');
    if (s.traces) {
        printf("%sweir replays %zu recorded trace%s in %s of raw malloc's time%s (geometric mean; "
               "%s to "
               "%s),\nwith %.0f page faults where malloc takes %.0f",
               table_color(LOOK_HEAD), s.traces, s.traces > 1 ? "s" : "", table_number(s.mean),
               table_plain(), table_number(s.best), table_number(s.worst), s.faults,
               s.faults_malloc);
        if (options->touch != TOUCH_NONE && !isnan(s.above_live))
            printf(", and at most %s times the live bytes resident (traces over 8 MB)",
                   table_number(s.above_live));
        printf(".\n");
    }
    printf("Its statistics are exact in %s%zu of %zu measurements%s: total, peak and count "
           "equal the "
           "trace's own after every event.\n",
           table_color(s.exact == s.weir_cells ? LOOK_GOOD : LOOK_BAD), s.exact, s.weir_cells,
           table_plain());
    free(ratios);
}

static void tables_print(const struct bench_options *options, const struct bench_plan *plan,
                         const struct bench_targets *targets)
{
    static const char *const said[TOUCH_COUNT] = {
        "blocks left untouched", "one byte of each page touched", "every byte written"};
    char what[200];
    snprintf(what, sizeof(what), "Recorded inference traces, %s; each cell a process of its own",
             said[options->touch]);
    bench_head_print(what, plan);
    if (*targets->missing)
        printf("Not on this machine: %s.\n", targets->missing);
    printf("\n%sns an event%s\n", table_color(LOOK_HEAD), table_plain());
    time_table(plan, traces_group, "trace");
    time_table(plan, threads_group, "two threads");
    time_table(plan, synthetic_group, "synthetic (ns a pair)");
    if (options->touch == TOUCH_NONE ||
        (group_is_empty(plan, traces_group) && group_is_empty(plan, threads_group)))
        return;
    printf("\n%spage faults a pass | peak resident over peak live bytes%s\n\n",
           table_color(LOOK_HEAD), table_plain());
    memory_table(plan);
}

static int picture_write(const struct bench_options *options, const struct bench_plan *plan)
{
    int malloc_index = reference_index(plan);
    const struct picture pictures[] = {
        {.title = "Recorded traces: time over raw malloc's",
         .axis = "times raw malloc's time (1 = malloc; to the left is faster)",
         .group = traces_group,
         .metric = "ns",
         .over_target = malloc_index,
         .logarithmic = true,
         .reference = 1,
         .draw = svg_bars},
        {.title = "Two threads: time over raw malloc's",
         .axis = "times raw malloc's time",
         .group = threads_group,
         .metric = "ns",
         .over_target = malloc_index,
         .logarithmic = true,
         .reference = 1,
         .draw = svg_bars},
        {.title = "Synthetic loads: time of a pair",
         .axis = "ns",
         .group = synthetic_group,
         .metric = "ns",
         .over_target = -1,
         .logarithmic = true,
         .draw = svg_bars},
        {.title = "Recorded traces: peak resident over peak live bytes",
         .axis = "times the peak of the live bytes",
         .group = traces_group,
         .metric = "resident",
         .over = "live",
         .over_target = -1,
         .reference = 1,
         .draw = svg_bars},
    };
    return pictures_write(options->svg, "weir bench", plan, pictures,
                          sizeof(pictures) / sizeof(*pictures));
}

int bench_mode_replay(const struct bench_options *options)
{
    static struct bench_traces traces;
    static struct bench_targets targets;
    if (traces_find(&traces, options->traces, options->ntraces) != 0 || traces_check(&traces) != 0)
        return 1;
    targets_replay(&targets);
    struct bench_plan plan = bench_plan_of(options, &targets, 50);
    struct bench_job job = {.load = "trace",
                            .touch = options->touch,
                            .threads = 1,
                            .seconds = options->quick ? 0.005 : 0.03};
    bench_trace_rows(&plan, &traces, traces_group, &job);
    bench_turn_rows(&plan, &traces, threads_group, job);
    synthetic_rows(&plan, job);
    if (bench_rows_keep(&plan, options->only) != 0)
        return 2;
    if (bench_run(&plan) != 0)
        return 1;
    if (options->json)
        bench_json_print(stdout, "replay", &plan, options->touch, NULL);
    else
        tables_print(options, &plan, &targets);
    fflush(stdout);
    size_t failures = bench_say_failures(&plan);
    if (!options->json)
        summary_print(options, &plan);
    if (options->svg && picture_write(options, &plan) != 0)
        failures++;
    bench_plan_free(&plan);
    return failures > 0;
}
