/*
 * bench/loads/zero.c - load "zero": zeroed blocks. Plain: allocate, dirty a byte of each page,
 * free; the memory is known to be dirty, so it must be cleared each time. Variant "fresh":
 * job->count blocks once, from memory that the system has just made, none of it touched by the
 * caller: what is known to be zero costs no clearing, and so no page fault.
 */
#include "bench/harness/load.h"

#include <string.h>

enum { CHUNK_BYTES = 4 << 20, CHUNK_MOST = 4096, CHECKS = 4 };

BENCH_INLINE void *op_zeroed(enum bench_ops ops, weir_allocator *a, size_t n)
{
    if (ops == OPS_MALLOC)
        return bench_calloc(1, n);
    if (ops == OPS_DESIGN) {
        void *block = design_allocate(n);
        return block ? memset(block, 0, n) : NULL;
    }
    return weir_allocate_zeroed(a, 1, n);
}

BENCH_INLINE void zero_pairs(enum bench_ops ops, struct bench_thread *t)
{
    size_t size = t->job->size;
    for (size_t i = 0; i < t->operations; i++) {
        void *block = op_zeroed(ops, t->allocator, size);
        bench_touch(block, size, TOUCH_PAGE);
        op_free(ops, t->allocator, block, size);
    }
}
BENCH_INSTANCES(zero_pairs);

BENCH_INLINE void zero_fresh(enum bench_ops ops, struct bench_thread *t)
{
    void **blocks = t->shared;
    for (size_t i = 0; i < t->job->count; i++)
        blocks[i] = op_zeroed(ops, t->allocator, t->job->size);
}
BENCH_INSTANCES(zero_fresh);

/* Is what is said to be zero so, after it was dirtied throughout? */
static bool zero_check(const struct bench_job *job, weir_allocator *a)
{
    bool zero = true;
    size_t size = job->size;
    for (int i = 0; i < CHECKS; i++) {
        unsigned char *block = op_zeroed(job->ops, a, size);
        zero &= block && block[0] == 0 && memcmp(block, block + 1, size - 1) == 0;
        if (block)
            memset(block, 0xa5, size);
        op_free(job->ops, a, block, size);
    }
    return zero;
}

static int fresh_run(const struct bench_job *job, weir_allocator *allocator)
{
    if (job->count == 0)
        return bench_fail("zero: no blocks");
    void **blocks = bench_pages(job->count * sizeof(*blocks));
    struct bench_thread t = {.job = job, .allocator = allocator, .shared = blocks};
    uint64_t faults = bench_faults(), begin = time_now();
    zero_fresh_chunks[job->ops](&t);
    uint64_t end = time_now();
    bench_emit("ns", (double)(end - begin) / (double)job->count);
    bench_emit("faults", (double)(bench_faults() - faults) / (double)job->count);
    return 0;
}

int bench_zero(const struct bench_job *job, weir_allocator *allocator)
{
    if (job->size == 0)
        return bench_fail("zero: no size");
    if (*job->variant)
        return fresh_run(job, allocator);
    if (!zero_check(job, allocator))
        return bench_fail("a zeroed block of %zu bytes is not zero", job->size);
    size_t operations = CHUNK_BYTES / job->size;
    operations = operations < 1 ? 1 : operations > CHUNK_MOST ? CHUNK_MOST : operations;
    struct bench_body body = {.chunk = zero_pairs_chunks, .operations = operations};
    return bench_repeat(job, allocator, &body, NULL);
}
