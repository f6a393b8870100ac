/*
 * bench/loads/idle.c - load "idle": resident memory that nobody uses. Two parts: job->count
 * threads come and go, each leaving nothing behind; then eight threads fill and empty their
 * heaps and sleep for job->seconds.
 *
 * Emits bytes of growth of the process's resident memory: threads (after the last of the first
 * part has gone), busy (at the greatest), emptied (everything freed, threads asleep), idle
 * (after the sleep), and of weir background (four looks of its background thread later) and
 * trimmed (after weir_trim).
 */
#include "bench/harness/load.h"

#include <pthread.h>

enum { TOGETHER = 8, SMALL = 4000, LARGE = 8, LARGE_BYTES = 1 << 20 };

struct sleeper {
    struct bench_thread thread;
    pthread_t id;
    pthread_barrier_t *barriers; /* filled, emptied, over; NULL: does not stay */
    void *small[SMALL], *large[LARGE];
};

static void sleeper_fill(struct sleeper *s)
{
    uint64_t seed = 521288629 + s->thread.index;
    for (unsigned i = 0; i < SMALL; i++) {
        s->small[i] = bench_take(&s->thread, 16 + bench_random(&seed) % 4000);
        bench_use(s->small[i]);
    }
    for (unsigned i = 0; i < LARGE; i++) {
        s->large[i] = bench_take(&s->thread, LARGE_BYTES);
        bench_touch(s->large[i], LARGE_BYTES, TOUCH_PAGE);
    }
}

static void sleeper_empty(struct sleeper *s)
{
    for (unsigned i = 0; i < SMALL; i++)
        bench_give(&s->thread, s->small[i], 0);
    for (unsigned i = 0; i < LARGE; i++)
        bench_give(&s->thread, s->large[i], 0);
}

static void *sleeper_main(void *argument)
{
    struct sleeper *s = argument;
    sleeper_fill(s);
    if (s->barriers) {
        pthread_barrier_wait(&s->barriers[0]); /* the main thread reads now */
        pthread_barrier_wait(&s->barriers[0]);
    }
    sleeper_empty(s);
    if (s->barriers) {
        pthread_barrier_wait(&s->barriers[1]);
        pthread_barrier_wait(&s->barriers[2]);
    }
    return NULL;
}

static bool sleepers_start(struct sleeper *sleepers, const struct bench_job *job,
                           weir_allocator *allocator, pthread_barrier_t *barriers)
{
    for (unsigned i = 0; i < TOGETHER; i++) {
        struct sleeper *s = &sleepers[i];
        s->thread =
            (struct bench_thread){.job = job, .allocator = allocator, .state = s, .index = i};
        s->barriers = barriers;
        if (pthread_create(&s->id, NULL, sleeper_main, s) != 0)
            return false;
    }
    return true;
}

static void sleepers_join(struct sleeper *sleepers)
{
    for (unsigned i = 0; i < TOGETHER; i++)
        pthread_join(sleepers[i].id, NULL);
}

static bool sleep_part(struct sleeper *sleepers, const struct bench_job *job,
                       weir_allocator *allocator, size_t base)
{
    pthread_barrier_t barriers[3];
    for (int i = 0; i < 3; i++)
        pthread_barrier_init(&barriers[i], NULL, TOGETHER + 1);
    if (!sleepers_start(sleepers, job, allocator, barriers))
        return false;
    pthread_barrier_wait(&barriers[0]);
    bench_emit_growth("busy", base);
    pthread_barrier_wait(&barriers[0]);
    pthread_barrier_wait(&barriers[1]);
    bench_emit_growth("emptied", base);
    bench_sleep(job->seconds);
    bench_emit_growth("idle", base);
    bench_emit_given_back(job, allocator, (unsigned)(job->seconds * 100) + 1, base);
    pthread_barrier_wait(&barriers[2]);
    sleepers_join(sleepers);
    return true;
}

int bench_idle(const struct bench_job *job, weir_allocator *allocator)
{
    struct sleeper *sleepers = bench_pages(TOGETHER * sizeof(*sleepers));
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    size_t base = bench_resident();
    for (size_t i = 0; i < job->count; i += TOGETHER) {
        if (!sleepers_start(sleepers, job, allocator, NULL))
            return bench_fail("cannot start %d threads", TOGETHER);
        sleepers_join(sleepers);
    }
    bench_emit_growth("threads", base);
    if (!sleep_part(sleepers, job, allocator, base))
        return bench_fail("cannot start %d threads", TOGETHER);
    bench_exact_end(job, allocator, &before, 0, SIZE_MAX / 2);
    return 0;
}
