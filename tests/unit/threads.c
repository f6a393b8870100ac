/*
 * A thousand threads come and go, some at once, each with its caches and contexts: what
 * they leave resident and in book-keeping is bounded, whatever their number.
 */
#include "../helpers/core.h"
#include "../helpers/self.h"
#include "alloc/context.h"
#include "backing/meta.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

enum { AT_ONCE = 8, HELD = 64, ROUNDS = 60 };

static weir_allocator *contexts[2];
static pthread_barrier_t together;

/* About 1 MiB of blocks of many classes, in two allocators; all freed. Those of one batch
 * wait for each other when they begin and before they free the rest. */
static void *live(void *seed)
{
    uint64_t random = (uintptr_t)seed;
    void *held[HELD] = {0};
    weir_allocator *of[HELD] = {0};
    pthread_barrier_wait(&together);
    for (int i = 0; i < ROUNDS * HELD / 4; i++) {
        size_t at = random_below(&random, HELD);
        if (held[at])
            weir_deallocate(of[at], held[at]);
        of[at] = contexts[i % 2];
        size_t size = random_size(&random, 60000);
        held[at] = weir_allocate(of[at], size);
        cr_assert_not_null(held[at]);
        memset(held[at], 1, size);
    }
    pthread_barrier_wait(&together);
    for (int i = 0; i < HELD; i++)
        if (held[i])
            weir_deallocate(of[i], held[i]);
    pthread_barrier_wait(&together);
    return NULL;
}

static void threads_come_and_go(size_t count, uintptr_t seed)
{
    pthread_t threads[AT_ONCE];
    cr_assert_eq(pthread_barrier_init(&together, NULL, AT_ONCE), 0);
    for (size_t n = 0; n < count; n += AT_ONCE) {
        for (size_t i = 0; i < AT_ONCE; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, live, (void *)(seed + n + i)), 0);
        for (size_t i = 0; i < AT_ONCE; i++)
            pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&together);
}

static void expect_nothing_live(void)
{
    for (int i = 0; i < 2; i++) {
        weir_stats s = {.size = sizeof s};
        cr_assert_eq(weir_stats_get(contexts[i], &s), 0);
        cr_assert_eq(s.total_allocated, 0);
        cr_assert_eq(s.allocation_count, 0);
        cr_assert_null(contexts[i]->body->heaps.first, "heaps of threads that are gone");
    }
}

/* What a hundred threads leave is what a thousand leave, but for chance: the same number
 * live at once, but what they do in between comes in any order. */
Test(threads, leave_a_bounded_amount_behind)
{
    for (int i = 0; i < 2; i++)
        contexts[i] = weir_allocator_create(NULL);
    threads_come_and_go(scaled(104), 1);
    size_t resident_few = self_memory(SELF_RESIDENT), metadata_few = weir__meta_in_use();
    threads_come_and_go(scaled(1000), 1000);
    size_t resident_many = self_memory(SELF_RESIDENT), metadata_many = weir__meta_in_use();
    expect_nothing_live();
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    cr_assert_leq(resident_many, resident_few + 16 * MIB, "%zu KiB, then %zu KiB",
                  resident_few >> 10, resident_many >> 10);
#endif
    cr_assert_leq(metadata_many, metadata_few + MIB / 2, "%zu, then %zu bytes", metadata_few,
                  metadata_many);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(weir_allocator_destroy(contexts[i]), 0);
    weir_trim(weir_cpu_allocator());
#ifndef __SANITIZE_ADDRESS__
    cr_assert_leq(self_memory(SELF_RESIDENT), resident_few + MIB, "after a trim");
#endif
    cr_assert(weir__meter_is_valid());
}
