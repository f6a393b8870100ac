/*
 * Fork handlers of others that use weir: some were registered before weir's own, so that they
 * run while weir holds all of its locks, some after. Threads are busy meanwhile. Every fork
 * returns, in both processes the figures are true, and the child can be used. Once over each
 * backing.
 */
#include "../helpers/self.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

enum { BLOCKS = 24, THREADS = 3, FORKS = 150, SECONDS = HANG_SECONDS };

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* Of one library: what its handlers hold. */
struct library {
    weir_allocator *own; /* has nobody else's blocks; with a limit, so that counting is exact */
    void *blocks[BLOCKS];
    weir_tensor *tensor;
    weir_arena *arena;
    unsigned prepared, after;
};

static struct library early, late;
static bool ready, stop;

static size_t block_size(int i)
{
    return (size_t)100 << (i % 12);
}

static void blocks_take(struct library *l)
{
    size_t before = weir_total_allocated(l->own);
    for (int i = 0; i < BLOCKS; i++) {
        l->blocks[i] = weir_allocate(i % 2 ? l->own : weir_cpu_allocator(), block_size(i));
        EXPECT(l->blocks[i]);
        before += i % 2 ? block_size(i) : 0;
    }
    EXPECT(weir_total_allocated(l->own) == before);
}

static void blocks_give(struct library *l)
{
    for (int i = 0; i < BLOCKS; i++)
        weir_deallocate(i % 2 ? l->own : weir_cpu_allocator(), l->blocks[i]);
    EXPECT(weir_total_allocated(l->own) == 0);
    EXPECT(weir_allocation_count(l->own) == 0);
}

static void objects_make(struct library *l)
{
    l->tensor = weir_tensor_create(&(int64_t){5000}, 1, WEIR_FLOAT32);
    l->arena = weir_arena_create(NULL);
    EXPECT(l->tensor && weir_arena_allocate(l->arena, 1000));
    weir_allocator *a = weir_allocator_create(NULL);
    EXPECT(weir_allocate(a, 200) && weir_allocator_destroy(a) == 0);
}

static void objects_unmake(struct library *l)
{
    weir_tensor_release(l->tensor);
    EXPECT(weir_arena_destroy(l->arena) == 0);
}

static void prepare(struct library *l)
{
    if (!ready)
        return;
    l->prepared++;
    free(malloc(1000));
    blocks_take(l);
    objects_make(l);
    weir_trim(weir_cpu_allocator());
}

static void after(struct library *l)
{
    if (!ready)
        return;
    l->after++;
    blocks_give(l);
    objects_unmake(l);
    blocks_take(l);
    blocks_give(l);
    weir_trim(weir_cpu_allocator());
}

static void early_prepare(void)
{
    prepare(&early);
}

static void early_after(void)
{
    after(&early);
}

static void late_prepare(void)
{
    prepare(&late);
}

static void late_after(void)
{
    after(&late);
}

/* Before weir's constructors, which are linked into this program. */
__attribute__((constructor(101))) static void early_register(void)
{
    pthread_atfork(early_prepare, early_after, early_after);
}

static void *work(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        void *blocks[50];
        for (int i = 0; i < 50; i++)
            blocks[i] = weir_allocate(weir_cpu_allocator(), (size_t)(rand_r(&random) % 80000));
        for (int i = 0; i < 50; i++)
            weir_deallocate(weir_cpu_allocator(), blocks[i]);
    }
    return NULL;
}

static void child_run(void)
{
    struct library own = {.own = weir_allocator_create(NULL)};
    alarm(SECONDS);
    blocks_take(&own);
    objects_make(&own);
    blocks_give(&own);
    objects_unmake(&own);
    EXPECT(early.after == early.prepared && late.after == late.prepared);
    _exit(0);
}

static void forks(void)
{
    for (unsigned i = 1; i <= FORKS; i++) {
        int status = 1;
        pid_t child = fork();
        if (child == 0)
            child_run();
        EXPECT(child > 0 && waitpid(child, &status, 0) == child);
        EXPECT(status == 0);
        EXPECT(early.after == i && late.after == i);
    }
}

static void library_open(struct library *l)
{
    l->own = weir_allocator_create(&(weir_allocator_options){.limit = (size_t)64 << 20});
    EXPECT(l->own);
}

static int try(void)
{
    pthread_t threads[THREADS];
    alarm(SECONDS);
    library_open(&early);
    library_open(&late);
    pthread_atfork(late_prepare, late_after, late_after);
    ready = true;
    forks();
    early.prepared = early.after = late.prepared = late.after = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    forks();
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    EXPECT(weir_total_allocated(weir_cpu_allocator()) == 0);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return try();
    return self_over("system", argv) | self_over("jemalloc", argv);
}
