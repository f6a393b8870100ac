/*
 * The loops of a preloaded malloc: `preload_pairs LOOP STEPS` runs one after a warm-up. Each is
 * one function, not inlined, so that tests/scripts/callgrind.sh can count its instructions; `empty`
 * is the same loop without. With a third argument it prints the nanoseconds of the processor a
 * step, too. Linked with no malloc but the C library's.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))
#define HELD     256 /* blocks that `mixed` holds */

static void *volatile sink;
static volatile size_t answer;
static void *held[HELD];

NOINLINE static void empty(size_t steps)
{
    for (size_t i = 0; i < steps; i++)
        sink = NULL;
}

NOINLINE static void pair(size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        sink = malloc(64);
        free(sink);
    }
}

NOINLINE static void zeroed(size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        sink = calloc(4, 16);
        free(sink);
    }
}

/* Grows in place and back. */
NOINLINE static void resized(size_t steps)
{
    sink = malloc(50);
    for (size_t i = 0; i < steps; i++)
        sink = realloc(sink, 50 + i % 2 * 10);
    free(sink);
}

/* To another class and back. */
NOINLINE static void moved(size_t steps)
{
    sink = malloc(50);
    for (size_t i = 0; i < steps; i++)
        sink = realloc(sink, 50 + i % 2 * 200);
    free(sink);
}

NOINLINE static void aligned(size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        sink = aligned_alloc(64, 64);
        free(sink);
    }
}

NOINLINE static void strict(size_t steps)
{
    void *block;
    for (size_t i = 0; i < steps; i++) {
        if (posix_memalign(&block, 256, 512) != 0)
            abort();
        free(block);
    }
}

NOINLINE static void usable(size_t steps)
{
    void *block = malloc(64);
    for (size_t i = 0; i < steps; i++)
        answer = malloc_usable_size(block);
    free(block);
}

NOINLINE static void usable_large(size_t steps)
{
    void *block = malloc(1 << 20);
    for (size_t i = 0; i < steps; i++)
        answer = malloc_usable_size(block);
    free(block);
}

NOINLINE static void large(size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        sink = malloc(64 << 10);
        free(sink);
    }
}

/* Two at a time, freed in the order in which they came. */
NOINLINE static void larges(size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        void *first = malloc(64 << 10);
        sink = malloc(32 << 10);
        free(first);
        free(sink);
    }
}

/* Blocks of many sizes that live for a while, as a program has them. */
NOINLINE static void mixed(size_t steps)
{
    unsigned random = 1;
    for (size_t i = 0; i < steps; i++) {
        random = random * 1664525 + 1013904223;
        void **at = &held[random >> 24];
        free(*at);
        *at = malloc(16 + (random >> 12) % 500);
    }
}

static const struct {
    const char *name;
    void (*run)(size_t steps);
} loops[] = {{"empty", empty},     {"pair", pair},     {"zeroed", zeroed},
             {"resized", resized}, {"moved", moved},   {"aligned", aligned},
             {"strict", strict},   {"usable", usable}, {"usable_large", usable_large},
             {"large", large},     {"larges", larges}, {"mixed", mixed}};

/* A crest, so that the loop stays below the peak; bins; and enough in turn to be alone. */
static void warm(void)
{
    void *block;
    free(malloc(8 << 20));
    free(malloc(1 << 20));
    for (size_t size = 16; size <= 1024; size += 16)
        free(malloc(size));
    if (posix_memalign(&block, 256, 512) != 0)
        abort();
    free(block);
}

static void timed(void (*run)(size_t), size_t steps)
{
    struct timespec from, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    run(steps);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
    printf("%.2f\n", ns / (double)steps);
}

int main(int argc, char **argv)
{
    size_t steps = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    for (size_t i = 0; argc > 1 && i < sizeof loops / sizeof *loops; i++)
        if (strcmp(argv[1], loops[i].name) == 0) {
            warm();
            if (argc > 3)
                timed(loops[i].run, steps);
            else
                loops[i].run(steps);
            return 0;
        }
    fprintf(stderr, "usage: preload_pairs LOOP STEPS [timed]\n");
    return 2;
}
