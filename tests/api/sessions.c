/*
 * A context for every session: thousands of contexts, used by several threads, keep the promises
 * of the first few. Counts are exact, heaps go with their threads and their contexts, misuse is
 * told, forked children go on; and a context at rest takes little memory.
 */
#include "../helpers/context.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

enum { MANY = 3000, THREADS = 4, ROUNDS = 5 };

static weir_allocator *contexts[MANY];
static pthread_barrier_t together;

static void sessions_begin(void)
{
    for (int i = 0; i < MANY; i++) {
        contexts[i] = weir_allocator_create(NULL);
        cr_assert_not_null(contexts[i]);
    }
}

static void sessions_end(void)
{
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(weir_allocator_destroy(contexts[i]), 0);
}

TestSuite(sessions, .init = sessions_begin);

/* -- counts --------------------------------------------------------------------------------- */

static size_t size_of_block(int thread, int context)
{
    return (size_t)(1 + (context * 7 + thread * 13) % 900);
}

/* Takes ROUNDS blocks of each context, frees all but the last, and leaves that. */
static void *session_work(void *number)
{
    int thread = (int)(intptr_t)number;
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < MANY; i++) {
            size_t size = size_of_block(thread, i);
            void *block = round % 2 ? weir_allocate_aligned(contexts[i], size, 16)
                                    : weir_allocate(contexts[i], size);
            cr_assert_not_null(block);
            memset(block, thread, size);
            if (round < ROUNDS - 1)
                weir_deallocate(contexts[i], block);
        }
    return NULL;
}

static void threads_run(void *(*work)(void *))
{
    pthread_t threads[THREADS];
    cr_assert_eq(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (intptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&together);
}

Test(sessions, count_exactly_over_threads)
{
    size_t all = 0;
    weir_stats before = stats_of(cpu());
    threads_run(session_work);
    for (int i = 0; i < MANY; i++) {
        size_t total = 0;
        for (int thread = 0; thread < THREADS; thread++)
            total += size_of_block(thread, i);
        weir_stats s = stats_of(contexts[i]);
        cr_assert_eq(s.total_allocated, total, "context %d", i);
        cr_assert_eq(s.allocation_count, THREADS);
        cr_assert_eq(s.allocations, (size_t)THREADS * ROUNDS);
        cr_assert_eq(s.deallocations, (size_t)THREADS * (ROUNDS - 1));
        cr_assert_geq(s.peak_allocated, total);
        all += total;
    }
    weir_stats after = stats_of(cpu());
    cr_assert_eq(after.total_allocated - before.total_allocated, all);
    cr_assert_eq(after.allocations - before.allocations, (size_t)MANY * THREADS * ROUNDS);
    sessions_end();
    cr_assert_eq(weir_total_allocated(cpu()), before.total_allocated, "what lived in them");
    after = stats_of(cpu());
    cr_assert_eq(after.allocations - before.allocations, (size_t)MANY * THREADS * ROUNDS);
    cr_assert_eq(after.allocations - after.deallocations, before.allocation_count);
}

/* One thread, many contexts: each total, peak and the parent's, after every step. */
Test(sessions, have_exact_peaks_of_their_own_and_of_their_parent)
{
    static void *held[MANY];
    static size_t sizes[MANY], totals[8], peaks[8];
    uint64_t random = 1;
    weir_allocator *parent = weir_allocator_create(NULL), *own[8];
    size_t total = 0, peak = 0;
    for (int i = 0; i < 8; i++)
        own[i] = weir_allocator_create(&(weir_allocator_options){.parent = parent});
    for (int step = 0; step < 60000; step++) {
        size_t at = random_below(&random, MANY);
        int k = (int)(at % 8);
        if (held[at]) {
            weir_deallocate(own[k], held[at]);
            totals[k] -= sizes[at];
            total -= sizes[at];
            held[at] = NULL;
        } else {
            sizes[at] = random_below(&random, 500);
            held[at] = weir_allocate(own[k], sizes[at]);
            totals[k] += sizes[at];
            total += sizes[at];
        }
        if (totals[k] > peaks[k])
            peaks[k] = totals[k];
        if (total > peak)
            peak = total;
        if (step % 64)
            continue;
        cr_assert_eq(weir_total_allocated(own[k]), totals[k], "step %d", step);
        cr_assert_eq(weir_peak_allocated(own[k]), peaks[k], "step %d", step);
        cr_assert_eq(weir_total_allocated(parent), total, "step %d", step);
        cr_assert_eq(weir_peak_allocated(parent), peak, "step %d", step);
    }
    for (int i = 0; i < 8; i++)
        cr_assert_eq(weir_allocator_destroy(own[i]), 0);
    cr_assert_eq(weir_total_allocated(parent), 0);
    cr_assert_eq(weir_peak_allocated(parent), peak);
}

/* Below the peaks no operation takes the slow way, whose context it may be. */
Test(sessions, do_not_contend_for_their_parents_credit)
{
    weir_deallocate(cpu(), weir_allocate(cpu(), 64 << 20));
    for (int round = 0; round < 40; round++)
        for (int i = 0; i < MANY; i++)
            weir_deallocate(contexts[i], weir_allocate(contexts[i], 100));
    size_t before = stats_of(cpu()).slow_operations;
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < MANY; i++)
            weir_deallocate(contexts[i], weir_allocate(contexts[i], 100));
    size_t slow = stats_of(cpu()).slow_operations - before;
    cr_assert_leq(slow, MANY / 10, "%zu of %d pairs were slow", slow, 4 * MANY);
}

/* -- ends ----------------------------------------------------------------------------------- */

/* The first thread destroys and makes every context anew while the others have heaps of them. */
static void *session_renew(void *number)
{
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            cr_assert_not_null(weir_allocate(contexts[i], 10));
        pthread_barrier_wait(&together);
        for (int i = 0; !number && i < MANY; i++) {
            cr_assert_eq(weir_total_allocated(contexts[i]), 10 * THREADS, "%d, %d", round, i);
            cr_assert_eq(weir_allocator_destroy(contexts[i]), 0);
            contexts[i] = weir_allocator_create(NULL);
        }
        pthread_barrier_wait(&together);
    }
    return NULL;
}

Test(sessions, are_destroyed_while_threads_have_heaps_of_them)
{
    size_t before = weir_total_allocated(cpu());
    threads_run(session_renew);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(weir_allocation_count(contexts[i]), 0);
    sessions_end();
    cr_assert_eq(weir_total_allocated(cpu()), before);
}

/* None ends before all are in each context. */
static void *session_touch(void *unused)
{
    for (int i = 0; i < MANY; i++)
        weir_deallocate(contexts[i], weir_allocate(contexts[i], 1000));
    pthread_barrier_wait(&together);
    return unused;
}

/* What a hundred threads leave is what some leave: as many shards as there were threads at once, of
 * a context: THREADS. */
Test(sessions, keep_nothing_of_threads_that_ended)
{
    for (int i = 0; i < 8; i++)
        threads_run(session_touch);
    size_t metadata = stats_of(cpu()).metadata;
    for (int i = 0; i < 16; i++)
        threads_run(session_touch);
    size_t after = stats_of(cpu()).metadata;
    cr_assert_leq(after, metadata + metadata / 2, "%zu bytes, then %zu", metadata, after);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(weir_total_allocated(contexts[i]), 0);
}

Test(sessions, go_on_in_a_forked_child)
{
    void *kept = weir_allocate(contexts[MANY - 1], 77);
    threads_run(session_touch);
    pid_t child = fork();
    if (child == 0) {
        bool right = weir_total_allocated(contexts[MANY - 1]) == 77;
        weir_deallocate(contexts[MANY - 1], kept);
        for (int i = 0; i < MANY; i++)
            right =
                right && weir_allocate(contexts[i], 5) && weir_total_allocated(contexts[i]) == 5;
        for (int i = 0; i < MANY; i++)
            right = right && weir_allocator_destroy(contexts[i]) == 0;
        _exit(right ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_eq(weir_total_allocated(contexts[MANY - 1]), 77);
}

Test(sessions, on_a_pool_end_before_it)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator *parent = pool, *made[MANY];
    size_t before = weir_total_allocated(cpu());
    for (int i = 0; i < MANY; i++) {
        weir_allocator *a = made[i] =
            weir_allocator_create(&(weir_allocator_options){.parent = parent});
        cr_assert_not_null(weir_allocate(a, 100000 * (i % 10 == 0) + 10));
        if (i % 3 == 0)
            parent = a;
    }
    cr_assert_eq(weir_allocator_destroy(pool), EBUSY);
    for (int i = MANY; i-- > 0;)
        cr_assert_eq(weir_allocator_destroy(made[i]), 0);
    cr_assert_eq(weir_allocator_destroy(pool), 0);
    cr_assert_eq(weir_total_allocated(cpu()), before);
}

/* -- calls ----------------------------------------------------------------------------------- */

static struct {
    weir_misuse what;
    int count;
} told;

static void tell(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)pointer, (void)line, (void)user;
    told.what = what;
    told.count++;
}

Test(sessions, tell_misuse)
{
    weir_allocator *a = contexts[MANY - 1], *other = contexts[MANY - 2];
    weir_set_misuse_handler(tell, NULL);
    void *block = weir_allocate(a, 100), *kept = weir_allocate(a, 100);
    weir_deallocate(other, block);
    cr_assert(told.count == 1 && told.what == WEIR_MISUSE_OTHER_ALLOCATOR);
    weir_deallocate(cpu(), block);
    cr_assert(told.count == 2 && told.what == WEIR_MISUSE_OTHER_ALLOCATOR);
    weir_deallocate(a, (char *)block + 64);
    cr_assert_eq(told.count, 3);
    weir_deallocate(a, block);
    cr_assert_eq(told.count, 3);
    weir_deallocate(a, block);
    cr_assert(told.count == 4 && told.what == WEIR_MISUSE_DOUBLE_FREE);
    weir_deallocate_sized(a, kept, 99);
    cr_assert(told.count == 5 && told.what == WEIR_MISUSE_SIZE_MISMATCH);
    weir_deallocate_sized(a, kept, 100);
    cr_assert_eq(weir_total_allocated(a), 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_assert_null(weir_allocate(a, 1));
    cr_assert(told.count == 6 && told.what == WEIR_MISUSE_DESTROYED_ALLOCATOR);
}

Test(sessions, zero_resize_align_and_tag)
{
    weir_allocator *a = contexts[MANY - 1];
    for (int i = 0; i < 2000; i++) {
        size_t size = (size_t)i * 9;
        unsigned char *block = weir_allocate_zeroed(a, 1, size);
        cr_assert_not_null(block);
        for (size_t at = 0; at < size; at++)
            cr_assert_eq(block[at], 0);
        memset(block, i, size);
        size_t to = (size_t)((i * 37) % 18000) + 1;
        block = weir_reallocate(a, block, to);
        cr_assert_not_null(block);
        for (size_t at = 0; at < size && at < to; at++)
            cr_assert_eq(block[at], (unsigned char)i);
        cr_assert_eq(weir_total_allocated(a), to);
        weir_deallocate(a, block);
        void *aligned = weir_allocate_aligned(a, 100, (size_t)16 << i % 10);
        cr_assert_eq((uintptr_t)aligned % ((size_t)16 << i % 10), 0);
        weir_deallocate(a, aligned);
    }
    weir_tag former = weir_tag_set(weir_tag_intern("session"));
    void *block = weir_allocate(a, 10);
    weir_tag_set(former);
    cr_assert_str_eq(weir_tag_name(weir_block_tag(a, block)), "session");
    cr_assert_eq(weir_block_tag(a, weir_allocate(a, 10)), former);
}

/* -- at rest ---------------------------------------------------------------------------------- */

Test(at_rest, a_context_takes_less_than_a_kibibyte)
{
    enum { COUNT = 10000 };
    static weir_allocator *idle[COUNT];
    weir_deallocate(cpu(), weir_allocate(cpu(), 100));
    size_t before = stats_of(cpu()).metadata;
    for (int i = 0; i < COUNT; i++) {
        idle[i] = weir_allocator_create(NULL);
        weir_deallocate(idle[i], weir_allocate(idle[i], 100));
    }
    weir_trim(cpu());
    weir_stats s = stats_of(cpu());
    size_t each = (s.metadata - before) / COUNT;
#if defined(WEIR_DEBUG) && WEIR_DEBUG > 0
    const size_t most = 1280; /* locks know their holders */
#else
    const size_t most = 1024;
#endif
    cr_assert_leq(each, most, "%zu bytes of metadata a context", each);
    cr_assert_leq(s.cached, (size_t)1 << 20, "%zu bytes are cached", s.cached);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(weir_allocator_destroy(idle[i]), 0);
    size_t left = stats_of(cpu()).metadata - before;
    cr_assert_leq(left, (size_t)COUNT * 256, "%zu bytes of metadata are left", left);
}
