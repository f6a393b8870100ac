/*
 * bench/loads/pairs.c - load "pairs": allocate a block, use it, free it; one size. Small
 * blocks get one write; from 64 KiB on the touch of the job decides.
 */
#include "bench/harness/load.h"

enum { SMALL_OPERATIONS = 16384, LARGE_OPERATIONS = 1024, LARGE = 65536 };

BENCH_INLINE void pairs_small(enum bench_ops ops, struct bench_thread *t)
{
    weir_allocator *a = t->allocator;
    size_t size = t->job->size;
    for (size_t i = 0; i < SMALL_OPERATIONS; i++) {
        void *block = op_allocate(ops, a, size);
        bench_use(block);
        op_free(ops, a, block, size);
    }
}
BENCH_INSTANCES(pairs_small);

BENCH_INLINE void pairs_large(enum bench_ops ops, struct bench_thread *t)
{
    weir_allocator *a = t->allocator;
    size_t size = t->job->size;
    enum bench_touch touch = t->job->touch;
    for (size_t i = 0; i < t->operations; i++) {
        void *block = op_allocate(ops, a, size);
        bench_touch(block, size, touch);
        op_free(ops, a, block, size);
    }
}
BENCH_INSTANCES(pairs_large);

int bench_pairs(const struct bench_job *job, weir_allocator *allocator)
{
    struct bench_body body = {.chunk = pairs_small_chunks, .operations = SMALL_OPERATIONS};
    if (job->size >= LARGE) {
        size_t pages = job->touch == TOUCH_NONE ? 1 : job->size / 4096;
        body.chunk = pairs_large_chunks;
        body.operations = pages < LARGE_OPERATIONS ? LARGE_OPERATIONS / pages : 1;
    }
    return bench_repeat_exact(job, allocator, &body, NULL, job->size, job->size * job->threads);
}
