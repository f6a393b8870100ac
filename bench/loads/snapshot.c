/*
 * bench/loads/snapshot.c - load "snapshot": what it costs to look. 64 threads are alive, each
 * with its own blocks; two of them allocate and free all the time, and the main thread asks
 * for the peak and for whole snapshots. weir's allocators only.
 *
 * Emits peak_ns (weir_peak_allocated), stats_us, stats_us_99 (weir_stats_get: median, 99th
 * percentile), and slowdown: how much slower, in percent, the two threads are while there are
 * 1000 snapshots a second than while there are none; slowdown_waking: the same against a main
 * thread that wakes 1000 times a second and does nothing.
 */
#include "bench/harness/load.h"
#include "tools/common/statistics.h"

#include <pthread.h>
#include <string.h>

enum {
    THREADS = 64,
    BUSY = 2,
    BLOCKS = 256,
    STEPS = 512,
    QUERIES = 20000,
    WINDOWS = 15,
    WINDOW_MS = 60,
    SNAPSHOTS_A_MS = 1
};

struct member {
    weir_allocator *allocator;
    pthread_barrier_t *barrier;
    const _Atomic bool *stop;
    _Alignas(64) _Atomic uint64_t steps; /* done so far; the busy ones' */
    unsigned index;
    pthread_t id;
};

static void member_work(struct member *m, void **blocks, uint64_t *seed)
{
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t drawn = bench_random(seed);
        void **slot = &blocks[drawn % BLOCKS];
        weir_deallocate(m->allocator, *slot);
        *slot = weir_allocate(m->allocator, 16 + (drawn >> 32) % 512);
        bench_use(*slot);
    }
    atomic_fetch_add_explicit(&m->steps, STEPS, memory_order_relaxed);
}

static void *member_main(void *argument)
{
    struct member *m = argument;
    void *blocks[BLOCKS];
    uint64_t seed = 1000003 * (m->index + 1);
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = weir_allocate(m->allocator, 16 + bench_random(&seed) % 512);
    if (m->index < BUSY)
        bench_pin(m->index);
    pthread_barrier_wait(m->barrier);
    while (m->index < BUSY && !atomic_load_explicit(m->stop, memory_order_relaxed))
        member_work(m, blocks, &seed);
    pthread_barrier_wait(m->barrier);
    for (unsigned i = 0; i < BLOCKS; i++)
        weir_deallocate(m->allocator, blocks[i]);
    return NULL;
}

static void queries_measure(weir_allocator *a, double *samples)
{
    enum { TOGETHER = 16 };
    for (unsigned i = 0; i < QUERIES; i++) {
        uint64_t begin = time_now();
        for (unsigned k = 0; k < TOGETHER; k++)
            bench_keep(weir_peak_allocated(a));
        samples[i] = (double)(time_now() - begin) / TOGETHER;
    }
    bench_emit("peak_ns", statistics_median(samples, QUERIES));
    for (unsigned i = 0; i < QUERIES; i++) {
        weir_stats stats = {.size = sizeof(stats)};
        uint64_t begin = time_now();
        weir_stats_get(a, &stats);
        samples[i] = (double)(time_now() - begin) / 1000;
    }
    bench_emit("stats_us", statistics_median(samples, QUERIES));
    bench_emit("stats_us_99", samples[QUERIES * 99 / 100]); /* sorted by now */
}

enum window { WINDOW_QUIET, WINDOW_WAKING, WINDOW_SNAPSHOTS, WINDOW_KINDS };

static uint64_t steps_of(struct member *members)
{
    uint64_t steps = 0;
    for (unsigned i = 0; i < BUSY; i++)
        steps += atomic_load_explicit(&members[i].steps, memory_order_relaxed);
    return steps;
}

/* Steps a second of the busy threads during one window. */
static double window_run(struct member *members, enum window kind)
{
    uint64_t steps = steps_of(members), begin = time_now();
    unsigned naps = kind == WINDOW_QUIET ? 1 : WINDOW_MS * SNAPSHOTS_A_MS;
    for (unsigned i = 0; i < naps; i++) {
        uint64_t until = begin + (i + 1) * UINT64_C(1000000) * WINDOW_MS / naps;
        struct timespec next = {(time_t)(until / 1000000000), (long)(until % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
        weir_stats stats = {.size = sizeof(stats)};
        if (kind == WINDOW_SNAPSHOTS)
            weir_stats_get(members->allocator, &stats);
    }
    return (double)(steps_of(members) - steps) * 1e9 / (double)(time_now() - begin);
}

static void slowdown_measure(struct member *members)
{
    double rates[WINDOW_KINDS][WINDOWS], median[WINDOW_KINDS];
    for (unsigned i = 0; i < WINDOWS; i++)
        for (unsigned kind = 0; kind < WINDOW_KINDS; kind++)
            rates[kind][i] = window_run(members, (enum window)kind);
    for (unsigned kind = 0; kind < WINDOW_KINDS; kind++)
        median[kind] = statistics_median(rates[kind], WINDOWS);
    bench_emit("slowdown", 100 * (1 - median[WINDOW_SNAPSHOTS] / median[WINDOW_QUIET]));
    bench_emit("slowdown_waking", 100 * (1 - median[WINDOW_SNAPSHOTS] / median[WINDOW_WAKING]));
}

int bench_snapshot(const struct bench_job *job, weir_allocator *allocator)
{
    if (job->ops != OPS_WEIR)
        return bench_fail("snapshot: weir only");
    static struct member members[THREADS];
    static _Atomic bool stop;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    double *samples = bench_pages(QUERIES * sizeof(double));
    for (unsigned i = 0; i < THREADS; i++) {
        members[i].allocator = allocator;
        members[i].barrier = &barrier;
        members[i].stop = &stop;
        members[i].index = i;
        if (pthread_create(&members[i].id, NULL, member_main, &members[i]) != 0)
            return bench_fail("cannot start %d threads", THREADS);
    }
    pthread_barrier_wait(&barrier);
    queries_measure(allocator, samples);
    slowdown_measure(members);
    atomic_store(&stop, true);
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(members[i].id, NULL);
    return 0;
}
