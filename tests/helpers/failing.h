/*
 * tests/helpers/failing.h - every call that takes memory, and what must be true when it fails: the
 * figures of its allocator, of those above it and of a profiler over it are as they were.
 */
#ifndef WEIR_TESTS_FAILING_H
#define WEIR_TESTS_FAILING_H

#include "promise.h"

/* What a call is made on. `held` and `buffer` are live before it and after it. */
struct scene {
    weir_allocator *allocator;
    unsigned char *held; /* 1000 bytes, all 7 */
    weir_buffer buffer;  /* 500 bytes, zero */
    weir_buffer_pool *pool;
    weir_tensor *tensor; /* 100 floats */
};

/* Returns what the call said: an errno value, 0 if it did not fail. */
typedef int failing_call(struct scene *s);

static inline int said(const void *result)
{
    return result ? 0 : errno;
}

static inline int call_allocate(struct scene *s)
{
    return said(weir_allocate(s->allocator, 70000));
}

static inline int call_allocate_small(struct scene *s)
{
    return said(weir_allocate(s->allocator, 2500));
}

static inline int call_allocate_aligned(struct scene *s)
{
    return said(weir_allocate_aligned(s->allocator, 70000, 4096));
}

static inline int call_zeroed(struct scene *s)
{
    return said(weir_allocate_zeroed(s->allocator, 700, 100));
}

static inline int call_zeroed_small(struct scene *s)
{
    return said(weir_allocate_zeroed(s->allocator, 25, 100));
}

static inline int call_zeroed_aligned(struct scene *s)
{
    return said(weir_allocate_zeroed_aligned(s->allocator, 700, 100, 4096));
}

static inline int call_reallocate(struct scene *s)
{
    return said(weir_reallocate(s->allocator, s->held, 70000));
}

static inline int call_reallocate_null(struct scene *s)
{
    return said(weir_reallocate(s->allocator, NULL, 70000));
}

static inline int call_buffer(struct scene *s)
{
    weir_buffer b;
    int status = weir_buffer_init(&b, s->allocator, 70000, 1);
    cr_expect_null(weir_buffer_data(&b), "a buffer that could not be made holds something");
    return status;
}

static inline int call_buffer_resize(struct scene *s)
{
    return weir_buffer_resize(&s->buffer, 70000);
}

static inline int call_pool(struct scene *s)
{
    return said(weir_buffer_pool_acquire(s->pool, 70000));
}

static inline int call_pool_zeroed(struct scene *s)
{
    return said(weir_buffer_pool_acquire_zeroed(s->pool, 70000));
}

static inline int call_tensor(struct scene *s)
{
    return said(weir_tensor_create_in(s->allocator, (int64_t[]){70, 1000}, 2, WEIR_INT8));
}

static inline int call_tensor_zeroed(struct scene *s)
{
    return said(weir_tensor_create_zeroed_in(s->allocator, (int64_t[]){70, 1000}, 2, WEIR_INT8));
}

static inline int call_tensor_clone(struct scene *s)
{
    return said(weir_tensor_clone(s->tensor));
}

static inline int call_tensor_resize(struct scene *s)
{
    return weir_tensor_resize(s->tensor, (int64_t[]){70000}, 1);
}

static inline int call_arena(struct scene *s)
{
    weir_arena *arena = weir_arena_create(&(weir_arena_options){.allocator = s->allocator});
    cr_assert_not_null(arena);
    int status = said(weir_arena_allocate(arena, 70000));
    weir_arena_destroy(arena);
    return status;
}

/* Where a call can fail, besides for want of memory; and what its own header allows: to say what
 * the function said, and to have taken memory before it failed and to have given it back, or (the
 * buffer pool) to keep it idle. */
enum {
    BY_ZERO = 1,
    BY_COPY = 2,
    HOST_ONLY = 4,
    SAYS_WHAT_IT_SAID = 8,
    TAKES_AND_GIVES = 16,
    COMPOUND = SAYS_WHAT_IT_SAID | TAKES_AND_GIVES
};

static const struct failure {
    const char *what;
    failing_call *call;
    unsigned ways;
} failures[] = {{"weir_allocate", call_allocate, 0},
                {"weir_allocate of a small block", call_allocate_small, 0},
                {"weir_allocate_aligned", call_allocate_aligned, 0},
                {"weir_allocate_zeroed", call_zeroed, BY_ZERO},
                {"weir_allocate_zeroed of a small block", call_zeroed_small, BY_ZERO},
                {"weir_allocate_zeroed_aligned", call_zeroed_aligned, BY_ZERO},
                {"weir_reallocate", call_reallocate, BY_COPY},
                {"weir_reallocate of NULL", call_reallocate_null, 0},
                {"weir_buffer_init", call_buffer, BY_ZERO | SAYS_WHAT_IT_SAID},
                {"weir_buffer_resize", call_buffer_resize, BY_ZERO | BY_COPY | COMPOUND},
                {"weir_buffer_pool_acquire", call_pool, 0},
                {"weir_buffer_pool_acquire_zeroed", call_pool_zeroed, BY_ZERO | COMPOUND},
                {"weir_tensor_create_in", call_tensor, 0},
                {"weir_tensor_create_zeroed_in", call_tensor_zeroed, BY_ZERO | SAYS_WHAT_IT_SAID},
                {"weir_tensor_clone", call_tensor_clone, BY_COPY | COMPOUND},
                {"weir_tensor_resize", call_tensor_resize, BY_COPY | COMPOUND},
                {"weir_arena_allocate", call_arena, HOST_ONLY}};
enum { FAILURES = sizeof failures / sizeof failures[0] };

static inline void scene_open(struct scene *s, weir_allocator *a)
{
    *s = (struct scene){.allocator = a, .held = weir_allocate(a, 1000)};
    s->pool = weir_buffer_pool_create(&(weir_buffer_pool_options){.allocator = a});
    s->tensor = weir_tensor_create_zeroed_in(a, (int64_t[]){100}, 1, WEIR_FLOAT32);
    cr_assert(s->held && s->pool && s->tensor);
    cr_assert_eq(weir_buffer_init(&s->buffer, a, 500, 1), 0);
}

static inline void scene_close(struct scene *s)
{
    weir_deallocate(s->allocator, s->held);
    weir_buffer_release(&s->buffer);
    weir_tensor_release(s->tensor);
    cr_expect_eq(weir_buffer_pool_destroy(s->pool), 0);
}

/* The allocator and those above it, looked at before a call and after it. */
enum { LEVELS = 3 };
struct look {
    weir_allocator *level[LEVELS];
    weir_stats before[LEVELS];
    weir_profiler profiler;
};

static inline void look_before(struct look *l, weir_allocator *a)
{
    *l = (struct look){.level = {a}};
    for (int i = 1; i < LEVELS; i++)
        l->level[i] = l->level[i - 1] ? weir_allocator_parent(l->level[i - 1]) : NULL;
    for (int i = 0; i < LEVELS; i++)
        if (l->level[i]) {
            weir_reset_peak(l->level[i]);
            l->before[i] = stats_of(l->level[i]);
        }
    cr_assert_eq(weir_profiler_start(&l->profiler, a), 0);
}

static inline void look_at_profiler(struct look *l, const char *what)
{
    weir_profiler_stats profile = WEIR_PROFILER_STATS_INIT;
    cr_assert_eq(weir_profiler_stats_get(&l->profiler, &profile), 0);
    cr_expect_eq(profile.peak, l->before[0].total_allocated, "%s: a profiler saw a peak of %zu",
                 what, profile.peak);
    cr_expect_eq(profile.allocations, 0, "%s: a profiler saw an allocation", what);
}

/* Want of memory is a failure that is counted; of another reason it may be. */
static inline void look_after(struct look *l, const char *what, bool no_memory)
{
    for (int i = 0; i < LEVELS && l->level[i]; i++) {
        weir_stats after = stats_of(l->level[i]);
        char name[200];
        snprintf(name, sizeof name, "%s, %s", what, weir_allocator_name(l->level[i]));
        expect_unchanged(&l->before[i], &after, name);
        if (i == 0 && no_memory)
            cr_expect_gt(after.failures, l->before[i].failures, "%s: no failure counted", name);
    }
    look_at_profiler(l, what);
}

/* A call of several steps may have taken memory and given it back. */
static inline void look_after_compound(struct look *l, const char *what, size_t idle)
{
    for (int i = 0; i < LEVELS && l->level[i]; i++) {
        cr_expect_eq(weir_total_allocated(l->level[i]), l->before[i].total_allocated + idle,
                     "%s: %zu bytes live, not %zu", what, weir_total_allocated(l->level[i]),
                     l->before[i].total_allocated + idle);
    }
}

/* What the scene's pool keeps; it is given back. */
static inline size_t scene_idle(struct scene *s)
{
    weir_buffer_pool_stats pool = {.size = sizeof pool};
    cr_assert_eq(weir_buffer_pool_stats_get(s->pool, &pool), 0);
    cr_expect_eq(pool.out_count, 0, "the pool thinks that a block is out");
    return pool.idle_bytes;
}

/* `reason`: what the function said that failed; ENOMEM: there was no memory. */
static inline void fail_once(struct scene *s, const struct failure *f, int reason, const char *why)
{
    char what[160];
    struct look look;
    snprintf(what, sizeof what, "%s fails by %s", f->what, why);
    look_before(&look, s->allocator);
    errno = 0;
    int status = f->call(s);
    cr_expect(status == ENOMEM || ((f->ways & SAYS_WHAT_IT_SAID) && status == reason),
              "%s: said %d, not ENOMEM", what, status);
    if (reason != ENOMEM && (f->ways & TAKES_AND_GIVES))
        look_after_compound(&look, what, scene_idle(s));
    else
        look_after(&look, what, reason == ENOMEM);
    weir_profiler_stop(&look.profiler);
    weir_buffer_pool_trim(s->pool, 0);
    cr_expect_eq(weir_requested_size(s->allocator, s->held), 1000, "%s: the block changed", what);
    cr_expect_eq(weir_buffer_count(&s->buffer), 500, "%s: the buffer changed", what);
    cr_expect_eq(weir_tensor_element_count(s->tensor), 100, "%s: the tensor changed", what);
}

static inline void held_is_whole(struct scene *s)
{
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(s->held[i], 7, "byte %d of a block that was not moved changed", i);
}

#endif
