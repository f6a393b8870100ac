/*
 * bench/bench_ramp.c - load "ramp": allocates job->count blocks, then frees them all, again
 * and again. Plain, the peak is that of the first time, and later ones stay below it. In the
 * variant "rising" the peak is reset before each time, so that every allocation raises it.
 */
#include "tools/bench_load.h"

#include <errno.h>

BENCH_INLINE void ramp(enum bench_ops ops, struct bench_thread *t)
{
    void **blocks = t->state;
    size_t n = t->job->count, size = t->job->size;
    if (t->index == 0 && *t->job->variant) {
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

static int ramp_setup(struct bench_thread *t)
{
    t->state = bench_pages(t->job->count * sizeof(void *));
    return t->state ? 0 : ENOMEM;
}

static void ramp_teardown(struct bench_thread *t)
{
    bench_pages_free(t->state, t->job->count * sizeof(void *));
}

int bench_ramp(const struct bench_job *job, weir_allocator *allocator)
{
    if (job->count == 0)
        return bench_fail("ramp: no blocks");
    struct bench_body body = {.setup = ramp_setup,
                              .teardown = ramp_teardown,
                              .chunk = ramp_chunks,
                              .operations = job->count};
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    int status = bench_repeat(job, allocator, &body, NULL);
    if (!status && !*job->variant)
        bench_exact_end(job, allocator, &before, job->size * job->count,
                        job->size * job->count * job->threads);
    return status;
}
