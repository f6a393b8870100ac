/*
 * Before main, at exit, and in a thread's last moments weir works and counts. Every
 * test runs in a fork of the process whose constructor ran.
 */
#include "../helpers/context.h"
#include "../helpers/suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include <weir/weir.h>

#define EARLY 333

static void *early_block;

__attribute__((constructor(101))) static void before_all(void)
{
    early_block = weir_allocate(weir_cpu_allocator(), EARLY);
}

static void at_the_end(void)
{
    void *block = weir_allocate(cpu(), 100);
    weir_deallocate(cpu(), early_block);
    bool good = block && weir_total_allocated(cpu()) == 100;
    weir_deallocate(cpu(), block);
    if (!good || weir_total_allocated(cpu()) != 0)
        _exit(9);
}

Test(ends, a_block_from_before_main_is_freed_after_it, .exit_code = 5)
{
    cr_assert_not_null(early_block);
    cr_assert_eq(weir_requested_size(cpu(), early_block), EARLY);
    cr_assert_eq(weir_total_allocated(cpu()), EARLY);
    atexit(at_the_end);
    exit(5);
}

/* -- a thread's last moments: destructors of keys run in up to four rounds ----------------- */

struct last_words {
    pthread_key_t key;
    weir_allocator *a;
    unsigned from;     /* the first round in which weir is used */
    atomic_uint round; /* sanitizers take a thread for ended before its last round */
};

static void destructor(void *user)
{
    struct last_words *w = user;
    unsigned round = atomic_load(&w->round) + 1;
    if (round >= w->from) {
        void *small = weir_allocate(w->a, 40), *large = weir_allocate(w->a, 100000);
        weir_deallocate(w->a, large);
        weir_deallocate(w->a, small);
        weir_allocate(w->a, 1);
    }
    if (round < 4)
        pthread_setspecific(w->key, w);
    atomic_store(&w->round, round);
}

static void *thread_main(void *user)
{
    struct last_words *w = user;
    pthread_setspecific(w->key, w);
    if (w->from == 0)
        weir_allocate(w->a, 1);
    return NULL;
}

static void last_words_run(weir_allocator *a, unsigned from)
{
    struct last_words w = {.a = a, .from = from};
    pthread_t thread;
    cr_assert_eq(pthread_key_create(&w.key, destructor), 0);
    cr_assert_eq(pthread_create(&thread, NULL, thread_main, &w), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&w.round), 4);
    pthread_key_delete(w.key);
}

Test(ends, destructors_of_threads_may_use_weir_in_every_round)
{
    SKIP_UNDER_TSAN("it has let go of a thread before the last round of its destructors");
    for (int repeat = 0; repeat < 50; repeat++) {
        size_t expected = 0;
        weir_allocator *a = weir_allocator_create(NULL);
        for (unsigned from = 0; from <= 4; from++) {
            last_words_run(a, from);
            expected += from == 0 ? 5 : 5 - from;
            cr_assert_eq(weir_total_allocated(a), expected);
            cr_assert_eq(weir_allocation_count(a), expected);
        }
        cr_assert_eq(weir_allocator_destroy(a), 0);
    }
    cr_assert_eq(weir_total_allocated(cpu()), EARLY);
}

/* What a thread had is given back when it ends, whenever it used weir first; but for the
 * last round, after which nobody is told. Blocks stay live: some slabs more, each with 4 KiB of
 * ledger. */
Test(ends, threads_that_end_leave_no_book_keeping)
{
    SKIP_UNDER_TSAN("it has let go of a thread before the last round of its destructors");
    weir_allocator *a = weir_allocator_create(NULL);
    weir_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    for (unsigned from = 0; from < 4; from++) {
        for (int i = 0; i < 20; i++)
            last_words_run(a, from);
        weir_stats_get(cpu(), &before);
        for (int i = 0; i < 400; i++)
            last_words_run(a, from);
        weir_stats_get(cpu(), &after);
        cr_assert_leq(after.metadata, before.metadata + 7 * 4096, "from round %u: %zu bytes more",
                      from, after.metadata - before.metadata);
    }
}
