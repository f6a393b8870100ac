/* Objects destroyed twice: reported, and nobody's memory is given to two. */
#include "../helpers/suite.h"

#include <errno.h>
#include <weir/weir.h>

static int reports;
static weir_misuse latest;
static const void *pointed;

static void note(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)line, (void)user;
    reports++;
    latest = what;
    pointed = pointer;
}

static void *arena_make(void)
{
    return weir_arena_create(NULL);
}

static void arena_end(void *object)
{
    int before = reports, error = weir_arena_destroy(object);
    cr_assert_eq(error, reports > before ? EINVAL : 0);
}

static void *buffer_pool_make(void)
{
    return weir_buffer_pool_create(NULL);
}

static void buffer_pool_end(void *object)
{
    int before = reports, error = weir_buffer_pool_destroy(object);
    cr_assert_eq(error, reports > before ? EINVAL : 0);
}

static void *plan_make(void)
{
    return weir_plan_create();
}

static void plan_end(void *object)
{
    weir_plan_destroy(object);
}

static weir_plan *solved(void)
{
    weir_plan *plan = weir_plan_create();
    cr_assert_eq(weir_plan_add(plan, 100, 64, 0, 1), 0);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    return plan;
}

static void *plan_memory_make(void)
{
    weir_plan *plan = solved();
    void *arena = weir_plan_memory_create(plan, NULL);
    weir_plan_destroy(plan);
    return arena;
}

static void plan_memory_end(void *object)
{
    weir_plan_memory_release(object);
}

static void *recorder_make(void)
{
    return weir_plan_recorder_create(NULL);
}

static void recorder_end(void *object)
{
    weir_plan_recorder_destroy(object);
}

static void *replay_make(void)
{
    weir_plan *plan = solved();
    void *replay = weir_plan_replay_create(plan, NULL);
    weir_plan_destroy(plan);
    return replay;
}

static void replay_end(void *object)
{
    weir_plan_replay_destroy(object);
}

static int plan_fill(weir_plan *plan, const void *key, size_t key_size, void *user)
{
    (void)key, (void)key_size, (void)user;
    return weir_plan_add(plan, 64, 64, 0, 1);
}

static void *cache_make(void)
{
    return weir_plan_cache_create(2, NULL, plan_fill, NULL);
}

static void cache_end(void *object)
{
    weir_plan_cache_destroy(object);
}

static const struct {
    const char *name;
    void *(*make)(void);
    void (*end)(void *object);
} kinds[] = {{"arena", arena_make, arena_end},
             {"buffer pool", buffer_pool_make, buffer_pool_end},
             {"plan", plan_make, plan_end},
             {"plan memory", plan_memory_make, plan_memory_end},
             {"recorder", recorder_make, recorder_end},
             {"replay", replay_make, replay_end},
             {"cache", cache_make, cache_end}};

#define KINDS (sizeof kinds / sizeof *kinds)

Test(destroyed, twice_is_reported_and_shares_nothing)
{
    weir_set_misuse_handler(note, NULL);
    for (size_t i = 0; i < KINDS; i++) {
        void *object = kinds[i].make();
        cr_assert_not_null(object, "%s", kinds[i].name);
        reports = 0;
        kinds[i].end(object);
        cr_assert_eq(reports, 0, "%s", kinds[i].name);
        kinds[i].end(object);
        cr_assert_eq(reports, 1, "%s", kinds[i].name);
        cr_assert_eq(latest, WEIR_MISUSE_DOUBLE_FREE);
        cr_assert_eq(pointed, object);
        void *a = kinds[i].make(), *b = kinds[i].make();
        cr_assert_neq(a, b, "%s: one object for two", kinds[i].name);
        kinds[i].end(a);
        kinds[i].end(b);
        cr_assert_eq(reports, 1, "%s", kinds[i].name);
    }
}

/* Another object lies where the dead one lay, or it never was one of that kind. */
Test(destroyed, as_something_else_is_reported)
{
    weir_set_misuse_handler(note, NULL);
    for (size_t i = 0; i < KINDS; i++)
        for (size_t k = 0; k < KINDS; k++) {
            if (i == k)
                continue;
            void *object = kinds[i].make();
            reports = 0;
            kinds[k].end(object);
            cr_assert_eq(reports, 1, "%s as %s", kinds[i].name, kinds[k].name);
            cr_assert_eq(latest, WEIR_MISUSE_FOREIGN_POINTER);
            kinds[i].end(object);
            cr_assert_eq(reports, 1);
        }
}

Test(destroyed, a_pool_gives_no_context)
{
    weir_set_misuse_handler(note, NULL);
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    cr_assert_eq(weir_allocator_destroy(pool), 0);
    errno = 0;
    cr_assert_null(weir_allocator_create(&(weir_allocator_options){.pool = pool}));
    cr_assert_eq(errno, EINVAL);
    cr_assert_eq(reports, 1);
    cr_assert_eq(latest, WEIR_MISUSE_DESTROYED_ALLOCATOR);
}

/* Buffers that are out keep their pool alive. */
Test(destroyed, a_refused_end_is_none)
{
    weir_set_misuse_handler(note, NULL);
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    void *buffer = weir_buffer_pool_acquire(pool, 100);
    cr_assert_eq(weir_buffer_pool_destroy(pool), EBUSY);
    weir_buffer_pool_return(pool, buffer);
    cr_assert_eq(weir_buffer_pool_destroy(pool), 0);
    cr_assert_eq(reports, 0);
}
