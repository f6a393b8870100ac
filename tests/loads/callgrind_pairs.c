/*
 * The loops whose instructions tests/scripts/callgrind.sh counts. Each is one function, not
 * inlined, that does `pairs` allocations and frees; `empty` is the same loop without.
 * `callgrind_pairs LOOP PAIRS [N]` runs one of them over the CPU allocator, or the N-th context,
 * after a warm-up outside it; `snapshot` while N threads are alive.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#define NOINLINE __attribute__((noinline))

static weir_allocator *a, *other;
static void *volatile sink;

NOINLINE static void empty(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++)
        sink = NULL;
}

NOINLINE static void small(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocate(a, 64);
        weir_deallocate(a, sink);
    }
}

NOINLINE static void aligned(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocate_aligned(a, 64, 16);
        weir_deallocate(a, sink);
    }
}

/* Sizes in turn, so that no branch or class is always the same. */
NOINLINE static void mixed(size_t pairs)
{
    static const size_t sizes[8] = {16, 3000, 100, 527, 48, 1024, 250, 4000};
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocate(a, sizes[i % 8]);
        weir_deallocate(a, sink);
    }
}

NOINLINE static void large(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocate(a, 1 << 20);
        weir_deallocate(a, sink);
    }
}

/* A context made and destroyed. */
NOINLINE static void made(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocator_create(NULL);
        weir_allocator_destroy(sink);
    }
}

/* The same with two blocks of each of four sizes served between. */
NOINLINE static void session(size_t pairs)
{
    static const size_t sizes[4] = {48, 200, 700, 3000};
    for (size_t i = 0; i < pairs; i++) {
        weir_allocator *context = weir_allocator_create(NULL);
        for (size_t k = 0; k < 8; k++)
            weir_deallocate(context, weir_allocate(context, sizes[k % 4]));
        sink = context;
        weir_allocator_destroy(context);
    }
}

NOINLINE static void snapshot(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        weir_stats stats = {.size = sizeof stats};
        weir_stats_get(a, &stats);
    }
}

/* Two contexts in turn raise their parent's peak. */
NOINLINE static void rising(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocate(other, 16000);
        sink = weir_allocate(a, 16000);
    }
}

/* -- threads alive ------------------------------------------------------------------------- */

static pthread_barrier_t alive;

static void *thread_rest(void *index)
{
    void *blocks[256];
    for (size_t i = 0; i < 256; i++)
        blocks[i] = weir_allocate(a, 16 + (i * 7 + (size_t)index) % 256 * 2);
    pthread_barrier_wait(&alive); /* each has its blocks */
    pthread_barrier_wait(&alive); /* the loop has run */
    for (size_t i = 0; i < 256; i++)
        weir_deallocate(a, blocks[i]);
    return NULL;
}

/* The loop while so many threads with blocks are alive. */
static int run_with_threads(void (*run)(size_t pairs), size_t pairs, size_t count)
{
    pthread_t threads[256];
    if (count > 256 || pthread_barrier_init(&alive, NULL, (unsigned)count + 1) != 0)
        return 2;
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, thread_rest, (void *)i) != 0)
            return 2;
    pthread_barrier_wait(&alive);
    run(pairs);
    pthread_barrier_wait(&alive);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static const struct {
    const char *name;
    void (*run)(size_t pairs);
} loops[] = {{"empty", empty},     {"small", small},   {"aligned", aligned},
             {"mixed", mixed},     {"large", large},   {"made", made},
             {"session", session}, {"rising", rising}, {"snapshot", snapshot}};

int main(int argc, char **argv)
{
    size_t pairs = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    for (size_t i = 0; argc > 1 && i < sizeof loops / sizeof *loops; i++)
        if (strcmp(argv[1], loops[i].name) == 0) {
            /* So many contexts before it: it is one of them. */
            long contexts = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
            a = weir_cpu_allocator();
            if (loops[i].run == snapshot)
                return run_with_threads(snapshot, pairs, (size_t)contexts);
            while (contexts--) {
                other = a;
                a = weir_allocator_create(NULL);
                weir_deallocate(a, weir_allocate(a, 100));
            }
            /* A crest, so that the loop stays below the peak. */
            weir_deallocate(a, weir_allocate(a, 8 << 20));
            for (size_t size = 16; size <= 4096; size += 16)
                weir_deallocate(a, weir_allocate(a, size));
            for (int warm = 0; warm < 3; warm++)
                weir_deallocate(a, weir_allocate(a, 1 << 20));
            weir_deallocate(a, weir_allocate_aligned(a, 64, 16));
            loops[i].run(pairs);
            return 0;
        }
    fprintf(stderr, "usage: callgrind_pairs "
                    "empty|small|aligned|mixed|large|made|session|rising|snapshot PAIRS [N]\n");
    return 2;
}
