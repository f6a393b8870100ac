/* weir_stats: each field says what allocator.h says it does. */
#include "../helpers/context.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <weir/weir.h>

Test(stats, of_an_untouched_allocator_are_zero)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_stats s = stats_of(a);
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
    cr_assert_eq(stats_of(cpu()).in_use, usable);
    for (int i = 0; i < N; i += 2) {
        usable -= weir_usable_size(cpu(), blocks[i]);
        weir_deallocate(cpu(), blocks[i]);
    }
    weir_stats s = stats_of(cpu());
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
        cr_assert_eq(stats_of(cpu()).in_use, pages);
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
    cr_assert_geq(stats_of(cpu()).cached, 5 * MIB);
    cr_assert_eq(stats_of(cpu()).in_use, 0);
    weir_trim(cpu());
    cr_assert_eq(stats_of(cpu()).cached, 0);
}

Test(stats, a_contexts_include_its_descendants)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_allocator *b = weir_allocator_create(&(weir_allocator_options){.parent = a});
    weir_allocate(b, 1000);
    weir_allocate(b, MIB);
    weir_allocate(b, SIZE_MAX);
    weir_stats of_a = stats_of(a), of_b = stats_of(b);
    cr_assert_eq(of_a.in_use, of_b.in_use);
    cr_assert_eq(of_a.reserved, of_b.reserved);
    cr_assert_eq(of_a.failures, 1);
    cr_assert_eq(of_a.allocations, 2);
    cr_assert_geq(of_a.metadata, of_b.metadata);
}

static void limited_steady(size_t percent, size_t size, size_t count, const char *what)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator *a = pool;
    for (size_t i = 0; i < count; i++)
        cr_assert_not_null(weir_allocate(a, size));
    weir_stats s = {.size = sizeof s};
    weir_stats_get(pool, &s);
    double share = (double)s.metadata / (double)s.total_allocated * 1000;
    cr_assert_leq(s.metadata * 1000, s.total_allocated * percent + (MIB << 3), "%s: %.2f per mille",
                  what, share);
    cr_assert_leq(share, (double)percent, "%s: %.2f per mille", what, share);
    weir_allocator_destroy(pool);
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
    size_t before = stats_of(cpu()).slow_operations;
    steady_load(2, STEADY);
    size_t slow = stats_of(cpu()).slow_operations - before;
    cr_assert_leq(slow, SLOW_MOST, "%zu slow operations", slow);
}

Test(steady, two_threads_make_at_most_a_hundred_each)
{
    void *crest = weir_allocate(cpu(), 16 * MIB);
    weir_deallocate(cpu(), crest);
    pthread_t threads[2];
    pthread_barrier_init(&start, NULL, 3);
    pthread_barrier_init(&finish, NULL, 3);
    for (uintptr_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, steady_thread, (void *)(i + 1)), 0);
    pthread_barrier_wait(&start);
    size_t before = stats_of(cpu()).slow_operations;
    pthread_barrier_wait(&finish);
    size_t slow = stats_of(cpu()).slow_operations - before;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_assert_leq(slow, 2 * SLOW_MOST, "%zu slow operations", slow);
}

/* -- bytes ever allocated ------------------------------------------------------------------------
 */

Test(bytes_ever, are_what_was_requested_and_what_blocks_grew_by)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_allocator *raw =
        weir_allocator_create(&(weir_allocator_options){.parent = a, .source = WEIR_SOURCE_MALLOC});
    void *block = weir_allocate(a, 1000);
    block = weir_reallocate(a, block, 1010); /* where it stands */
    block = weir_reallocate(a, block, 500);
    block = weir_reallocate(a, block, 500000); /* moved */
    block = weir_reallocate(a, block, 600000);
    cr_assert_eq(stats_of(a).bytes_allocated, 1010 + 600000 - 500);
    void *other = weir_allocate_zeroed(raw, 10, 10);
    other = weir_reallocate(raw, other, 300);
    cr_assert_eq(stats_of(raw).bytes_allocated, 300);
    cr_assert_eq(stats_of(a).bytes_allocated, 1010 + 600000 - 500 + 300);
    weir_deallocate(a, block);
    weir_deallocate(raw, other);
    weir_deallocate(a, weir_allocate(a, 0));
    size_t all = stats_of(a).bytes_allocated;
    cr_assert_eq(all, 1010 + 600000 - 500 + 300);
    cr_assert_eq(weir_set_limit(a, 1000), 0);
    cr_assert_null(weir_allocate(a, 1001));
    cr_assert_eq(stats_of(a).bytes_allocated, all, "what was refused is not in it");
    cr_assert_not_null(weir_allocate(raw, 100));
    cr_assert_eq(weir_allocator_destroy(raw), 0);
    cr_assert_eq(stats_of(a).bytes_allocated, all + 100, "what went with its context is");
    cr_assert_eq(stats_of(cpu()).bytes_allocated, all + 100);
}

/* Pages that could not move were counted before, and are not afterwards. */
Test(bytes_ever, of_a_huge_block_that_a_limit_keeps_small)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = 250 * MIB});
    void *block = weir_allocate(a, 200 * MIB);
    cr_assert_null(weir_reallocate(a, block, 250 * MIB + 1));
    cr_assert_eq(stats_of(a).bytes_allocated, 200 * MIB);
    block = weir_reallocate(a, block, 240 * MIB);
    cr_assert_eq(stats_of(a).bytes_allocated, 240 * MIB);
    weir_deallocate(a, block);
}

enum { WORKERS = 4 };

static size_t worked[WORKERS];

/* At the peak and below it, so that it is counted in every way there is. */
static void *work_in(void *argument)
{
    static size_t workers;
    size_t me = __atomic_fetch_add(&workers, 1, __ATOMIC_RELAXED) % WORKERS, held = 0;
    weir_allocator *a = argument;
    void *blocks[200];
    uint64_t random = me;
    for (size_t n = 0; n < scaled(60000); n++) {
        size_t size = random_size(&random, 20000);
        if (held < 200 && (n % 4000 < 2000 || random_below(&random, 2))) {
            blocks[held++] = weir_allocate(a, size);
            worked[me] += size;
        } else if (held) {
            weir_deallocate(a, blocks[--held]);
        }
    }
    while (held)
        weir_deallocate(a, blocks[--held]);
    return NULL;
}

static void workers_run(weir_allocator *a)
{
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work_in, a), 0);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
}

Test(bytes_ever, are_exact_after_threads_ended)
{
    weir_allocator *a = weir_allocator_create(NULL),
                   *child = weir_allocator_create(&(weir_allocator_options){.parent = a});
    size_t all = 0;
    for (int round = 0; round < 6; round++) {
        workers_run(round % 2 ? a : child);
        cr_assert_eq(weir_set_limit(child, round == 2 ? 64 * MIB : 0), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        all += worked[i];
    cr_assert_eq(stats_of(a).bytes_allocated, all);
    cr_assert_eq(stats_of(cpu()).bytes_allocated, all);
    cr_assert_lt(stats_of(child).bytes_allocated, all);
    cr_assert_eq(stats_of(a).total_allocated, 0);
}
