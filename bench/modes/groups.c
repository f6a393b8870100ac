/* bench/modes/groups.c - see groups.h. */
#include "bench/modes/groups.h"
#include "tools/common/table.h"

#include <stdio.h>
#include <string.h>

const char group_small_1[] = "small, 1 thread", group_small_2[] = "small, 2 threads",
           group_large_untouched[] = "large, untouched", group_large_touched[] = "large, touched",
           group_traces_touched[] = "traces, touched",
           group_traces_untouched[] = "traces, untouched", group_handoff[] = "hand-off",
           group_fragmentation[] = "fragmentation", group_snapshots[] = "snapshots";
static const char peak_group[] = "at the peak, 2 threads", ramp_group[] = "rising total",
                  zero_group[] = "zeroed", contexts_group[] = "contexts",
                  large_threads_group[] = "large threads", churn_group[] = "churn";

const struct bench_group bench_groups[] = {
    {group_small_1, "ns a pair"},
    {group_small_2, "ns a pair"},
    {group_large_untouched, "ns a pair"},
    {group_large_touched, "ns a pair, a byte a page touched"},
    {large_threads_group, "ns of processor time a pair or a replacement"},
    {group_traces_touched, "ns an event, a byte a page touched"},
    {group_traces_untouched, "ns an event"},
    {group_handoff, "ns a block; of the ring, processor time"},
    {contexts_group,
     "ns of processor time to replace a block of 16-527 B; others have no contexts"},
    {churn_group, "ns of processor time a thread, a reallocation, a replacement, a block"},
    {peak_group, "ns a pair or a block, the total never far below its peak"},
    {ramp_group, "ns a pair, each allocation a new peak"},
    {zero_group, "ns a pair or a block"},
    {group_fragmentation, "resident over live bytes"},
};
_Static_assert((int)BENCH_GROUPS == (int)(sizeof(bench_groups) / sizeof(*bench_groups)), "groups");

static const char cpu_ns[] = "cpu_ns";

/* -- the rows ------------------------------------------------------------------------------ */

/* A process that has loaded a model once held more than its steps do. */
#define HELD_BEFORE ((size_t)16 << 20)

static void small_rows(struct bench_plan *plan, const char *group, struct bench_job job)
{
    job.above = HELD_BEFORE;
    job.load = "pairs";
    for (job.size = 16; job.size <= 4096; job.size *= 2)
        bench_row_add(plan, group, &job, "pairs of %zu B", job.size);
    bench_mix_rows(plan, group, job);
}

static void large_rows(struct bench_plan *plan, const char *group, struct bench_job job)
{
    job.load = "pairs";
    for (job.size = 64 << 10; job.size <= 64 << 20; job.size *= 4)
        bench_row_add(plan, group, &job, "pairs of %zu KiB", job.size >> 10);
}

static void trace_rows(struct bench_plan *plan, const struct bench_traces *traces,
                       const char *group, struct bench_job job)
{
    job.load = "trace";
    bench_trace_rows(plan, traces, group, &job);
    bench_turn_rows(plan, traces, group, job);
}

static void handoff_rows(struct bench_plan *plan, struct bench_job job)
{
    job.load = "handoff";
    job.threads = 2;
    job.above = HELD_BEFORE;
    job.size = job.size_max = 64;
    bench_row_add(plan, group_handoff, &job, "producer and consumer, 64 B");
    job.size = 16;
    job.size_max = 527;
    bench_row_add(plan, group_handoff, &job, "producer and consumer, 16-527 B");
    job.load = "circle";
    job.count = 256;
    for (job.threads = 2; job.threads <= 4; job.threads += 2)
        bench_row_add(plan, group_handoff, &job, "batches round a ring of %u", job.threads)
            ->metric = cpu_ns;
}

/* Blocks that one thread made and others replace or swap. */
static void dealt_rows(struct bench_plan *plan, struct bench_job job)
{
    static const char *const variants[] = {"halves", "alternately"};
    job.load = "mix";
    job.threads = 2;
    job.above = HELD_BEFORE;
    job.count = 2000;
    for (job.size = 64; job.size <= 512; job.size *= 8)
        for (int i = 0; i < 2; i++) {
            job.size_max = job.size;
            job.variant = variants[i];
            bench_row_add(plan, group_handoff, &job, "%zu B dealt out %s%s", job.size,
                          i ? "" : "in ", variants[i]);
        }
    job.variant = "server";
    job.size = 8;
    job.size_max = 1000;
    job.count = 5000;
    bench_row_add(plan, group_handoff, &job, "server, 8-1000 B");
    job.load = "swap";
    job.variant = "";
    job.count = 1024;
    for (job.size = 64; job.size <= 512; job.size *= 8)
        bench_row_add(plan, group_handoff, &job, "%zu B swapped for ever", job.size);
}

static void contexts_rows(struct bench_plan *plan, struct bench_job job, bool quick)
{
    job.load = "contexts";
    job.size = 16;
    job.size_max = 527;
    for (job.count = 1; job.count <= (quick ? 16 : 4096); job.count *= 16)
        for (job.threads = 1; job.threads <= 4; job.threads *= 2)
            bench_row_add(plan, contexts_group, &job, "%zu context%s, %u thread%s", job.count,
                          job.count > 1 ? "s" : "", job.threads, job.threads > 1 ? "s" : "")
                ->metric = cpu_ns;
}

static void large_threads_rows(struct bench_plan *plan, struct bench_job job)
{
    job.touch = TOUCH_NONE;
    for (job.threads = 2; job.threads <= 4; job.threads *= 2) {
        job.load = "pairs";
        for (job.size = 64 << 10; job.size <= 1 << 20; job.size *= 4)
            bench_row_add(plan, large_threads_group, &job, "pairs of %zu KiB, %u threads",
                          job.size >> 10, job.threads)
                ->metric = cpu_ns;
        job.load = "mix";
        job.count = 32;
        job.size = 64 << 10;
        job.size_max = 1 << 20;
        bench_row_add(plan, large_threads_group, &job, "mix of 64 KiB-1 MiB, %u threads",
                      job.threads)
            ->metric = cpu_ns;
    }
}

static void strings_rows(struct bench_plan *plan, struct bench_job job)
{
    job.load = "strings";
    job.size = 16;
    job.size_max = 4096;
    job.count = 256;
    bench_row_add(plan, churn_group, &job, "256 strings growing to 4 KiB")->metric = cpu_ns;
    job.size_max = 256 << 10;
    bench_row_add(plan, churn_group, &job, "256 strings growing to 256 KiB")->metric = cpu_ns;
    job.size_max = 32 << 20;
    job.count = 1;
    bench_row_add(plan, churn_group, &job, "an array growing to 32 MiB")->metric = cpu_ns;
}

static void churn_rows(struct bench_plan *plan, struct bench_job job, bool quick)
{
    job.load = "churn";
    job.count = quick ? 100 : 1000;
    job.threads = 2;
    job.size = 16;
    job.size_max = 4096;
    bench_row_add(plan, churn_group, &job, "%zu threads come and go", job.count)->metric = cpu_ns;
    job.threads = 1;
    strings_rows(plan, job);
    job.load = "mix";
    job.size = 5 << 20;
    job.size_max = 25 << 20;
    job.count = 4;
    job.touch = TOUCH_PAGE;
    bench_row_add(plan, churn_group, &job, "blocks of 5-25 MB, touched")->metric = cpu_ns;
    job.load = "ramp";
    job.variant = "shuffled";
    job.touch = TOUCH_NONE;
    job.count = 1000;
    job.size = 16;
    job.size_max = 527;
    for (job.threads = 1; job.threads <= 2; job.threads++)
        bench_row_add(plan, churn_group, &job, "batches of 1000, %u thread%s", job.threads,
                      job.threads > 1 ? "s" : "")
            ->metric = cpu_ns;
}

static struct bench_row *over_live(struct bench_row *row)
{
    row->metric = "over_live";
    row->rounds_most = 2; /* memory differs little from round to round, and they are long */
    return row;
}

static void fragmentation_rows(struct bench_plan *plan, struct bench_job job, bool quick)
{
    job.load = "service";
    job.count = quick ? 2 : 100;
    over_live(bench_row_add(plan, group_fragmentation, &job,
                            "an hour of a service, %zu requests a s", job.count));
    job.load = "burst";
    job.count = (size_t)1 << (quick ? 26 : 30);
    job.seconds = quick ? 0.1 : 10;
    over_live(bench_row_add(plan, group_fragmentation, &job, "%s burst, then %g s of sleep",
                            quick ? "64 MiB" : "1 GiB", job.seconds));
    job.variant = "survivors";
    job.seconds = quick ? 0.1 : 1;
    over_live(
        bench_row_add(plan, group_fragmentation, &job, "1 in 16 survives, then %g s", job.seconds));
}

static void peak_rows(struct bench_plan *plan, struct bench_job job)
{
    job.load = "handoff";
    job.threads = 2;
    job.size = 16;
    job.size_max = 527;
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

void bench_groups_rows(struct bench_plan *plan, const struct bench_traces *traces,
                       const struct bench_options *options)
{
    struct bench_job job = {
        .load = "pairs", .variant = "", .threads = 1, .seconds = options->quick ? 0.01 : 0.05};
    small_rows(plan, group_small_1, job);
    job.threads = 2;
    small_rows(plan, group_small_2, job);
    job.threads = 1;
    large_rows(plan, group_large_untouched, job);
    large_threads_rows(plan, job);
    job.touch = TOUCH_PAGE;
    large_rows(plan, group_large_touched, job);
    trace_rows(plan, traces, group_traces_touched, job);
    job.touch = TOUCH_NONE;
    trace_rows(plan, traces, group_traces_untouched, job);
    handoff_rows(plan, job);
    dealt_rows(plan, job);
    contexts_rows(plan, job, options->quick);
    churn_rows(plan, job, options->quick);
    peak_rows(plan, job);
    zero_rows(plan, job);
    fragmentation_rows(plan, job, options->quick);
    job.load = "snapshot";
    bench_row_add(plan, group_snapshots, &job, "64 threads, two of them busy")->weir_only = true;
}

size_t bench_group_next(const struct bench_plan *plan, const char *group, size_t i)
{
    for (i++; i < plan->nrows; i++)
        if (strcmp(plan->rows[i].group, group) == 0)
            break;
    return i;
}
