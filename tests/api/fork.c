/*
 * fork: the child finds whole structures and true figures, whatever the threads of the
 * parent were at; it allocates, frees, destroys and forks again.
 */
#include "../helpers/context.h"
#include "../helpers/suite.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

/* In the child: says what is wrong by its status, the line of this file. */
#define CHILD_EXPECT(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void child_wait(pid_t child)
{
    int status;
    cr_assert_gt(child, 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0, "the child's status is %x", (unsigned)status);
}

struct census {
    size_t bytes, blocks;
};

static bool census_block(const weir_block *block, void *user)
{
    struct census *c = user;
    c->bytes += block->requested;
    c->blocks++;
    return false;
}

Test(fork, the_child_has_the_parents_figures_and_its_own_from_then_on)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = 5000});
    void *kept = weir_allocate(a, 1000), *large = weir_allocate(cpu(), MIB);
    pid_t child = fork();
    if (child == 0) {
        weir_stats s = {.size = sizeof s};
        CHILD_EXPECT(weir_total_allocated(a) == 1000 && weir_total_allocated(cpu()) == 1000 + MIB);
        CHILD_EXPECT(weir_stats_get(cpu(), &s) == 0 && s.bytes_allocated == 1000 + MIB);
        weir_deallocate(a, kept);
        CHILD_EXPECT(weir_allocate(a, 5000) && !weir_allocate(a, 1));
        weir_deallocate(cpu(), large);
        CHILD_EXPECT(weir_total_allocated(cpu()) == 5000);
        CHILD_EXPECT(weir_peak_allocated(cpu()) == 5000 + MIB);
        CHILD_EXPECT(weir_allocator_destroy(a) == 0 && weir_total_allocated(cpu()) == 0);
        weir_trim(cpu());
        _exit(0);
    }
    child_wait(child);
    cr_assert_eq(weir_total_allocated(a), 1000);
    cr_assert_eq(weir_total_allocated(cpu()), 1000 + MIB);
}

/* -- beside threads --------------------------------------------------------------------- */

enum { THREADS = 3, CONTEXTS = 4, HELD = 200 };

static weir_allocator *contexts[CONTEXTS];
static bool stop;

static bool stopped(void)
{
    return __atomic_load_n(&stop, __ATOMIC_ACQUIRE);
}

/* Small blocks, whose count and walk agree at every instant a fork can see. */
static void *churn_small(void *seed)
{
    void *held[HELD] = {NULL};
    weir_allocator *owner[HELD];
    uint64_t random = (uintptr_t)seed;
    while (!stopped()) {
        size_t at = random_below(&random, HELD);
        if (held[at])
            weir_deallocate(owner[at], held[at]);
        owner[at] = contexts[random_below(&random, CONTEXTS)];
        held[at] = weir_allocate(owner[at], random_size(&random, 16384));
        if (random_below(&random, 5000) == 0)
            weir_trim(cpu());
    }
    for (int i = 0; i < HELD; i++)
        if (held[i])
            weir_deallocate(owner[i], held[i]);
    return NULL;
}

/* The CPU allocator's figures hold its children's, its walk does not. */
static void child_check(void)
{
    struct census all = {0};
    for (int i = CONTEXTS; i-- > 0;) {
        struct census census = {0};
        weir_allocator_walk(contexts[i], census_block, &census);
        all.blocks += census.blocks;
        all.bytes += census.bytes;
        const struct census *expected = i ? &census : &all;
        CHILD_EXPECT(expected->blocks == weir_allocation_count(contexts[i]));
        CHILD_EXPECT(expected->bytes == weir_total_allocated(contexts[i]));
    }
}

static void child_use(void)
{
    size_t before = weir_total_allocated(cpu());
    for (int i = 0; i < 3000; i++) {
        weir_allocator *a = contexts[i % CONTEXTS];
        void *small = weir_allocate(a, (size_t)i), *large = weir_allocate(a, 100000 + (size_t)i);
        CHILD_EXPECT(small && large);
        weir_deallocate(a, large);
        weir_deallocate(a, small);
    }
    CHILD_EXPECT(weir_total_allocated(cpu()) == before);
    weir_trim(cpu());
    CHILD_EXPECT(weir_tag_intern("child") != 0);
    for (int i = 0; i < CONTEXTS; i++)
        CHILD_EXPECT(contexts[i] == cpu() || weir_allocator_destroy(contexts[i]) == 0);
}

static void *child_thread(void *unused)
{
    for (int i = 0; i < 200; i++)
        weir_deallocate(cpu(), weir_allocate(cpu(), 300));
    return unused;
}

static void forks(size_t count, void (*check)(void))
{
    for (size_t i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            check();
            CHILD_EXPECT(pthread_create(&thread, NULL, child_thread, NULL) == 0);
            pthread_join(thread, NULL);
            child_use();
            _exit(0);
        }
        child_wait(child);
    }
}

static void beside_threads(void *(*churn)(void *), size_t count, void (*check)(void))
{
    pthread_t threads[THREADS];
    contexts[0] = cpu();
    contexts[1] = weir_allocator_create(&(weir_allocator_options){.limit = 10 * MIB});
    contexts[2] = weir_allocator_create(NULL);
    contexts[3] = weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_POOL});
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    forks(count, check);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(weir_total_allocated(cpu()), 0);
    cr_assert_eq(weir_allocation_count(cpu()), 0);
}

Test(fork, while_threads_allocate_small_blocks_every_figure_is_true)
{
    SKIP_UNDER_EMULATOR("a fork beside threads breaks it");
    SKIP_UNDER_TSAN("a child of a process with threads cannot make threads");
    SKIP_UNDER_ASAN("a forked child may find its lock held by nobody");
    beside_threads(churn_small, scaled(80), child_check);
}

static void *churn_all(void *seed)
{
    uint64_t random = (uintptr_t)seed;
    while (!stopped()) {
        weir_allocator *a = contexts[random_below(&random, CONTEXTS)], *own;
        void *block = weir_allocate(a, random_size(&random, MIB));
        char name[32];
        snprintf(name, sizeof name, "tag %d", (int)random_below(&random, 500));
        weir_tag_set(weir_tag_intern(name));
        if (random_below(&random, 20) == 0 && (own = weir_allocator_create(NULL))) {
            weir_allocate(own, 300);
            weir_allocator_destroy(own);
        }
        block = block ? weir_reallocate(a, block, random_size(&random, MIB)) : NULL;
        weir_deallocate(a, block);
    }
    return NULL;
}

static void child_no_check(void)
{
}

Test(fork, while_threads_do_everything_the_child_works)
{
    SKIP_UNDER_EMULATOR("a fork beside threads breaks it");
    SKIP_UNDER_TSAN("a child of a process with threads cannot make threads");
    SKIP_UNDER_ASAN("a forked child may find its lock held by nobody");
    pthread_t threads[THREADS];
    contexts[0] = contexts[1] = contexts[2] = contexts[3] = cpu();
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, churn_all, (void *)(i + 1)), 0);
    forks(scaled(80), child_no_check);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

Test(fork, a_child_of_a_child_works)
{
    weir_allocate(cpu(), 10);
    pid_t child = fork();
    if (child == 0) {
        weir_allocate(cpu(), 20);
        pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(weir_allocate(cpu(), 30) && weir_total_allocated(cpu()) == 60 ? 0 : 1);
        int status = 1;
        waitpid(grandchild, &status, 0);
        _exit(status != 0 || weir_total_allocated(cpu()) != 30);
    }
    child_wait(child);
    cr_assert_eq(weir_total_allocated(cpu()), 10);
}
