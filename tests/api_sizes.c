/* The size that a caller sets in a struct: 0 is the first release's, any that is no struct's is
 * refused, everywhere by the same rule. */
#include "scratch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

static weir_plan *plan;
static weir_plan_replay *replay;
static weir_arena *arena;
static weir_buffer_pool *pool;
static weir_allocator *device;
static char path[SCRATCH_PATH_MAX];

static int make_nothing(weir_plan *made, const void *key, size_t key_size, void *user)
{
    (void)key, (void)key_size, (void)user;
    return weir_plan_add(made, 64, 64, 0, 1);
}

static int ask_stats(size_t size)
{
    weir_stats s = {.size = size};
    return weir_stats_get(weir_cpu_allocator(), &s);
}

static int ask_solve(size_t size)
{
    weir_plan_options o = {.size = size};
    return weir_plan_solve(plan, &o);
}

static int ask_cache(size_t size)
{
    weir_plan_options o = {.size = size};
    weir_plan_cache *cache = weir_plan_cache_create(1, &o, make_nothing, NULL);
    int error = cache ? 0 : errno;
    weir_plan_cache_destroy(cache);
    return error;
}

static int ask_report(size_t size)
{
    weir_plan_report r = {.size = size};
    return weir_plan_report_get(plan, &r);
}

static int ask_replay(size_t size)
{
    weir_plan_replay_stats s = {.size = size};
    return weir_plan_replay_stats_get(replay, &s);
}

static int ask_arena(size_t size)
{
    weir_arena_stats s = {.size = size};
    return weir_arena_stats_get(arena, &s);
}

static int ask_pool(size_t size)
{
    weir_buffer_pool_stats s = {.size = size};
    return weir_buffer_pool_stats_get(pool, &s);
}

static int ask_device(size_t size)
{
    weir_device_stats s = {.size = size};
    return weir_device_stats_get(device, &s);
}

static int ask_trace(size_t size)
{
    weir_trace_options o = {.size = size};
    int error = weir_trace_start(path, &o);
    if (!error)
        cr_assert_eq(weir_trace_stop(), 0);
    return error;
}

static const struct {
    const char *name;
    int (*ask)(size_t size);
    size_t known;
} structs[] = {{"stats", ask_stats, sizeof(weir_stats)},
               {"plan options", ask_solve, sizeof(weir_plan_options)},
               {"options of a cache", ask_cache, sizeof(weir_plan_options)},
               {"plan report", ask_report, sizeof(weir_plan_report)},
               {"replay stats", ask_replay, sizeof(weir_plan_replay_stats)},
               {"arena stats", ask_arena, sizeof(weir_arena_stats)},
               {"buffer pool stats", ask_pool, sizeof(weir_buffer_pool_stats)},
               {"device stats", ask_device, sizeof(weir_device_stats)},
               {"trace options", ask_trace, sizeof(weir_trace_options)}};

static void objects_make(void)
{
    scratch_path(path, "api-sizes.trace");
    plan = weir_plan_create();
    cr_assert_eq(weir_plan_add(plan, 64, 64, 0, 1), 0);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    replay = weir_plan_replay_create(plan, NULL);
    arena = weir_arena_create(NULL);
    pool = weir_buffer_pool_create(NULL);
    device = weir_device_allocator(weir_device_host_table(NULL, 1 << 30), NULL);
    cr_assert(replay && arena && pool && device);
}

static void objects_end(void)
{
    weir_plan_replay_destroy(replay);
    weir_plan_destroy(plan);
    weir_arena_destroy(arena);
    weir_buffer_pool_destroy(pool);
    weir_allocator_destroy(device);
    unlink(path);
}

TestSuite(sizes, .init = objects_make, .fini = objects_end);

Test(sizes, of_known_structs_alone_are_taken)
{
    for (size_t i = 0; i < sizeof structs / sizeof *structs; i++) {
        size_t known = structs[i].known;
        const size_t wrong[] = {1, 8, known - 8, known - 1, known + 1, known + 8, SIZE_MAX};
        cr_assert_eq(structs[i].ask(0), 0, "%s: 0", structs[i].name);
        cr_assert_eq(structs[i].ask(known), 0, "%s: its own", structs[i].name);
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
            cr_assert_eq(structs[i].ask(wrong[k]), EINVAL, "%s: %zu", structs[i].name, wrong[k]);
    }
}

/* Capacities of the host's device, up to what no sum of sizes exceeds. */
Test(sizes, of_a_device_are_possible_ones)
{
    errno = 0;
    cr_assert_null(weir_device_host_table("h", SIZE_MAX));
    cr_assert_eq(errno, EINVAL);
    cr_assert_null(weir_device_host_table("h", (size_t)PTRDIFF_MAX + 1));
    weir_allocator *a = weir_device_allocator(weir_device_host_table("h", PTRDIFF_MAX), NULL);
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
    weir_allocator *a = weir_device_allocator(weir_device_host_table(name, 1 << 30), NULL);
    cr_assert_eq(strlen(weir_device_of(a)), 47);
    cr_assert_eq(strlen(weir_allocator_name(a)), 47);
    weir_allocator_destroy(a);
    a = weir_allocator_create(&(weir_allocator_options){.name = name});
    cr_assert_eq(strlen(weir_allocator_name(a)), 47);
    weir_allocator_destroy(a);
    weir_pool *made = weir_pool_create(&(weir_pool_options){.name = name});
    cr_assert_eq(strlen(weir_allocator_name(weir_pool_allocator(made))), 47);
    weir_pool_destroy(made);
}
