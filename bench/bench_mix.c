/*
 * bench/bench_mix.c - load "mix": job->count live blocks of random sizes from job->size to
 * job->size_max; each operation frees a random one and allocates another in its place. The
 * order is drawn beforehand, so that no random number is part of what is measured.
 */
#include "tools/bench_load.h"

#include <errno.h>

enum { STEPS = 16384 };

struct mix_step {
    uint32_t slot;
    uint32_t size;
};

struct mix {
    struct mix_step steps[STEPS];
    size_t sizes[STEPS]; /* of what is in each slot */
    void *blocks[];
};

static size_t mix_bytes(const struct bench_job *job)
{
    return sizeof(struct mix) + job->count * sizeof(void *);
}

static size_t mix_draw(const struct bench_job *job, uint64_t *seed)
{
    return job->size + bench_random(seed) % (job->size_max - job->size + 1);
}

static void mix_plan(const struct bench_job *job, unsigned thread, struct mix_step *steps)
{
    uint64_t seed = 88172645463325252ULL + thread;
    for (size_t i = 0; i < STEPS; i++)
        steps[i] = (struct mix_step){.slot = (uint32_t)(bench_random(&seed) % job->count),
                                     .size = (uint32_t)mix_draw(job, &seed)};
}

BENCH_INLINE void mix_steps(enum bench_ops ops, struct bench_thread *t)
{
    struct mix *m = t->state;
    weir_allocator *a = t->allocator;
    for (size_t i = 0; i < STEPS; i++) {
        struct mix_step step = m->steps[i];
        op_free(ops, a, m->blocks[step.slot], ops == OPS_ATOMICS ? m->sizes[step.slot] : 0);
        void *block = op_allocate(ops, a, step.size);
        bench_use(block);
        m->blocks[step.slot] = block;
        if (ops == OPS_ATOMICS)
            m->sizes[step.slot] = step.size;
    }
}
BENCH_INSTANCES(mix_steps);

BENCH_INLINE void mix_fill(enum bench_ops ops, struct bench_thread *t)
{
    struct mix *m = t->state;
    for (size_t i = 0; i < t->job->count; i++) {
        m->sizes[i] = t->job->size;
        m->blocks[i] = op_allocate(ops, t->allocator, t->job->size);
    }
}
BENCH_INSTANCES(mix_fill);

BENCH_INLINE void mix_empty(enum bench_ops ops, struct bench_thread *t)
{
    struct mix *m = t->state;
    for (size_t i = 0; i < t->job->count; i++)
        op_free(ops, t->allocator, m->blocks[i], m->sizes[i]);
}
BENCH_INSTANCES(mix_empty);

static int mix_setup(struct bench_thread *t)
{
    const struct bench_job *job = t->job;
    if (job->count == 0 || job->count > STEPS || job->size_max < job->size)
        return EINVAL;
    struct mix *m = bench_pages(mix_bytes(job));
    if (!m)
        return ENOMEM;
    t->state = m;
    mix_plan(job, t->index, m->steps);
    mix_fill_chunks[job->ops](t);
    return 0;
}

static void mix_teardown(struct bench_thread *t)
{
    if (!t->state)
        return;
    mix_empty_chunks[t->job->ops](t);
    bench_pages_free(t->state, mix_bytes(t->job));
}

/*
 * The greatest sum of live sizes in one thread. Two rounds of the steps suffice: from then on
 * each round starts from the same sizes.
 */
static size_t mix_peak(const struct bench_job *job, unsigned thread)
{
    struct mix *m = bench_pages(mix_bytes(job));
    if (!m)
        return 0;
    mix_plan(job, thread, m->steps);
    size_t total = job->count * job->size, peak = total;
    size_t *sizes = (size_t *)m->blocks;
    for (size_t i = 0; i < job->count; i++)
        sizes[i] = job->size;
    for (size_t i = 0; i < 2 * (size_t)STEPS; i++) {
        struct mix_step step = m->steps[i % STEPS];
        total += step.size - sizes[step.slot];
        sizes[step.slot] = step.size;
        peak = total > peak ? total : peak;
    }
    bench_pages_free(m, mix_bytes(job));
    return peak;
}

int bench_mix(const struct bench_job *job, weir_allocator *allocator)
{
    struct bench_body body = {.setup = mix_setup,
                              .teardown = mix_teardown,
                              .chunk = mix_steps_chunks,
                              .operations = STEPS};
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    int status = bench_repeat(job, allocator, &body, NULL);
    if (status)
        return status;
    size_t least = mix_peak(job, 0), most = least;
    for (unsigned i = 1; i < job->threads; i++)
        most += mix_peak(job, i);
    bench_exact_end(job, allocator, &before, least, most);
    return 0;
}
