/*
 * fork beside threads that are in the middle of every kind of object: each child can use all of
 * them, and ends. A child that waits for a lock that nobody holds any more is ended by its alarm,
 * and the test fails.
 */
#include "../helpers/promise.h"
#include "../helpers/scratch.h"

#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

enum { WORKERS = 3, SECONDS_MOST = HANG_SECONDS };

/* One kind of object: a step that threads repeat, and the same in the child, which says what went
 * wrong or NULL. */
static struct {
    weir_arena *arena;
    weir_buffer_pool *buffers;
    weir_allocator *pool;
    weir_allocator *context, *device, *facade;
    weir_device_table table;
    atomic_bool stop;
} world;

typedef const char *use(uint64_t *random);

static const char *use_arena(uint64_t *random)
{
    void *block = weir_arena_allocate(world.arena, random_below(random, 5000));
    weir_arena_stats s = {.size = sizeof s};
    if (random_below(random, 100) == 0) {
        weir_arena_reset(world.arena);
        weir_arena_trim(world.arena);
    }
    if (weir_arena_stats_get(world.arena, &s) != 0)
        return "no statistics of the arena";
    return block ? NULL : "no block of the arena";
}

static const char *use_facade(uint64_t *random)
{
    void *block = weir_allocate(world.facade, random_below(random, 5000));
    if (!block)
        return "no block of the arena's allocator";
    weir_deallocate(world.facade, block);
    return NULL;
}

static const char *use_buffers(uint64_t *random)
{
    void *block = weir_buffer_pool_acquire(world.buffers, random_below(random, 50000));
    if (!block)
        return "no block of the buffer pool";
    weir_buffer_pool_return(world.buffers, block);
    if (random_below(random, 50) == 0)
        weir_buffer_pool_trim(world.buffers, 0);
    return NULL;
}

static const char *use_pool(uint64_t *random)
{
    weir_allocator *a = world.pool;
    void *small = weir_allocate(a, random_below(random, 5000)), *large = weir_allocate(a, 300000);
    if (!small || !large)
        return "no block of the pool";
    weir_deallocate(a, small);
    weir_deallocate(a, large);
    if (random_below(random, 50) == 0)
        weir_trim(world.pool);
    return NULL;
}

static const char *use_new_pool(uint64_t *random)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    if (!pool || !weir_allocate(pool, random_below(random, 100000)))
        return "no new pool";
    return weir_allocator_destroy(pool) ? "the new pool could not be destroyed" : NULL;
}

static const char *use_contexts(uint64_t *random)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.parent = world.context});
    if (!a || !weir_allocate(a, random_below(random, 100000)))
        return "no new context";
    if (random_below(random, 10) == 0)
        weir_trim(world.context);
    return weir_allocator_destroy(a) ? "the new context could not be destroyed" : NULL;
}

static const char *use_device(uint64_t *random)
{
    void *block = weir_allocate(world.device, random_below(random, 200000));
    void *zeroed = weir_allocate_zeroed(world.device, 10, random_below(random, 2000));
    if (!block || !zeroed)
        return "no block of the device";
    weir_deallocate(world.device, block);
    weir_deallocate(world.device, zeroed);
    if (random_below(random, 50) == 0)
        weir_trim(world.device);
    return NULL;
}

static const char *use_new_device(uint64_t *random)
{
    weir_allocator *a =
        weir_device_allocator_create(weir_device_host_table_create("new", 16 * MIB), NULL);
    if (!a || !weir_allocate(a, random_below(random, 100000)))
        return "no new device";
    return weir_allocator_destroy(a) ? "the new device could not be destroyed" : NULL;
}

static const char *use_tensors(uint64_t *random)
{
    int64_t shape[] = {(int64_t)random_below(random, 100) + 1, 30};
    weir_tensor *t = weir_tensor_create(shape, 2, WEIR_FLOAT32);
    weir_tensor *view = t ? weir_tensor_transpose(t, 0, 1) : NULL;
    weir_tensor *clone = view ? weir_tensor_clone(view) : NULL;
    if (!clone)
        return "no tensor";
    weir_tensor_release(t);
    weir_tensor_release(view);
    weir_tensor_release(clone);
    return NULL;
}

static const char *use_looks(uint64_t *random)
{
    char name[32];
    static _Thread_local char json[1 << 16];
    weir_profiler profiler;
    weir_profiler_stats profile = WEIR_PROFILER_STATS_INIT;
    snprintf(name, sizeof name, "tag %d", (int)random_below(random, 300));
    weir_tag_set(weir_tag_intern(name));
    weir_profiler_start(&profiler, NULL);
    weir_deallocate(cpu(), weir_allocate(cpu(), random_below(random, 100000)));
    if (weir_profiler_stats_get(&profiler, &profile) || weir_profiler_stop(&profiler))
        return "no profile";
    if (weir_stats_json_buffer(json, sizeof json, NULL, NULL) == EINVAL)
        return "no statistics";
    weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
    uint64_t checkpoint = weir_checkpoint(world.context);
    weir_leaks_stats_get(world.context, checkpoint, &leaks);
    return checkpoint ? NULL : "no checkpoint";
}

static const char *use_marks(uint64_t *random)
{
    weir_trace_mark(WEIR_MARK_LAYER, "layer", true);
    weir_deallocate(cpu(), weir_allocate(cpu(), random_below(random, 50000)));
    weir_trace_mark(WEIR_MARK_LAYER, "layer", false);
    return use_contexts(random);
}

/* -- threads, forks --------------------------------------------------------------------- */

static void *worker_run(void *what)
{
    uint64_t random = (uintptr_t)&random;
    use *const step = *(use **)what;
    while (!atomic_load(&world.stop))
        step(&random);
    return NULL;
}

static void world_open(void)
{
    world.arena = weir_arena_create(NULL);
    world.facade = weir_arena_allocator(weir_arena_create(NULL));
    world.buffers = weir_buffer_pool_create(NULL);
    world.pool = weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    world.context = weir_allocator_create(NULL);
    world.device =
        weir_device_allocator_create(weir_device_host_table_create("d", 256 * MIB), NULL);
    cr_assert(world.arena && world.facade && world.buffers && world.pool && world.context);
    cr_assert_not_null(world.device);
}

/* In the child: every kind, not only the one that the threads were at. */
static use *const all[] = {use_arena,    use_facade, use_buffers,    use_pool,    use_new_pool,
                           use_contexts, use_device, use_new_device, use_tensors, use_looks};

static _Noreturn void child_run(use *busy)
{
    uint64_t random = 7;
    alarm(SECONDS_MOST);
    const char *wrong = busy(&random);
    for (size_t i = 0; !wrong && i < sizeof all / sizeof all[0]; i++)
        wrong = all[i](&random);
    void *block = weir_allocate(cpu(), 100);
    weir_deallocate(cpu(), block);
    if (wrong)
        fprintf(stderr, "in the child: %s\n", wrong);
    _exit(wrong || !block);
}

static void child_wait(pid_t child, const char *what, unsigned number)
{
    int status;
    cr_assert_gt(child, 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(!(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM), "%s: child %u hangs", what,
              number);
    cr_assert_eq(status, 0, "%s: child %u ended with %x", what, number, (unsigned)status);
}

static void fork_beside(use *step, const char *what)
{
    SKIP_UNDER_EMULATOR("a fork beside threads breaks it");
    pthread_t threads[WORKERS];
    unsigned forks = 0;
    for (int i = 0; i < WORKERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, worker_run, &step), 0);
    for (double end = seconds_now() + 1; seconds_now() < end || forks < 20; forks++) {
        pid_t child = fork();
        if (child == 0)
            child_run(step);
        child_wait(child, what, forks);
    }
    atomic_store(&world.stop, true);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
}

#define FORK_TEST(name, step)                                                                      \
    Test(fork_objects, beside_##name)                                                              \
    {                                                                                              \
        world_open();                                                                              \
        fork_beside(step, #name);                                                                  \
    }
FORK_TEST(arenas, use_arena)
FORK_TEST(allocators_of_arenas, use_facade)
FORK_TEST(buffer_pools, use_buffers)
FORK_TEST(pools, use_pool)
FORK_TEST(pools_that_come_and_go, use_new_pool)
FORK_TEST(contexts_that_come_and_go, use_contexts)
FORK_TEST(devices, use_device)
FORK_TEST(devices_that_come_and_go, use_new_device)
FORK_TEST(tensors, use_tensors)
FORK_TEST(tags_profilers_and_checkpoints, use_looks)

/* While the program is recorded; a child does not go on recording. */
Test(fork_objects, beside_a_recorder)
{
    char path[SCRATCH_PATH_MAX];
    weir_trace_stats status = WEIR_TRACE_STATS_INIT;
    world_open();
    scratch_path(path, "fork.trace");
    cr_assert_eq(weir_trace_start(path, NULL), 0, "%s", weir_last_error());
    fork_beside(use_marks, "a recorder");
    cr_assert_eq(weir_trace_stats_get(&status), 0);
    cr_expect(status.recording, "the parent's recording ended");
    cr_expect_eq(weir_trace_stop(), 0);
    unlink(path);
}

Test(fork_objects, beside_weirs_own_thread)
{
    world_open();
    cr_assert_eq(weir_background_start(1), 0);
    fork_beside(use_pool, "weir's own thread");
    weir_background_stop();
}

/* -- a program's own handlers that allocate --------------------------------------------- */

static void *prepared[40];
static void handler_allocates(void)
{
    for (size_t i = 0; i < 40; i++)
        prepared[i] = weir_allocate(i % 2 ? cpu() : world.context, (size_t)64 << i % 14);
}

static void handler_frees(void)
{
    for (size_t i = 0; i < 40; i++)
        weir_deallocate(i % 2 ? cpu() : world.context, prepared[i]);
}

static void fork_with_handlers(void)
{
    use *step = use_contexts;
    cr_assert_eq(pthread_atfork(handler_allocates, handler_frees, handler_frees), 0);
    world_open();
    fork_beside(step, "handlers that allocate");
}

/* Registered before weir is used first, and after: prepare handlers run latest first. */
Test(fork_objects, with_handlers_that_allocate)
{
    fork_with_handlers();
}

Test(fork_objects, with_later_handlers_that_allocate)
{
    world_open();
    weir_deallocate(cpu(), weir_allocate(cpu(), 100));
    fork_with_handlers();
}
