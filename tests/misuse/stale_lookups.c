/*
 * Any thread may ask about any pointer at any time: also beside the free that gives a huge
 * block's region back, beside frees that make a hole of a large one, and beside a trim that gives
 * up the chunk of a small one. Two threads
 * that free one huge block: one of them is told.
 *
 * Fails before: "pool: headers stay readable".
 */
#include "../helpers/core.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#define HUGE_BLOCK ((size_t)160 << 20) /* a region of its own */

#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, "\n");                                                                 \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static weir_allocator *a;
static void *_Atomic stale; /* was live a moment ago, or is */
static atomic_bool stop;
static atomic_ulong asked, told;

static void tell(weir_misuse what, const void *pointer, const char *line, void *unused)
{
    (void)what, (void)pointer, (void)line, (void)unused;
    told++;
}

static void *thread_asks(void *unused)
{
    (void)unused;
    while (!stop) {
        void *pointer = stale;
        if (!pointer)
            continue;
        weir_owns(a, pointer);
        weir_owns(a, (char *)pointer + 100000);
        weir_usable_size(a, pointer);
        weir_block_tag(a, pointer);
        asked++;
    }
    return NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void huge_blocks(void)
{
    void *block = weir_allocate(a, HUGE_BLOCK);
    EXPECT(block, "no memory");
    stale = block;
    weir_deallocate(a, block);
}

/* They become holes, which are joined and cut again. */
static void large_blocks(void)
{
    enum { BLOCKS = 12 };
    static void *blocks[BLOCKS];
    static size_t turn;
    turn++;
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = weir_allocate(a, 100000 + 70000 * ((i + turn) % 5));
    stale = blocks[turn % BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        weir_deallocate(a, blocks[5 * i % BLOCKS]);
}

/* Chunks are given up while every slab is free, and taken for other classes. */
static void small_blocks(void)
{
    enum { BLOCKS = 3000 };
    static void *blocks[BLOCKS];
    static size_t sizes[] = {48, 5000, 700, 16000}, turn;
    size_t size = sizes[turn++ % 4];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = weir_allocate(a, size);
    stale = blocks[turn % BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        weir_deallocate(a, blocks[i]);
    weir_trim(a);
}

/* What the program frees wrongly by then must not be the test's own mistake. */
static void beside(void (*work)(void))
{
    pthread_t thread;
    stop = false;
    asked = 0;
    EXPECT(pthread_create(&thread, NULL, thread_asks, NULL) == 0, "no thread");
    for (double end = now() + 1; now() < end;)
        work();
    stop = true;
    pthread_join(thread, NULL);
    stale = NULL;
    EXPECT(asked > 0, "nothing was asked");
}

static pthread_barrier_t both;
static void *twice;

static void *thread_frees(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_barrier_wait(&both);
        if (!twice)
            return NULL;
        weir_deallocate(a, twice);
        pthread_barrier_wait(&both);
    }
}

static void one_of_two_is_told(void)
{
    enum { ROUNDS = 2000 };
    pthread_t thread;
    pthread_barrier_init(&both, NULL, 2);
    EXPECT(pthread_create(&thread, NULL, thread_frees, NULL) == 0, "no thread");
    for (unsigned long round = 0; round < ROUNDS; round++) {
        told = 0;
        twice = weir_allocate(a, HUGE_BLOCK);
        EXPECT(twice, "no memory");
        pthread_barrier_wait(&both);
        weir_deallocate(a, twice);
        pthread_barrier_wait(&both);
        EXPECT(told == 1, "round %lu: %lu told", round, (unsigned long)told);
    }
    twice = NULL;
    pthread_barrier_wait(&both);
    pthread_join(thread, NULL);
}

int main(void)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    a = pool;
    weir_set_misuse_handler(tell, NULL);
    beside(huge_blocks);
    beside(large_blocks);
    beside(small_blocks);
    one_of_two_is_told();
    weir_stats stats = {.size = sizeof stats};
    weir_stats_get(a, &stats);
    EXPECT(stats.total_allocated == 0 && stats.allocation_count == 0, "%zu bytes live",
           stats.total_allocated);
    return weir_allocator_destroy(pool);
}
