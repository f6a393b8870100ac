/*
 * bench/loads/replaced.c - load "replaced": what stays resident where blocks change threads.
 * job->count blocks of job->size to job->size_max bytes are dealt out to job->threads threads; in
 * each of eight turns every thread replaces, at random, as many blocks as there are in the set that
 * was the next thread's in the turn before.
 *
 * Emits live, and over_live: the growth of resident memory over it.
 */
#include "bench/harness/load.h"

#include <pthread.h>
#include <string.h>

enum { TURNS = 8, THREADS_MOST = 64 };

struct replaced {
    pthread_barrier_t turn;
    size_t each; /* blocks of a set */
    size_t *sizes;
    void **blocks; /* set i from i * each on */
};

static void *replace_at(struct bench_thread *t, size_t i, size_t size)
{
    struct replaced *r = t->shared;
    if (r->blocks[i])
        bench_give(t, r->blocks[i], r->sizes[i]);
    r->sizes[i] = size;
    return r->blocks[i] = bench_take(t, size);
}

static void *replaced_main(void *argument)
{
    struct bench_thread *t = argument;
    struct replaced *r = t->shared;
    uint64_t seed = 99 + t->index;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        size_t set = (t->index + turn) % t->job->threads * r->each;
        for (size_t n = 0; n < r->each; n++) {
            size_t i = set + bench_random(&seed) % r->each;
            bench_use(replace_at(t, i, bench_draw(t->job, &seed)));
        }
        pthread_barrier_wait(&r->turn);
    }
    return NULL;
}

int bench_replaced(const struct bench_job *job, weir_allocator *allocator)
{
    struct replaced r = {.each = job->count / job->threads};
    struct bench_thread threads[THREADS_MOST] = {{0}};
    struct bench_figures before;
    pthread_t ids[THREADS_MOST];
    uint64_t seed = 7;
    size_t live = 0, n = r.each * job->threads;
    if (!r.each || job->threads > THREADS_MOST)
        return bench_fail("replaced: impossible numbers");
    pthread_barrier_init(&r.turn, NULL, job->threads);
    r.sizes = bench_pages(n * sizeof *r.sizes);
    r.blocks = bench_pages(n * sizeof *r.blocks);
    bench_exact_begin(job, allocator, &before);
    size_t resident = bench_resident();
    for (unsigned i = 0; i < job->threads; i++)
        threads[i] =
            (struct bench_thread){.job = job, .allocator = allocator, .shared = &r, .index = i};
    for (size_t i = 0; i < n; i++) { /* neighbors in memory go to different threads */
        size_t size = bench_draw(job, &seed);
        size_t at = i % job->threads * r.each + i / job->threads;
        memset(replace_at(threads, at, size), 1, size);
    }
    for (unsigned i = 0; i < job->threads; i++)
        if (pthread_create(&ids[i], NULL, replaced_main, &threads[i]) != 0)
            return bench_fail("cannot start %u threads", job->threads);
    for (unsigned i = 0; i < job->threads; i++)
        pthread_join(ids[i], NULL);
    for (size_t i = 0; i < n; i++)
        live += r.sizes[i];
    bench_emit("live", (double)live);
    bench_emit("over_live", (double)(bench_resident() - resident) / (double)live);
    for (size_t i = 0; i < n; i++)
        bench_give(threads, r.blocks[i], r.sizes[i]);
    bench_exact_end(job, allocator, &before, live, n * job->size_max);
    return 0;
}
