/*
 * tests/api/plan_run.c - plans as memory: arenas, bound tensors, recording and replaying an
 * inference, plans by key.
 */
#include "../helpers/suite.h"

#include <errno.h>
#include <string.h>
#include <weir/weir.h>

static weir_allocator *context(void)
{
    weir_allocator *a = weir_allocator_create(NULL);
    cr_assert_not_null(a);
    return a;
}

Test(plan_run, an_arena_is_one_block_of_the_allocator)
{
    weir_allocator *a = context();
    weir_plan *plan = weir_plan_create();
    weir_plan_add(plan, 1000, 256, 0, 2);
    weir_plan_add(plan, 3000, 64, 1, 3);
    weir_plan_add(plan, 900, 64, 2, 4);
    cr_assert_null(weir_plan_memory_create(plan, a));
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    weir_plan_memory *arena = weir_plan_memory_create(plan, a);
    cr_assert_not_null(arena);
    cr_assert_eq(weir_allocation_count(a), 1);
    cr_assert_eq(weir_total_allocated(a), weir_plan_arena_size(plan));
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq((char *)weir_plan_memory_buffer(arena, i),
                     (char *)weir_plan_memory_data(arena) + weir_plan_offset(plan, i));
    cr_assert_eq((uintptr_t)weir_plan_memory_buffer(arena, 0) % 256, 0);
    cr_assert_null(weir_plan_memory_buffer(arena, 3));
    weir_plan_destroy(plan);
    weir_plan_memory_release(arena);
    cr_assert_eq(weir_allocation_count(a), 0);
    weir_allocator_destroy(a);
}

Test(plan_run, a_bound_tensor_keeps_the_arena)
{
    weir_allocator *a = context();
    weir_plan *plan = weir_plan_create();
    weir_plan_add(plan, 4096, 64, 0, 2);
    weir_plan_add(plan, 64, 64, 1, 3);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    weir_plan_memory *arena = weir_plan_memory_create(plan, a);
    int64_t shape[2] = {32, 32}, wide[1] = {17};
    weir_tensor *t = weir_plan_memory_tensor(arena, 0, shape, 2, WEIR_FLOAT32);
    cr_assert_not_null(t);
    cr_assert_eq(weir_tensor_data(t), weir_plan_memory_buffer(arena, 0));
    cr_assert_null(weir_plan_memory_tensor(arena, 1, wide, 1, WEIR_FLOAT32),
                   "17 floats are 68 bytes");
    cr_assert_null(weir_plan_memory_tensor(arena, 2, wide, 1, WEIR_FLOAT32));
    cr_assert_eq(weir_total_allocated(a), weir_plan_memory_size_in_bytes(arena),
                 "binding takes nothing");
    weir_plan_memory_release(arena);
    memset(weir_tensor_data(t), 1, weir_tensor_size_in_bytes(t));
    cr_assert_eq(weir_allocation_count(a), 1);
    weir_tensor_release(t);
    cr_assert_eq(weir_allocation_count(a), 0);
    weir_plan_destroy(plan);
    weir_allocator_destroy(a);
}

/* -- a network of layers that allocate and free as they go --------------------------------- */

/* Each layer's output is kept until the next two are made (a residual); the contents depend
 * on all layers before, so any overlap shows in the result. `extra`: one layer more. */
static uint64_t network_run(weir_allocator *a, size_t scale, bool extra)
{
    enum { LAYERS = 24 };
    unsigned char *kept[LAYERS + 1] = {0};
    size_t sizes[LAYERS + 1];
    uint64_t sum = 1469598103934665603u;
    for (size_t l = 0; l < LAYERS + (size_t)extra; l++) {
        sizes[l] = scale * (1 + (l * 7 + 3) % 11);
        kept[l] = weir_allocate(a, sizes[l]);
        unsigned char *scratch = weir_allocate_aligned(a, scale * (1 + l % 3), 128);
        cr_assert(kept[l] && scratch);
        memset(scratch, (int)l, scale);
        for (size_t i = 0; i < sizes[l]; i++) {
            unsigned before = l > 0 ? kept[l - 1][i % sizes[l - 1]] : 7;
            unsigned skip = l > 1 ? kept[l - 2][i % sizes[l - 2]] : 11;
            kept[l][i] = (unsigned char)(before * 31 + skip * 17 + scratch[i % scale] + i);
            sum = (sum ^ kept[l][i]) * 1099511628211u;
        }
        weir_deallocate(a, scratch);
        if (l > 1) {
            weir_deallocate(a, kept[l - 2]);
            kept[l - 2] = NULL;
        }
    }
    for (size_t l = 0; l <= LAYERS; l++)
        weir_deallocate(a, kept[l]);
    return sum;
}

static weir_plan *network_plan(size_t scale, uint64_t *result)
{
    weir_plan_recorder *recorder = weir_plan_recorder_create(NULL);
    cr_assert_not_null(recorder);
    *result = network_run(weir_plan_recorder_allocator(recorder), scale, false);
    weir_plan *plan = weir_plan_recorder_plan(recorder);
    cr_assert_not_null(plan);
    cr_assert_eq(weir_plan_count(plan), 48);
    cr_assert_eq(weir_plan_lower_bound(plan),
                 weir_peak_allocated(weir_plan_recorder_allocator(recorder)),
                 "the recorded lifetimes have the recorded peak");
    weir_plan_recorder_destroy(recorder);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    return plan;
}

Test(plan_run, a_recorded_inference_runs_from_its_plan)
{
    uint64_t result;
    weir_plan *plan = network_plan(640, &result);
    weir_allocator *a = context();
    weir_plan_replay *replay = weir_plan_replay_create(plan, a);
    cr_assert_not_null(replay);
    weir_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    weir_stats_get(a, &before);
    for (int pass = 0; pass < 5; pass++) {
        weir_plan_replay_begin(replay);
        cr_assert_eq(network_run(weir_plan_replay_allocator(replay), 640, false), result);
    }
    weir_stats_get(a, &after);
    cr_assert_eq(after.allocations, before.allocations, "the steady state allocates nothing");
    cr_assert_eq(weir_peak_allocated(a), weir_plan_arena_size(plan));
    weir_plan_replay_stats stats = {.size = sizeof stats};
    cr_assert_eq(weir_plan_replay_stats_get(replay, &stats), 0);
    cr_assert_eq(stats.passes, 5);
    cr_assert_eq(stats.served, 5 * 48);
    cr_assert_eq(stats.fallbacks, 0);
    weir_plan_replay_destroy(replay);
    cr_assert_eq(weir_allocation_count(a), 0);
    weir_allocator_destroy(a);
    weir_plan_destroy(plan);
}

Test(plan_run, another_inference_than_planned_is_still_right_and_counted)
{
    uint64_t planned, ignored;
    weir_plan *plan = network_plan(640, &planned);
    weir_plan_destroy(network_plan(960, &ignored));
    weir_plan_replay *replay = weir_plan_replay_create(plan, NULL);
    weir_allocator *served = weir_plan_replay_allocator(replay);
    weir_plan_replay_begin(replay);
    cr_assert_eq(network_run(served, 960, false), ignored, "other sizes");
    weir_plan_replay_stats stats = {.size = sizeof stats};
    weir_plan_replay_stats_get(replay, &stats);
    cr_assert_gt(stats.fallbacks, 0);
    cr_assert_eq(stats.served + stats.fallbacks, 48);
    weir_plan_replay_begin(replay);
    network_run(served, 640, true);
    cr_assert_eq(weir_allocation_count(served), 0);
    /* What lives longer than planned keeps its place: nothing is put over it. */
    weir_plan_replay_begin(replay);
    unsigned char *held = weir_allocate(served, 640 * 4);
    memset(held, 0x5a, 640 * 4);
    for (int pass = 0; pass < 3; pass++) {
        weir_plan_replay_begin(replay);
        cr_assert_eq(network_run(served, 640, false), planned);
    }
    for (size_t i = 0; i < 640 * 4; i++)
        cr_assert_eq(held[i], 0x5a);
    weir_plan_replay_stats more = {.size = sizeof more};
    weir_plan_replay_stats_get(replay, &more);
    cr_assert_gt(more.fallbacks, stats.fallbacks);
    weir_deallocate(served, held);
    weir_plan_replay_destroy(replay);
    weir_plan_destroy(plan);
}

/* -- plans by key -------------------------------------------------------------------------------
 */

static int make_plan(weir_plan *plan, const void *key, size_t key_size, void *user)
{
    int width;
    cr_assert_eq(key_size, sizeof width);
    memcpy(&width, key, sizeof width);
    ++*(int *)user;
    if (width < 0)
        return EDOM;
    for (int i = 0; i < 5; i++)
        weir_plan_add(plan, (size_t)width * 64, 64, i, i + 2);
    return 0;
}

static size_t cached(weir_plan_cache *cache, int width)
{
    const weir_plan *plan = weir_plan_cache_get(cache, &width, sizeof width);
    return plan ? weir_plan_arena_size(plan) : 0;
}

Test(plan_run, a_cache_keeps_the_plans_used_last)
{
    int made = 0;
    weir_plan_cache *cache = weir_plan_cache_create(2, NULL, make_plan, &made);
    cr_assert_not_null(cache);
    cr_assert_eq(cached(cache, 1), 128);
    cr_assert_eq(cached(cache, 2), 256);
    cr_assert_eq(cached(cache, 1), 128);
    cr_assert_eq(made, 2);
    cr_assert_eq(cached(cache, 3), 384); /* 2 goes */
    cr_assert_eq(cached(cache, 1), 128);
    cr_assert_eq(made, 3);
    cr_assert_eq(cached(cache, 2), 256);
    cr_assert_eq(made, 4);
    errno = 0;
    cr_assert_eq(cached(cache, -1), 0);
    cr_assert_eq(errno, EDOM);
    weir_plan_cache_stats stats = WEIR_PLAN_CACHE_STATS_INIT;
    cr_assert_eq(weir_plan_cache_stats_get(cache, &stats), 0);
    cr_assert_eq(stats.hits, 2);
    cr_assert_eq(stats.misses, 5);
    cr_assert_eq(stats.evictions, 2);
    cr_assert_eq(weir_plan_cache_stats_get(NULL, &stats), EINVAL);
    weir_plan_cache_destroy(cache);
    cr_assert_null(weir_plan_cache_create(0, NULL, make_plan, NULL));
}

/* What the header says of sizes of 0 and of blocks that move. */
Test(plan_run, a_record_has_a_buffer_for_each_allocation)
{
    weir_plan_recorder *recorder = weir_plan_recorder_create(NULL);
    weir_allocator *a = weir_plan_recorder_allocator(recorder);
    void *nothing = weir_allocate(a, 0), *block = weir_allocate(a, 10);
    block = weir_reallocate(a, block, 100000);
    weir_deallocate(a, nothing);
    weir_deallocate(a, block);
    weir_plan *plan = weir_plan_recorder_plan(recorder);
    weir_plan_stats report = {.size = sizeof report};
    cr_assert_eq(weir_plan_stats_get(plan, &report), 0);
    cr_assert_eq(report.count, 3);
    cr_assert_eq(report.total, 1 + 10 + 100000);
    cr_assert_eq(report.lower_bound, 1 + 10 + 100000, "both live while one becomes the other");
    weir_plan_destroy(plan);
    weir_plan_recorder_destroy(recorder);
}
