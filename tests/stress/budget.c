/*
 * The budget of free memory under threads, with a policy that has it reached all the time:
 * contents stay, zeroed blocks are zero, the structures are whole, also in a child forked
 * while a thread purges; and at the end, when all was freed and nobody calls, no more than
 * the budget is kept.
 */
#include "../helpers/stress.h"
#include "alloc/context.h"

#include <stdatomic.h>
#include <sys/wait.h>

#define BUDGET (2 * WEIR__MIB)

/* Instead of the library's own. */
const struct weir__policy weir__policy_other = {.decay_ms = 20,
                                                .step_ms = 5,
                                                .look_ops = 64,
                                                .huge_pages = false,
                                                .budget = BUDGET,
                                                .live_part = 64,
                                                .look_bytes = 128 * WEIR__KIB,
                                                .loose_bytes = WEIR__MIB};

enum { HELD = 200 };

static weir_allocator *a;
static size_t rounds;
static pthread_barrier_t all_freed;

static void block_make(void **held, size_t *sizes, unsigned i, uint64_t *random)
{
    sizes[i] = random_below(random, 20) ? random_size(random, 60000) : random_size(random, 3000000);
    if (random_below(random, 4) == 0) {
        held[i] = weir_allocate_zeroed(a, 1, sizes[i]);
        STRESS_EXPECT(held[i] && is_all_zero(held[i], sizes[i]), "%zu bytes not zero", sizes[i]);
    } else {
        held[i] = weir_allocate(a, sizes[i]);
    }
    STRESS_EXPECT(held[i], "no memory");
    pattern_write(held[i], sizes[i], i);
}

static void block_end(void **held, const size_t *sizes, unsigned i)
{
    if (held[i])
        STRESS_EXPECT(pattern_holds(held[i], sizes[i], sizes[i], i), "%zu bytes", sizes[i]);
    weir_deallocate(a, held[i]);
    held[i] = NULL;
}

/* Now all, now few: what is free goes up and down. */
static void *thread_main(void *number)
{
    uint64_t random = stress.seed * 1000 + (uintptr_t)number;
    void *held[HELD] = {0};
    size_t sizes[HELD] = {0};
    for (size_t round = 0; round < rounds; round++) {
        unsigned some = 1 + (unsigned)random_below(&random, HELD);
        for (unsigned i = 0; i < some; i++) {
            block_end(held, sizes, i);
            block_make(held, sizes, i, &random);
        }
        for (unsigned i = 0; i < HELD && random_below(&random, 3) == 0; i++)
            block_end(held, sizes, i);
        if (number == 0 && round % 50 == 0)
            weir_trim(a);
    }
    for (unsigned i = 0; i < HELD; i++)
        block_end(held, sizes, i);
    pthread_barrier_wait(&all_freed); /* its cache stays */
    pthread_barrier_wait(&all_freed);
    return NULL;
}

/* ThreadSanitizer cannot fork with as many locks held as jemalloc has. */
#ifdef __SANITIZE_THREAD__
#define FORKS 0
#else
#define FORKS 20
#endif

static void *thread_forks(void *unused)
{
    (void)unused;
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            rounds = 5;
            pthread_barrier_init(&all_freed, NULL, 1);
            thread_main((void *)77);
            _exit(weir__page_heap_is_valid(a->body->page_heap) ? 0 : 1);
        }
        int status;
        STRESS_EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0, "child %d",
                      i);
        usleep(1000);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    stress_arguments(argc, argv, 4);
    a = weir_cpu_allocator();
    rounds = stress_count(400);
    pthread_t threads[STRESS_THREADS_MOST], forks;
    pthread_barrier_init(&all_freed, NULL, stress.threads + 1);
    for (uintptr_t i = 0; i < stress.threads; i++)
        STRESS_EXPECT(pthread_create(&threads[i], NULL, thread_main, (void *)i) == 0, "thread");
    STRESS_EXPECT(pthread_create(&forks, NULL, thread_forks, NULL) == 0, "thread");
    pthread_join(forks, NULL);
    pthread_barrier_wait(&all_freed);
    STRESS_EXPECT(weir__page_heap_is_valid(a->body->page_heap), "after all was freed");
    struct weir__page_heap *page_heap = a->body->page_heap;
    weir__lock_take(&page_heap->lock);
    size_t dirty = weir__page_heap_dirty_locked(page_heap);
    size_t live = page_heap->span_live + page_heap->nused_slabs * WEIR__SLAB;
    weir__lock_drop(&page_heap->lock);
    STRESS_EXPECT(dirty <= BUDGET + live / 64 + 128 * WEIR__KIB, "%zu bytes are kept", dirty);
    pthread_barrier_wait(&all_freed);
    for (unsigned i = 0; i < stress.threads; i++)
        pthread_join(threads[i], NULL);
    STRESS_EXPECT(weir__page_heap_is_valid(a->body->page_heap), "at the end");
    return 0;
}
