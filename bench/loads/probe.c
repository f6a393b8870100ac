/*
 * bench/loads/probe.c - load "probe": a few blocks, so that a library that cannot serve at all is
 * known before anything is measured. Emits nothing; fails where a block is refused.
 */
#include "bench/harness/load.h"

static const size_t sizes[] = {1, 64, 4096, 1 << 20};

int bench_probe(const struct bench_job *job, weir_allocator *allocator)
{
    struct bench_thread t = {.job = job, .allocator = allocator};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        unsigned char *block = bench_take(&t, sizes[i]);
        if (!block)
            return bench_fail("no memory for a block");
        bench_touch(block, sizes[i], TOUCH_ALL);
        bench_give(&t, block, sizes[i]);
    }
    return 0;
}
