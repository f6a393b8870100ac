/*
 * tests/helpers/stress.h - what stress programs share: their arguments, a start line for
 * threads, and saying what went wrong. `program [threads [scale [seed]]]`: scale
 * multiplies the work; the seed is printed when something fails.
 */
#ifndef WEIR_TESTS_STRESS_H
#define WEIR_TESTS_STRESS_H

#include "core.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

struct stress {
    unsigned threads;
    double scale;
    uint64_t seed;
};

static struct stress stress;

#define STRESS_THREADS_MOST 64

static inline void stress_arguments(int argc, char **argv, unsigned threads)
{
    stress = (struct stress){threads, getenv("WEIR_TEST_SLOW") ? 0.05 : 1, 1};
    if (argc > 1)
        stress.threads = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        stress.scale *= strtod(argv[2], NULL);
    if (argc > 3)
        stress.seed = strtoull(argv[3], NULL, 10);
    if (stress.threads < 1 || stress.threads > STRESS_THREADS_MOST || stress.scale <= 0) {
        fprintf(stderr, "usage: %s [threads 1..%d [scale [seed]]]\n", argv[0], STRESS_THREADS_MOST);
        exit(2);
    }
}

static inline size_t stress_count(size_t count)
{
    size_t n = (size_t)((double)count * stress.scale);
    return n ? n : 1;
}

/* Ends the program on the spot: what other threads do meanwhile no longer counts. */
#define STRESS_EXPECT(condition, ...)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, " (threads %u, scale %g, seed %llu)\n", stress.threads, stress.scale,  \
                    (unsigned long long)stress.seed);                                              \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* Runs `body` once in each of stress.threads threads, with its number; waits. */
static inline void stress_run(void *(*body)(void *))
{
    pthread_t threads[STRESS_THREADS_MOST];
    for (uintptr_t i = 0; i < stress.threads; i++)
        STRESS_EXPECT(pthread_create(&threads[i], NULL, body, (void *)i) == 0, "thread %zu",
                      (size_t)i);
    for (unsigned i = 0; i < stress.threads; i++)
        pthread_join(threads[i], NULL);
}

static inline weir_stats stress_stats(const weir_allocator *a)
{
    weir_stats s = {.size = sizeof s};
    STRESS_EXPECT(weir_stats_get(a, &s) == 0, "no statistics");
    return s;
}

#endif
