/*
 * Two threads free one block at one instant. Each second free is reported exactly once, at the
 * latest before the block would have a second owner or at weir_trim; the figures are then those of
 * the calls that were right, and a limit admits what it says.
 */
#include "../helpers/promise.h"

#include <weir/weir.h>

/* How the two free: the second by another way that frees. */
typedef void free_way(weir_allocator *a, void *block, size_t size);

static void way_free(weir_allocator *a, void *block, size_t size)
{
    (void)size;
    weir_deallocate(a, block);
}

static void way_sized(weir_allocator *a, void *block, size_t size)
{
    weir_deallocate_sized(a, block, size);
}

/* The test's main thread writes all but `got`, between meetings. */
static struct race {
    weir_allocator *allocator;
    size_t size;
    free_way *second;
    void *victim;
    void *got[2];
    bool quit;
    struct meeting all, both;
} race;

static struct ear ear;

/* A thread of the two: frees the victim with the other, then wants a block of its own. */
static void *racer_run(void *number)
{
    int me = (int)(intptr_t)number;
    for (;;) {
        meet(&race.all);
        if (race.quit)
            return NULL;
        meet(&race.both);
        (me ? race.second : way_free)(race.allocator, race.victim, race.size);
        meet(&race.both);
        race.got[me] = weir_allocate(race.allocator, race.size);
        meet(&race.all);
        meet(&race.all);
        if (me == 0 || race.got[0] != race.got[1])
            weir_deallocate(race.allocator, race.got[me]);
        meet(&race.all);
    }
}

struct outcome {
    size_t rounds, two_owners, refused;
};

static void race_round(struct outcome *o)
{
    race.victim = weir_allocate(race.allocator, race.size);
    cr_assert_not_null(race.victim);
    o->rounds++;
    meet(&race.all);
    meet(&race.all);
    o->two_owners += race.got[0] && race.got[0] == race.got[1];
    o->refused += !race.got[0] + !race.got[1];
    meet(&race.all);
    meet(&race.all);
}

/* Rounds for some seconds; the threads end before the figures are looked at. */
static struct outcome race_for(double seconds)
{
    struct outcome o = {0};
    pthread_t threads[2];
    race.all.parties = 3;
    race.both.parties = 2;
    for (intptr_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, racer_run, (void *)i), 0);
    for (double end = seconds_now() + seconds; seconds_now() < end && !o.two_owners;)
        race_round(&o);
    race.quit = true;
    meet(&race.all);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return o;
}

static size_t blocks_admitted(weir_allocator *a, size_t size, size_t most)
{
    void *blocks[64];
    size_t n = 0;
    while (n < most && (blocks[n] = weir_allocate(a, size)))
        n++;
    for (size_t i = 0; i < n; i++)
        weir_deallocate(a, blocks[i]);
    return n;
}

static void race_expect(const struct outcome *o, const char *what)
{
    weir_trim(race.allocator);
    weir_trim(cpu());
    unsigned long reports = atomic_load(&ear.calls);
    cr_expect_eq(o->two_owners, 0, "%s: one block was given to two threads after %zu rounds", what,
                 o->rounds);
    cr_expect_eq(o->refused, 0, "%s: %zu blocks refused", what, o->refused);
    cr_expect_eq(reports, o->rounds, "%s: %zu blocks freed twice, %lu reports", what, o->rounds,
                 reports);
    cr_expect_eq(atomic_load(&ear.kinds[WEIR_MISUSE_CORRUPTION]), 0, "%s: called corruption", what);
    weir_stats s = stats_of(race.allocator);
    expect_empty(race.allocator, what);
    cr_expect_eq(s.allocations, s.deallocations, "%s: %zu allocations, %zu frees", what,
                 s.allocations, s.deallocations);
    cr_expect_leq(s.in_use, 64 * MIB, "%s: %zu bytes in use of none", what, s.in_use);
}

static void race_all(weir_allocator *a, size_t size, free_way *second, const char *what)
{
    weir_set_misuse_handler(ear_hear, &ear);
    race.allocator = a;
    race.size = size;
    race.second = second;
    struct outcome o = race_for(1);
    race_expect(&o, what);
    weir_set_misuse_handler(NULL, NULL);
}

static weir_allocator *limited(size_t size)
{
    weir_allocator *a = weir_allocator_create(
        &(weir_allocator_options){.name = "raced", .limit = 3 * (size ? size : 1)});
    cr_assert_not_null(a);
    return a;
}

static void race_limited(size_t size, free_way *second, const char *what)
{
    weir_allocator *a = limited(size);
    race_all(a, size, second, what);
    size_t admitted = blocks_admitted(a, size, 60);
    cr_expect_eq(admitted, 3, "%s: a limit of 3 blocks admits %zu", what, admitted);
    expect_empty(cpu(), what);
    cr_expect_eq(weir_allocator_destroy(a), 0);
}

Test(twice_freed, a_small_block)
{
    race_limited(64, way_free, "64 bytes");
}

Test(twice_freed, a_block_of_a_page)
{
    race_limited(4096, way_free, "4096 bytes");
}

Test(twice_freed, the_largest_small_block)
{
    race_limited(32 * KIB, way_free, "32 KiB");
}

Test(twice_freed, a_large_block)
{
    race_limited(1 * MIB, way_free, "1 MiB");
}

Test(twice_freed, with_and_without_its_size)
{
    race_limited(200, way_sized, "200 bytes, one sized");
}

Test(twice_freed, on_the_cpu_allocator)
{
    race_all(cpu(), 128, way_free, "128 bytes of the CPU allocator");
}

Test(twice_freed, in_a_pool)
{
    weir_allocator *pool = weir_allocator_create(
        &(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL, .limit = 3 * 512});
    cr_assert_not_null(pool);
    race_all(pool, 512, way_free, "512 bytes of a pool");
    cr_expect_eq(blocks_admitted(pool, 512, 60), 3);
    cr_expect_eq(weir_allocator_destroy(pool), 0);
}

/* Whose blocks weir does not lay out itself: found at once. */
Test(twice_freed, of_other_sources)
{
    struct provider provider;
    provider_make(&provider, NULL);
    race_all(provider.allocator, 1000, way_free, "1000 bytes of a user's functions");
    cr_expect_eq(atomic_load(&provider.live), 0, "%ld blocks live", atomic_load(&provider.live));
}

Test(twice_freed, of_a_device)
{
    weir_allocator *a =
        weir_device_allocator_create(weir_device_host_table_create("d", 64 * MIB), NULL);
    cr_assert_not_null(a);
    race_all(a, 3000, way_free, "3000 bytes of a device");
    cr_expect_eq(weir_allocator_destroy(a), 0);
}

/* The copies wait in the caches of threads that go on with other things and then end. */
enum { KEPT = 200 };
static void *kept[KEPT];
static struct meeting keepers;

static void *keeper_run(void *unused)
{
    for (int i = 0; i < KEPT; i++) {
        meet(&keepers);
        weir_deallocate(race.allocator, kept[i]);
    }
    meet(&keepers);
    for (int i = 0; i < 1000; i++)
        weir_deallocate(race.allocator, weir_allocate(race.allocator, 900));
    return unused;
}

Test(twice_freed, and_left_in_caches_of_ended_threads)
{
    size_t rounds = 0;
    weir_set_misuse_handler(ear_hear, &ear);
    race.allocator = weir_allocator_create(NULL);
    keepers.parties = 2;
    for (double end = seconds_now() + 2; seconds_now() < end; rounds++) {
        pthread_t threads[2];
        for (int i = 0; i < KEPT; i++)
            cr_assert_not_null(kept[i] = weir_allocate(race.allocator, 256));
        for (int i = 0; i < 2; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, keeper_run, NULL), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
    }
    weir_trim(cpu());
    cr_expect_eq(atomic_load(&ear.calls), rounds * KEPT, "%zu blocks freed twice, %lu reports",
                 rounds * KEPT, atomic_load(&ear.calls));
    expect_empty(race.allocator, "after the threads ended");
    expect_empty(cpu(), "after the threads ended");
}

/* -- contexts ------------------------------------------------------------------------------- */

static struct {
    weir_allocator *victim; /* written between meetings */
    int ended[2];
    bool quit;
    struct meeting both, all;
} contest;

static void *contestant_run(void *number)
{
    int me = (int)(intptr_t)number;
    for (;;) {
        meet(&contest.all);
        if (contest.quit)
            return NULL;
        meet(&contest.both);
        contest.ended[me] = weir_allocator_destroy(contest.victim);
        meet(&contest.all);
    }
}

Test(twice_freed, of_two_who_destroy_one_context_one_is_told)
{
    enum { ROUNDS = 3000 };
    pthread_t threads[2];
    weir_set_misuse_handler(ear_hear, &ear);
    contest.all.parties = 3;
    contest.both.parties = 2;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, contestant_run, (void *)(intptr_t)i), 0);
    for (int round = 1; round <= ROUNDS; round++) {
        contest.victim = make("victim", NULL, 0);
        cr_assert_not_null(weir_allocate(contest.victim, 100));
        meet(&contest.all);
        meet(&contest.all);
        cr_assert_eq(contest.ended[0] + contest.ended[1], EINVAL, "one of both");
        cr_assert_eq(atomic_load(&ear.calls), (unsigned long)round);
    }
    contest.quit = true;
    meet(&contest.all);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(weir_total_allocated(cpu()), 0);
    weir_set_misuse_handler(NULL, NULL);
}
