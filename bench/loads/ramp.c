/*
 * bench/loads/ramp.c - load "ramp": allocates job->count blocks, then frees them all, again
 * and again. Plain, the peak is that of the first time, and later ones stay below it. In the
 * variant "rising" the peak is reset before each time, so that every allocation raises it. In
 * "shuffled" sizes are random, from job->size to job->size_max, and the order of the frees is too.
 */
#include "bench/harness/load.h"

#include <string.h>

BENCH_INLINE void ramp(enum bench_ops ops, struct bench_thread *t)
{
    void **blocks = t->state;
    size_t n = t->job->count, size = t->job->size;
    if (t->index == 0 && strcmp(t->job->variant, "rising") == 0) {
        if (ops == OPS_WEIR)
            weir_reset_peak(t->allocator);
        else if (ops == OPS_DESIGN)
            design_reset_peak();
        else if (ops == OPS_ATOMICS)
            atomic_store_explicit(&bench_atomics.peak, 0, memory_order_relaxed);
    }
    for (size_t i = 0; i < n; i++) {
        blocks[i] = op_allocate(ops, t->allocator, size);
        bench_use(blocks[i]);
    }
    for (size_t i = 0; i < n; i++)
        op_free(ops, t->allocator, blocks[i], size);
}
BENCH_INSTANCES(ramp);

/* Blocks, their sizes, and the order in which they are freed. */
struct batch {
    uint32_t *sizes, *order;
    void *blocks[];
};

static size_t batch_bytes(const struct bench_job *job)
{
    return sizeof(struct batch) + job->count * (sizeof(void *) + 2 * sizeof(uint32_t));
}

BENCH_INLINE void batch(enum bench_ops ops, struct bench_thread *t)
{
    struct batch *b = t->state;
    size_t n = t->job->count;
    for (size_t i = 0; i < n; i++) {
        b->blocks[i] = op_allocate(ops, t->allocator, b->sizes[i]);
        bench_use(b->blocks[i]);
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t k = b->order[i];
        op_free(ops, t->allocator, b->blocks[k], b->sizes[k]);
    }
}
BENCH_INSTANCES(batch);

static size_t batch_plan(const struct bench_job *job, unsigned thread, struct batch *b)
{
    uint64_t seed = 2685821657736338717ULL + thread;
    size_t total = 0;
    b->sizes = (uint32_t *)(b->blocks + job->count);
    b->order = b->sizes + job->count;
    for (size_t i = 0; i < job->count; i++) {
        b->sizes[i] = (uint32_t)bench_draw(job, &seed);
        total += b->sizes[i];
        size_t k = bench_random(&seed) % (i + 1);
        b->order[i] = b->order[k];
        b->order[k] = (uint32_t)i;
    }
    return total;
}

static bool is_batch(const struct bench_job *job)
{
    return strcmp(job->variant, "shuffled") == 0;
}

static size_t ramp_bytes(const struct bench_job *job)
{
    return is_batch(job) ? batch_bytes(job) : job->count * sizeof(void *);
}

static int ramp_setup(struct bench_thread *t)
{
    t->state = bench_pages(ramp_bytes(t->job));
    if (is_batch(t->job))
        batch_plan(t->job, t->index, t->state);
    return 0;
}

/* Bytes of all blocks of one thread. */
static size_t ramp_total(const struct bench_job *job, unsigned thread)
{
    if (!is_batch(job))
        return job->size * job->count;
    return batch_plan(job, thread, bench_pages(batch_bytes(job)));
}

static void ramp_exact(const struct bench_job *job, weir_allocator *allocator,
                       const struct bench_figures *before)
{
    size_t least = ramp_total(job, 0), most = least;
    for (unsigned i = 1; i < job->threads; i++)
        most += ramp_total(job, i);
    bench_exact_end(job, allocator, before, least, most);
}

int bench_ramp(const struct bench_job *job, weir_allocator *allocator)
{
    if (job->count == 0 || (is_batch(job) && job->size_max < job->size))
        return bench_fail("ramp: no blocks or impossible sizes");
    struct bench_body body = {.setup = ramp_setup,
                              .chunk = is_batch(job) ? batch_chunks : ramp_chunks,
                              .operations = job->count};
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    int status = bench_repeat(job, allocator, &body, NULL);
    if (!status && strcmp(job->variant, "rising") != 0)
        ramp_exact(job, allocator, &before);
    return status;
}
