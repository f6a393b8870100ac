/*
 * A recording is whole and readable whatever ends while it runs: contexts with live blocks, pools,
 * arenas and devices are destroyed beside threads that take the memory again at once. `weir trace`
 * reads it, and finds the figures that the recorder and the allocator had.
 */
#include "../helpers/promise.h"
#include "../helpers/scratch.h"

#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

enum { ENOUGH = 1000 }; /* events of a recording */

static atomic_bool stop;

/* -- what threads do -------------------------------------------------------------------- */

static void fill(weir_allocator *a, uint64_t *random, int blocks)
{
    for (int i = 0; i < blocks; i++) {
        size_t size = random_below(random, 4) ? random_below(random, 2000)
                                              : 20000 + random_below(random, 200000);
        cr_assert_not_null(weir_allocate(a, size));
    }
}

static void *end_contexts(void *seed)
{
    uint64_t random = (uintptr_t)seed;
    while (!atomic_load(&stop)) {
        weir_allocator *outer = weir_allocator_create(NULL);
        weir_allocator *inner = weir_allocator_create(&(weir_allocator_options){.parent = outer});
        fill(outer, &random, 10);
        fill(inner, &random, 10);
        weir_allocator_destroy(inner);
        fill(outer, &random, 2);
        weir_allocator_destroy(outer);
    }
    return NULL;
}

static void *end_pools(void *seed)
{
    uint64_t random = (uintptr_t)seed;
    while (!atomic_load(&stop)) {
        weir_allocator *pool =
            weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
        fill(pool, &random, 15);
        weir_allocator_destroy(pool);
    }
    return NULL;
}

static void *end_arenas(void *seed)
{
    uint64_t random = (uintptr_t)seed;
    while (!atomic_load(&stop)) {
        weir_arena *arena = weir_arena_create(NULL);
        for (int i = 0; i < 20; i++)
            weir_arena_allocate(arena, random_below(&random, 50000));
        weir_arena_destroy(arena);
    }
    return NULL;
}

/* Takes what the others gave back: the same addresses. */
static void *churn(void *seed)
{
    enum { HELD = 50 };
    void *held[HELD] = {NULL};
    uint64_t random = (uintptr_t)seed;
    while (!atomic_load(&stop)) {
        size_t at = random_below(&random, HELD);
        if (random_below(&random, 2))
            held[at] = weir_reallocate(cpu(), held[at], random_below(&random, 150000));
        else {
            weir_deallocate(cpu(), held[at]);
            held[at] = weir_allocate(cpu(), random_below(&random, 150000));
        }
    }
    for (int i = 0; i < HELD; i++)
        weir_deallocate(cpu(), held[i]);
    return NULL;
}

/* -- what the file says ----------------------------------------------------------------- */

/* What `weir trace FILE` prints, as far as it fits; its status. */
static int trace_read(const char *path, char *text, size_t size)
{
    char command[2 * SCRATCH_PATH_MAX];
    const char *build = getenv("top_builddir");
    snprintf(command, sizeof command, "'%s/weir' trace --top 1 '%s' 2>&1", build ? build : ".",
             path);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    size_t length = fread(text, 1, size - 1, pipe);
    text[length] = 0;
    while (fgetc(pipe) != EOF)
        ;
    return pclose(pipe);
}

static weir_trace_stats recorded(void)
{
    weir_trace_stats status = WEIR_TRACE_STATS_INIT;
    cr_assert_eq(weir_trace_stats_get(&status), 0);
    return status;
}

/* For a while, and on a busy machine until there is something to read. */
static void record_enough(void)
{
    double begin = seconds_now();
    do
        nanosleep(&(struct timespec){0, 800000000}, NULL);
    while (recorded().events <= ENOUGH && seconds_now() < begin + HANG_SECONDS);
}

static void expect_readable(const char *path, const char *what)
{
    static char text[4096];
    weir_trace_stats status = recorded();
    cr_expect_eq(status.dropped, 0, "%s: %llu events dropped", what,
                 (unsigned long long)status.dropped);
    cr_expect_gt(status.events, ENOUGH, "%s: %llu events", what, (unsigned long long)status.events);
    int ended = trace_read(path, text, sizeof text);
    cr_expect_eq(ended, 0, "%s: weir trace ended with %x and said: %.300s", what, (unsigned)ended,
                 text);
    char *peak = strstr(text, "peak");
    cr_expect(ended || peak, "%s: weir trace said: %.300s", what, text);
}

typedef void *body(void *seed);

static void record(body *const bodies[4], const char *what)
{
    char path[SCRATCH_PATH_MAX];
    pthread_t threads[4];
    scratch_path(path, "ends.trace");
    cr_assert_eq(weir_trace_start(path, NULL), 0, "%s", weir_last_error());
    for (uintptr_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, bodies[i], (void *)(i + 1)), 0);
    record_enough();
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    int status = weir_trace_stop();
    cr_expect_eq(status, 0, "%s: weir_trace_stop: %d", what, status);
    expect_readable(path, what);
    unlink(path);
    expect_empty(cpu(), what);
}

Test(trace_ends, of_contexts_with_live_blocks)
{
    record((body *const[]){end_contexts, end_contexts, end_contexts, end_contexts}, "contexts");
}

Test(trace_ends, of_contexts_beside_threads_that_allocate)
{
    record((body *const[]){end_contexts, churn, churn, end_contexts}, "contexts and others");
}

Test(trace_ends, of_pools_and_arenas)
{
    record((body *const[]){end_pools, end_pools, churn, end_arenas}, "pools and arenas");
}

/* Those that were there before the recording began are in it, too. */
static void *end_older(void *older)
{
    weir_allocator **a = older;
    uint64_t random = 3;
    for (int i = 0; i < 200; i++) {
        fill(a[i], &random, 3);
        weir_allocator_destroy(a[i]);
    }
    return end_contexts((void *)5);
}

static weir_allocator *older[200];
static void *end_these(void *unused)
{
    (void)unused;
    return end_older(older);
}

Test(trace_ends, of_contexts_older_than_the_recording)
{
    uint64_t random = 9;
    for (int i = 0; i < 200; i++) {
        older[i] = weir_allocator_create(NULL);
        fill(older[i], &random, 10);
    }
    record((body *const[]){end_these, churn, churn, end_contexts}, "older contexts");
}
