/* The background thread gives back what silent threads hold. */
#include "../helpers/self.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

enum { BLOCKS = 2000, LARGE = 16 };

static size_t cached(void)
{
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(weir_cpu_allocator(), &s), 0);
    return s.cached;
}

static void use(void)
{
    static void *blocks[BLOCKS], *large[LARGE];
    weir_allocator *a = weir_cpu_allocator();
    for (size_t i = 0; i < BLOCKS; i++)
        cr_assert_not_null(blocks[i] = weir_allocate(a, 16 + i));
    for (size_t i = 0; i < LARGE; i++)
        cr_assert_not_null(large[i] = weir_allocate(a, (size_t)1 << 20));
    for (size_t i = 0; i < BLOCKS; i++)
        weir_deallocate(a, blocks[i]);
    for (size_t i = 0; i < LARGE; i++)
        weir_deallocate(a, large[i]);
}

/* True as soon as nothing is cached; waits as long as one can. */
static bool falls_to_nothing(void)
{
    for (int i = 0; i < 100 * HANG_SECONDS && cached(); i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    return cached() == 0;
}

Test(background, gives_everything_back_when_nobody_works)
{
    cr_assert_eq(weir_background_start(20), 0);
    use();
    cr_assert(falls_to_nothing());
    weir_background_stop();
}

/* -- a burst ----------------------------------------------------------------------------- */

enum { BURST_THREADS = 4, BURST_BLOCKS = 60000 };

#define BURST_BYTES ((size_t)32 << 20) /* a thread */

static pthread_barrier_t burst_gate;

/* Small, middle and large blocks, a third of the bytes each, written to and freed; then silence. */
static void *burst_run(void *unused)
{
    static const size_t sizes[3] = {300, 9000, 200000};
    static __thread void *blocks[BURST_BLOCKS];
    size_t count = 0;
    for (int kind = 0; kind < 3; kind++)
        for (size_t bytes = 0; bytes < BURST_BYTES / 3; bytes += sizes[kind]) {
            cr_assert_lt(count, BURST_BLOCKS);
            blocks[count] = weir_allocate(weir_cpu_allocator(), sizes[kind]);
            memset(blocks[count++], 1, sizes[kind]);
        }
    pthread_barrier_wait(&burst_gate);
    while (count)
        weir_deallocate(weir_cpu_allocator(), blocks[--count]);
    pthread_barrier_wait(&burst_gate);
    pthread_barrier_wait(&burst_gate);
    return unused;
}

Test(background, after_a_burst_a_twentieth_is_resident_at_most)
{
    SKIP_UNDER_EMULATOR("what it translated is resident, too");
    SKIP_UNDER_TSAN("its shadow is resident, too");
    pthread_t threads[BURST_THREADS];
    pthread_barrier_init(&burst_gate, NULL, BURST_THREADS + 1);
    cr_assert_eq(weir_background_start(50), 0);
    size_t before = self_memory(SELF_RESIDENT);
    for (int i = 0; i < BURST_THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, burst_run, NULL), 0);
    pthread_barrier_wait(&burst_gate);
    size_t full = self_memory(SELF_RESIDENT) - before;
    cr_assert_gt(full, BURST_THREADS * BURST_BYTES * 9 / 10);
    pthread_barrier_wait(&burst_gate);
    for (int i = 0; i < 100 * HANG_SECONDS && self_memory(SELF_RESIDENT) > before + full / 20; i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    cr_assert_leq(self_memory(SELF_RESIDENT), before + full / 20, "of %zu bytes", full);
    pthread_barrier_wait(&burst_gate);
    for (int i = 0; i < BURST_THREADS; i++)
        pthread_join(threads[i], NULL);
    weir_background_stop();
}

Test(background, without_it_what_is_cached_stays)
{
    use();
    size_t before = cached();
    cr_assert_gt(before, (size_t)1 << 20);
    nanosleep(&(struct timespec){0, 300000000}, NULL);
    cr_assert_eq(cached(), before);
}

Test(background, starts_and_stops_any_number_of_times)
{
    cr_assert_eq(weir_background_start(0), EINVAL);
    weir_background_stop();
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(weir_background_start(1), 0);
        cr_assert_eq(weir_background_start(5), 0);
        use();
        weir_background_stop();
    }
    cr_assert_eq(weir_allocation_count(weir_cpu_allocator()), 0);
}

static void *worker(void *stop)
{
    while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
        void *block = weir_allocate(weir_cpu_allocator(), 100);
        weir_deallocate(weir_cpu_allocator(), block);
    }
    return NULL;
}

Test(background, looks_beside_threads_that_work)
{
    int stop = 0;
    pthread_t threads[2];
    cr_assert_eq(weir_background_start(1), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, worker, &stop), 0);
    nanosleep(&(struct timespec){0, 300000000}, NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    weir_background_stop();
    cr_assert_eq(weir_total_allocated(weir_cpu_allocator()), 0);
}

Test(background, a_forked_child_has_none_and_may_start_one)
{
    SKIP_UNDER_EMULATOR("a fork beside a thread breaks it");
    SKIP_UNDER_TSAN("a child of a process with threads cannot make threads");
    cr_assert_eq(weir_background_start(1), 0);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            weir_background_stop();
            bool started = weir_background_start(10) == 0;
            use();
            _exit(started && falls_to_nothing() ? 0 : 1);
        }
        int status = 0;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0);
    }
    weir_background_stop();
}
