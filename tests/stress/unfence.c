/*
 * Threads allocate and free while membarrier is given up, as before a sandbox: totals stay
 * exact, no limit is passed, and afterwards the calls go on. Each process gives it up once.
 */
#include "../helpers/self.h"
#include "../helpers/stress.h"
#include "os/fence.h"
#include "track/fences.h"
#include "track/meter.h"

#include <stdatomic.h>
#include <sys/wait.h>

enum { CONTEXTS = 3, HELD = 50, LIMIT = 4 << 20 };

static weir_allocator *contexts[CONTEXTS];
static atomic_bool stop;
static atomic_long live[CONTEXTS];

static void *thread_main(void *number)
{
    uint64_t random = stress.seed * 100 + (uintptr_t)number;
    void *held[HELD] = {0};
    size_t sizes[HELD] = {0}, of[HELD] = {0};
    for (unsigned i = 0; !stop; i = (i + 1) % HELD) {
        if (held[i])
            live[of[i]] -= (long)sizes[i];
        weir_deallocate(contexts[of[i]], held[i]);
        of[i] = (size_t)random_below(&random, CONTEXTS);
        sizes[i] = random_size(&random, 100000);
        held[i] = weir_allocate(contexts[of[i]], sizes[i]);
        if (held[i])
            live[of[i]] += (long)sizes[i];
    }
    for (unsigned i = 0; i < HELD; i++) {
        if (held[i])
            live[of[i]] -= (long)sizes[i];
        weir_deallocate(contexts[of[i]], held[i]);
    }
    return NULL;
}

static void *thread_unfences(void *unused)
{
    (void)unused;
    uint64_t random = stress.seed;
    usleep((useconds_t)random_below(&random, 10000));
    weir__meters_unfence();
    STRESS_EXPECT(!weir__os_fence_available(), "still there");
    for (int i = 0; i < 50; i++) {
        STRESS_EXPECT(weir__meter_is_valid(), "after it was given up");
        STRESS_EXPECT(stress_stats(contexts[1]).total_allocated <= LIMIT, "over the limit");
        usleep(200);
    }
    stop = true;
    return NULL;
}

static int round_main(void)
{
    weir_allocator_options options = {.name = "limited", .limit = LIMIT};
    contexts[0] = weir_cpu_allocator();
    contexts[1] = weir_allocator_create(&options);
    options = (weir_allocator_options){.parent = contexts[1]};
    contexts[2] = weir_allocator_create(&options);
    size_t before = stress_stats(contexts[0]).total_allocated;
    pthread_t unfences;
    pthread_create(&unfences, NULL, thread_unfences, NULL);
    stress_run(thread_main);
    pthread_join(unfences, NULL);
    weir_stats all = stress_stats(contexts[0]);
    STRESS_EXPECT(all.total_allocated == before, "%zu bytes", all.total_allocated);
    STRESS_EXPECT(stress_stats(contexts[1]).allocation_count == 0, "blocks are left");
    STRESS_EXPECT(stress_stats(contexts[1]).peak_allocated <= LIMIT, "the limit was passed");
    STRESS_EXPECT(live[0] == 0 && live[1] == 0 && live[2] == 0, "not all was freed");
    weir_trim(contexts[0]);
    STRESS_EXPECT(weir__meter_is_valid(), "at the end");
    return 0;
}

/* A process of its own for each round: this program again, with ROUND as its last word. */
static int round_run(char *program)
{
    char seed[24], threads[24], scale[24], last[] = "round";
    char *arguments[] = {program, threads, scale, seed, last, NULL};
    int status;
    snprintf(threads, sizeof threads, "%u", stress.threads);
    snprintf(scale, sizeof scale, "%g", stress.scale);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)stress.seed);
    pid_t child = fork();
    if (child == 0) {
        self_exec(arguments);
        _exit(99);
    }
    return child < 0 || waitpid(child, &status, 0) != child ? -1 : status;
}

int main(int argc, char **argv)
{
    stress_arguments(argc, argv, 4);
    if (argc > 4)
        return round_main();
    for (size_t round = 0; round < stress_count(40); round++, stress.seed++)
        STRESS_EXPECT(round_run(argv[0]) == 0, "round %zu", round);
    return 0;
}
