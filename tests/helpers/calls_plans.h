/*
 * tests/helpers/calls_plans.h - the public functions of plans, their memory, recorders, replays
 * and caches, each called in a scene.
 */
#ifndef WEIR_TESTS_CALLS_PLANS_H
#define WEIR_TESTS_CALLS_PLANS_H

#include "calls_objects.h"
#include "refusing.h"

#include <weir/plan.h>

/* -- plans ---------------------------------------------------------------------------------------
 */

CALL(weir_plan_create)
{
    return scene_undo_by(s, weir_plan_create(), undo_plan);
}
CALL(weir_plan_destroy)
{
    weir_plan_destroy(s->unsolved);
    s->unsolved = NULL;
    return 0;
}
CALL(weir_plan_reserve)
{
    return weir_plan_reserve(s->unsolved, 10000);
}

/* Many, so that there is one that needs more room; what could not be added is not there. */
CALL(weir_plan_add)
{
    size_t before = weir_plan_count(s->unsolved);
    for (size_t i = 0; i < 2000; i++) {
        int status = weir_plan_add(s->unsolved, 100, 64, 0, 1);
        EXPECT(weir_plan_count(s->unsolved) == before + i + !status, "a wrong count");
        if (status)
            return status;
    }
    return 0;
}
CALL(weir_plan_change)
{
    return weir_plan_change(s->plan, 0, 200, 64, 0, 2);
}
CALL(weir_plan_count)
{
    return right(weir_plan_count(s->plan) == 6);
}
CALL(weir_plan_fix)
{
    return weir_plan_fix(s->unsolved, 0, 0);
}
CALL(weir_plan_alias)
{
    return weir_plan_alias(s->unsolved, 0, 1);
}
CALL(weir_plan_disjoint)
{
    return weir_plan_disjoint(s->unsolved, 0, 5);
}

/* A solution that was found holds; without one the plan is as it was, with an arena of `before`. */
static int plan_solved(const weir_plan *plan, int status, size_t before)
{
    long left = refusing_pause();
    EXPECT(status || weir_plan_verify(plan) == 0, "not a solution");
    EXPECT(!status || weir_plan_arena_size(plan) == before, "half solved");
    refusing_go_on(left);
    return status;
}
CALL(weir_plan_solve)
{
    weir_plan_options options = {.size = sizeof options, .work = 20000};
    return plan_solved(s->unsolved, weir_plan_solve(s->unsolved, &options), 0);
}
CALL(weir_plan_repair)
{
    weir_plan_options options = {.size = sizeof options, .work = 20000};
    int status = weir_plan_add(s->plan, 100, 64, 0, 3);
    return status ? status : plan_solved(s->plan, weir_plan_repair(s->plan, &options), 0);
}
CALL(weir_plan_solve_with)
{
    for (int i = 0; i < WEIR_PLAN_HEURISTICS; i++) {
        size_t before = weir_plan_arena_size(s->unsolved);
        int status = weir_plan_solve_with(s->unsolved, (weir_plan_heuristic)i);
        if (plan_solved(s->unsolved, status, before))
            return status;
    }
    return 0;
}
CALL(weir_plan_heuristic_name)
{
    return right(weir_plan_heuristic_name(WEIR_PLAN_SKYLINE) != NULL);
}
CALL(weir_plan_offset)
{
    return right(weir_plan_offset(s->plan, 0) != SIZE_MAX);
}
CALL(weir_plan_arena_size)
{
    return right(weir_plan_arena_size(s->plan) != SIZE_MAX);
}
CALL(weir_plan_lower_bound)
{
    return weir_plan_lower_bound(s->unsolved) == SIZE_MAX ? errno : 0;
}
CALL(weir_plan_stats_get)
{
    weir_plan_stats stats = {.size = sizeof stats};
    int status = weir_plan_stats_get(s->plan, &stats);
    return status ? status : right(stats.count == 6);
}
CALL(weir_plan_verify)
{
    return weir_plan_verify(s->plan);
}
static const size_t profile_sizes[] = {50, 60, 70, 80, 90, 100};
CALL(weir_plan_add_profile)
{
    return weir_plan_add_profile(s->plan, profile_sizes, 6);
}
CALL(weir_plan_profile_count)
{
    return right(weir_plan_profile_count(s->plan) == 0);
}
CALL(weir_plan_profile_stats_get)
{
    weir_plan_profile_stats stats = {.size = sizeof stats};
    int status = weir_plan_add_profile(s->plan, profile_sizes, 6);
    return status ? status : weir_plan_profile_stats_get(s->plan, 0, &stats);
}
CALL(weir_plan_arena_size_for)
{
    return weir_plan_arena_size_for(s->plan, profile_sizes, 6) == SIZE_MAX ? errno : 0;
}

/* -- memory of a plan ----------------------------------------------------------------------------
 */

static void undo_memory(void *what)
{
    weir_plan_memory_release(what);
}
CALL(weir_plan_memory_create)
{
    return scene_undo_by(s, weir_plan_memory_create(s->plan, s->fresh), undo_memory);
}
CALL(weir_plan_memory_retain)
{
    return scene_undo_by(s, weir_plan_memory_retain(s->memory), undo_memory);
}
CALL(weir_plan_memory_release)
{
    weir_plan_memory_release(s->memory);
    s->memory = NULL;
    return 0;
}
CALL(weir_plan_memory_buffer)
{
    return right(weir_plan_memory_buffer(s->memory, 0) != NULL);
}
CALL(weir_plan_memory_data)
{
    return right(weir_plan_memory_data(s->memory) != NULL);
}
CALL(weir_plan_memory_size_in_bytes)
{
    return right(weir_plan_memory_size_in_bytes(s->memory) == weir_plan_arena_size(s->plan));
}
CALL(weir_plan_memory_tensor)
{
    return scene_tensor(s,
                        weir_plan_memory_tensor(s->memory, 0, (int64_t[]){10, 10}, 2, WEIR_INT8));
}

/* -- recording and replaying ---------------------------------------------------------------------
 */

static void undo_recorder(void *what)
{
    weir_plan_recorder_destroy(what);
}
static void undo_replay(void *what)
{
    weir_plan_replay_destroy(what);
}
static void undo_cache(void *what)
{
    weir_plan_cache_destroy(what);
}
CALL(weir_plan_recorder_create)
{
    return scene_undo_by(s, weir_plan_recorder_create(s->a), undo_recorder);
}
CALL(weir_plan_recorder_destroy)
{
    weir_plan_recorder_destroy(s->recorder);
    s->recorder = NULL;
    return 0;
}
CALL(weir_plan_recorder_allocator)
{
    return right(weir_plan_recorder_allocator(s->recorder) != NULL);
}

static int written_down(struct scene *s)
{
    weir_allocator *a = weir_plan_recorder_allocator(s->recorder);
    void *block = weir_allocate(a, 100);
    weir_deallocate(a, block);
    return right(block != NULL);
}
CALL(weir_plan_recorder_plan)
{
    return scene_undo_by(s, weir_plan_recorder_plan(s->recorder), undo_plan);
}
CALL(weir_plan_replay_create)
{
    return scene_undo_by(s, weir_plan_replay_create(s->plan, s->a), undo_replay);
}
CALL(weir_plan_replay_destroy)
{
    weir_plan_replay_destroy(s->replay);
    s->replay = NULL;
    return 0;
}
CALL(weir_plan_replay_allocator)
{
    return right(weir_plan_replay_allocator(s->replay) != NULL);
}
CALL(weir_plan_replay_begin)
{
    weir_plan_replay_begin(s->replay);
    return 0;
}

/* What goes as planned, and what does not. */
CALL_AS(weir_plan_replay_begin, and_allocate)
{
    weir_allocator *a = weir_plan_replay_allocator(s->replay);
    weir_plan_replay_begin(s->replay);
    int status = scene_block(s, a, weir_allocate(a, 100));
    return status ? status : scene_block(s, a, weir_allocate(a, 50000));
}
CALL(weir_plan_replay_stats_get)
{
    weir_plan_replay_stats stats = {.size = sizeof stats};
    int status = weir_plan_replay_stats_get(s->replay, &stats);
    return status ? status : right(stats.fallbacks == 0);
}

/* -- caches --------------------------------------------------------------------------------------
 */

CALL(weir_plan_cache_create)
{
    return scene_undo_by(s, weir_plan_cache_create(4, NULL, scene_plan_make, NULL), undo_cache);
}
CALL(weir_plan_cache_destroy)
{
    weir_plan_cache_destroy(s->cache);
    s->cache = NULL;
    return 0;
}

/* One more than it keeps. */
CALL(weir_plan_cache_get)
{
    for (int i = 0; i < 3; i++)
        if (!weir_plan_cache_get(s->cache, &i, sizeof i))
            return errno;
    return 0;
}
CALL(weir_plan_cache_stats_get)
{
    weir_plan_cache_stats stats = {.size = sizeof stats};
    int status = weir_plan_cache_stats_get(s->cache, &stats);
    return status ? status : right(stats.hits == 0);
}

static const struct call calls_of_plans[] = {
    MAY(weir_plan_create),
    SURE(weir_plan_destroy),
    MAY(weir_plan_reserve),
    MAY(weir_plan_add),
    MAY(weir_plan_change),
    SURE(weir_plan_count),
    MAY(weir_plan_fix),
    MAY(weir_plan_alias),
    MAY(weir_plan_disjoint),
    MAY(weir_plan_solve),
    MAY(weir_plan_repair),
    MAY(weir_plan_solve_with),
    SURE(weir_plan_heuristic_name),
    SURE(weir_plan_offset),
    SURE(weir_plan_arena_size),
    MAY(weir_plan_lower_bound),
    SURE(weir_plan_stats_get),
    MAY(weir_plan_verify),
    MAY(weir_plan_add_profile),
    SURE(weir_plan_profile_count),
    MAY(weir_plan_profile_stats_get),
    SURE(weir_plan_arena_size_for),
    MAY(weir_plan_memory_create),
    SURE(weir_plan_memory_retain),
    SURE(weir_plan_memory_release),
    SURE(weir_plan_memory_buffer),
    SURE(weir_plan_memory_data),
    SURE(weir_plan_memory_size_in_bytes),
    MAY(weir_plan_memory_tensor),
    MAY(weir_plan_recorder_create),
    SURE(weir_plan_recorder_destroy),
    SURE(weir_plan_recorder_allocator),
    MAY_AFTER(written_down, weir_plan_recorder_plan),
    MAY(weir_plan_replay_create),
    SURE(weir_plan_replay_destroy),
    SURE(weir_plan_replay_allocator),
    SURE(weir_plan_replay_begin),
    MAY_AS(weir_plan_replay_begin, and_allocate),
    SURE(weir_plan_replay_stats_get),
    MAY(weir_plan_cache_create),
    SURE(weir_plan_cache_destroy),
    MAY(weir_plan_cache_get),
    SURE(weir_plan_cache_stats_get),
};

#endif
