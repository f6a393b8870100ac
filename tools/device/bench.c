/*
 * tools/device/bench.c - times and memory of a device's pool, beside the device's own
 * calls. Every ratio is of two times taken in turns within one run.
 */
#include "tools/device/bench.h"

#include "tools/trace/load.h"

#include <weir/cuda.h>
#include <weir/device.h>
#include <weir/error.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB    ((double)(1 << 20))
#define ROUNDS 7

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

const weir_device_table *device_bench_table(const char *name)
{
    if (strcmp(name, "host") == 0)
        return weir_device_host_table_create("host", (size_t)16 << 30);
    if (strncmp(name, "cuda:", 5) == 0 && name[5])
        return weir_cuda_table_create(atoi(name + 5));
    fprintf(stderr, "weir device: no device \"%s\"\n", name);
    return NULL;
}

static weir_allocator *allocator_make(const struct device_bench *b, weir_device_mode mode)
{
    const weir_device_table *table = device_bench_table(b->device);
    weir_allocator *a =
        table ? weir_device_allocator_create(table, &(weir_device_options){.mode = mode}) : NULL;
    if (!a && *weir_last_error())
        fprintf(stderr, "weir device: %s\n", weir_last_error());
    return a;
}

/* cuMemAllocAsync is at its best when its pool keeps what is freed. */
static void driver_pool_keep(const char *device)
{
    int (*get)(void **, int), (*set)(void *, int, void *);
    enum { RELEASE_THRESHOLD = 4 };
    uint64_t all = UINT64_MAX;
    void *pool, *library = strncmp(device, "cuda:", 5) ? NULL : dlopen("libcuda.so.1", RTLD_NOW);
    if (!library)
        return;
    *(void **)&get = dlsym(library, "cuDeviceGetDefaultMemPool");
    *(void **)&set = dlsym(library, "cuMemPoolSetAttribute");
    if (get && set && get(&pool, atoi(device + 5)) == 0)
        set(pool, RELEASE_THRESHOLD, &all);
}

/* -- pairs ------------------------------------------------------------------------------------ */

enum way { WAY_WEIR, WAY_CALLS, WAY_STREAM, WAYS };

struct pairs {
    weir_allocator *a;
    const weir_device_table *table;
    void *stream;
};

/* ns a pair of one way; < 0: it failed. */
static double pairs_time(const struct pairs *p, enum way way, size_t size, long n)
{
    const weir_device_table *t = p->table;
    double from = now();
    for (long i = 0; i < n; i++) {
        void *block = NULL;
        int error = 0;
        switch (way) {
        case WAY_WEIR:
            block = weir_allocate(p->a, size);
            error = !block;
            weir_deallocate(p->a, block);
            break;
        case WAY_CALLS:
            error = t->allocate(t->user, size, &block) || t->deallocate(t->user, block, size);
            break;
        default:
            error = t->allocate_on(t->user, size, p->stream, &block) ||
                    t->deallocate_on(t->user, block, size, p->stream);
            break;
        }
        if (error)
            return -1;
    }
    return (now() - from) / (double)n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

static void pairs_row(const struct pairs *p, size_t size, long n)
{
    double times[WAYS][ROUNDS], at[WAYS];
    bool has_stream = p->table->allocate_on != NULL;
    for (int round = -1; round < ROUNDS; round++)
        for (int way = 0; way < WAYS; way++) {
            if (way == WAY_STREAM && !has_stream)
                continue;
            double ns = pairs_time(p, (enum way)way, size,
                                   way == WAY_WEIR ? n
                                   : n < 2000      ? n
                                                   : n / 20 + 100);
            if (way == WAY_STREAM)
                p->table->stream_synchronize(p->table->user, p->stream);
            if (round >= 0)
                times[way][round] = ns;
        }
    for (int way = 0; way < WAYS; way++)
        at[way] = way == WAY_STREAM && !has_stream ? -1 : median(times[way]);
    printf("%10zu KiB  %8.1f  %10.1f  %8.1f", size >> 10, at[WAY_WEIR], at[WAY_CALLS],
           at[WAY_CALLS] / at[WAY_WEIR]);
    if (has_stream)
        printf("  %10.1f  %8.2f\n", at[WAY_STREAM], at[WAY_WEIR] / at[WAY_STREAM]);
    else
        printf("  %10s  %8s\n", "-", "-");
}

static int pairs_table(const struct device_bench *b)
{
    struct pairs p = {.a = allocator_make(b, b->mode)};
    if (!p.a)
        return 1;
    driver_pool_keep(b->device);
    p.table = weir_device_table_of(p.a);
    p.stream = weir_device_stream_create(p.a);
    weir_device_stream_set(p.stream);
    printf(
        "allocate+free, ns a pair: medians of %d rounds taken in turns, %ld pairs each of weir's\n"
        "(calls: the device's allocate and free; stream: its stream-ordered ones)\n"
        "%14s  %8s  %10s  %8s  %10s  %8s\n",
        ROUNDS, b->pairs, "size", "weir", "calls", "calls/w", "stream", "w/stream");
    for (size_t size = 1024; size <= (size_t)256 << 20; size *= 4)
        pairs_row(&p, size, b->pairs);
    weir_device_stream_set(NULL);
    weir_device_stream_destroy(p.a, p.stream);
    weir_allocator_destroy(p.a);
    return 0;
}

/* -- traces -------------------------------------------------------------------------------------
 */

/* One pass; false: a request failed. */
static bool trace_pass(const struct trace *t, weir_allocator *a, void **blocks)
{
    for (size_t i = 0; i < t->nevents; i++) {
        const struct trace_event *e = &t->events[i];
        void **block = &blocks[e->id];
        switch (e->kind) {
        case TRACE_ALLOCATE:
            *block = weir_allocate_aligned(a, e->size, e->align ? e->align : 64);
            break;
        case TRACE_RESIZE:
            *block = weir_reallocate(a, *block, e->size);
            break;
        default:
            weir_deallocate(a, *block);
            continue;
        }
        if (!*block)
            return false;
    }
    return true;
}

static int trace_row(const struct device_bench *b, const struct trace *t)
{
    weir_allocator *a = allocator_make(b, b->mode);
    void **blocks = calloc((size_t)t->nblocks + 1, sizeof *blocks);
    weir_device_stats first = {.size = sizeof first}, last = first;
    if (!a || !blocks)
        return 1;
    double best = 0;
    bool right = true;
    for (long pass = 0; pass < b->passes && right; pass++) {
        if (pass == b->passes - 1)
            weir_device_stats_get(a, &first);
        double from = now();
        right = trace_pass(t, a, blocks);
        double ns = (now() - from) / (double)t->nevents;
        best = pass == 0 || ns < best ? ns : best;
    }
    weir_device_stats_get(a, &last);
    if (right)
        printf("%-34s %8.2f  %8.2f  %6.3f  %8.1f  %6zu\n", t->name, (double)t->peak_live / MIB,
               (double)last.peak_reserved / MIB, (double)last.peak_reserved / (double)t->peak_live,
               best,
               last.driver_allocations + last.driver_frees - first.driver_allocations -
                   first.driver_frees);
    else
        fprintf(stderr, "weir device: %s: %s\n", t->name, weir_last_error());
    right = right && (weir_peak_allocated(a) == t->peak_live || t->peak_live == 0);
    free(blocks);
    weir_allocator_destroy(a);
    return right ? 0 : 1;
}

static int traces_table(const struct device_bench *b)
{
    int status = 0;
    printf(
        "\ntraces, %ld passes each: MiB live and reserved at most; ns an event of the best pass; "
        "calls\nto the device in the last pass\n%-34s %8s  %8s  %6s  %8s  %6s\n",
        b->passes, "trace", "live", "reserved", "ratio", "ns/event", "calls");
    for (int i = 0; i < b->ntraces; i++) {
        struct trace trace;
        char why[256];
        if (trace_load(b->traces[i], &trace, why, sizeof why)) {
            fprintf(stderr, "weir device: %s\n", why);
            status = 1;
            continue;
        }
        if (trace_row(b, &trace))
            status = 1;
        trace_free(&trace);
    }
    return status;
}

int device_bench_run(const struct device_bench *b)
{
    printf("device %s\n", b->device);
    if (pairs_table(b))
        return 1;
    return b->ntraces ? traces_table(b) : 0;
}
