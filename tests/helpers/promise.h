/*
 * tests/helpers/promise.h - what the tests of the headers' promises share: the figures of an
 * allocator before and after a call, a user's allocator whose functions fail when they are told to,
 * and a count of what a misuse handler heard.
 */
#ifndef WEIR_TESTS_PROMISE_H
#define WEIR_TESTS_PROMISE_H

#include "core.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <weir/weir.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static inline weir_allocator *cpu(void)
{
    return weir_cpu_allocator();
}

static inline double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A context that the test destroys. */
static inline weir_allocator *make(const char *name, weir_allocator *parent, size_t limit)
{
    weir_allocator_options options = {.name = name, .parent = parent, .limit = limit};
    weir_allocator *a = weir_allocator_create(&options);
    cr_assert_not_null(a);
    return a;
}

/* -- figures ---------------------------------------------------------------------------- */

static inline weir_stats stats_of(const weir_allocator *a)
{
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(a, &s), 0, "no statistics");
    return s;
}

/* Nothing but `failures` differs. */
static inline void expect_unchanged(const weir_stats *before, const weir_stats *after,
                                    const char *what)
{
#define EXPECT_FIELD(field)                                                                        \
    cr_expect_eq(after->field, before->field, "%s: " #field " was %zu, is %zu", what,              \
                 before->field, after->field)
    EXPECT_FIELD(total_allocated);
    EXPECT_FIELD(peak_allocated);
    EXPECT_FIELD(allocation_count);
    EXPECT_FIELD(allocations);
    EXPECT_FIELD(deallocations);
    EXPECT_FIELD(bytes_allocated);
    EXPECT_FIELD(limit);
#undef EXPECT_FIELD
}

static inline void expect_empty(const weir_allocator *a, const char *what)
{
    cr_expect_eq(weir_total_allocated(a), 0, "%s: %zd bytes live, not 0", what,
                 (ptrdiff_t)weir_total_allocated(a));
    cr_expect_eq(weir_allocation_count(a), 0, "%s: %zd blocks live, not 0", what,
                 (ptrdiff_t)weir_allocation_count(a));
}

/* -- a user's allocator that can fail --------------------------------------------------- */

/* Written by the test alone, between calls; `live` by the functions, on any thread. */
struct provider {
    bool no_memory;   /* allocate returns NULL */
    int zero, copy;   /* what these return; 0: they do their work */
    atomic_long live; /* blocks out */
    weir_allocator *allocator;
};

static inline void *provider_allocate(void *user, size_t size, size_t alignment)
{
    struct provider *p = user;
    void *block = NULL;
    if (p->no_memory || posix_memalign(&block, alignment < 64 ? 64 : alignment, size))
        return NULL;
    atomic_fetch_add(&p->live, 1);
    return block;
}

static inline void provider_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    (void)size, (void)alignment;
    atomic_fetch_sub(&((struct provider *)user)->live, 1);
    free(block);
}

static inline int provider_zero(void *user, void *block, size_t size)
{
    struct provider *p = user;
    memset(block, p->zero ? 1 : 0, size);
    return p->zero;
}

static inline int provider_copy(void *user, void *to, const void *from, size_t size)
{
    struct provider *p = user;
    if (p->copy == 0)
        memcpy(to, from, size);
    return p->copy;
}

static inline void provider_make(struct provider *p, weir_allocator *parent)
{
    static const weir_allocator_functions functions = {.allocate = provider_allocate,
                                                       .deallocate = provider_deallocate,
                                                       .zero = provider_zero,
                                                       .copy = provider_copy};
    *p = (struct provider){0};
    p->allocator = weir_allocator_create(&(weir_allocator_options){.name = "provider",
                                                                   .parent = parent,
                                                                   .source = WEIR_SOURCE_FUNCTIONS,
                                                                   .functions = &functions,
                                                                   .user = p});
    cr_assert_not_null(p->allocator);
}

/* -- what a misuse handler heard -------------------------------------------------------- */

struct ear {
    atomic_ulong calls;
    atomic_ulong kinds[WEIR_MISUSE_CORRUPTION + 1];
    _Atomic(const void *) pointer;
};

static inline void ear_hear(weir_misuse what, const void *pointer, const char *line, void *user)
{
    struct ear *e = user;
    (void)line;
    atomic_store(&e->pointer, pointer);
    atomic_fetch_add(&e->kinds[what <= WEIR_MISUSE_CORRUPTION ? what : 0], 1);
    atomic_fetch_add(&e->calls, 1);
}

/* -- threads that meet ------------------------------------------------------------------ */

/* Threads wait here for one another, again and again: by looking, so that they leave at one
 * instant, and by giving way after a while, because there may be fewer processors than threads. */
struct meeting {
    unsigned parties;
    atomic_uint waiting, round;
};

static inline void meet(struct meeting *m)
{
    unsigned round = atomic_load(&m->round);
    if (atomic_fetch_add(&m->waiting, 1) + 1 == m->parties) {
        atomic_store(&m->waiting, 0);
        atomic_fetch_add(&m->round, 1);
        return;
    }
    for (unsigned looks = 0; atomic_load(&m->round) == round; looks++)
        if (looks > 2000)
            sched_yield();
}

#endif
