/*
 * bench/loads/probe.c - load "probe": a few blocks, so that a library that cannot serve at all is
 * known before anything is measured. Emits nothing; fails where a block is refused.
 */
#include "bench/harness/load.h"

static const size_t sizes[] = {1, 64, 4096, 1 << 20};

BENCH_INLINE void probe(enum bench_ops ops, struct bench_thread *t)
{
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        unsigned char *block = op_allocate(ops, t->allocator, sizes[i]);
        if (block)
            bench_touch(block, sizes[i], TOUCH_ALL);
        else
            t->operations++;
        op_free(ops, t->allocator, block, sizes[i]);
    }
}
BENCH_INSTANCES(probe);

int bench_probe(const struct bench_job *job, weir_allocator *allocator)
{
    struct bench_thread t = {.job = job, .allocator = allocator};
    probe_chunks[job->ops](&t);
    return t.operations ? bench_fail("no memory for a block") : 0;
}
