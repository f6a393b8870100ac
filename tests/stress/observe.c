/*
 * Everything that watches, beside threads that allocate: profilers, figures, holders,
 * checkpoints, recordings started and stopped. For ThreadSanitizer, and a test of its own:
 * stress_observe [ROUNDS]. At the end everything is back to nothing and every recording
 * had the peak that the allocator had.
 */
#include "../helpers/scratch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

#define WORKERS 3
#define SHARED  64

static _Atomic(void *) shared[SHARED];
static atomic_bool running = true;
static atomic_int faults;
static weir_allocator *context;

static void expect(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "stress_observe: %s\n", what);
        atomic_fetch_add(&faults, 1);
    }
}

static void *work(void *user)
{
    uint32_t random = (uint32_t)(uintptr_t)user;
    weir_tag_set(weir_tag_intern((uintptr_t)user & 1 ? "odd" : "even"));
    while (atomic_load_explicit(&running, memory_order_relaxed)) {
        random = random * 1664525 + 1013904223;
        void *block = weir_allocate(context, (random >> 12) % (random >> 29 ? 2000 : 100000));
        expect(block != NULL, "no memory");
        weir_deallocate(context, atomic_exchange(&shared[random % SHARED], block));
    }
    return NULL;
}

static void *watch(void *user)
{
    static char text[65536];
    weir_profiler profiler;
    size_t length;
    (void)user;
    while (atomic_load_explicit(&running, memory_order_relaxed)) {
        weir_profiler_stats now = WEIR_PROFILER_STATS_INIT;
        weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
        expect(weir_profiler_start(&profiler, context) == 0, "profiler");
        uint64_t checkpoint = weir_checkpoint(context);
        expect(weir_stats_json_buffer(text, sizeof text, &length, NULL) == 0, "JSON");
        expect(weir_leaks_stats_get(context, checkpoint, &leaks) == 0, "leaks");
        expect(weir_profiler_stats_get(&profiler, &now) == 0 && now.peak >= now.current, "peak");
        expect(weir_profiler_stop(&profiler) == 0, "profiler stop");
    }
    return NULL;
}

static bool count_tags(const weir_tag_stats *stats, void *user)
{
    *(size_t *)user += stats->blocks;
    return false;
}

static void record(const char *path)
{
    weir_trace_stats status = WEIR_TRACE_STATS_INIT;
    size_t blocks = 0;
    int error = weir_trace_start(path, NULL);
    expect(error == 0, weir_last_error());
    weir_trace_mark(WEIR_MARK_RUN, "round", true);
    weir_reset_peak(weir_cpu_allocator());
    expect(weir_allocator_walk_tags(context, count_tags, &blocks) == 0, "holders");
    expect(weir_trace_start(path, NULL) == EBUSY, "two recordings");
    usleep(2000);
    weir_trace_mark(WEIR_MARK_RUN, "round", false);
    error = weir_trace_stop();
    expect(error == 0, weir_last_error());
    expect(weir_trace_stats_get(&status) == 0 && !status.recording && !status.dropped, "status");
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 30;
    char path[SCRATCH_PATH_MAX];
    pthread_t threads[WORKERS + 1];
    scratch_path(path, "stress-observe.trace");
    context = weir_allocator_create(&(weir_allocator_options){.name = "stressed"});
    for (size_t i = 0; i < WORKERS; i++)
        expect(pthread_create(&threads[i], NULL, work, (void *)(i + 1)) == 0, "thread");
    expect(pthread_create(&threads[WORKERS], NULL, watch, NULL) == 0, "thread");
    for (int i = 0; i < rounds; i++)
        record(path);
    atomic_store(&running, false);
    for (size_t i = 0; i <= WORKERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < SHARED; i++)
        weir_deallocate(context, atomic_load(&shared[i]));
    expect(weir_total_allocated(context) == 0 && weir_allocation_count(context) == 0, "not empty");
    expect(weir_allocator_destroy(context) == 0, "destroy");
    unlink(path);
    return atomic_load(&faults) != 0;
}
