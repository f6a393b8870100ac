/*
 * bench/loads/strings.c - load "strings": job->count strings a thread grow by appending. An
 * operation reallocates a random one to half as much again, and writes its last byte; one that
 * would pass job->size_max bytes is freed and begins anew with job->size bytes.
 */
#include "bench/harness/load.h"

enum { STEPS = 2048 };

struct string {
    char *text;
    size_t size;
};

struct strings {
    uint16_t order[STEPS];
    struct string list[];
};

BENCH_INLINE void string_grow(enum bench_ops ops, struct bench_thread *t, struct string *s)
{
    size_t size = s->size + s->size / 2 + 1;
    if (size > t->job->size_max) {
        op_free(ops, t->allocator, s->text, s->size);
        size = t->job->size;
        s->text = op_allocate(ops, t->allocator, size);
    } else {
        s->text = op_reallocate(ops, t->allocator, s->text, s->size, size);
    }
    s->size = size;
    *(volatile char *)(s->text + size - 1) = 1;
}

BENCH_INLINE void strings(enum bench_ops ops, struct bench_thread *t)
{
    struct strings *all = t->state;
    for (size_t i = 0; i < t->operations; i++)
        string_grow(ops, t, &all->list[all->order[i]]);
}
BENCH_INSTANCES(strings);

static int strings_setup(struct bench_thread *t)
{
    struct strings *all = bench_pages(sizeof(*all) + t->job->count * sizeof(struct string));
    uint64_t seed = 7046029254386353131ULL + t->index;
    for (size_t i = 0; i < STEPS; i++)
        all->order[i] = (uint16_t)(bench_random(&seed) % t->job->count);
    for (size_t i = 0; i < t->job->count; i++)
        all->list[i] = (struct string){bench_take(t, t->job->size), t->job->size};
    t->state = all;
    return 0;
}

static void strings_teardown(struct bench_thread *t)
{
    struct strings *all = t->state;
    for (size_t i = 0; all && i < t->job->count; i++)
        bench_give(t, all->list[i].text, all->list[i].size);
}

int bench_strings(const struct bench_job *job, weir_allocator *allocator)
{
    if (job->count == 0 || job->count > UINT16_MAX || job->size == 0 || job->size_max < job->size)
        return bench_fail("strings: impossible numbers");
    struct bench_body body = {.setup = strings_setup,
                              .teardown = strings_teardown,
                              .chunk = strings_chunks,
                              .operations = job->size_max > 1 << 20 ? STEPS / 32 : STEPS};
    return bench_repeat_exact(job, allocator, &body, NULL, job->count * job->size,
                              job->count * job->size_max * job->threads);
}
