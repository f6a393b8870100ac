/*
 * bench/modes/scaling.c - `weir bench --threads`, `--growth`, `--idle`: how time scales with
 * threads, how it grows with live blocks, what memory stays behind when nobody works. weir
 * compared with its peers, one table a load.
 */
#include "bench/harness/load.h"
#include "bench/modes/mode.h"
#include "bench/modes/tables.h"

#include <string.h>

/* -- threads ---------------------------------------------------------------------------------- */

static const struct bench_loads thread_loads[] = {
    {"pairs of 64 B", "%T", {.load = "pairs", .size = 64}},
    {"mix of 16-527 B", "%T", {.load = "mix", .size = 16, .size_max = 527, .count = 1024}},
    {"passed to another thread, 64 B", "%T", {.load = "handoff", .size = 64}},
    {"libtorch-lstm2x256, each thread a copy",
     "%T",
     {.load = "trace", .variant = "copies", .touch = TOUCH_PAGE}},
};
enum { HANDOFF = 2, COPIES = 3, THREAD_LOADS = 4 };

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
static const char *threads_trace(const struct option_list *traces)
{
    for (size_t i = 0; i < traces->n; i++)
        if (strstr(traces->words[i], "libtorch-lstm2x256"))
            return traces->words[i];
    return traces->words[0];
}

static int threads_rows(struct bench_session *s)
{
    unsigned most = s->options->threads ? (unsigned)s->options->threads : bench_cpus();
    for (unsigned n = 1; n <= most; n = threads_next(n, most))
        for (size_t i = 0; i < THREAD_LOADS; i++) {
            struct bench_loads load = thread_loads[i];
            load.job.threads = n;
            load.job.trace = i == COPIES ? threads_trace(&s->traces) : NULL;
            if (i != HANDOFF || n % 2 == 0)
                bench_loads_add(&s->plan, &load, 1, false, s->options->quick ? 0.01 : 0.05);
        }
    return 0;
}

static void threads_show(const struct bench_session *s)
{
    static const struct bench_view views[] = {
        {"pairs of 64 B", "pairs of 64 B: million a second, all threads together", "threads",
         "rate", .kind = VIEW_MILLIONS},
        {"mix of 16-527 B", "mix of 16-527 B: million a second, all threads together", "threads",
         "rate", .kind = VIEW_MILLIONS},
        {"passed to another thread, 64 B",
         "passed to another thread, 64 B: million a second, all threads together", "threads",
         "rate", .kind = VIEW_MILLIONS},
        {"libtorch-lstm2x256, each thread a copy",
         "libtorch-lstm2x256, each thread a copy: ns an event, in each thread", "threads", "ns"},
    };
    for (size_t i = 0; i < THREAD_LOADS; i++)
        bench_view_print(&s->plan, &views[i]);
}

const struct bench_mode bench_threads = {
    "threads",    "Scaling with threads", 120,  true, bench_targets_peers,
    threads_rows, threads_show,           NULL, NULL};

/* -- growth ----------------------------------------------------------------------------------- */

static const char growth_small[] = "blocks of 64 B", growth_pages[] = "blocks of 4 KiB";

static int growth_rows(struct bench_session *s)
{
    static const struct bench_loads loads[] = {
        {growth_small,
         "%n",
         {.load = "growth", .size = 64, .count = 1000},
         .count_last = 10000000,
         .count_times = 10,
         .quick_count = 100000},
        {growth_pages,
         "%n",
         {.load = "growth", .size = 4096, .count = 1000},
         .count_last = 100000,
         .count_times = 10,
         .quick_count = 1000},
    };
    bench_loads_add(&s->plan, loads, 2, s->options->quick, s->options->quick ? 0.02 : 0.1);
    return 0;
}

static void growth_show(const struct bench_session *s)
{
    static const char first[] = "live blocks";
    static const struct bench_view views[] = {
        {growth_small, "64 B: ns a pair on top of the live blocks", first, "ns"},
        {growth_small, "64 B: ns to replace a random one of them", first, "replace_ns"},
        {growth_small, "64 B: resident over live bytes", first, "resident", "live"},
        {growth_small, "64 B: metadata over live bytes (goal at 10^7: 7%)", first, "metadata",
         .kind = VIEW_PERCENT, .weir_only = true},
        {growth_pages, "4 KiB: ns a pair on top of the live blocks", first, "ns"},
        {growth_pages, "4 KiB: resident over live bytes", first, "resident", "live"},
        {growth_pages, "4 KiB: metadata over live bytes (goal at 10^5: 0.3%)", first, "metadata",
         .kind = VIEW_PERCENT, .weir_only = true},
    };
    for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++)
        bench_view_print(&s->plan, &views[i]);
}

const struct bench_mode bench_growth_mode = {"growth",
                                             "Growth with the number of live blocks",
                                             60,
                                             false,
                                             bench_targets_peers,
                                             growth_rows,
                                             growth_show,
                                             NULL,
                                             NULL};

/* -- idle ------------------------------------------------------------------------------------- */

static int idle_rows(struct bench_session *s)
{
    static const struct bench_loads load = {"idle",
                                            "%n threads, %e s",
                                            {.load = "idle", .count = 1000, .seconds = 10},
                                            .quick_count = 40,
                                            .quick_seconds = 0.2};
    bench_loads_add(&s->plan, &load, 1, s->options->quick, 0);
    return 0;
}

static void idle_show(const struct bench_session *s)
{
    static const struct bench_phase phases[] = {
        {"threads", "threads have come and gone"},
        {"busy", "8 threads hold 16 MiB each"},
        {"emptied", "they have freed everything"},
        {"idle", "after the sleep"},
        {"background", "weir_background_start, four looks later"},
        {"trimmed", "after weir_trim"}};
    bench_phases_print(&s->plan, &s->plan.rows[0], "growth of resident memory", phases, 6, true);
}

const struct bench_mode bench_idle_mode = {"idle",
                                           "Memory that stays resident while nobody works",
                                           180,
                                           false,
                                           bench_targets_peers,
                                           idle_rows,
                                           idle_show,
                                           NULL,
                                           NULL};
