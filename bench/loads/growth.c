/*
 * bench/loads/growth.c - load "growth": what an operation costs, and what memory is taken,
 * while job->count blocks of job->size bytes are live.
 *
 * Emits ns (a pair on top of them), replace_ns (a random one of them freed and another
 * allocated: cache and TLB misses of the harness' own table and of the block are part of it),
 * resident over live bytes, and of weir the share of metadata in the live bytes, in percent.
 */
#include "bench/harness/load.h"
#include "tools/common/statistics.h"

enum { STEPS = 4096, CHUNKS_MOST = 2000 };

BENCH_INLINE void growth_pairs(enum bench_ops ops, struct bench_thread *t)
{
    for (size_t i = 0; i < STEPS; i++) {
        void *block = op_allocate(ops, t->allocator, t->job->size);
        bench_use(block);
        op_free(ops, t->allocator, block, t->job->size);
    }
}
BENCH_INSTANCES(growth_pairs);

BENCH_INLINE void growth_replace(enum bench_ops ops, struct bench_thread *t)
{
    void **blocks = t->shared;
    uint64_t *seed = t->state;
    for (size_t i = 0; i < STEPS; i++) {
        void **slot = &blocks[bench_random(seed) % t->job->count];
        op_free(ops, t->allocator, *slot, t->job->size);
        *slot = op_allocate(ops, t->allocator, t->job->size);
        bench_use(*slot);
    }
}
BENCH_INSTANCES(growth_replace);

/* Median time of a step, after a first quarter that is not counted. */
static double growth_time(struct bench_thread *t, bench_chunk *chunk, double *samples)
{
    size_t n = 0;
    double budget = t->job->seconds * 1e9;
    uint64_t begin = time_now(), at = begin;
    while (n < CHUNKS_MOST && (n < 8 || (double)(at - begin) < budget)) {
        chunk(t);
        uint64_t now = time_now();
        samples[n++] = (double)(now - at) / STEPS;
        at = now;
    }
    return statistics_median(samples + n / 4, n - n / 4);
}

static void growth_memory(const struct bench_thread *t, size_t resident)
{
    double live = (double)t->job->count * (double)t->job->size;
    bench_emit("live", live);
    bench_emit("resident", (double)(bench_resident() - resident));
    weir_stats stats = {.size = sizeof(stats)};
    if (t->job->ops == OPS_WEIR && weir_stats_get(t->allocator, &stats) == 0 &&
        stats.metadata != WEIR_UNSUPPORTED)
        bench_emit("metadata", 100 * (double)stats.metadata / live);
}

int bench_growth(const struct bench_job *job, weir_allocator *allocator)
{
    void **blocks = bench_pages(job->count * sizeof(*blocks));
    double *samples = bench_pages(CHUNKS_MOST * sizeof(double));
    uint64_t seed = 362436069;
    if (job->count == 0)
        return bench_fail("growth: no blocks");
    bench_pin(0);
    struct bench_thread t = {.job = job, .allocator = allocator, .shared = blocks, .state = &seed};
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    size_t resident = bench_resident();
    for (size_t i = 0; i < job->count; i++) {
        blocks[i] = bench_take(&t, job->size);
        if (!blocks[i])
            return bench_fail("no memory for %zu blocks", job->count);
        bench_touch(blocks[i], job->size, TOUCH_PAGE);
    }
    growth_memory(&t, resident);
    bench_emit("ns", growth_time(&t, growth_pairs_chunks[job->ops], samples));
    bench_emit("replace_ns", growth_time(&t, growth_replace_chunks[job->ops], samples));
    for (size_t i = 0; i < job->count; i++)
        bench_give(&t, blocks[i], job->size);
    size_t peak = (job->count + 1) * job->size;
    bench_exact_end(job, allocator, &before, peak, peak);
    return 0;
}
