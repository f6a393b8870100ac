/*
 * tools/device/bench.c - times and memory of a device's pool, compared with the device's own
 * calls. Every ratio is of two times taken in turns within one run.
 */
#include "tools/device/bench.h"

#include "tools/common/memory.h"
#include "tools/common/number.h"
#include "tools/common/statistics.h"
#include "tools/common/table.h"
#include "tools/common/text.h"
#include "tools/common/time.h"
#include "tools/trace/load.h"

#include <weir/cuda.h>
#include <weir/device.h>
#include <weir/error.h>

#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 7

/* N of "cuda:N"; -1: it is none. */
static int cuda_number(const char *name)
{
    uint64_t number;
    bool is = strncmp(name, "cuda:", 5) == 0 && number_count(name + 5, 0, 1 << 20, &number);
    return is ? (int)number : -1;
}

const weir_device_table *device_bench_table(const char *name)
{
    if (strcmp(name, "host") == 0)
        return weir_device_host_table_create("host", (size_t)16 << 30);
    int number = cuda_number(name);
    if (number >= 0)
        return weir_cuda_table_create(number);
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
    int number = cuda_number(device);
    void *pool, *library = number < 0 ? NULL : dlopen("libcuda.so.1", RTLD_NOW);
    if (!library)
        return;
    *(void **)&get = dlsym(library, "cuDeviceGetDefaultMemPool");
    *(void **)&set = dlsym(library, "cuMemPoolSetAttribute");
    if (get && set && get(&pool, number) == 0)
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
static double pairs_time(const struct pairs *p, enum way way, size_t size, uint64_t n)
{
    const weir_device_table *t = p->table;
    uint64_t from = time_now();
    for (uint64_t i = 0; i < n; i++) {
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
    return (double)(time_now() - from) / (double)n;
}

/* Ratios are of medians; the spread of each way's rounds stands next to its time. */
static void pairs_row(struct table *table, const struct pairs *p, size_t size, uint64_t n)
{
    double times[WAYS][ROUNDS], at[WAYS];
    int ways = p->table->allocate_on ? WAYS : WAY_STREAM;
    for (int round = -1; round < ROUNDS; round++)
        for (int way = 0; way < ways; way++) {
            uint64_t some = way == WAY_WEIR || n < 2000 ? n : n / 20 + 100;
            double ns = pairs_time(p, (enum way)way, size, some);
            if (way == WAY_STREAM)
                p->table->stream_synchronize(p->table->user, p->stream);
            if (round >= 0)
                times[way][round] = ns;
        }
    table_add(table, LOOK_PLAIN, "%s", text_size((double)size));
    for (int way = 0; way < WAYS; way++) {
        at[way] = way < ways ? statistics_median(times[way], ROUNDS) : NAN;
        table_spread(table, LOOK_PLAIN, text_number(at[way]),
                     way < ways ? statistics_spread(times[way], ROUNDS) : NAN);
        if (way)
            table_number(table, LOOK_PLAIN, at[way] / at[WAY_WEIR]);
    }
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
    struct table t;
    static const char *const heads[] = {"size",      "weir",   "calls",
                                        "over weir", "stream", "over weir"};
    printf(
        "allocate+free, ns a pair, and how far the rounds spread: medians of %d rounds taken in\n"
        "turns, %" PRIu64
        " pairs each of weir's (calls: the device's allocate and free; stream: its\n"
        "stream-ordered ones)\n\n",
        ROUNDS, b->pairs);
    table_begin(&t, 6);
    table_head(&t, heads, 6);
    for (size_t size = 1024; size <= 256 * MIB; size *= 4)
        pairs_row(&t, &p, size, b->pairs);
    table_print(&t);
    weir_device_stream_set(NULL);
    weir_device_stream_destroy(p.a, p.stream);
    weir_allocator_destroy(p.a);
    return 0;
}

/* -- traces ------------------------------------------------------------------------------- */

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

static size_t device_calls(weir_allocator *a)
{
    weir_device_stats s = {.size = sizeof s};
    weir_device_stats_get(a, &s);
    return s.driver_allocations + s.driver_frees;
}

/* False: a request failed, or the pool's peak is not the trace's. */
static bool trace_row(const struct device_bench *b, const struct trace *t, struct table *table)
{
    weir_allocator *a = allocator_make(b, b->mode);
    void **blocks = memory_zeroed((size_t)t->nblocks + 1, sizeof *blocks);
    double *times = memory_array(NULL, b->passes, sizeof *times);
    weir_device_stats stats = {.size = sizeof stats};
    bool right = a != NULL;
    size_t calls = 0;
    for (uint64_t pass = 0; pass < b->passes && right; pass++) {
        calls = device_calls(a);
        uint64_t from = time_now();
        right = trace_pass(t, a, blocks);
        times[pass] = (double)(time_now() - from) / (double)t->nevents;
    }
    if (right) {
        weir_device_stats_get(a, &stats);
        table_add(table, LOOK_PLAIN, "%s", t->name);
        table_add(table, LOOK_PLAIN, "%.2f", (double)t->peak_live / (double)MIB);
        table_add(table, LOOK_PLAIN, "%.2f", (double)stats.peak_reserved / (double)MIB);
        table_add(table, LOOK_PLAIN, "%.3f", (double)stats.peak_reserved / (double)t->peak_live);
        double median = statistics_median(times, b->passes);
        table_spread(table, LOOK_PLAIN, text_number(median), statistics_spread(times, b->passes));
        table_add(table, LOOK_PLAIN, "%zu", device_calls(a) - calls);
        right = weir_peak_allocated(a) == t->peak_live || t->peak_live == 0;
    } else if (a) {
        fprintf(stderr, "weir device: %s: %s\n", t->name, weir_last_error());
    }
    free(times);
    free(blocks);
    weir_allocator_destroy(a);
    return right;
}

static int traces_table(const struct device_bench *b)
{
    static const char *const heads[] = {"trace", "live", "reserved", "ratio", "ns/event", "calls"};
    int status = 0;
    struct table t;
    printf("\ntraces, %" PRIu64
           " passes each: MiB live and reserved at most; ns an event, median and spread\n"
           "of the passes; calls to the device in the last pass\n\n",
           b->passes);
    table_begin(&t, 6);
    table_head(&t, heads, 6);
    for (char **path = b->traces; *path; path++) {
        struct trace trace;
        char why[256];
        if (trace_load(*path, &trace, why, sizeof why)) {
            fprintf(stderr, "weir device: %s\n", why);
            status = 1;
            continue;
        }
        if (!trace_row(b, &trace, &t))
            status = 1;
        trace_free(&trace);
    }
    table_print(&t);
    return status;
}

int device_bench_run(const struct device_bench *b)
{
    printf("device %s\n", b->device);
    if (pairs_table(b))
        return 1;
    return *b->traces ? traces_table(b) : 0;
}
