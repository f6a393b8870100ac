/*
 * bench/loads/mix.c - load "mix": job->count live blocks of random sizes from job->size to
 * job->size_max; each operation frees a random one and allocates another in its place. The
 * order is drawn beforehand, so that no random number is part of what is measured.
 *
 * Variants in which one thread, gone by then, has allocated the first blocks of all: "alternately"
 * (a block for each thread in turn), "halves" (each thread gets neighbours), "server" (shuffled, of
 * random sizes).
 */
#include "bench/harness/load.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

enum { STEPS = 16384, STEPS_LARGE = 128, STEPS_HUGE = 16, LARGE = 64 << 10, HUGE = 4 << 20 };

/* Steps of a chunk: fewer where one may be a system call or touch megabytes. */
static size_t mix_chunk(const struct bench_job *job)
{
    return job->size >= HUGE ? STEPS_HUGE : job->size >= LARGE ? STEPS_LARGE : STEPS;
}

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

static void mix_plan(const struct bench_job *job, unsigned thread, struct mix_step *steps)
{
    uint64_t seed = 88172645463325252ULL + thread;
    for (size_t i = 0; i < STEPS; i++)
        steps[i] = (struct mix_step){.slot = (uint32_t)(bench_random(&seed) % job->count),
                                     .size = (uint32_t)bench_draw(job, &seed)};
}

BENCH_INLINE void mix_steps(enum bench_ops ops, struct bench_thread *t)
{
    struct mix *m = t->state;
    weir_allocator *a = t->allocator;
    size_t n = t->operations;
    enum bench_touch touch = t->job->touch;
    for (size_t i = 0; i < n; i++) {
        struct mix_step step = m->steps[i];
        op_free(ops, a, m->blocks[step.slot], ops == OPS_ATOMICS ? m->sizes[step.slot] : 0);
        void *block = op_allocate(ops, a, step.size);
        bench_use(block);
        if (touch)
            bench_touch(block, step.size, touch);
        m->blocks[step.slot] = block;
        if (ops == OPS_ATOMICS)
            m->sizes[step.slot] = step.size;
    }
}
BENCH_INSTANCES(mix_steps);

static void mix_fill(struct bench_thread *t)
{
    struct mix *m = t->state;
    for (size_t i = 0; i < t->job->count; i++) {
        m->sizes[i] = t->job->size;
        m->blocks[i] = bench_take(t, t->job->size);
    }
}

/* -- blocks that another thread has allocated ------------------------------------------- */

/* Of all threads: thread i has count of them from [i * count]. */
struct deal {
    struct bench_thread dealer;
    size_t n;
    size_t *sizes;
    void *blocks[];
};

static size_t deal_bytes(const struct bench_job *job)
{
    return sizeof(struct deal) + job->threads * job->count * (sizeof(void *) + sizeof(size_t));
}

/* Where the i-th block goes; "server" shuffles afterwards. */
static size_t deal_place(const struct bench_job *job, size_t i)
{
    if (strcmp(job->variant, "alternately") != 0)
        return i;
    return i % job->threads * job->count + i / job->threads;
}

static void deal_shuffle(struct deal *d, uint64_t *seed)
{
    for (size_t i = d->n; i > 1; i--) {
        size_t k = bench_random(seed) % i, size = d->sizes[k];
        void *block = d->blocks[k];
        d->blocks[k] = d->blocks[i - 1];
        d->sizes[k] = d->sizes[i - 1];
        d->blocks[i - 1] = block;
        d->sizes[i - 1] = size;
    }
}

static void *deal_main(void *argument)
{
    struct deal *d = argument;
    const struct bench_job *job = d->dealer.job;
    bool server = strcmp(job->variant, "server") == 0;
    uint64_t seed = 1181783497276652981ULL;
    for (size_t i = 0; i < d->n; i++)
        d->sizes[i] = server ? bench_draw(job, &seed) : job->size;
    for (size_t i = 0; i < d->n; i++) {
        size_t place = deal_place(job, i);
        d->blocks[place] = bench_take(&d->dealer, d->sizes[place]);
        bench_use(d->blocks[place]);
    }
    if (server)
        deal_shuffle(d, &seed);
    return NULL;
}

/* NULL: no memory, or no thread. */
static struct deal *deal_make(const struct bench_job *job, weir_allocator *allocator)
{
    struct deal *d = bench_pages(deal_bytes(job));
    pthread_t dealer;
    d->n = job->threads * job->count;
    d->sizes = (size_t *)(d->blocks + d->n);
    d->dealer = (struct bench_thread){.job = job, .allocator = allocator, .state = d};
    if (pthread_create(&dealer, NULL, deal_main, d) != 0)
        return NULL;
    pthread_join(dealer, NULL);
    return d;
}

static void deal_take(const struct deal *d, struct bench_thread *t)
{
    struct mix *m = t->state;
    for (size_t i = 0; i < t->job->count; i++) {
        m->blocks[i] = d->blocks[t->index * t->job->count + i];
        m->sizes[i] = d->sizes[t->index * t->job->count + i];
    }
}

static int mix_setup(struct bench_thread *t)
{
    const struct bench_job *job = t->job;
    if (job->count == 0 || job->count > STEPS || job->size_max < job->size)
        return EINVAL;
    struct mix *m = bench_pages(mix_bytes(job));
    t->state = m;
    mix_plan(job, t->index, m->steps);
    if (t->shared)
        deal_take(t->shared, t);
    else
        mix_fill(t);
    return 0;
}

static void mix_teardown(struct bench_thread *t)
{
    struct mix *m = t->state;
    for (size_t i = 0; m && i < t->job->count; i++)
        bench_give(t, m->blocks[i], m->sizes[i]);
}

/*
 * The greatest sum of live sizes in one thread. Two rounds of the steps suffice: from then on
 * each round starts from the same sizes.
 */
static size_t mix_peak(const struct bench_job *job, unsigned thread, const struct deal *d)
{
    struct mix *m = bench_pages(mix_bytes(job));
    mix_plan(job, thread, m->steps);
    size_t total = 0, n = mix_chunk(job);
    size_t *sizes = (size_t *)m->blocks;
    for (size_t i = 0; i < job->count; i++)
        total += sizes[i] = d ? d->sizes[thread * job->count + i] : job->size;
    size_t peak = total;
    for (size_t i = 0; i < 2 * n; i++) {
        struct mix_step step = m->steps[i % n];
        total += step.size - sizes[step.slot];
        sizes[step.slot] = step.size;
        peak = total > peak ? total : peak;
    }
    return peak;
}

static void mix_exact(const struct bench_job *job, weir_allocator *allocator,
                      const struct bench_figures *before, const struct deal *d)
{
    size_t least = mix_peak(job, 0, d), most = least;
    for (unsigned i = 1; i < job->threads; i++)
        most += mix_peak(job, i, d);
    bench_exact_end(job, allocator, before, least, most);
}

int bench_mix(const struct bench_job *job, weir_allocator *allocator)
{
    struct bench_body body = {.setup = mix_setup,
                              .teardown = mix_teardown,
                              .chunk = mix_steps_chunks,
                              .operations = mix_chunk(job)};
    struct bench_figures before;
    struct deal *d = NULL;
    bench_exact_begin(job, allocator, &before);
    if (*job->variant && !(d = deal_make(job, allocator)))
        return bench_fail("mix: no memory or no thread for the first blocks");
    int status = bench_repeat(job, allocator, &body, d);
    if (!status)
        mix_exact(job, allocator, &before, d);
    return status;
}
