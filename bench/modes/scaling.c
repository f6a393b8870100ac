/*
 * bench/modes/scaling.c - `weir bench --threads`, `--growth`, `--idle`: how time scales with
 * threads, how it grows with live blocks, what memory stays behind when nobody works. weir
 * beside its peers, one table a load.
 */
#include "bench/harness/json.h"
#include "bench/modes/options.h"
#include "bench/harness/pictures.h"
#include "tools/common/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One table: a metric of the rows of a group. */
struct view {
    const char *group, *title, *metric, *over;
    enum view_kind { VIEW_NUMBER, VIEW_BYTES, VIEW_RATE, VIEW_PERCENT } kind;
};

static void view_cell(struct table *t, const struct bench_cell *cell, const struct view *view)
{
    double value = bench_value(cell, view->metric);
    if (view->over)
        value /= bench_value(cell, view->over);
    if (isnan(value))
        table_add(t, LOOK_PLAIN, "-");
    else if (view->kind == VIEW_BYTES)
        table_add(t, LOOK_PLAIN, "%s", table_bytes(value));
    else if (view->kind == VIEW_PERCENT)
        table_add(t, LOOK_PLAIN, "%.2f%%", value);
    else
        table_ns(t, LOOK_PLAIN, view->kind == VIEW_RATE ? value / 1e6 : value);
}

static void view_print(const struct bench_plan *plan, const struct view *view, const char *first)
{
    struct table t;
    bool weir_only = strcmp(view->metric, "metadata") == 0 || strcmp(view->metric, "trimmed") == 0;
    size_t targets = weir_only ? 1 : plan->ntargets;
    printf("\n%s%s%s\n\n", table_color(LOOK_HEAD), view->title, table_plain());
    table_begin(&t, targets + 1);
    table_add(&t, LOOK_HEAD, "%s", first);
    for (size_t k = 0; k < targets; k++)
        table_add(&t, LOOK_HEAD, "%s", plan->targets[k].name);
    for (size_t i = 0; i < plan->nrows; i++) {
        if (strcmp(plan->rows[i].group, view->group) != 0)
            continue;
        table_add(&t, LOOK_PLAIN, "%s", plan->rows[i].name);
        for (size_t k = 0; k < targets; k++)
            view_cell(&t, &plan->rows[i].cells[k], view);
    }
    table_print(&t);
}

/* What the three modes have in common; `rows` adds theirs, `show` prints. */
struct more {
    const char *what, *title;
    double seconds;
    int (*rows)(struct bench_plan *, const struct bench_options *);
    void (*show)(const struct bench_plan *, const struct bench_options *);
    const struct picture *pictures;
    size_t npictures;
};

static int more_run(const struct bench_options *options, const struct more *more)
{
    static struct bench_targets targets;
    if (targets_peers(&targets, &options->from) != 0)
        return 2;
    struct bench_plan plan = bench_plan_of(options, &targets, more->seconds);
    if (more->rows(&plan, options) != 0 || bench_run(&plan) != 0)
        return 1;
    if (options->json) {
        bench_json_print(stdout, more->what, &plan, TOUCH_PAGE, NULL);
    } else {
        bench_head_print(more->title, &plan);
        if (*targets.missing)
            printf("Not on this machine: %s.\n", targets.missing);
        more->show(&plan, options);
    }
    fflush(stdout);
    size_t failures = bench_say_failures(&plan) + targets.nleft_out;
    if (options->svg &&
        pictures_write(options->svg, more->title, &plan, more->pictures, more->npictures) != 0)
        failures++;
    bench_plan_free(&plan);
    return failures > 0;
}

/* -- threads ---------------------------------------------------------------------------------- */

static const char *const thread_groups[] = {"pairs of 64 B", "mix of 16-527 B",
                                            "passed to another thread, 64 B",
                                            "libtorch-lstm2x256, each thread a copy"};
enum { THREAD_GROUPS = sizeof(thread_groups) / sizeof(*thread_groups) };
_Static_assert((int)THREAD_GROUPS == (int)BENCH_THREAD_PICTURES, "a picture a group");

/* A row for 1, 2, 3, 4, 6, 8, 12, 16, ... threads and the greatest number. */
static unsigned threads_next(unsigned n, unsigned most)
{
    unsigned power = 1;
    while (power * 2 <= n)
        power *= 2;
    unsigned next = n < 4 ? n + 1 : n == power ? n + power / 2 : power * 2;
    return n < most && next > most ? most : next;
}

/* The trace that is replayed in more and more threads. */
static const char *threads_trace(const struct bench_traces *traces)
{
    for (size_t i = 0; i < traces->n; i++)
        if (strstr(traces->paths[i], "libtorch-lstm2x256"))
            return traces->paths[i];
    return traces->paths[0];
}

static void threads_row(struct bench_plan *plan, struct bench_job job)
{
    job.load = "pairs";
    job.size = 64;
    bench_row_add(plan, thread_groups[0], &job, "%u", job.threads);
    job.load = "mix";
    job.count = 1024;
    job.size = 16;
    job.size_max = 527;
    bench_row_add(plan, thread_groups[1], &job, "%u", job.threads);
    job.load = "handoff";
    job.size = job.size_max = 64;
    if (job.threads % 2 == 0)
        bench_row_add(plan, thread_groups[2], &job, "%u", job.threads);
    job.load = "trace";
    job.variant = "copies";
    job.touch = TOUCH_PAGE;
    bench_row_add(plan, thread_groups[3], &job, "%u", job.threads);
}

void bench_threads_rows(struct bench_plan *plan, const struct bench_options *options,
                        const struct bench_traces *traces)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned most = options->threads ? options->threads : cpus > 0 ? (unsigned)cpus : 1;
    struct bench_job job = {.threads = 1,
                            .seconds = options->quick ? 0.01 : 0.05,
                            .variant = "",
                            .trace = threads_trace(traces)};
    for (; job.threads <= most; job.threads = threads_next(job.threads, most))
        threads_row(plan, job);
}

static int threads_rows(struct bench_plan *plan, const struct bench_options *options)
{
    static struct bench_traces traces;
    if (traces_find(&traces, options->traces, options->ntraces) != 0 || traces_check(&traces) != 0)
        return 1;
    bench_threads_rows(plan, options, &traces);
    return 0;
}

static void threads_show(const struct bench_plan *plan, const struct bench_options *options)
{
    char title[120];
    (void)options;
    for (size_t i = 0; i < THREAD_GROUPS; i++) {
        bool rate = i < THREAD_GROUPS - 1;
        struct view view = {thread_groups[i], title, rate ? "rate" : "ns", NULL,
                            rate ? VIEW_RATE : VIEW_NUMBER};
        snprintf(title, sizeof(title), "%s: %s", thread_groups[i],
                 rate ? "million a second, all threads together" : "ns an event, in each thread");
        view_print(plan, &view, "threads");
    }
}

void bench_threads_pictures(struct picture pictures[BENCH_THREAD_PICTURES])
{
    for (size_t i = 0; i < BENCH_THREAD_PICTURES; i++) {
        bool rate = i < THREAD_GROUPS - 1;
        pictures[i] = (struct picture){.title = thread_groups[i],
                                       .axis = rate ? "operations a second, all threads together"
                                                    : "ns an event, in each thread",
                                       .group = thread_groups[i],
                                       .metric = rate ? "rate" : "ns",
                                       .over_target = -1,
                                       .logarithmic = !rate,
                                       .draw = svg_lines,
                                       .category_axis = "threads"};
    }
}

int bench_mode_threads(const struct bench_options *options)
{
    struct picture pictures[BENCH_THREAD_PICTURES];
    bench_threads_pictures(pictures);
    struct more more = {"threads", "Scaling with threads", 120, threads_rows, threads_show,
                        pictures,  BENCH_THREAD_PICTURES};
    return more_run(options, &more);
}

/* -- growth ----------------------------------------------------------------------------------- */

static const char growth_group[] = "blocks of 64 B", growth_pages[] = "blocks of 4 KiB";

static int growth_rows(struct bench_plan *plan, const struct bench_options *options)
{
    struct bench_job job = {
        .load = "growth", .threads = 1, .seconds = options->quick ? 0.02 : 0.1, .size = 64};
    size_t most = options->quick ? 100000 : 10000000;
    for (job.count = 1000; job.count <= most; job.count *= 10)
        bench_row_add(plan, growth_group, &job, "%zu", job.count);
    job.size = 4096;
    for (job.count = 1000; job.count <= most / 100; job.count *= 10)
        bench_row_add(plan, growth_pages, &job, "%zu", job.count);
    return 0;
}

static void growth_show(const struct bench_plan *plan, const struct bench_options *options)
{
    static const struct view views[] = {
        {growth_group, "64 B: ns a pair on top of the live blocks", "ns", NULL, VIEW_NUMBER},
        {growth_group, "64 B: ns to replace a random one of them", "replace_ns", NULL, VIEW_NUMBER},
        {growth_group, "64 B: resident over live bytes", "resident", "live", VIEW_NUMBER},
        {growth_group, "64 B: metadata over live bytes (goal at 10^7: 7%)", "metadata", NULL,
         VIEW_PERCENT},
        {growth_pages, "4 KiB: ns a pair on top of the live blocks", "ns", NULL, VIEW_NUMBER},
        {growth_pages, "4 KiB: resident over live bytes", "resident", "live", VIEW_NUMBER},
        {growth_pages, "4 KiB: metadata over live bytes (goal at 10^5: 0.3%)", "metadata", NULL,
         VIEW_PERCENT},
    };
    (void)options;
    for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++)
        view_print(plan, &views[i], "live blocks");
}

int bench_mode_growth(const struct bench_options *options)
{
    static const struct picture pictures[] = {
        {.title = "Blocks of 64 B: a pair on top of the live blocks",
         .axis = "ns",
         .group = growth_group,
         .metric = "ns",
         .over_target = -1,
         .draw = svg_lines,
         .category_axis = "live blocks"},
        {.title = "Blocks of 64 B: replacing a random one",
         .axis = "ns",
         .group = growth_group,
         .metric = "replace_ns",
         .over_target = -1,
         .draw = svg_lines,
         .category_axis = "live blocks"},
    };
    static const struct more more = {
        "growth", "Growth with the number of live blocks", 60, growth_rows, growth_show, pictures,
        2};
    return more_run(options, &more);
}

/* -- idle ------------------------------------------------------------------------------------- */

static const char idle_group[] = "idle";

static int idle_rows(struct bench_plan *plan, const struct bench_options *options)
{
    struct bench_job job = {.load = "idle",
                            .threads = 1,
                            .count = options->quick ? 40 : 1000,
                            .seconds = options->quick ? 0.2 : 10};
    bench_row_add(plan, idle_group, &job, "%zu threads, %.0f s", job.count, job.seconds);
    return 0;
}

static void idle_show(const struct bench_plan *plan, const struct bench_options *options)
{
    static const struct {
        const char *metric, *label;
    } lines[] = {{"threads", "threads have come and gone"},
                 {"busy", "8 threads hold 16 MB each"},
                 {"emptied", "they have freed everything"},
                 {"idle", "after the sleep"},
                 {"background", "weir_background_start, four looks later"},
                 {"trimmed", "after weir_trim"}};
    struct table t;
    (void)options;
    table_begin(&t, plan->ntargets + 1);
    table_add(&t, LOOK_HEAD, "%s: resident growth", plan->rows[0].name);
    for (size_t k = 0; k < plan->ntargets; k++)
        table_add(&t, LOOK_HEAD, "%s", plan->targets[k].name);
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct view view = {.metric = lines[i].metric, .kind = VIEW_BYTES};
        table_add(&t, LOOK_PLAIN, "%s", lines[i].label);
        for (size_t k = 0; k < plan->ntargets; k++)
            view_cell(&t, &plan->rows[0].cells[k], &view);
    }
    putchar('\n');
    table_print(&t);
}

int bench_mode_idle(const struct bench_options *options)
{
    struct bench_options once = *options;
    static const struct more more = {
        "idle", "Memory that stays resident while nobody works", 1, idle_rows, idle_show, NULL, 0};
    once.runs = options->runs ? options->runs : 1;
    return more_run(&once, &more);
}
