/* bench/modes/groups.c - see groups.h. */
#include "bench/modes/groups.h"
#include "bench/modes/rows.h"

#define GROUP(name, text) const char name[] = text
GROUP(group_small_1, "small, 1 thread");
GROUP(group_small_2, "small, 2 threads");
GROUP(group_large_untouched, "large, untouched");
GROUP(group_large_touched, "large, touched");
GROUP(group_traces_touched, "traces, touched");
GROUP(group_traces_untouched, "traces, untouched");
GROUP(group_handoff, "hand-off");
GROUP(group_fragmentation, "fragmentation");
GROUP(group_snapshots, "snapshots");
static GROUP(large_threads, "large threads");
static GROUP(contexts, "contexts");
static GROUP(churn, "churn");
static GROUP(peak, "at the peak, 2 threads");
static GROUP(rising, "rising total");
static GROUP(zeroed, "zeroed");

const struct bench_group bench_groups[] = {
    {group_small_1, "ns a pair"},
    {group_small_2, "ns a pair"},
    {group_large_untouched, "ns a pair"},
    {group_large_touched, "ns a pair, a byte a page touched"},
    {large_threads, "ns of processor time a pair or a replacement"},
    {group_traces_touched, "ns an event, a byte a page touched"},
    {group_traces_untouched, "ns an event"},
    {group_handoff, "ns a block; of the ring, processor time"},
    {contexts, "ns of processor time to replace a block of 16-527 B; others have no contexts"},
    {churn, "ns of processor time a thread, a reallocation, a replacement, a block"},
    {peak, "ns a pair or a block, the total never far below its peak"},
    {rising, "ns a pair, each allocation a new peak"},
    {zeroed, "ns a pair or a block"},
    {group_fragmentation, "resident over live bytes"},
};
_Static_assert((int)BENCH_GROUPS == (int)(sizeof(bench_groups) / sizeof(*bench_groups)), "groups");

/* -- the rows ------------------------------------------------------------------------------ */

#define KI ((size_t)1 << 10)
#define MI ((size_t)1 << 20)
#define GI ((size_t)1 << 30)

/* A load a line, or two. */
/* clang-format off */
#define HELD                                                                                       \
    .above = 16 * MI /* a process that has loaded a model held more once than its steps do */
#define TWO                .threads = 2
#define CPU                .metric = "cpu_ns"
#define OVER_LIVE          .metric = "over_live", .rounds_most = 2 /* little differs, and they are long */
#define SIZES(last, times) .size_last = (last), .size_times = (times)
#define THREADS(last)      .threads_last = (last), .threads_times = 2
#define MIX(least, most)   .load = "mix", .size = (least), .size_max = (most), .count = 1024
#define DEALT(kind) {.load = "mix", .variant = kind, .size = 64, .count = 2000, TWO, HELD}
#define STRINGS(most, n) {.load = "strings", .size = 16, .size_max = (most), .count = (n)}

static const struct bench_loads loads[] = {
    {group_small_1, "pairs of %s B", {.load = "pairs", .size = 16, HELD}, SIZES(4096, 2)},
    {group_small_1, "mix of 16-527 B", {MIX(16, 527), HELD}},
    {group_small_1, "mix of 16-4096 B", {MIX(16, 4096), HELD}},
    {group_small_2, "pairs of %s B", {.load = "pairs", .size = 16, TWO, HELD}, SIZES(4096, 2)},
    {group_small_2, "mix of 16-527 B", {MIX(16, 527), TWO, HELD}},
    {group_small_2, "mix of 16-4096 B", {MIX(16, 4096), TWO, HELD}},

    {group_large_untouched, "pairs of %k", {.load = "pairs", .size = 64 * KI}, SIZES(64 * MI, 4)},
    {group_large_touched, "pairs of %k", {.load = "pairs", .size = 64 * KI, .touch = TOUCH_PAGE},
     SIZES(64 * MI, 4)},
    {large_threads, "pairs of %k, %t", {.load = "pairs", .size = 64 * KI, TWO}, SIZES(MI, 4),
     THREADS(4), CPU},
    {large_threads, "mix of 64 KiB-1 MiB, %t",
     {.load = "mix", .size = 64 * KI, .size_max = MI, .count = 32, TWO}, THREADS(4), CPU},

    {group_handoff, "producer and consumer, 64 B", {.load = "handoff", .size = 64, TWO, HELD}},
    {group_handoff, "producer and consumer, 16-527 B",
     {.load = "handoff", .size = 16, .size_max = 527, TWO, HELD}},
    {group_handoff, "batches round a ring of %T",
     {.load = "circle", .size = 16, .size_max = 527, .count = 256, TWO, HELD}, THREADS(4), CPU},
    {group_handoff, "%s B dealt out in halves", DEALT("halves"), SIZES(512, 8)},
    {group_handoff, "%s B dealt out alternately", DEALT("alternately"), SIZES(512, 8)},
    {group_handoff, "server, 8-1000 B",
     {.load = "mix", .variant = "server", .size = 8, .size_max = 1000, .count = 5000, TWO, HELD}},
    {group_handoff, "%s B swapped for ever", {.load = "swap", .size = 64, .count = 1024, TWO, HELD},
     SIZES(512, 8)},

    {contexts, "%c, %t", {.load = "contexts", .size = 16, .size_max = 527, .count = 1},
     .count_last = 4096, .count_times = 16, .quick_count = 16, THREADS(4), CPU},

    {churn, "%n threads come and go",
     {.load = "churn", .size = 16, .size_max = 4096, .count = 1000, TWO}, .quick_count = 100, CPU},
    {churn, "256 strings growing to 4 KiB", STRINGS(4 * KI, 256), CPU},
    {churn, "256 strings growing to 256 KiB", STRINGS(256 * KI, 256), CPU},
    {churn, "an array growing to 32 MiB", STRINGS(32 * MI, 1), CPU},
    {churn, "blocks of 5-25 MiB, touched",
     {.load = "mix", .size = 5 * MI, .size_max = 25 * MI, .count = 4, .touch = TOUCH_PAGE}, CPU},
    {churn, "batches of 1000, %t",
     {.load = "ramp", .variant = "shuffled", .size = 16, .size_max = 527, .count = 1000},
     THREADS(2), CPU},

    {peak, "16-527 B, passed on", {.load = "handoff", .size = 16, .size_max = 527, TWO}},
    {peak, "mix of 16-527 B", {MIX(16, 527), TWO}},
    {peak, "pairs of 64 B", {.load = "pairs", .size = 64, TWO}},
    {rising, "10000 blocks of 64 B, %t",
     {.load = "ramp", .variant = "rising", .size = 64, .count = 10000}, THREADS(2)},

    {zeroed, "%k, dirty before", {.load = "zero", .size = 256}, SIZES(16 * MI, 16)},
    {zeroed, "64 KiB, fresh memory",
     {.load = "zero", .variant = "fresh", .size = 64 * KI, .count = 2048}},
    {zeroed, "4 MiB, fresh memory",
     {.load = "zero", .variant = "fresh", .size = 4 * MI, .count = 64}},

    {group_fragmentation, "an hour of a service, %n requests a s",
     {.load = "service", .count = 100}, .quick_count = 2, OVER_LIVE},
    {group_fragmentation, "%N burst, then %e s of sleep",
     {.load = "burst", .count = GI, .seconds = 10}, .quick_count = 64 * MI, .quick_seconds = 0.1,
     OVER_LIVE},
    {group_fragmentation, "1 in 16 survives, then %e s",
     {.load = "burst", .variant = "survivors", .count = GI, .seconds = 1}, .quick_count = 64 * MI,
     .quick_seconds = 0.1, OVER_LIVE},

    {group_fragmentation, "40000 blocks replaced by %T others in turns",
     {.load = "replaced", .size = 16, .size_max = 1015, .count = 40000, TWO}, .threads_last = 8,
     .threads_times = 4, OVER_LIVE},

    {group_snapshots, "64 threads, two of them busy", {.load = "snapshot"}, .weir_only = true},
};
/* clang-format on */

void bench_groups_rows(struct bench_session *s)
{
    double seconds = s->options->quick ? 0.01 : 0.05;
    struct bench_job job = {.variant = "", .threads = 1, .seconds = seconds, .touch = TOUCH_PAGE};
    bench_loads_add(&s->plan, loads, sizeof loads / sizeof *loads, s->options->quick, seconds);
    bench_trace_rows(&s->plan, &s->traces, group_traces_touched, job);
    bench_turn_rows(&s->plan, &s->traces, group_traces_touched, job);
    job.touch = TOUCH_NONE;
    bench_trace_rows(&s->plan, &s->traces, group_traces_untouched, job);
    bench_turn_rows(&s->plan, &s->traces, group_traces_untouched, job);
}
