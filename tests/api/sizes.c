/*
 * The rule of docs/internals/api.md for every struct that begins with its size: programs that know
 * less of it, and more, than the library.
 */
#include "../helpers/suite.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <weir/weir.h>

#define BEYOND 24 /* bytes that no struct of this library has */

static weir_plan *plan;
static weir_plan_replay *replay;
static weir_plan_cache *cache;
static weir_arena *arena;
static weir_buffer_pool *pool;
static weir_allocator *device;
static weir_profiler profiler;
static uint64_t checkpoint;
static const weir_device_table *table;

static int cache_make(weir_plan *p, const void *key, size_t key_size, void *user)
{
    (void)key, (void)key_size, (void)user;
    return weir_plan_add(p, 64, 64, 0, 1);
}

static void world_make(void)
{
    size_t sizes[] = {64};
    plan = weir_plan_create();
    cr_assert_eq(weir_plan_add(plan, 64, 64, 0, 1), 0);
    cr_assert_eq(weir_plan_add_profile(plan, sizes, 1), 0);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    replay = weir_plan_replay_create(plan, NULL);
    cache = weir_plan_cache_create(1, NULL, cache_make, NULL);
    arena = weir_arena_create(NULL);
    pool = weir_buffer_pool_create(NULL);
    table = weir_device_host_table_create("sized", 1 << 24);
    device = weir_device_allocator_create(table, NULL);
    cr_assert(replay && cache && arena && pool && device);
    cr_assert_eq(weir_profiler_start(&profiler, NULL), 0);
    checkpoint = weir_checkpoint(NULL);
}

static void world_end(void)
{
    weir_profiler_stop(&profiler);
    weir_allocator_destroy(device);
    weir_buffer_pool_destroy(pool);
    weir_arena_destroy(arena);
    weir_plan_cache_destroy(cache);
    weir_plan_replay_destroy(replay);
    weir_plan_destroy(plan);
}

TestSuite(sizes, .init = world_make, .fini = world_end);

/* -- figures ------------------------------------------------------------------------------ */

static int stats_get(void *s)
{
    return weir_stats_get(weir_cpu_allocator(), s);
}
static int arena_stats_get(void *s)
{
    return weir_arena_stats_get(arena, s);
}
static int pool_stats_get(void *s)
{
    return weir_buffer_pool_stats_get(pool, s);
}
static int device_stats_get(void *s)
{
    return weir_device_stats_get(device, s);
}
static int plan_stats_get(void *s)
{
    return weir_plan_stats_get(plan, s);
}
static int replay_stats_get(void *s)
{
    return weir_plan_replay_stats_get(replay, s);
}
static int profile_stats_get(void *s)
{
    return weir_plan_profile_stats_get(plan, 0, s);
}
static int cache_stats_get(void *s)
{
    return weir_plan_cache_stats_get(cache, s);
}
static int profiler_stats_get(void *s)
{
    return weir_profiler_stats_get(&profiler, s);
}
static int leaks_stats_get(void *s)
{
    return weir_leaks_stats_get(NULL, checkpoint, s);
}
static int profile_stats_of_process(void *s)
{
    return weir_profile_stats_get(s);
}
static int trace_stats_get(void *s)
{
    return weir_trace_stats_get(s);
}

static int pressure_stats_get(void *s)
{
    return weir_pressure_stats_get(s);
}
static int placement_stats_get(void *s)
{
    return weir_placement_stats_get(weir_cpu_allocator(), s);
}
static int mapped_stats_get(void *s)
{
    return weir_mapped_stats_get(s);
}

static const struct figures {
    const char *name;
    int (*get)(void *stats);
    size_t size; /* the library's */
} figures[] = {
    {"weir_stats", stats_get, sizeof(weir_stats)},
    {"weir_arena_stats", arena_stats_get, sizeof(weir_arena_stats)},
    {"weir_buffer_pool_stats", pool_stats_get, sizeof(weir_buffer_pool_stats)},
    {"weir_device_stats", device_stats_get, sizeof(weir_device_stats)},
    {"weir_plan_stats", plan_stats_get, sizeof(weir_plan_stats)},
    {"weir_plan_replay_stats", replay_stats_get, sizeof(weir_plan_replay_stats)},
    {"weir_plan_profile_stats", profile_stats_get, sizeof(weir_plan_profile_stats)},
    {"weir_plan_cache_stats", cache_stats_get, sizeof(weir_plan_cache_stats)},
    {"weir_profiler_stats", profiler_stats_get, sizeof(weir_profiler_stats)},
    {"weir_leaks_stats", leaks_stats_get, sizeof(weir_leaks_stats)},
    {"weir_profile_stats", profile_stats_of_process, sizeof(weir_profile_stats)},
    {"weir_trace_stats", trace_stats_get, sizeof(weir_trace_stats)},
    {"weir_pressure_stats", pressure_stats_get, sizeof(weir_pressure_stats)},
    {"weir_placement_stats", placement_stats_get, sizeof(weir_placement_stats)},
    {"weir_mapped_stats", mapped_stats_get, sizeof(weir_mapped_stats)},
};

#define EACH(row, table)                                                                           \
    for (size_t row##_i = 0; row##_i < sizeof(table) / sizeof *(table); row##_i++)                 \
        for (const __typeof__(*(table)) *row = &(table)[row##_i]; row; row = NULL)

/* A struct of a program's: its size, then bytes that are nobody's figure. */
union program {
    size_t size;
    unsigned char bytes[512];
};

#define NOTHING 0xa5

static union program program_make(size_t size)
{
    union program p;
    memset(&p, NOTHING, sizeof p);
    p.size = size;
    return p;
}

static bool untouched(const union program *p, size_t from)
{
    for (size_t i = from; i < sizeof p->bytes; i++)
        if (p->bytes[i] != NOTHING)
            return false;
    return true;
}

Test(sizes, figures_are_filled_as_far_as_both_know)
{
    EACH(f, figures)
    {
        union program p = program_make(f->size);
        cr_expect_eq(f->get(&p), 0, "%s", f->name);
        cr_expect_eq(p.size, f->size, "%s", f->name);
        cr_expect(untouched(&p, f->size), "%s wrote past its end", f->name);

        p = program_make(f->size + BEYOND); /* built with headers of a later release */
        cr_expect_eq(f->get(&p), 0, "%s of a later release", f->name);
        cr_expect_eq(p.size, f->size, "%s does not say what it filled", f->name);
        cr_expect(untouched(&p, f->size), "%s of a later release", f->name);

        p = program_make(0); /* the first release's; this one is */
        cr_expect_eq(f->get(&p), 0, "%s of size 0", f->name);
        cr_expect_leq(p.size, f->size, "%s of size 0", f->name);
        cr_expect_gt(p.size, f->size - sizeof(void *), "%s of size 0", f->name);
        cr_expect(untouched(&p, f->size), "%s of size 0", f->name);
    }
}

Test(sizes, figures_smaller_than_the_first_release_s_are_refused)
{
    EACH(f, figures)
    {
        for (size_t size = 1; size <= f->size / 2; size++) {
            union program p = program_make(size), before = p;
            cr_expect_eq(f->get(&p), EINVAL, "%s of %zu bytes", f->name, size);
            /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): padding, too */
            cr_expect_eq(memcmp(&p, &before, sizeof p), 0, "%s was written", f->name);
        }
        const size_t impossible[] = {4097, (size_t)1 << 20, SIZE_MAX / 2, SIZE_MAX};
        for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++)
            cr_expect_eq(f->get(&(union program){.size = impossible[i]}), EINVAL, "%s", f->name);
        cr_expect_eq(f->get(NULL), EINVAL, "%s", f->name);
    }
}

/* -- options ------------------------------------------------------------------------------ */

static int allocator_make(const void *o)
{
    errno = 0;
    weir_allocator *a = weir_allocator_create(o);
    int error = a ? 0 : errno;
    return a ? weir_allocator_destroy(a) : error;
}

static int arena_make(const void *o)
{
    errno = 0;
    weir_arena *a = weir_arena_create(o);
    int error = a ? 0 : errno;
    return a ? weir_arena_destroy(a) : error;
}

static int buffer_pool_make(const void *o)
{
    errno = 0;
    weir_buffer_pool *p = weir_buffer_pool_create(o);
    int error = p ? 0 : errno;
    return p ? weir_buffer_pool_destroy(p) : error;
}

static int device_make(const void *o)
{
    const weir_device_table *t = weir_device_host_table_create("options", 1 << 24);
    errno = 0;
    weir_allocator *a = weir_device_allocator_create(t, o);
    int error = a ? 0 : errno;
    if (!a)
        t->destroy(t->user);
    return a ? weir_allocator_destroy(a) : error;
}

static int plan_solve(const void *o)
{
    weir_plan *p = weir_plan_create();
    int error = weir_plan_add(p, 64, 64, 0, 1);
    if (!error)
        error = weir_plan_solve(p, o);
    weir_plan_destroy(p);
    return error;
}

static int plan_repair(const void *o)
{
    return weir_plan_repair(plan, o);
}

static int cache_create(const void *o)
{
    errno = 0;
    weir_plan_cache *c = weir_plan_cache_create(1, o, cache_make, NULL);
    int error = c ? 0 : errno;
    weir_plan_cache_destroy(c);
    return error;
}

static int exposition_make(const void *o)
{
    static char text[1 << 20];
    return weir_stats_exposition(text, sizeof text, NULL, o);
}

static int trace_start(const void *o)
{
    char path[] = "/tmp/weir-sized-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    int error = weir_trace_start(path, o);
    if (!error)
        error = weir_trace_stop();
    unlink(path);
    return error;
}

/* The folder's pressure file is a FIFO; without one nothing can be watched. */
static int pressure_start(const void *o)
{
    union program p;
    char path[] = "/tmp/weir-sized-XXXXXX";
    memcpy(&p, o, sizeof p);
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    if (!p.size || p.size >= sizeof(weir_pressure_options)) {
        const char *file = path;
        memcpy(p.bytes + offsetof(weir_pressure_options, file), &file, sizeof file);
    }
    int error = weir_pressure_start((const void *)&p);
    weir_pressure_stop();
    unlink(path);
    return error;
}

static const struct options {
    const char *name;
    int (*use)(const void *options); /* 0 or an errno value */
    size_t size;
} options[] = {
    {"weir_allocator_options", allocator_make, sizeof(weir_allocator_options)},
    {"weir_arena_options", arena_make, sizeof(weir_arena_options)},
    {"weir_buffer_pool_options", buffer_pool_make, sizeof(weir_buffer_pool_options)},
    {"weir_device_options", device_make, sizeof(weir_device_options)},
    {"weir_plan_options", plan_solve, sizeof(weir_plan_options)},
    {"weir_plan_options, repair", plan_repair, sizeof(weir_plan_options)},
    {"weir_plan_options, cache", cache_create, sizeof(weir_plan_options)},
    {"weir_exposition_options", exposition_make, sizeof(weir_exposition_options)},
    {"weir_trace_options", trace_start, sizeof(weir_trace_options)},
    {"weir_pressure_options", pressure_start, sizeof(weir_pressure_options)},
};

Test(sizes, options_that_the_library_does_not_know_are_not_ignored)
{
    EACH(o, options)
    {
        union program p;
        memset(&p, 0, sizeof p);
        cr_expect_eq(o->use(&p), 0, "%s of size 0", o->name);
        p.size = o->size;
        cr_expect_eq(o->use(&p), 0, "%s", o->name);
        p.size = o->size + BEYOND;
        cr_expect_eq(o->use(&p), 0, "%s of a later release, all defaults", o->name);
        for (size_t at = o->size; at < o->size + BEYOND; at++) {
            p.bytes[at] = 1;
            cr_expect_eq(o->use(&p), EINVAL, "%s with an option nobody knows at %zu", o->name, at);
            p.bytes[at] = 0;
        }
        p.bytes[o->size + BEYOND] = 1; /* not in the struct any more */
        cr_expect_eq(o->use(&p), 0, "%s was read past its end", o->name);
    }
}

Test(sizes, options_smaller_than_the_first_release_s_are_refused)
{
    EACH(o, options)
    {
        for (size_t size = 1; size <= o->size / 2; size++)
            cr_expect_eq(o->use(&(union program){.size = size}), EINVAL, "%s of %zu", o->name,
                         size);
        const size_t impossible[] = {4097, (size_t)1 << 20, SIZE_MAX / 2, SIZE_MAX};
        for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++)
            cr_expect_eq(o->use(&(union program){.size = impossible[i]}), EINVAL, "%s", o->name);
    }
}

Test(sizes, the_macros_say_the_size)
{
    weir_stats stats = WEIR_STATS_INIT;
    weir_allocator_options allocator_options = WEIR_ALLOCATOR_OPTIONS_INIT;
    weir_plan_options plan_options = WEIR_PLAN_OPTIONS_INIT;
    cr_expect_eq(stats.size, sizeof stats);
    cr_expect_eq(allocator_options.size, sizeof allocator_options);
    cr_expect_eq(plan_options.size, sizeof plan_options);
    cr_expect_null(allocator_options.name);
}

/* Capacities of the host's device, up to what no sum of sizes exceeds. */
Test(sizes, of_a_device_are_possible_ones)
{
    errno = 0;
    cr_assert_null(weir_device_host_table_create("h", SIZE_MAX));
    cr_assert_eq(errno, EINVAL);
    cr_assert_null(weir_device_host_table_create("h", (size_t)PTRDIFF_MAX + 1));
    weir_allocator *a =
        weir_device_allocator_create(weir_device_host_table_create("h", PTRDIFF_MAX), NULL);
    cr_assert_not_null(a);
    void *block = weir_allocate(a, 1 << 20);
    cr_assert_not_null(block, "%s", weir_last_error());
    cr_assert_null(weir_allocate(a, (size_t)1 << 60));
    weir_deallocate(a, block);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(sizes, of_names_are_cut)
{
    const char *name = "0123456789012345678901234567890123456789012345678901234567890123456789";
    weir_allocator *a =
        weir_device_allocator_create(weir_device_host_table_create(name, 1 << 30), NULL);
    cr_assert_eq(strlen(weir_device_name(a)), 47);
    cr_assert_eq(strlen(weir_allocator_name(a)), 47);
    weir_allocator_destroy(a);
    a = weir_allocator_create(&(weir_allocator_options){.name = name});
    cr_assert_eq(strlen(weir_allocator_name(a)), 47);
    weir_allocator_destroy(a);
    weir_allocator *made = weir_allocator_create(
        &(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL, .name = name});
    cr_assert_eq(strlen(weir_allocator_name(made)), 47);
    weir_allocator_destroy(made);
}
