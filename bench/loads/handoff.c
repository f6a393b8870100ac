/*
 * bench/loads/handoff.c - load "handoff": pairs of threads; the even one allocates blocks of
 * job->size to job->size_max bytes and passes them through a ring, the odd one frees
 * them. An operation is one block's way through.
 */
#include "bench/harness/load.h"

#include <sched.h>

enum { RING = 1024, BATCH = 1024, SPINS = 2000 };

/* One producer, one consumer. head - tail blocks are in it. */
struct ring {
    _Alignas(128) _Atomic size_t head; /* written by the producer */
    _Alignas(128) _Atomic size_t tail; /* written by the consumer */
    _Alignas(128) void *blocks[RING];
    uint32_t sizes[BATCH]; /* of the producer's blocks, over and over */
};

/* True: a thread that waits may go on waiting. */
static inline bool ring_wait(struct bench_thread *t, unsigned *spins)
{
    if (++*spins % SPINS == 0)
        sched_yield();
    bench_relax();
    return !atomic_load_explicit(t->stop, memory_order_relaxed);
}

BENCH_INLINE void ring_produce(enum bench_ops ops, struct bench_thread *t, struct ring *r)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    for (size_t i = 0; i < BATCH; i++) {
        void *block = op_allocate(ops, t->allocator, r->sizes[i]);
        bench_use(block);
        unsigned spins = 0;
        while (head - atomic_load_explicit(&r->tail, memory_order_acquire) == RING)
            if (!ring_wait(t, &spins)) {
                op_free(ops, t->allocator, block, r->sizes[i]);
                return;
            }
        r->blocks[head % RING] = block;
        atomic_store_explicit(&r->head, ++head, memory_order_release);
    }
}

BENCH_INLINE void ring_consume(enum bench_ops ops, struct bench_thread *t, struct ring *r)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    for (size_t i = 0; i < BATCH; i++) {
        unsigned spins = 0;
        while (atomic_load_explicit(&r->head, memory_order_acquire) == tail)
            if (!ring_wait(t, &spins))
                return;
        op_free(ops, t->allocator, r->blocks[tail % RING], 0);
        atomic_store_explicit(&r->tail, ++tail, memory_order_release);
    }
}

BENCH_INLINE void handoff(enum bench_ops ops, struct bench_thread *t)
{
    struct ring *r = (struct ring *)t->shared + t->index / 2;
    if (t->index % 2 == 0)
        ring_produce(ops, t, r);
    else
        ring_consume(ops, t, r);
}
BENCH_INSTANCES(handoff);

static void handoff_teardown(struct bench_thread *t)
{
    struct ring *r = (struct ring *)t->shared + t->index / 2;
    for (; t->index % 2 && r->tail != r->head; r->tail++)
        bench_give(t, r->blocks[r->tail % RING], 0);
}

int bench_handoff(const struct bench_job *job, weir_allocator *allocator)
{
    struct bench_job paired = *job;
    paired.threads = job->threads < 2 ? 2 : job->threads / 2 * 2;
    struct ring *rings = bench_pages(paired.threads / 2 * sizeof(*rings));
    if (job->size_max < job->size)
        return bench_fail("handoff: impossible sizes");
    for (unsigned i = 0; i < paired.threads / 2; i++)
        bench_draw_all(job, 2463534242 + i, rings[i].sizes, BATCH);
    struct bench_body body = {
        .teardown = handoff_teardown, .chunk = handoff_chunks, .operations = BATCH};
    return bench_repeat_exact(&paired, allocator, &body, rings, job->size,
                              (RING + 2) * job->size_max * (paired.threads / 2));
}
