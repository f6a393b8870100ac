/*
 * 08-replay.c - a plan for code that knows no lifetimes: one inference is recorded, the plan is
 * solved, and later inferences take every block from its place in one arena.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

/* Any code that allocates through what it is given. */
static bool infer(weir_allocator *a, size_t batch)
{
    void *x = weir_allocate(a, batch * 4096);
    for (int layer = 0; layer < 10 && x; layer++) {
        void *columns = weir_allocate(a, batch * 36864), *y = weir_allocate(a, batch * 4096);
        weir_deallocate(a, columns);
        weir_deallocate(a, x);
        x = y;
    }
    weir_deallocate(a, x);
    return x != NULL;
}

int main(void)
{
    weir_plan_recorder *recorder = weir_plan_recorder_create(NULL);
    if (!recorder || !infer(weir_plan_recorder_allocator(recorder), 8))
        return perror("record"), EXIT_FAILURE;
    weir_plan *plan = weir_plan_recorder_plan(recorder);
    weir_plan_recorder_destroy(recorder);
    if (!plan || weir_plan_solve(plan, NULL) != 0)
        return fprintf(stderr, "no plan: %s\n", weir_last_error()), EXIT_FAILURE;
    printf("recorded %zu buffers; an arena of %zu bytes\n", weir_plan_count(plan),
           weir_plan_arena_size(plan));

    weir_plan_replay *replay = weir_plan_replay_create(plan, NULL);
    weir_plan_destroy(plan);
    if (!replay)
        return perror("replay"), EXIT_FAILURE;
    for (size_t i = 0; i < 100; i++) {
        weir_plan_replay_begin(replay);
        /* The last batch is larger than what was recorded: it is served, but not by the plan. */
        if (!infer(weir_plan_replay_allocator(replay), i < 99 ? 8 : 9))
            return perror("infer"), EXIT_FAILURE;
    }
    weir_plan_replay_stats s = WEIR_PLAN_REPLAY_STATS_INIT;
    weir_plan_replay_stats_get(replay, &s);
    printf("%zu inferences: %zu blocks at their places, %zu elsewhere\n", s.passes, s.served,
           s.fallbacks);
    weir_plan_replay_destroy(replay);
    printf("at the end: %zu bytes\n", weir_total_allocated(weir_cpu_allocator()));
    return EXIT_SUCCESS;
}
