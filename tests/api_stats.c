/* weir_stats: each field says what allocator.h says it does. */
#include "core.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <weir/weir.h>

#define MIB ((size_t)1 << 20)

static weir_allocator *cpu(void)
{
    return weir_cpu_allocator();
}

static weir_stats stats(const weir_allocator *a)
{
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(a, &s), 0);
    return s;
}

Test(stats, of_an_untouched_allocator_are_zero)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_stats s = stats(a);
    cr_assert(!s.total_allocated && !s.peak_allocated && !s.allocation_count && !s.allocations);
    cr_assert(!s.deallocations && !s.failures && !s.in_use && !s.cached && !s.reserved && !s.limit);
    cr_assert_eq(s.size, sizeof s);
    cr_assert_not_null(s.backing);
}

Test(stats, the_size_names_the_struct)
{
    weir_stats s;
    memset(&s, 0x5a, sizeof s);
    s.size = 0; /* the first release's */
    cr_assert_eq(weir_stats_get(cpu(), &s), 0);
    cr_assert_eq(s.total_allocated, 0);
    s.size = 8;
    cr_assert_eq(weir_stats_get(cpu(), &s), EINVAL);
    cr_assert_eq(weir_stats_get(cpu(), NULL), EINVAL);
    s.size = sizeof s;
    cr_assert_eq(weir_stats_get(NULL, &s), EINVAL);
    s.size = SIZE_MAX;
    cr_assert_eq(weir_stats_get(cpu(), &s), EINVAL);
}

Test(stats, in_use_is_the_sum_of_usable_sizes_of_small_blocks)
{
    enum { N = 3000 };
    static void *blocks[N];
    uint64_t random = 6;
    size_t usable = 0;
    for (int i = 0; i < N; i++) {
        blocks[i] = weir_allocate(cpu(), random_size(&random, 16384));
        usable += weir_usable_size(cpu(), blocks[i]);
    }
    cr_assert_eq(stats(cpu()).in_use, usable);
    for (int i = 0; i < N; i += 2) {
        usable -= weir_usable_size(cpu(), blocks[i]);
        weir_deallocate(cpu(), blocks[i]);
    }
    weir_stats s = stats(cpu());
    cr_assert_eq(s.in_use, usable);
    cr_assert_gt(s.cached, 0);
    cr_assert_geq(s.reserved, s.in_use + s.cached);
}

/* A large block uses whole pages. */
Test(stats, in_use_of_large_blocks_is_whole_pages)
{
    size_t pages = 0;
    for (size_t size = 17000; size < 10 * MIB; size = size * 2 + 77) {
        weir_allocate(cpu(), size);
        pages += (size + 4095) / 4096 * 4096;
        cr_assert_eq(stats(cpu()).in_use, pages);
    }
}

static void *leave_cached(void *block)
{
    weir_deallocate(cpu(), block);
    pthread_exit(NULL);
}

Test(stats, cached_counts_every_threads_free_blocks)
{
    void *block = weir_allocate(cpu(), 5 * MIB);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, leave_cached, block), 0);
    pthread_join(thread, NULL);
    cr_assert_geq(stats(cpu()).cached, 5 * MIB);
    cr_assert_eq(stats(cpu()).in_use, 0);
    weir_trim(cpu());
    cr_assert_eq(stats(cpu()).cached, 0);
}

Test(stats, a_contexts_include_its_descendants)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_allocator *b = weir_allocator_create(&(weir_allocator_options){.parent = a});
    weir_allocate(b, 1000);
    weir_allocate(b, MIB);
    weir_allocate(b, SIZE_MAX);
    weir_stats of_a = stats(a), of_b = stats(b);
    cr_assert_eq(of_a.in_use, of_b.in_use);
    cr_assert_eq(of_a.reserved, of_b.reserved);
    cr_assert_eq(of_a.failures, 1);
    cr_assert_eq(of_a.allocations, 2);
    cr_assert_geq(of_a.metadata, of_b.metadata);
}

static void limited_steady(size_t percent, size_t size, size_t count, const char *what)
{
    weir_pool *pool = weir_pool_create(NULL);
    weir_allocator *a = weir_pool_allocator(pool);
    for (size_t i = 0; i < count; i++)
        cr_assert_not_null(weir_allocate(a, size));
    weir_stats s = {.size = sizeof s};
    weir_pool_stats(pool, &s);
    double share = (double)s.metadata / (double)s.total_allocated * 1000;
    cr_assert_leq(s.metadata * 1000, s.total_allocated * percent + (MIB << 3), "%s: %.2f per mille",
                  what, share);
    cr_assert_leq(share, (double)percent, "%s: %.2f per mille", what, share);
    weir_pool_destroy(pool);
}

/* Per mille of the live bytes; large counts, so that what is once per pool is little. */
Test(stats, metadata_stays_within_its_bounds)
{
    limited_steady(70, 64, 1000000, "64-byte blocks");
    limited_steady(3, 4096, 100000, "4 KiB blocks");
    limited_steady(3, 65536, 4000, "64 KiB blocks");
}

/* -- the steady state: few slow operations ------------------------------------------------ */

enum { HELD = 256, STEADY = 1000000, SLOW_MOST = 100 };

static void steady_load(uint64_t seed, size_t operations)
{
    static __thread void *held[HELD];
    uint64_t random = seed;
    for (size_t i = 0; i < operations; i++) {
        size_t at = random_below(&random, HELD);
        weir_deallocate(cpu(), held[at]);
        held[at] = weir_allocate(cpu(), 16 + random_below(&random, 4000));
    }
    for (int i = 0; i < HELD; i++) {
        weir_deallocate(cpu(), held[i]);
        held[i] = NULL;
    }
}

static pthread_barrier_t start, finish;

static void *steady_thread(void *seed)
{
    steady_load((uintptr_t)seed, 100000); /* warm */
    pthread_barrier_wait(&start);
    steady_load((uintptr_t)seed + 10, STEADY);
    pthread_barrier_wait(&finish);
    return NULL;
}

Test(steady, one_thread_makes_at_most_a_hundred_slow_operations_in_a_million)
{
    void *crest = weir_allocate(cpu(), 16 * MIB);
    weir_deallocate(cpu(), crest);
    steady_load(1, 100000);
    size_t before = stats(cpu()).slow_operations;
    steady_load(2, STEADY);
    size_t slow = stats(cpu()).slow_operations - before;
    cr_assert_leq(slow, SLOW_MOST, "%zu slow operations", slow);
}

Test(steady, two_threads_make_at_most_a_hundred_each, .timeout = 60)
{
    void *crest = weir_allocate(cpu(), 16 * MIB);
    weir_deallocate(cpu(), crest);
    pthread_t threads[2];
    pthread_barrier_init(&start, NULL, 3);
    pthread_barrier_init(&finish, NULL, 3);
    for (uintptr_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, steady_thread, (void *)(i + 1)), 0);
    pthread_barrier_wait(&start);
    size_t before = stats(cpu()).slow_operations;
    pthread_barrier_wait(&finish);
    size_t slow = stats(cpu()).slow_operations - before;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_assert_leq(slow, 2 * SLOW_MOST, "%zu slow operations", slow);
}
