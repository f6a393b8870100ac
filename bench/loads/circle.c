/*
 * bench/loads/circle.c - load "circle": threads in a ring. Each allocates batches of job->count
 * blocks of job->size to job->size_max bytes for the next thread, and frees those that came from
 * the one before. An operation is one block's way.
 */
#include "bench/harness/load.h"

#include <sched.h>

enum { BATCH_MOST = 1024, BATCHES = 8, CHUNK = 8, SPINS = 2000 };

/* From one thread to the next; batches [tail, head) are in it. */
struct inbox {
    _Alignas(128) _Atomic size_t head; /* written by the one before */
    _Alignas(128) _Atomic size_t tail; /* written by whose it is */
    _Alignas(128) void *blocks[BATCHES][BATCH_MOST];
    uint32_t sizes[BATCH_MOST]; /* of every batch */
};

BENCH_INLINE bool inbox_take(enum bench_ops ops, struct bench_thread *t, struct inbox *in)
{
    size_t tail = atomic_load_explicit(&in->tail, memory_order_relaxed);
    if (atomic_load_explicit(&in->head, memory_order_acquire) == tail)
        return false;
    void **blocks = in->blocks[tail % BATCHES];
    for (size_t i = 0; i < t->job->count; i++)
        op_free(ops, t->allocator, blocks[i], in->sizes[i]);
    atomic_store_explicit(&in->tail, tail + 1, memory_order_release);
    return true;
}

BENCH_INLINE bool inbox_fill(enum bench_ops ops, struct bench_thread *t, struct inbox *out)
{
    size_t head = atomic_load_explicit(&out->head, memory_order_relaxed);
    if (head - atomic_load_explicit(&out->tail, memory_order_acquire) == BATCHES)
        return false;
    void **blocks = out->blocks[head % BATCHES];
    for (size_t i = 0; i < t->job->count; i++) {
        blocks[i] = op_allocate(ops, t->allocator, out->sizes[i]);
        bench_use(blocks[i]);
    }
    atomic_store_explicit(&out->head, head + 1, memory_order_release);
    return true;
}

/* Who cannot hand on frees meanwhile, so that no ring of full inboxes stands still. */
BENCH_INLINE void circle(enum bench_ops ops, struct bench_thread *t)
{
    struct inbox *inboxes = t->shared;
    struct inbox *in = &inboxes[t->index], *out = &inboxes[(t->index + 1) % t->job->threads];
    unsigned spins = 0;
    for (size_t i = 0; i < CHUNK;) {
        if (inbox_fill(ops, t, out))
            i++;
        else if (atomic_load_explicit(t->stop, memory_order_relaxed))
            return;
        else if (++spins % SPINS == 0)
            sched_yield();
        while (inbox_take(ops, t, in))
            ;
        bench_relax();
    }
}
BENCH_INSTANCES(circle);

static void circle_teardown(struct bench_thread *t)
{
    struct inbox *inboxes = t->shared;
    while (inbox_take(t->job->ops, t, &inboxes[t->index]))
        ;
}

int bench_circle(const struct bench_job *job, weir_allocator *allocator)
{
    struct inbox *inboxes = bench_pages(job->threads * sizeof(*inboxes));
    if (job->count == 0 || job->count > BATCH_MOST || job->size_max < job->size)
        return bench_fail("circle: impossible numbers");
    for (unsigned i = 0; i < job->threads; i++)
        bench_draw_all(job, 3202034522624059733ULL, inboxes[i].sizes, job->count);
    struct bench_body body = {
        .teardown = circle_teardown, .chunk = circle_chunks, .operations = CHUNK * job->count};
    return bench_repeat_exact(job, allocator, &body, inboxes, job->size,
                              (BATCHES + 1) * job->count * job->size_max * job->threads);
}
