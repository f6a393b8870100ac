/*
 * bench/shared_lines.c - what malloc and free cost where neighboring blocks live with different
 * threads, and where blocks are handed on. Uses malloc alone: run it with LD_PRELOAD. Prints a line
 * a load: ns a pair of malloc and free, the median of ROUNDS (of the thread's own time, so that a
 * busy machine matters less, but where threads wait for each other); "replaced": resident KB.
 *
 *   dealt     each of 2 threads replaces its own 2000 blocks; the sets were dealt out alternately
 *   halves    the same, each set made at one time
 *   server    2 or 8 threads replace blocks at random, handed on at the start (as larson)
 *   ring      batches of 256 blocks go round 2 threads
 *   pipe      one thread allocates, the other frees
 *   swapped   each free has even odds to be of the other thread's block, for ever
 *   replaced  all blocks of one thread are replaced at random by 2 or 8 others, in turns
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 5, OWN = 2000, SLOTS = 8192, BATCH = 256, MOST = 8, TURNS = 8000 };

static unsigned threads;
static size_t size;
static pthread_barrier_t start;
static double ns[MOST];
static char **sets[MOST];

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static unsigned below(uint32_t *random, unsigned limit)
{
    *random = *random * 1664525u + 1013904223u;
    return (unsigned)((uint64_t)*random * limit >> 32);
}

static char *made(size_t bytes)
{
    char *block = malloc(bytes);
    if (!block)
        abort();
    *(volatile char *)block = 1;
    return block;
}

/* -- loads: each thread's part, and how many pairs it made ---------------------------------- */

static size_t replace_in_order(unsigned self)
{
    enum { TIMES = 4000 };
    for (unsigned n = 0; n < TIMES; n++)
        for (unsigned i = 0; i < OWN; i++) {
            free(sets[self][i]);
            sets[self][i] = made(size);
        }
    return (size_t)TIMES * OWN;
}

static size_t replace_at_random(unsigned self)
{
    enum { TIMES = 2000000 };
    uint32_t random = 77 + self;
    for (unsigned n = 0; n < TIMES; n++) {
        unsigned i = below(&random, OWN);
        free(sets[self][i]);
        sets[self][i] = made(16 + below(&random, 1000));
    }
    return TIMES;
}

static _Atomic(char **) passed[MOST];
static double turns[MOST][TURNS]; /* ns a pair of each, without the wait for the batch */

static void pass(unsigned to, char **batch)
{
    for (char **none = NULL; !atomic_compare_exchange_weak(&passed[to], &none, batch); none = NULL)
        sched_yield();
}

static char **receive(unsigned from)
{
    char **batch;
    while (!(batch = atomic_exchange(&passed[from], NULL)))
        sched_yield();
    return batch;
}

static size_t pass_batches(unsigned self)
{
    char **batch = malloc(BATCH * sizeof *batch);
    for (unsigned i = 0; i < BATCH; i++)
        batch[i] = made(size);
    for (unsigned n = 0; n < TURNS; n++) {
        pass(self, batch);
        batch = receive((self + 1) % threads);
        double begin = now(CLOCK_MONOTONIC);
        for (unsigned i = 0; i < BATCH; i++)
            free(batch[i]);
        for (unsigned i = 0; i < BATCH; i++)
            batch[i] = made(size);
        turns[self][n] = (now(CLOCK_MONOTONIC) - begin) / BATCH;
    }
    for (unsigned i = 0; i < BATCH; i++)
        free(batch[i]);
    free(batch);
    return (size_t)TURNS * BATCH;
}

/* The first thread makes batches, the second frees them; two are on their way. */
static size_t pipe_batches(unsigned self)
{
    for (unsigned n = 0; n < TURNS; n++) {
        char **batch = self == 0 && n < 2 ? malloc(BATCH * sizeof *batch) : receive(1 - self);
        double begin = now(CLOCK_MONOTONIC);
        for (unsigned i = 0; i < BATCH; i++)
            if (self)
                free(batch[i]);
            else
                batch[i] = made(size);
        turns[self][n] = (now(CLOCK_MONOTONIC) - begin) / BATCH;
        if (self && n >= TURNS - 2)
            free(batch);
        else
            pass(self, batch);
    }
    return (size_t)TURNS * BATCH;
}

static _Atomic(char *) slots[SLOTS * 8];

static size_t swap_slots(unsigned self)
{
    enum { TIMES = 2000000 };
    uint32_t random = 99 + self;
    for (unsigned n = 0; n < TIMES; n++)
        free(atomic_exchange(&slots[(size_t)below(&random, SLOTS) * 8], made(size)));
    return TIMES;
}

/* -- running ------------------------------------------------------------------------------ */

static size_t (*load)(unsigned);
static clockid_t timer;

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void *thread_main(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    pthread_barrier_wait(&start);
    double begin = now(timer);
    size_t pairs = load(self);
    ns[self] = (now(timer) - begin) / (double)pairs;
    if (load == pass_batches || load == pipe_batches) {
        qsort(turns[self], TURNS, sizeof *turns[self], by_value);
        ns[self] = turns[self][TURNS / 2];
    }
    return NULL;
}

/* The mean of the threads' ns a pair; of a pipe, the half of it. */
static double round_run(void)
{
    pthread_t ids[MOST];
    double sum = 0;
    pthread_barrier_init(&start, NULL, threads);
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, thread_main, (void *)(uintptr_t)i))
            abort();
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += ns[i];
    }
    pthread_barrier_destroy(&start);
    return sum / threads;
}

static void sets_make(bool alternately)
{
    for (unsigned i = 0; i < threads; i++)
        sets[i] = malloc(OWN * sizeof *sets[i]);
    for (unsigned n = 0; n < threads * OWN; n++) {
        unsigned self = alternately ? n % threads : n / OWN;
        sets[self][alternately ? n / threads : n % OWN] = made(size);
    }
}

static void sets_free(void)
{
    for (unsigned i = 0; i < threads; i++) {
        for (unsigned n = 0; n < OWN; n++)
            free(sets[i][n]);
        free(sets[i]);
    }
}

static const char *only; /* the load to run; NULL: all */

enum sets { NO_SETS, DEALT, HALVES };

static void measure(const char *name, unsigned count, size_t bytes, size_t (*part)(unsigned),
                    enum sets kind)
{
    double figures[ROUNDS];
    if (only && strcmp(only, name) != 0)
        return;
    threads = count;
    size = bytes;
    load = part;
    timer = kind == NO_SETS && part != swap_slots ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (kind != NO_SETS)
            sets_make(kind == DEALT);
        figures[i] = round_run();
        if (kind != NO_SETS)
            sets_free();
        for (unsigned k = 0; k < threads; k++)
            if (passed[k])
                for (unsigned b = 0; b < BATCH; b++)
                    free(passed[k][b]);
        for (unsigned k = 0; k < threads; k++)
            free(atomic_exchange(&passed[k], NULL));
        for (size_t k = 0; k < SLOTS; k++)
            free(atomic_exchange(&slots[k * 8], NULL));
    }
    qsort(figures, ROUNDS, sizeof *figures, by_value);
    printf("%-9s %u %4zu  %6.1f\n", name, count, bytes, figures[ROUNDS / 2]);
    fflush(stdout);
}

/* -- resident ------------------------------------------------------------------------------ */

static long resident_kb(void)
{
    long total = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &total, &pages) != 2)
        abort();
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static unsigned nblocks;
static pthread_barrier_t turn;

static void *turns_main(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    uint32_t random = 99 + self;
    for (unsigned t = 0; t < 8; t++) {
        char **set = sets[(self + t) % threads];
        for (unsigned n = 0; n < nblocks; n++) {
            unsigned i = below(&random, nblocks);
            free(set[i]);
            set[i] = made(16 + below(&random, 1000));
        }
        pthread_barrier_wait(&turn);
    }
    return NULL;
}

static void replaced(unsigned count)
{
    enum { ALL = 40000 };
    uint32_t random = 7;
    pthread_t ids[MOST];
    threads = count;
    nblocks = ALL / count;
    pthread_barrier_init(&turn, NULL, count);
    for (unsigned i = 0; i < count; i++)
        sets[i] = malloc(nblocks * sizeof *sets[i]);
    for (unsigned k = 0; k < nblocks; k++)
        for (unsigned i = 0; i < count; i++) {
            size_t bytes = 16 + below(&random, 1000);
            sets[i][k] = memset(made(bytes), 1, bytes);
        }
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&ids[i], NULL, turns_main, (void *)(uintptr_t)i))
            abort();
    for (unsigned i = 0; i < count; i++)
        pthread_join(ids[i], NULL);
    printf("replaced  %u       %6ld\n", count, resident_kb());
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strchr("0123456789", argv[1][0]))
        only = argv[1];
    if (argc == 3 && strcmp(argv[1], "replaced") == 0) {
        replaced((unsigned)atoi(argv[2]));
        return 0;
    }
    for (size_t bytes = 64; bytes <= 512; bytes *= 8) {
        measure("dealt", 2, bytes, replace_in_order, DEALT);
        measure("halves", 2, bytes, replace_in_order, HALVES);
    }
    measure("server", 2, 64, replace_at_random, DEALT);
    measure("server", 8, 64, replace_at_random, DEALT);
    measure("ring", 2, 64, pass_batches, NO_SETS);
    measure("pipe", 2, 64, pipe_batches, NO_SETS);
    measure("swapped", 2, 64, swap_slots, NO_SETS);
    return 0;
}
