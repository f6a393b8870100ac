/* Objects destroyed twice, or used afterwards: reported, and nobody's memory is given to two. */
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

/* -- used afterwards -------------------------------------------------------------------- */

/* Calls one entry with what was destroyed; true: it answers as its comment says it fails. */
typedef bool use(void *object);

static bool arena_allocates(void *o)
{
    return !weir_arena_allocate(o, 100) && errno == EINVAL;
}
static bool arena_aligns(void *o)
{
    return !weir_arena_allocate_aligned(o, 100, 128) && errno == EINVAL;
}
static bool arena_marks(void *o)
{
    return weir_arena_mark_get(o) == 0 && errno == EINVAL;
}
static bool arena_rewinds(void *o)
{
    return weir_arena_rewind(o, 1) == EINVAL;
}
static bool arena_resets(void *o)
{
    return weir_arena_reset(o) == EINVAL;
}
static bool arena_trims(void *o)
{
    return weir_arena_trim(o) == 0;
}
static bool arena_facade(void *o)
{
    return !weir_arena_allocator(o) && errno == EINVAL;
}
static bool arena_counts(void *o)
{
    return weir_arena_stats_get(o, &(weir_arena_stats)WEIR_ARENA_STATS_INIT) == EINVAL;
}

static bool pool_acquires(void *o)
{
    return !weir_buffer_pool_acquire(o, 100) && errno == EINVAL;
}
static bool pool_acquires_zeroed(void *o)
{
    return !weir_buffer_pool_acquire_zeroed(o, 100) && errno == EINVAL;
}
static bool pool_returns(void *o)
{
    char block[64];
    errno = 7;
    weir_buffer_pool_return(o, block);
    return errno == 7;
}
static bool pool_capacity(void *o)
{
    return weir_buffer_pool_capacity(o, o) == 0;
}
static bool pool_limits(void *o)
{
    return weir_buffer_pool_set_idle_limit(o, 1) == EINVAL;
}
static bool pool_trims(void *o)
{
    return weir_buffer_pool_trim(o, 0) == 0;
}
static bool pool_allocator(void *o)
{
    return !weir_buffer_pool_allocator(o);
}
static bool pool_counts(void *o)
{
    return weir_buffer_pool_stats_get(o, &(weir_buffer_pool_stats)WEIR_BUFFER_POOL_STATS_INIT) ==
           EINVAL;
}
static bool pool_fills(void *o)
{
    weir_buffer b;
    return weir_buffer_init_pooled(&b, o, 10, 4) == EINVAL && !weir_buffer_data(&b);
}
static bool pool_fills_undefined(void *o)
{
    weir_buffer b;
    return weir_buffer_init_pooled_undefined(&b, o, 10, 4) == EINVAL && !weir_buffer_data(&b);
}

static bool plan_reserves(void *o)
{
    return weir_plan_reserve(o, 10) == EINVAL;
}
static bool plan_adds(void *o)
{
    return weir_plan_add(o, 100, 64, 0, 1) == EINVAL;
}
static bool plan_changes(void *o)
{
    return weir_plan_change(o, 0, 100, 64, 0, 1) == EINVAL;
}
static bool plan_counts(void *o)
{
    return weir_plan_count(o) == 0;
}
static bool plan_fixes(void *o)
{
    return weir_plan_fix(o, 0, 0) == EINVAL;
}
static bool plan_aliases(void *o)
{
    return weir_plan_alias(o, 0, 1) == EINVAL;
}
static bool plan_parts(void *o)
{
    return weir_plan_disjoint(o, 0, 1) == EINVAL;
}
static bool plan_solves(void *o)
{
    return weir_plan_solve(o, NULL) == EINVAL;
}
static bool plan_repairs(void *o)
{
    return weir_plan_repair(o, NULL) == EINVAL;
}
static bool plan_solves_with(void *o)
{
    return weir_plan_solve_with(o, WEIR_PLAN_NAIVE) == EINVAL;
}
static bool plan_offset(void *o)
{
    return weir_plan_offset(o, 0) == SIZE_MAX && errno == EINVAL;
}
static bool plan_arena_size(void *o)
{
    return weir_plan_arena_size(o) == 0 && errno == EINVAL;
}
static bool plan_bound(void *o)
{
    return weir_plan_lower_bound(o) == 0 && errno == EINVAL;
}
static bool plan_figures(void *o)
{
    return weir_plan_stats_get(o, &(weir_plan_stats)WEIR_PLAN_STATS_INIT) == EINVAL;
}
static bool plan_verifies(void *o)
{
    return weir_plan_verify(o) == EINVAL;
}
static bool plan_adds_profile(void *o)
{
    return weir_plan_add_profile(o, &(size_t){1}, 1) == EINVAL;
}
static bool plan_counts_profiles(void *o)
{
    return weir_plan_profile_count(o) == 0;
}
static bool plan_profile_figures(void *o)
{
    weir_plan_profile_stats stats = WEIR_PLAN_PROFILE_STATS_INIT;
    return weir_plan_profile_stats_get(o, 0, &stats) == EINVAL;
}
static bool plan_arena_size_for(void *o)
{
    return weir_plan_arena_size_for(o, &(size_t){1}, 1) == SIZE_MAX && errno == EINVAL;
}
static bool plan_becomes_memory(void *o)
{
    return !weir_plan_memory_create(o, NULL) && errno == EINVAL;
}
static bool plan_is_replayed(void *o)
{
    return !weir_plan_replay_create(o, NULL) && errno == EINVAL;
}

static bool memory_retains(void *o)
{
    return !weir_plan_memory_retain(o);
}
static bool memory_buffer(void *o)
{
    return !weir_plan_memory_buffer(o, 0) && errno == EINVAL;
}
static bool memory_data(void *o)
{
    return !weir_plan_memory_data(o);
}
static bool memory_bytes(void *o)
{
    return weir_plan_memory_size_in_bytes(o) == 0;
}
static bool memory_tensor(void *o)
{
    return !weir_plan_memory_tensor(o, 0, (int64_t[]){4}, 1, WEIR_FLOAT32) && errno == EINVAL;
}

static bool recorder_facade(void *o)
{
    return !weir_plan_recorder_allocator(o);
}
static bool recorder_plans(void *o)
{
    return !weir_plan_recorder_plan(o) && errno == EINVAL;
}

static bool replay_facade(void *o)
{
    return !weir_plan_replay_allocator(o);
}
static bool replay_begins(void *o)
{
    weir_plan_replay_begin(o);
    return true;
}
static bool replay_counts(void *o)
{
    return weir_plan_replay_stats_get(o, &(weir_plan_replay_stats)WEIR_PLAN_REPLAY_STATS_INIT) ==
           EINVAL;
}

static bool cache_gets(void *o)
{
    return !weir_plan_cache_get(o, "key", 3) && errno == EINVAL;
}
static bool cache_counts(void *o)
{
    return weir_plan_cache_stats_get(o, &(weir_plan_cache_stats)WEIR_PLAN_CACHE_STATS_INIT) ==
           EINVAL;
}

#define USES 24

/* As in `kinds`. */
static use *const uses[KINDS][USES] = {
    {arena_allocates, arena_aligns, arena_marks, arena_rewinds, arena_resets, arena_trims,
     arena_facade, arena_counts},
    {pool_acquires, pool_acquires_zeroed, pool_returns, pool_capacity, pool_limits, pool_trims,
     pool_allocator, pool_counts, pool_fills, pool_fills_undefined},
    {plan_reserves,        plan_adds,           plan_changes,
     plan_counts,          plan_fixes,          plan_aliases,
     plan_parts,           plan_solves,         plan_repairs,
     plan_solves_with,     plan_offset,         plan_arena_size,
     plan_bound,           plan_figures,        plan_verifies,
     plan_adds_profile,    plan_becomes_memory, plan_counts_profiles,
     plan_profile_figures, plan_arena_size_for, plan_is_replayed},
    {memory_retains, memory_buffer, memory_data, memory_bytes, memory_tensor},
    {recorder_facade, recorder_plans},
    {replay_facade, replay_begins, replay_counts},
    {cache_gets, cache_counts}};

static weir_stats cpu_now(void)
{
    weir_stats stats = WEIR_STATS_INIT;
    cr_assert_eq(weir_stats_get(weir_cpu_allocator(), &stats), 0);
    return stats;
}

/* One report a call, and it names the object. What is live stays what it was. */
Test(destroyed, used_afterwards_is_reported_and_does_nothing)
{
    weir_set_misuse_handler(note, NULL);
    for (size_t i = 0; i < KINDS; i++) {
        void *object = kinds[i].make();
        kinds[i].end(object);
        weir_stats before = cpu_now();
        size_t n = 0;
        for (; n < USES && uses[i][n]; n++) {
            reports = 0;
            errno = 0;
            cr_assert(uses[i][n](object), "%s: use %zu", kinds[i].name, n);
            cr_assert_eq(reports, 1, "%s: use %zu: %d", kinds[i].name, n, reports);
            cr_assert_eq(latest, WEIR_MISUSE_DOUBLE_FREE);
            cr_assert_eq(pointed, object);
        }
        cr_assert_gt(n, 0, "%s", kinds[i].name);
        weir_stats after = cpu_now();
        cr_assert_eq(after.total_allocated, before.total_allocated, "%s", kinds[i].name);
        cr_assert_eq(after.allocation_count, before.allocation_count, "%s", kinds[i].name);
    }
}

/* NULL is no misuse. */
Test(destroyed, null_is_refused_without_a_report)
{
    weir_set_misuse_handler(note, NULL);
    for (size_t i = 0; i < KINDS; i++)
        for (size_t n = 0; n < USES && uses[i][n]; n++)
            cr_assert(uses[i][n](NULL), "%s: use %zu", kinds[i].name, n);
    cr_assert_eq(reports, 0);
}
