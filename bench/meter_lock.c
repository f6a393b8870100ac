/*
 * bench/meter_lock.c - what the one meter lock of the process costs allocators that have nothing
 * to do with each other (docs/internals/watermark.md). Prints, for a root that one thread reads or
 * works at the peak of while another thread works in its own root, ns an operation of each.
 */
#include "bench/harness/load.h"
#include "tools/common/statistics.h"

#include <weir/weir.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 1000, ROUNDS = 5 };
#define ROUND_NS 100000000u

static weir_allocator *mine, *others;
static atomic_int running; /* what the other thread does: 0 ends it, 1 nothing, 2 pairs */
static atomic_ulong pairs_done;

static void *other_main(void *unused)
{
    (void)unused;
    int what;
    bench_pin(1);
    while ((what = atomic_load(&running)))
        for (int i = 0; what == 2 && i < 1000; i++) {
            weir_deallocate(others, weir_allocate(others, 64));
            atomic_store_explicit(&pairs_done, pairs_done + 1, memory_order_relaxed);
        }
    return NULL;
}

/* Snapshots of a root. */
static void read_one(void)
{
    (void)weir_total_allocated(mine);
}

/* Two slow operations and a change of the limit. */
static void slow_pair(void)
{
    void *block = weir_allocate(mine, 64);
    if (weir_set_limit(mine, 64) != 0)
        abort();
    weir_deallocate(mine, block);
}

static void nothing(void)
{
}

static void figure_print(double *rounds, const char *what)
{
    double median = statistics_median(rounds, ROUNDS);
    printf(" %8.1f %3.0f%% %s", median, median > 0 ? 100 * statistics_spread(rounds, ROUNDS) : 0,
           what);
}

/* Medians and the spread of the rounds: ns of one operation here, and of a pair there meanwhile (0:
 * it rests). */
static void measure(const char *name, void (*work)(void), int other)
{
    double here[ROUNDS], there[ROUNDS];
    atomic_store(&running, other);
    for (int round = 0; round < ROUNDS; round++) {
        unsigned long before = atomic_load(&pairs_done), done = 0;
        uint64_t start = time_now(), end = start;
        for (; end - start < ROUND_NS; end = time_now(), done += BATCH)
            for (int i = 0; i < BATCH; i++)
                work();
        unsigned long pairs = atomic_load(&pairs_done) - before;
        here[round] = (double)(end - start) / (double)done;
        there[round] = pairs ? (double)(end - start) / (double)pairs : 0;
    }
    atomic_store(&running, 1);
    printf("%-36s", name);
    figure_print(here, "ns here");
    figure_print(there, "ns a pair there\n");
}

int main(void)
{
    weir_allocator_options root = {.parent = WEIR_NO_PARENT};
    pthread_t thread;
    mine = weir_allocator_create(&root);
    others = weir_allocator_create(&root);
    atomic_store(&running, 1);
    if (!mine || !others || pthread_create(&thread, NULL, other_main, NULL))
        return 1;
    bench_pin(0);
    measure("nothing, the other root busy", nothing, 2);
    measure("a read, the other root at rest", read_one, 1);
    measure("a read, the other root busy", read_one, 2);
    measure("slow operations, the other at rest", slow_pair, 1);
    measure("slow operations, the other busy", slow_pair, 2);
    atomic_store(&running, 0);
    pthread_join(thread, NULL);
    weir_allocator_destroy(others);
    weir_allocator_destroy(mine);
    return 0;
}
