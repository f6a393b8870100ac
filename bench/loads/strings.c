/*
 * bench/loads/strings.c - load "strings": job->count strings a thread grow by appending. An
 * operation reallocates a random one to half as much again, and writes its last byte; one that
 * would pass job->size_max bytes is freed and begins anew with job->size bytes.
 */
#include "bench/harness/load.h"

#include <errno.h>

enum { STEPS = 2048 };

struct string {
    char *text;
    size_t size;
};

struct strings {
    uint16_t order[STEPS];
    struct string list[];
};

static size_t strings_bytes(const struct bench_job *job)
{
    return sizeof(struct strings) + job->count * sizeof(struct string);
}

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

BENCH_INLINE void strings_begin(enum bench_ops ops, struct bench_thread *t)
{
    struct strings *all = t->state;
    for (size_t i = 0; i < t->job->count; i++)
        all->list[i] = (struct string){.text = op_allocate(ops, t->allocator, t->job->size),
                                       .size = t->job->size};
}
BENCH_INSTANCES(strings_begin);

BENCH_INLINE void strings_end(enum bench_ops ops, struct bench_thread *t)
{
    struct strings *all = t->state;
    for (size_t i = 0; i < t->job->count; i++)
        op_free(ops, t->allocator, all->list[i].text, all->list[i].size);
}
BENCH_INSTANCES(strings_end);

static int strings_setup(struct bench_thread *t)
{
    struct strings *all = bench_pages(strings_bytes(t->job));
    uint64_t seed = 7046029254386353131ULL + t->index;
    for (size_t i = 0; i < STEPS; i++)
        all->order[i] = (uint16_t)(bench_random(&seed) % t->job->count);
    t->state = all;
    strings_begin_chunks[t->job->ops](t);
    return 0;
}

static void strings_teardown(struct bench_thread *t)
{
    if (!t->state)
        return;
    strings_end_chunks[t->job->ops](t);
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
