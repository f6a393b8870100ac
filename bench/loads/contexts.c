/*
 * bench/loads/contexts.c - load "contexts": job->count contexts that all threads use at once. Each
 * operation frees a block of a random slot and allocates another, of job->size to
 * job->size_max bytes, in a random context. Allocators without contexts do the same without.
 * Emits also "made", ns of processor time to make a context and to destroy it again.
 */
#include "bench/harness/load.h"

#include <errno.h>
#include <string.h>

enum { SLOTS = 1024, STEPS = 16384 };

struct context_step {
    uint16_t slot, context;
    uint32_t size;
};

struct context_user {
    struct context_step steps[STEPS];
    void *blocks[SLOTS];
    uint16_t contexts[SLOTS]; /* whose block it is */
    uint32_t sizes[SLOTS];
};

static struct context_step step_draw(const struct bench_job *job, uint64_t *seed)
{
    uint64_t random = bench_random(seed);
    return (struct context_step){.slot = (uint16_t)(random % SLOTS),
                                 .context = (uint16_t)((random >> 20) % job->count),
                                 .size = (uint32_t)bench_draw(job, seed)};
}

BENCH_INLINE void contexts(enum bench_ops ops, struct bench_thread *t)
{
    struct context_user *u = t->state;
    weir_allocator **made = t->shared;
    for (size_t i = 0; i < STEPS; i++) {
        struct context_step step = u->steps[i];
        op_free(ops, made[u->contexts[step.slot]], u->blocks[step.slot], u->sizes[step.slot]);
        void *block = op_allocate(ops, made[step.context], step.size);
        bench_use(block);
        u->blocks[step.slot] = block;
        u->contexts[step.slot] = step.context;
        u->sizes[step.slot] = step.size;
    }
}
BENCH_INSTANCES(contexts);

static int contexts_setup(struct bench_thread *t)
{
    struct context_user *u = bench_pages(sizeof(*u));
    uint64_t seed = 6364136223846793005ULL + t->index;
    weir_allocator **made = t->shared;
    for (size_t i = 0; i < STEPS; i++)
        u->steps[i] = step_draw(t->job, &seed);
    for (size_t i = 0; i < SLOTS; i++) {
        u->contexts[i] = (uint16_t)(i % t->job->count);
        u->sizes[i] = (uint32_t)t->job->size;
        u->blocks[i] = op_allocate(t->job->ops, made[u->contexts[i]], t->job->size);
    }
    t->state = u;
    return 0;
}

static void contexts_teardown(struct bench_thread *t)
{
    struct context_user *u = t->state;
    weir_allocator **made = t->shared;
    for (size_t i = 0; u && i < SLOTS; i++)
        op_free(t->job->ops, made[u->contexts[i]], u->blocks[i], u->sizes[i]);
}

static bool has_contexts(const struct bench_job *job)
{
    return job->ops == OPS_WEIR || job->ops == OPS_ATOMICS;
}

/* False where one could not be made. */
static bool contexts_make(const struct bench_job *job, weir_allocator *parent,
                          weir_allocator **made)
{
    weir_allocator_options options = {.name = "bench", .parent = parent};
    for (size_t i = 0; has_contexts(job) && i < job->count; i++)
        if (!(made[i] = weir_allocator_create(&options)))
            return false;
    return true;
}

static void contexts_end(const struct bench_job *job, weir_allocator **made)
{
    for (size_t i = 0; i < job->count && made[i]; i++)
        weir_allocator_destroy(made[i]);
}

int bench_contexts(const struct bench_job *job, weir_allocator *allocator)
{
    struct bench_body body = {.setup = contexts_setup,
                              .teardown = contexts_teardown,
                              .chunk = contexts_chunks,
                              .operations = STEPS};
    weir_allocator **made = bench_pages(job->count * sizeof(*made));
    if (job->count == 0 || job->count > UINT16_MAX || job->size_max < job->size)
        return bench_fail("contexts: impossible numbers");
    uint64_t begin = time_of(CLOCK_THREAD_CPUTIME_ID);
    if (!contexts_make(job, allocator, made))
        return bench_fail("cannot make %zu contexts: %s", job->count, strerror(errno));
    uint64_t spent = time_of(CLOCK_THREAD_CPUTIME_ID) - begin;
    int status = bench_repeat_exact(job, allocator, &body, made, SLOTS * job->size,
                                    SLOTS * job->size_max * job->threads);
    begin = time_of(CLOCK_THREAD_CPUTIME_ID);
    contexts_end(job, made);
    spent += time_of(CLOCK_THREAD_CPUTIME_ID) - begin;
    if (has_contexts(job))
        bench_emit("made", (double)spent / (double)job->count);
    return status;
}
