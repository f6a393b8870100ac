/*
 * bench/loads/churn.c - load "churn": threads that come and go. job->count of them, job->threads at
 * a time; each allocates BLOCKS blocks of job->size to job->size_max bytes, frees them and ends. An
 * operation is one thread, from its making to its end.
 *
 * Emits ns by the clock and cpu_ns of processor time of the process, both of one thread, and
 * growth: by how many bytes the process is larger after the last than before the first.
 */
#include "bench/harness/load.h"
#include "tools/common/statistics.h"

#include <pthread.h>

enum { BLOCKS = 200, TOGETHER_MOST = 64, PASSES_MOST = 1000 };

struct churner {
    struct bench_thread thread;
    pthread_t id;
    void *blocks[BLOCKS];
    uint32_t sizes[BLOCKS];
};

BENCH_INLINE void churn(enum bench_ops ops, struct bench_thread *t)
{
    struct churner *c = t->state;
    for (unsigned i = 0; i < BLOCKS; i++) {
        c->blocks[i] = op_allocate(ops, t->allocator, c->sizes[i]);
        bench_use(c->blocks[i]);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        op_free(ops, t->allocator, c->blocks[i], c->sizes[i]);
}
BENCH_INSTANCES(churn);

static void *churner_main(void *argument)
{
    struct churner *c = argument;
    churn_chunks[c->thread.job->ops](&c->thread);
    return NULL;
}

/* job->count threads; false where one could not be made. */
static bool churn_pass(struct churner *churners, const struct bench_job *job)
{
    for (size_t made = 0; made < job->count; made += job->threads) {
        for (unsigned i = 0; i < job->threads; i++)
            if (pthread_create(&churners[i].id, NULL, churner_main, &churners[i]) != 0)
                return false;
        for (unsigned i = 0; i < job->threads; i++)
            pthread_join(churners[i].id, NULL);
    }
    return true;
}

/* Passes until the time is over, after one that is not counted. */
static int churn_measure(struct churner *churners, const struct bench_job *job)
{
    static double ns[PASSES_MOST], cpu[PASSES_MOST];
    double threads = (double)job->count;
    size_t n = 0;
    if (!churn_pass(churners, job))
        return bench_fail("cannot start %u threads", job->threads);
    uint64_t begin = time_now();
    while (n < PASSES_MOST && (n < 3 || (double)(time_now() - begin) < job->seconds * 1e9)) {
        uint64_t at = time_now(), used = time_of(CLOCK_PROCESS_CPUTIME_ID);
        if (!churn_pass(churners, job))
            return bench_fail("cannot start %u threads", job->threads);
        cpu[n] = (double)(time_of(CLOCK_PROCESS_CPUTIME_ID) - used) / threads;
        ns[n++] = (double)(time_now() - at) / threads;
    }
    bench_emit("ns", statistics_median(ns, n));
    bench_emit("cpu_ns", statistics_median(cpu, n));
    return 0;
}

int bench_churn(const struct bench_job *job, weir_allocator *allocator)
{
    struct churner *churners = bench_pages(job->threads * sizeof(*churners));
    if (job->threads > TOGETHER_MOST || job->size_max < job->size)
        return bench_fail("churn: impossible numbers");
    for (unsigned i = 0; i < job->threads; i++) {
        struct churner *c = &churners[i];
        c->thread = (struct bench_thread){.job = job, .allocator = allocator, .state = c};
        bench_draw_all(job, 88172645463325252ULL + i, c->sizes, BLOCKS);
    }
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    size_t resident = bench_resident();
    int status = churn_measure(churners, job);
    bench_emit_growth("growth", resident);
    if (!status)
        bench_exact_end(job, allocator, &before, BLOCKS * job->size,
                        BLOCKS * job->size_max * job->threads);
    return status;
}
