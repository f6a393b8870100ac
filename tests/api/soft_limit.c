/* Soft limits: each crossing is told once, of whatever kind, from however many threads. */
#include "../helpers/promise.h"
#include "../helpers/scratch.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

static size_t ntold, last_total;

static void tell(weir_allocator *a, size_t total, void *user)
{
    cr_assert_eq(a, user);
    __atomic_add_fetch(&ntold, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&last_total, total, __ATOMIC_RELAXED);
}

Test(soft_limit, is_told_when_it_is_crossed_and_again_after_a_fall)
{
    weir_allocator *a = make("a", NULL, 0);
    cr_assert_eq(weir_set_soft_limit(a, 1000, tell, a), 0);
    cr_assert_eq(stats_of(a).soft_limit, 1000);
    void *first = weir_allocate(a, 1000), *second = weir_allocate(a, 0);
    cr_assert_eq(ntold, 0, "at it is not above it");
    void *third = weir_allocate(a, 1);
    cr_assert(third && ntold == 1 && last_total == 1001);
    weir_deallocate(a, weir_allocate(a, 100000));
    cr_assert_eq(ntold, 1, "once");
    weir_deallocate(a, third);
    third = weir_allocate(a, 500);
    cr_assert(ntold == 2 && last_total == 1500);
    cr_assert_eq(stats_of(a).soft_limit_crossings, 2);
    cr_assert_eq(stats_of(a).failures, 0);
    cr_assert_eq(weir_set_soft_limit(a, 0, NULL, NULL), 0);
    weir_deallocate(a, third);
    third = weir_allocate(a, 500);
    cr_assert_eq(ntold, 2);
    cr_assert_eq(stats_of(a).soft_limit, 0);
    weir_deallocate(a, first);
    weir_deallocate(a, second);
    weir_deallocate(a, third);
}

Test(soft_limit, impossible_ones_are_refused)
{
    weir_allocator *a = make("a", NULL, 0);
    cr_assert_eq(weir_set_soft_limit(NULL, 10, tell, NULL), EINVAL);
    cr_assert_eq(weir_set_soft_limit(a, 10, NULL, NULL), EINVAL);
    cr_assert_eq(stats_of(a).soft_limit, 0);
    void *block = weir_allocate(a, 100);
    cr_assert_eq(weir_set_soft_limit(a, 10, tell, a), 0);
    weir_deallocate(a, weir_allocate(a, 10));
    cr_assert_eq(ntold, 0, "it was above when it was set");
    weir_deallocate(a, block);
    cr_assert_not_null(weir_allocate(a, 11));
    cr_assert_eq(ntold, 1);
}

/* One operation that crosses by each way there is. */
Test(soft_limit, every_kind_of_request_crosses_it)
{
    static const weir_source sources[] = {WEIR_SOURCE_POOL, WEIR_SOURCE_MALLOC};
    for (size_t i = 0; i < 2; i++) {
        weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.source = sources[i]});
        weir_buffer buffer = {0};
        ntold = 0;
        cr_assert_eq(weir_set_soft_limit(a, 2000, tell, a), 0);
        weir_deallocate(a, weir_allocate(a, 2001));
        weir_deallocate(a, weir_allocate_aligned(a, 2500, 4096));
        weir_deallocate(a, weir_allocate_zeroed(a, 3, 1000));
        weir_deallocate(a, weir_allocate_zeroed_aligned(a, 30, 1000, 256));
        weir_deallocate(a, weir_allocate(a, 1 << 20));
        weir_deallocate(a, weir_allocate(a, 300 << 20));
        cr_assert_eq(ntold, 6);
        void *block = weir_allocate(a, 1990);
        block = weir_reallocate(a, block, 2010); /* where it stands */
        cr_assert(ntold == 7 && last_total == 2010);
        block = weir_reallocate(a, block, 100);
        block = weir_reallocate(a, block, 5000); /* moved */
        cr_assert(ntold == 8 && last_total == 5000);
        block = weir_reallocate(a, block, 1000);
        block = weir_reallocate(a, block, 500000);
        cr_assert_eq(ntold, 9);
        weir_deallocate(a, block);
        cr_assert_eq(weir_buffer_init(&buffer, a, 1000, 1), 0);
        cr_assert_eq(weir_buffer_resize(&buffer, 3000), 0);
        cr_assert_eq(ntold, 10);
        weir_buffer_release(&buffer);
        cr_assert_eq(stats_of(a).soft_limit_crossings, 10);
        cr_assert_eq(weir_allocator_destroy(a), 0);
    }
}

/* Random requests, compared with the truth after every one. */
static void compare_with_truth(weir_allocator *a, weir_allocator *in, size_t soft, uint64_t seed)
{
    enum { SLOTS = 64 };
    uint64_t random = seed;
    void *blocks[SLOTS] = {0};
    size_t sizes[SLOTS] = {0}, live = 0, crossed = 0;
    ntold = 0;
    cr_assert_eq(weir_set_soft_limit(a, soft, tell, a), 0);
    for (size_t n = 0; n < scaled(60000); n++) {
        size_t i = random_below(&random, SLOTS), size = random_size(&random, 60000), before = live;
        if (blocks[i] && random_below(&random, 2)) {
            weir_deallocate(in, blocks[i]);
            blocks[i] = NULL;
            size = 0;
        } else {
            blocks[i] = weir_reallocate(in, blocks[i], size);
            cr_assert_not_null(blocks[i]);
        }
        live += size - sizes[i];
        sizes[i] = size;
        crossed += before <= soft && live > soft;
        cr_assert_eq(ntold, crossed, "operation %zu", n);
        cr_assert(before > soft || live <= soft || last_total == live);
    }
    cr_assert_gt(crossed, scaled(60000) / 1000);
    cr_assert_eq(stats_of(a).soft_limit_crossings, crossed);
    for (size_t i = 0; i < SLOTS; i++)
        weir_deallocate(in, blocks[i]);
    cr_assert_eq(weir_set_soft_limit(a, 0, NULL, NULL), 0);
}

Test(soft_limit, no_crossing_is_missed_in_a_context)
{
    weir_allocator *a = make("a", NULL, 0);
    compare_with_truth(a, a, 340000, 1);
}

Test(soft_limit, no_crossing_is_missed_at_the_root)
{
    weir_allocator *a = make("a", make("above", NULL, 1 << 30), 0);
    compare_with_truth(weir_cpu_allocator(), a, 340000, 2);
}

Test(soft_limit, no_crossing_is_missed_while_it_is_recorded)
{
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, "soft_limit");
    weir_allocator *a = make("a", NULL, 0);
    cr_assert_eq(weir_trace_start(path, NULL), 0);
    compare_with_truth(a, a, 340000, 3);
    cr_assert_eq(weir_trace_stop(), 0);
    unlink(path);
}

/* -- what a callback may do ------------------------------------------------------------------- */

static void *kept[100];
static size_t nkept;

static void shed(weir_allocator *a, size_t total, void *user)
{
    tell(a, total, user);
    while (nkept > 5)
        weir_deallocate(a, kept[--nkept]);
    weir_trim(a);
}

Test(soft_limit, a_callback_that_sheds_is_called_each_time)
{
    weir_allocator *a = make("a", NULL, 0);
    cr_assert_eq(weir_set_soft_limit(a, 1000, shed, a), 0);
    for (size_t n = 0; n < 600; n++) {
        void *block = weir_allocate(a, 100); /* shed before it is kept */
        kept[nkept++] = block;
    }
    cr_assert_eq(ntold, 1 + (600 - 11) / 5);
    cr_assert_leq(weir_peak_allocated(a), 1100);
}

static void cross_within(weir_allocator *a, size_t total, void *user)
{
    tell(a, total, user);
    if (nkept)
        weir_deallocate(a, kept[--nkept]);
    void *block = weir_allocate(a, 5000);
    cr_assert_not_null(block);
    weir_deallocate(a, block);
}

Test(soft_limit, what_is_crossed_within_a_callback_is_told_later)
{
    weir_allocator *a = make("a", NULL, 0);
    cr_assert_eq(weir_set_soft_limit(a, 1000, cross_within, a), 0);
    kept[nkept++] = weir_allocate(a, 1000);
    void *block = weir_allocate(a, 500); /* told, and the callback falls below and crosses again */
    cr_assert_eq(ntold, 1);
    cr_assert_eq(stats_of(a).soft_limit_crossings, 2);
    weir_deallocate(a, block);
    cr_assert_geq(ntold, 1);
    block = weir_allocate(a, 1);
    cr_assert_geq(ntold, 2);
    weir_deallocate(a, block);
}

static char order[8];

static void note(weir_allocator *a, size_t total, void *name)
{
    (void)a, (void)total;
    size_t n = strlen(order);
    snprintf(order + n, sizeof order - n, "%s", (const char *)name);
}

Test(soft_limit, the_innermost_is_told_first)
{
    weir_allocator *top = make("top", NULL, 0), *middle = make("middle", top, 0);
    weir_allocator *low = make("low", middle, 0);
    cr_assert_eq(weir_set_soft_limit(top, 100, note, "t"), 0);
    cr_assert_eq(weir_set_soft_limit(low, 100, note, "l"), 0);
    cr_assert_eq(weir_set_soft_limit(middle, 5000, note, "m"), 0);
    void *block = weir_allocate(low, 200);
    cr_assert_str_eq(order, "lt");
    weir_deallocate(low, block);
    block = weir_allocate(low, 20000);
    cr_assert_str_eq(order, "ltlmt");
    weir_deallocate(low, block);
}

static void *visited;

static bool visit_and_cross(weir_allocator *child, void *user)
{
    (void)user;
    visited = weir_allocate(child, 500);
    cr_assert_eq(ntold, 0);
    return false;
}

Test(soft_limit, what_a_visitor_crosses_is_told_after_it)
{
    weir_allocator *a = make("a", NULL, 0);
    cr_assert_eq(weir_set_soft_limit(a, 100, tell, a), 0);
    cr_assert_eq(weir_allocator_walk_children(weir_cpu_allocator(), visit_and_cross, NULL), 0);
    weir_deallocate(a, visited);
    cr_assert(ntold == 1 && last_total == 500);
}

static void raise_it(weir_allocator *a, size_t total, void *user)
{
    tell(a, total, user);
    cr_assert_eq(weir_set_soft_limit(a, 2 * total, raise_it, a), 0);
}

Test(soft_limit, a_callback_may_raise_it)
{
    weir_allocator *a = make("a", NULL, 0);
    cr_assert_eq(weir_set_soft_limit(a, 1000, raise_it, a), 0);
    for (size_t n = 0; n < 1000; n++)
        cr_assert_not_null(weir_allocate(a, 100));
    cr_assert_eq(ntold, 7);
}

Test(soft_limit, a_forked_child_has_it)
{
    weir_allocator *a = make("a", NULL, 0);
    cr_assert_eq(weir_set_soft_limit(a, 1000, tell, a), 0);
    cr_assert_not_null(weir_allocate(a, 900));
    pid_t pid = fork();
    if (pid == 0) {
        bool fine = weir_allocate(a, 200) && ntold == 1;
        _exit(!fine);
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    cr_assert_eq(ntold, 0);
}

/* -- threads --------------------------------------------------------------------------------- */

enum { THREADS = 4, EACH = 8 };

struct rounds {
    weir_allocator *allocator;
    pthread_barrier_t risen, fallen;
    size_t nrounds;
};

/* All rise together, then all fall. The sizes differ, so that any thread may be the one. */
static void *rise_and_fall(void *argument)
{
    static size_t numbers;
    struct rounds *r = argument;
    uint64_t random = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
    void *blocks[EACH];
    for (size_t n = 0; n < r->nrounds; n++) {
        for (size_t i = 0; i < EACH; i++)
            blocks[i] = weir_allocate(r->allocator, 1000 + random_below(&random, 3000));
        pthread_barrier_wait(&r->risen);
        pthread_barrier_wait(&r->risen);
        for (size_t i = 0; i < EACH; i++)
            weir_deallocate(r->allocator, blocks[i]);
        pthread_barrier_wait(&r->fallen);
    }
    return NULL;
}

static bool done;

static void *read_figures(void *a)
{
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        weir_stats s = stats_of(a);
        cr_assert_leq(s.total_allocated, s.peak_allocated);
        usleep(300);
    }
    return NULL;
}

/* In each round the total goes from nothing past the limit and back: one crossing, whatever the
 * order, and it was told when all have risen. */
Test(soft_limit, threads_that_rise_together_cross_it_once)
{
    weir_allocator *parent = make("parent", NULL, 0);
    struct rounds r = {.allocator = make("a", parent, 0), .nrounds = scaled(4000)};
    pthread_t threads[THREADS], reader;
    pthread_barrier_init(&r.risen, NULL, THREADS + 1);
    pthread_barrier_init(&r.fallen, NULL, THREADS + 1);
    cr_assert_eq(weir_set_soft_limit(parent, THREADS * EACH * 500, tell, parent), 0);
    for (int t = 0; t < THREADS; t++)
        cr_assert_eq(pthread_create(&threads[t], NULL, rise_and_fall, &r), 0);
    cr_assert_eq(pthread_create(&reader, NULL, read_figures, parent), 0);
    for (size_t n = 0; n < r.nrounds; n++) {
        pthread_barrier_wait(&r.risen);
        cr_assert_eq(__atomic_load_n(&ntold, __ATOMIC_RELAXED), n + 1);
        cr_assert_gt(last_total, THREADS * EACH * 500);
        pthread_barrier_wait(&r.risen);
        pthread_barrier_wait(&r.fallen);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    __atomic_store_n(&done, true, __ATOMIC_RELEASE);
    pthread_join(reader, NULL);
    cr_assert_eq(stats_of(parent).soft_limit_crossings, r.nrounds);
    cr_assert_eq(weir_total_allocated(parent), 0);
}
