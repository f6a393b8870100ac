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
#include <string.h>
#include <weir/background.h>

enum { TOGETHER = 8, SMALL = 4000, LARGE = 8, LARGE_BYTES = 1 << 20 };

struct sleeper {
    struct bench_thread thread;
    pthread_t id;
    pthread_barrier_t *filled, *emptied, *over; /* NULL: does not stay */
    void *small[SMALL], *large[LARGE];
};

BENCH_INLINE void sleeper_fill(enum bench_ops ops, struct bench_thread *t)
{
    struct sleeper *s = t->state;
    uint64_t seed = 521288629 + t->index;
    for (unsigned i = 0; i < SMALL; i++) {
        size_t n = 16 + bench_random(&seed) % 4000;
        s->small[i] = op_allocate(ops, t->allocator, n);
        bench_use(s->small[i]);
    }
    for (unsigned i = 0; i < LARGE; i++) {
        s->large[i] = op_allocate(ops, t->allocator, LARGE_BYTES);
        bench_touch(s->large[i], LARGE_BYTES, TOUCH_PAGE);
    }
}
BENCH_INSTANCES(sleeper_fill);

BENCH_INLINE void sleeper_empty(enum bench_ops ops, struct bench_thread *t)
{
    struct sleeper *s = t->state;
    for (unsigned i = 0; i < SMALL; i++)
        op_free(ops, t->allocator, s->small[i], 0);
    for (unsigned i = 0; i < LARGE; i++)
        op_free(ops, t->allocator, s->large[i], 0);
}
BENCH_INSTANCES(sleeper_empty);

static void *sleeper_main(void *argument)
{
    struct sleeper *s = argument;
    enum bench_ops ops = s->thread.job->ops;
    sleeper_fill_chunks[ops](&s->thread);
    if (s->filled) {
        pthread_barrier_wait(s->filled); /* the main thread reads now */
        pthread_barrier_wait(s->filled);
    }
    sleeper_empty_chunks[ops](&s->thread);
    if (s->filled) {
        pthread_barrier_wait(s->emptied);
        pthread_barrier_wait(s->over);
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
        s->filled = barriers ? &barriers[0] : NULL;
        s->emptied = barriers ? &barriers[1] : NULL;
        s->over = barriers ? &barriers[2] : NULL;
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

static void growth_emit(const char *name, size_t base)
{
    size_t now = bench_resident();
    bench_emit(name, now > base ? (double)(now - base) : 0);
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
    growth_emit("busy", base);
    pthread_barrier_wait(&barriers[0]);
    pthread_barrier_wait(&barriers[1]);
    growth_emit("emptied", base);
    bench_sleep(job->seconds);
    growth_emit("idle", base);
    if (job->ops == OPS_WEIR) {
        if (weir_background_start((unsigned)(job->seconds * 100) + 1) != 0)
            bench_fail("the background thread does not start");
        bench_sleep(job->seconds * 0.4);
        weir_background_stop();
        growth_emit("background", base);
        weir_trim(allocator);
        growth_emit("trimmed", base);
    }
    pthread_barrier_wait(&barriers[2]);
    sleepers_join(sleepers);
    return true;
}

int bench_idle(const struct bench_job *job, weir_allocator *allocator)
{
    size_t bytes = TOGETHER * sizeof(struct sleeper);
    struct sleeper *sleepers = bench_pages(bytes);
    memset(sleepers, 0, bytes);
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    size_t base = bench_resident();
    for (size_t i = 0; i < job->count; i += TOGETHER) {
        if (!sleepers_start(sleepers, job, allocator, NULL))
            return bench_fail("cannot start %d threads", TOGETHER);
        sleepers_join(sleepers);
    }
    growth_emit("threads", base);
    if (!sleep_part(sleepers, job, allocator, base))
        return bench_fail("cannot start %d threads", TOGETHER);
    bench_exact_end(job, allocator, &before, 0, SIZE_MAX / 2);
    return 0;
}
