/* Pools of their own: apart from the CPU allocator's memory, counted with it. */
#include "../helpers/context.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <weir/weir.h>

Test(pool, null_options_are_defaults)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    cr_assert_not_null(pool);
    cr_assert_eq(weir_allocator_parent(pool), cpu());
    cr_assert_eq(strncmp(weir_allocator_name(pool), "pool-", 5), 0);
    cr_assert_eq(weir_allocator_destroy(pool), 0);
}

Test(pool, has_a_name_a_parent_and_a_limit)
{
    weir_allocator *parent = weir_allocator_create(&(weir_allocator_options){.name = "above"});
    weir_allocator *pool = weir_allocator_create(&(weir_allocator_options){
        .source = WEIR_SOURCE_OWN_POOL, .name = "model", .parent = parent, .limit = 1000});
    weir_allocator *a = pool;
    cr_assert_str_eq(weir_allocator_name(a), "model");
    cr_assert_eq(weir_allocator_parent(a), parent);
    cr_assert_null(weir_allocate(a, 1001));
    cr_assert_not_null(weir_allocate(a, 1000));
    cr_assert_eq(weir_total_allocated(parent), 1000);
    cr_assert_eq(stats_of(pool).limit, 1000);
    cr_assert_eq(weir_allocator_destroy(parent), EBUSY);
}

/* What a pool keeps and where is its own; over the C library's malloc (WEIR_BACKING=malloc) there
 * is none, and its figures are unknown. */
static bool is_kept_by_weir(const weir_allocator *pool)
{
    return stats_of(pool).reserved != WEIR_UNSUPPORTED;
}

#define SKIP_UNLESS_KEPT(pool)                                                                     \
    do {                                                                                           \
        if (!is_kept_by_weir(pool))                                                                \
            cr_skip("blocks are the C library's here");                                            \
    } while (0)

/* Blocks of two pools never share 4 MiB of address space. */
Test(pool, keeps_its_memory_apart)
{
    weir_allocator *one = weir_allocator_create(
                       &(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL}),
                   *two = weir_allocator_create(
                       &(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    SKIP_UNLESS_KEPT(one);
    uint64_t random = 2;
    enum { N = 2000 };
    static uintptr_t first[N], second[N];
    for (int i = 0; i < N; i++) {
        first[i] = (uintptr_t)weir_allocate(one, random_size(&random, MIB));
        second[i] = (uintptr_t)weir_allocate(two, random_size(&random, MIB));
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            cr_assert_neq(first[i] >> 22, second[j] >> 22);
}

Test(pool, destroying_frees_all_in_it)
{
    for (int round = 0; round < 20; round++) {
        weir_allocator *pool =
            weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
        weir_allocator *on = weir_allocator_create(&(weir_allocator_options){.pool = pool});
        weir_allocator *below = weir_allocator_create(&(weir_allocator_options){.parent = on});
        weir_allocator *side = weir_allocator_create(
            &(weir_allocator_options){.parent = pool, .source = WEIR_SOURCE_MALLOC});
        weir_allocator *all[] = {below, on, side, pool};
        uint64_t random = (uint64_t)round;
        for (int i = 0; i < 400; i++)
            cr_assert_not_null(weir_allocate(all[i % 4], random_size(&random, MIB)));
        cr_assert_eq(weir_allocation_count(cpu()), 400);
        for (int i = 0; i < 4; i++)
            cr_assert_eq(weir_allocator_destroy(all[i]), 0);
        cr_assert_eq(weir_allocation_count(cpu()), 0);
        cr_assert_eq(weir_total_allocated(cpu()), 0);
    }
    weir_stats s = {.size = sizeof s};
    weir_stats_get(cpu(), &s);
    cr_assert_eq(s.in_use, 0);
}

/* Whoever is on it by its options keeps it, whichever allocator was named there. */
Test(pool, is_busy_while_others_are_on_it)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator *child = weir_allocator_create(&(weir_allocator_options){.parent = pool});
    weir_allocator *on = weir_allocator_create(&(weir_allocator_options){.pool = child});
    weir_allocator *too = weir_allocator_create(&(weir_allocator_options){.pool = on});
    cr_assert(pool && child && on && too);
    cr_assert_eq(weir_allocator_parent(on), cpu());
    void *block = weir_allocate(too, 100);
    cr_assert_eq(weir_allocator_destroy(child), 0, "the pool is not its own");
    cr_assert_eq(weir_allocator_destroy(pool), EBUSY);
    cr_assert_eq(weir_allocator_destroy(on), 0);
    cr_assert_eq(weir_allocator_destroy(pool), EBUSY);
    memset(block, 1, 100);
    weir_deallocate(too, block);
    cr_assert_eq(weir_allocator_destroy(too), 0);
    cr_assert_eq(weir_allocator_destroy(pool), 0);
}

Test(pool, only_an_allocator_that_is_on_one_can_be_named)
{
    weir_allocator *raw =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_BACKING});
    weir_allocator *below = weir_allocator_create(&(weir_allocator_options){.parent = raw});
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator_options bad[] = {{.pool = raw},
                                    {.pool = below},
                                    {.pool = pool, .source = WEIR_SOURCE_OWN_POOL},
                                    {.pool = pool, .source = WEIR_SOURCE_MALLOC},
                                    {.source = (weir_source)(WEIR_SOURCE_OWN_POOL + 1)}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        cr_assert_null(weir_allocator_create(&bad[i]), "%zu", i);
        cr_assert_eq(errno, EINVAL);
    }
    weir_allocator *own = weir_allocator_create(
        &(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL, .parent = raw});
    weir_allocator *on_cpu =
        weir_allocator_create(&(weir_allocator_options){.pool = cpu(), .parent = WEIR_NO_PARENT});
    cr_assert(own && on_cpu);
    cr_assert_not_null(weir_allocate(own, 100));
    cr_assert_not_null(weir_allocate(on_cpu, 100));
    cr_assert_eq(weir_total_allocated(raw), 100);
    cr_assert_eq(weir_allocator_destroy(on_cpu), 0);
    cr_assert_eq(weir_allocator_destroy(own), 0);
    cr_assert_eq(weir_allocator_destroy(pool), 0, "those that failed do not keep it");
}

static unsigned char resident(const void *page)
{
    unsigned char there = 0;
    return mincore((void *)((uintptr_t)page & ~(uintptr_t)4095), 4096, &there) == 0 ? there & 1 : 0;
}

static void *fill(weir_allocator *pool)
{
    char *block = weir_allocate(pool, 20 * MIB);
    memset(block, 1, 20 * MIB);
    void *other = weir_allocate(pool, 100);
    weir_deallocate(pool, block);
    return other;
}

Test(pool, trim_gives_back_what_is_free)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    SKIP_UNLESS_KEPT(pool);
    void *kept = fill(pool);
    cr_assert_geq(stats_of(pool).cached, 20 * MIB);
    cr_assert_geq(weir_trim(pool), 20 * MIB);
    cr_assert_lt(stats_of(pool).cached, 65536, "more than the free blocks of a slab in use");
    cr_assert_eq(weir_trim(pool), 0);
    weir_deallocate(pool, kept);
    weir_trim(pool);
    cr_assert_eq(stats_of(pool).reserved, 0);
}

Test(pool, trimming_an_ancestor_reaches_it)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    SKIP_UNLESS_KEPT(pool);
    fill(pool);
    cr_assert_geq(weir_trim(cpu()), 20 * MIB);
    cr_assert_lt(stats_of(pool).cached, 65536, "more than the free blocks of a slab in use");
}

Test(pool, a_large_block_is_used_again)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    SKIP_UNLESS_KEPT(pool);
    weir_allocator *a = pool;
    for (size_t size = 20000; size < 64 * MIB; size *= 3) {
        char *first = weir_allocate(a, size);
        memset(first, 1, size);
        weir_deallocate(a, first);
        char *second = weir_allocate(a, size);
        cr_assert_eq((uintptr_t)second >> 12, (uintptr_t)first >> 12, "%zu bytes", size);
        cr_assert(resident(second + size / 2));
        weir_deallocate(a, second);
    }
}

/* Reserved stays near what is live at most, however the sizes are mixed. */
Test(pool, does_not_grow_under_a_steady_mix)
{
    enum { N = 500 };
    void *held[N] = {NULL};
    size_t sizes[N] = {0}, live = 0, most = 0;
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator *a = pool;
    uint64_t random = 4;
    for (size_t i = 0; i < scaled(200000); i++) {
        size_t at = random_below(&random, N);
        weir_deallocate(a, held[at]);
        live -= sizes[at];
        sizes[at] = random_size(&random, MIB);
        held[at] = weir_allocate(a, sizes[at]);
        cr_assert_not_null(held[at]);
        live += sizes[at];
        most = live > most ? live : most;
    }
    weir_stats s = stats_of(pool);
    cr_assert_leq(s.in_use, live + live / 8 + 500 * 4096);
    cr_assert_leq(s.in_use + s.cached, most + most / 2 + 8 * MIB, "%zu used, %zu cached, %zu live",
                  s.in_use, s.cached, most);
}

static void *use_pool(void *pool)
{
    weir_allocator *a = pool;
    for (int i = 0; i < 2000; i++)
        weir_deallocate(a, weir_allocate(a, (size_t)i * 5));
    return NULL;
}

Test(pool, is_shared_by_threads_that_come_and_go)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    for (int round = 0; round < 20; round++) {
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, use_pool, pool), 0);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
    }
    weir_stats s = stats_of(pool);
    cr_assert_eq(s.total_allocated, 0);
    cr_assert_eq(s.allocations, 120000);
    weir_trim(pool);
    if (!is_kept_by_weir(pool))
        return;
    cr_assert_eq(s.in_use, 0);
    cr_assert_eq(stats_of(pool).reserved, 0);
}
