/*
 * fork beside a busy thread, for every kind of object: each child uses that very object, frees
 * what it inherited of it and ends; it has ten seconds for that. Once over each backing.
 */
#include "../helpers/scratch.h"
#include "../helpers/self.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/background.h>
#include <weir/weir.h>

enum { THREADS = 2, FORKS = 30 };

static bool stop, failed;

/* What is asked of, by threads and by children. */
static weir_allocator *cpu, *arena_allocator, *recorded, *replayed, *device;
static weir_arena *arena, *stacked;
static weir_buffer_pool *buffers;
static weir_plan_recorder *recorder;
static weir_plan_replay *replay;
static weir_allocator *pool;

static bool allocates(weir_allocator *a, size_t size)
{
    void *block = weir_allocate(a, size);
    if (block)
        weir_deallocate(a, block);
    return block != NULL;
}

static bool arena_use(void)
{
    weir_arena_mark mark = weir_arena_mark_get(arena);
    bool done = weir_arena_allocate(arena, 64) && weir_arena_allocate(arena, 100000);
    weir_arena_rewind(arena, mark);
    weir_arena_trim(arena);
    return done;
}

/* An arena whose chunks are blocks of another. */
static bool stacked_use(void)
{
    return weir_arena_allocate(stacked, 70000) && allocates(arena_allocator, 100) &&
           (weir_arena_reset(stacked), weir_arena_trim(stacked), true);
}

static bool buffers_use(void)
{
    void *block = weir_buffer_pool_acquire(buffers, 3000);
    weir_buffer_pool_return(buffers, block);
    weir_buffer_pool_trim(buffers, 0);
    return block != NULL;
}

static bool recorder_use(void)
{
    return allocates(recorded, 300);
}

static bool replay_use(void)
{
    weir_plan_replay_begin(replay);
    return allocates(replayed, 1000);
}

static bool device_use(void)
{
    weir_device_stats stats = {.size = sizeof stats};
    return allocates(device, 100) && allocates(device, 100000) &&
           weir_device_stats_get(device, &stats) == 0;
}

static bool context_use(void)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_stats stats = {.size = sizeof stats};
    bool done =
        a && weir_allocate(a, 300) && weir_allocate(a, 100000) && weir_stats_get(cpu, &stats) == 0;
    return weir_allocator_destroy(a) == 0 && done;
}

static bool pool_use(void)
{
    weir_allocator *own =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    bool done = allocates(pool, 100) && allocates(pool, 100000) && allocates(own, 300);
    weir_trim(cpu);
    return weir_allocator_destroy(own) == 0 && done;
}

static bool tensor_use(void)
{
    weir_tensor *t = weir_tensor_create(&(int64_t){1000}, 1, WEIR_FLOAT32);
    weir_tag_set(weir_tag_intern("tensor"));
    weir_tensor_release(t);
    return t != NULL;
}

/* Recorded by the thread; a child may record, too. */
static bool trace_use(void)
{
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, "fork.trace");
    int error = weir_trace_start(path, NULL); /* EBUSY: another thread's */
    bool done =
        allocates(cpu, 100) && (error || weir_trace_mark(WEIR_MARK_OTHER, "here", true) == 0);
    if (!error)
        weir_trace_stop();
    unlink(path);
    return done && (error == 0 || error == EBUSY || error == EWOULDBLOCK);
}

__attribute__((unused)) static bool background_use(void)
{
    int error = weir_background_start(1);
    weir_background_stop();
    return error == 0 && allocates(cpu, 100);
}

/* The recorder's memory grows with each use: last. */
static const struct kind {
    const char *name;
    bool (*use)(void);
} kinds[] = {
    {"arena", arena_use},
    {"arena on an arena", stacked_use},
    {"buffer pool", buffers_use},
    {"replay", replay_use},
    {"device pool", device_use},
    {"context", context_use},
    {"pool", pool_use},
    {"tensor", tensor_use},
    {"recording", trace_use},
    {"recorder", recorder_use},
/* A forked child may find a lock of AddressSanitizer's held by nobody; that of a process with
 * threads cannot make threads under ThreadSanitizer. */
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    {"background thread", background_use},
#endif
};

static void fail(const struct kind *kind, const char *what, int status)
{
    fprintf(stderr, "%s: %s (%x)\n", kind->name, what, (unsigned)status);
    failed = true;
}

static void *work(void *of)
{
    const struct kind *kind = of;
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
        if (!kind->use()) {
            fail(kind, "cannot be used beside a fork", 0);
            break;
        }
    return NULL;
}

static void child_run(const struct kind *kind)
{
    alarm(HANG_SECONDS);
    bool used = kind->use();
    used = kind->use() && used;
    _exit(used && allocates(cpu, 1000) && allocates(cpu, 100000) ? 0 : 1);
}

static void kind_try(const struct kind *kind)
{
    pthread_t threads[THREADS];
    stop = false;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)kind);
    for (int i = 0; i < FORKS && !failed; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0)
            child_run(kind);
        waitpid(child, &status, 0);
        if (status)
            fail(kind, "the child hung or failed", status);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void objects_make(void)
{
    weir_plan *plan = weir_plan_create();
    weir_plan_add(plan, 1000, 64, 0, 1);
    weir_plan_solve(plan, NULL);
    cpu = weir_cpu_allocator();
    arena = weir_arena_create(NULL);
    arena_allocator = weir_arena_allocator(weir_arena_create(NULL));
    stacked = weir_arena_create(&(weir_arena_options){.allocator = arena_allocator});
    buffers = weir_buffer_pool_create(NULL);
    recorder = weir_plan_recorder_create(NULL);
    recorded = weir_plan_recorder_allocator(recorder);
    replay = weir_plan_replay_create(plan, NULL);
    replayed = weir_plan_replay_allocator(replay);
    device =
        weir_device_allocator_create(weir_device_host_table_create("host", (size_t)64 << 20), NULL);
    pool = weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_plan_destroy(plan);
}

static int kinds_try(void)
{
    objects_make();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !failed; i++)
        kind_try(&kinds[i]);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return kinds_try();
    return self_over("system", argv) | self_over("jemalloc", argv);
}
