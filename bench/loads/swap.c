/*
 * bench/loads/swap.c - load "swap": threads that swap blocks for ever. job->count places are shared
 * by all; an operation allocates a block of job->size bytes, puts it into a random place and
 * frees what lay there, whichever thread allocated it.
 */
#include "bench/harness/load.h"

enum { STEPS = 4096 };

struct swap_place {
    _Alignas(64) _Atomic(void *) block;
};

BENCH_INLINE void swap(enum bench_ops ops, struct bench_thread *t)
{
    struct swap_place *places = t->shared;
    uint16_t *order = t->state;
    for (size_t i = 0; i < STEPS; i++) {
        void *block = op_allocate(ops, t->allocator, t->job->size);
        bench_use(block);
        block = atomic_exchange_explicit(&places[order[i]].block, block, memory_order_acq_rel);
        op_free(ops, t->allocator, block, t->job->size);
    }
}
BENCH_INSTANCES(swap);

static int swap_setup(struct bench_thread *t)
{
    uint16_t *order = bench_pages(STEPS * sizeof(*order));
    uint64_t seed = 1442695040888963407ULL + t->index;
    for (size_t i = 0; i < STEPS; i++)
        order[i] = (uint16_t)(bench_random(&seed) % t->job->count);
    t->state = order;
    return 0;
}

int bench_swap(const struct bench_job *job, weir_allocator *allocator)
{
    struct swap_place *places = bench_pages(job->count * sizeof(*places));
    if (job->count == 0 || job->count > UINT16_MAX)
        return bench_fail("swap: impossible count");
    struct bench_body body = {.setup = swap_setup, .chunk = swap_chunks, .operations = STEPS};
    struct bench_thread ends = {.job = job, .allocator = allocator};
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    for (size_t i = 0; i < job->count; i++)
        places[i].block = bench_take(&ends, job->size);
    int status = bench_repeat(job, allocator, &body, places);
    for (size_t i = 0; i < job->count; i++)
        if (places[i].block)
            bench_give(&ends, places[i].block, job->size);
    if (!status)
        bench_exact_end(job, allocator, &before, (job->count + 1) * job->size,
                        (job->count + job->threads) * job->size);
    return status;
}
