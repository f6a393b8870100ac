/*
 * Limits under threads: never overshot, never a refusal while the bytes would have
 * fitted. In the first part every thread stays within a quota and the quotas add up to
 * the limit, so that no refusal is ever right. In the second they want more than there
 * is: the peak never passes a limit at any level. In the third contexts are made and
 * destroyed under it, and their failures add up.
 */
#include "../helpers/stress.h"
#include "track/meter.h"

enum { HELD = 40, QUOTA = 150000 };

static weir_allocator *top, *middle, *leaves[2];
static size_t operations;
static size_t refused, destroyed; /* atomic */

static size_t within(uint64_t *random, size_t room)
{
    return random_below(random, 3) == 0 ? room : random_below(random, room + 1);
}

static void *frugal(void *number)
{
    void *held[HELD] = {NULL};
    size_t sizes[HELD] = {0}, live = 0;
    uint64_t random = stress.seed * 31 + (uintptr_t)number;
    weir_allocator *a = (uintptr_t)number % 3 == 2 ? middle : leaves[(uintptr_t)number % 2];
    for (size_t i = 0; i < operations; i++) {
        size_t at = random_below(&random, HELD);
        weir_deallocate(a, held[at]);
        live -= sizes[at];
        sizes[at] = within(&random, QUOTA - live);
        held[at] = weir_allocate(a, sizes[at]);
        STRESS_EXPECT(held[at], "%zu bytes refused with %zu of %d live", sizes[at], live, QUOTA);
        live += sizes[at];
    }
    for (int i = 0; i < HELD; i++)
        weir_deallocate(a, held[i]);
    return NULL;
}

static void *greedy(void *number)
{
    void *held[HELD] = {NULL};
    uint64_t random = stress.seed * 37 + (uintptr_t)number;
    weir_allocator *a = leaves[(uintptr_t)number % 2];
    for (size_t i = 0; i < operations; i++) {
        size_t at = random_below(&random, HELD);
        weir_deallocate(a, held[at]);
        held[at] = weir_allocate(a, random_size(&random, QUOTA));
        if (!held[at])
            __atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
        else if (random_below(&random, 3) == 0) {
            void *moved = weir_reallocate(a, held[at], random_size(&random, QUOTA));
            held[at] = moved ? moved : held[at];
            if (!moved)
                __atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
        }
    }
    for (int i = 0; i < HELD; i++)
        weir_deallocate(a, held[i]);
    return NULL;
}

static void *founder(void *number)
{
    uint64_t random = stress.seed * 41 + (uintptr_t)number;
    for (size_t i = 0; i < operations / 150; i++) {
        weir_allocator_options options = {.parent = middle,
                                          .limit = 1 + random_below(&random, 20000)};
        weir_allocator *a = weir_allocator_create(&options);
        STRESS_EXPECT(a, "no context");
        for (int k = 0; k < 20; k++)
            if (!weir_allocate(a, random_below(&random, 3000)))
                __atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
        weir_stats s = stress_stats(a);
        STRESS_EXPECT(s.peak_allocated <= options.limit, "%zu over %zu", s.peak_allocated,
                      options.limit);
        STRESS_EXPECT(weir_allocator_destroy(a) == 0, "not destroyed");
        __atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void nothing_is_left(void)
{
    weir_allocator *all[] = {top, middle, leaves[0], leaves[1]};
    STRESS_EXPECT(weir__meter_is_valid(), "the invariant is broken");
    for (int i = 0; i < 4; i++) {
        weir_stats s = stress_stats(all[i]);
        STRESS_EXPECT(s.total_allocated == 0 && s.allocation_count == 0, "%zu bytes left",
                      s.total_allocated);
        STRESS_EXPECT(!s.limit || s.peak_allocated <= s.limit, "peak %zu over limit %zu",
                      s.peak_allocated, s.limit);
    }
}

static weir_allocator *make(weir_allocator *parent, size_t limit)
{
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.parent = parent, .limit = limit});
    STRESS_EXPECT(a, "no context");
    return a;
}

int main(int argc, char **argv)
{
    stress_arguments(argc, argv, 4);
    size_t all = (size_t)QUOTA * stress.threads;
    top = make(NULL, all);
    middle = make(top, all);
    leaves[0] = make(middle, all);
    leaves[1] = make(middle, 0);
    operations = stress_count(200000);
    stress_run(frugal);
    nothing_is_left();
    STRESS_EXPECT(stress_stats(top).failures == 0, "refused");

    STRESS_EXPECT(weir_set_limit(middle, all / 3) == 0 || weir_peak_allocated(middle) == 0,
                  "limit");
    weir_allocator *each[] = {top, middle, leaves[0], leaves[1]};
    for (int i = 0; i < 4; i++)
        weir_reset_peak(each[i]);
    weir_set_limit(leaves[0], all / 5);
    stress_run(greedy);
    nothing_is_left();
    STRESS_EXPECT(stress_stats(top).failures == refused, "%zu failures, %zu refused",
                  stress_stats(top).failures, refused);
    printf("%zu refused of %zu\n", refused, operations * stress.threads);

    weir_set_limit(middle, 0);
    stress_run(founder);
    nothing_is_left();
    STRESS_EXPECT(stress_stats(top).failures == refused, "%zu failures, %zu refused",
                  stress_stats(top).failures, refused);
    printf("%zu contexts came and went\n", destroyed);
    return 0;
}
