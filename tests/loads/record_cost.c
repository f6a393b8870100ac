/*
 * What recording costs: record_cost [FILE]. Each load runs untraced and traced, in turns;
 * medians of nanoseconds a step (an allocation or a free, and what the program does with
 * the block), their ratio, and bytes of trace an event.
 */
#include "../helpers/scratch.h"
#include "tools/common/statistics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

#define SLOTS  256
#define ROUNDS 7

struct load {
    const char *name;
    size_t least, most; /* sizes */
    unsigned touch;     /* times each byte of a new block is written and read */
    unsigned threads;
    size_t steps;
};

static const struct load loads[] = {
    {"small blocks, nothing else", 16, 512, 0, 1, 400000},
    {"small blocks, nothing else", 16, 512, 0, 2, 400000},
    {"small blocks, written once", 16, 4096, 1, 1, 200000},
    {"small blocks, written and read 4 times", 16, 4096, 4, 1, 100000},
    {"tensors of 64 to 512 KiB, written once", 65536, 524288, 1, 1, 4000},
};

static unsigned used;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static unsigned block_use(unsigned char *block, size_t size, unsigned touch)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < touch; i++) {
        memset(block, (int)i, size);
        for (size_t at = 0; at < size; at += 64)
            sum += block[at];
    }
    return sum;
}

static void *load_run(void *user)
{
    const struct load *load = user;
    weir_allocator *cpu = weir_cpu_allocator();
    void *slots[SLOTS] = {0};
    uint32_t random = 1;
    unsigned sum = 0;
    for (size_t step = 0; step < load->steps; step++) {
        random = random * 1664525 + 1013904223;
        void **slot = &slots[random >> 24];
        if (*slot) {
            weir_deallocate(cpu, *slot);
            *slot = NULL;
            continue;
        }
        size_t size = load->least + (random >> 8) % 24 * ((load->most - load->least) / 24);
        *slot = weir_allocate(cpu, size);
        if (!*slot)
            abort();
        sum += block_use(*slot, size, load->touch);
    }
    for (size_t i = 0; i < SLOTS; i++)
        weir_deallocate(cpu, slots[i]);
    __atomic_store_n(&used, sum, __ATOMIC_RELAXED); /* else nothing would be read */
    return NULL;
}

/* Nanoseconds a step. */
static double load_time(const struct load *load)
{
    pthread_t threads[8];
    double begin = now();
    for (unsigned i = 1; i < load->threads; i++)
        if (pthread_create(&threads[i], NULL, load_run, (void *)(uintptr_t)load) != 0)
            abort();
    load_run((void *)(uintptr_t)load);
    for (unsigned i = 1; i < load->threads; i++)
        pthread_join(threads[i], NULL);
    return (now() - begin) / (double)load->steps;
}

static int load_measure(const struct load *load, const char *path)
{
    double plain[ROUNDS], traced[ROUNDS];
    weir_trace_stats status = WEIR_TRACE_STATS_INIT;
    load_time(load);
    for (int round = 0; round < ROUNDS; round++) {
        plain[round] = load_time(load);
        if (weir_trace_start(path, NULL) != 0)
            return 1;
        traced[round] = load_time(load);
        if (weir_trace_stop() != 0 || weir_trace_stats_get(&status) != 0)
            return 1;
    }
    double before = statistics_median(plain, ROUNDS), after = statistics_median(traced, ROUNDS);
    printf("%-40s %7u %10.1f %10.1f %6.2f %6.2f\n", load->name, load->threads, before, after,
           after / before, (double)status.bytes / (double)status.events);
    return 0;
}

int main(int argc, char **argv)
{
    char scratch[SCRATCH_PATH_MAX];
    scratch_path(scratch, "record-cost.trace");
    const char *path = argc > 1 ? argv[1] : scratch;
    printf("%-40s %7s %10s %10s %6s %6s\n", "load", "threads", "plain ns", "traced ns", "ratio",
           "bytes");
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
        if (load_measure(&loads[i], path) != 0) {
            fprintf(stderr, "record_cost: %s\n", weir_last_error());
            return 1;
        }
    if (argc <= 1)
        remove(path);
    return 0;
}
