/*
 * 07-plan.c - a plan by hand: buffers whose sizes and lifetimes are known get places in one block,
 * before the first inference. `weir plan` draws such a plan from a table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

enum { INPUT, CONVOLVED, POOLED, COLUMNS, SCORES, BUFFERS };

/* A step of the network is a moment; a buffer lives in [first, last). */
static const struct {
    const char *name;
    size_t size;
    int64_t first, last;
} buffers[BUFFERS] = {[INPUT] = {"input", 64 * 64 * 4, 0, 2},
                      [CONVOLVED] = {"convolved", 8 * 64 * 64 * 4, 1, 3},
                      [POOLED] = {"pooled", 8 * 32 * 32 * 4, 2, 4},
                      [COLUMNS] = {"columns", 9 * 64 * 64 * 4, 1, 2},
                      [SCORES] = {"scores", 10 * 4, 3, 5}};

int main(void)
{
    weir_plan *plan = weir_plan_create();
    int error = plan ? 0 : EXIT_FAILURE;
    for (int i = 0; i < BUFFERS && !error; i++)
        error = weir_plan_add(plan, buffers[i].size, 64, buffers[i].first, buffers[i].last);
    if (error || weir_plan_solve(plan, NULL) != 0)
        return fprintf(stderr, "no plan: %s\n", weir_last_error()), EXIT_FAILURE;

    weir_plan_stats s = WEIR_PLAN_STATS_INIT;
    weir_plan_stats_get(plan, &s);
    printf("%zu bytes instead of %zu; no plan needs less than %zu\n", s.arena, s.total,
           s.proven_bound);

    /* One block, and tensors over parts of it. They keep it alive; the plan may go. */
    weir_plan_memory *memory = weir_plan_memory_create(plan, NULL);
    weir_plan_destroy(plan);
    weir_tensor *pooled =
        weir_plan_memory_tensor(memory, POOLED, (int64_t[]){8, 32, 32}, 3, WEIR_FLOAT32);
    weir_plan_memory_release(memory);
    if (!pooled)
        return fprintf(stderr, "no tensor: %s\n", weir_last_error()), EXIT_FAILURE;
    ((float *)weir_tensor_data(pooled))[0] = 1;
    printf("allocated: %zu bytes in %zu block\n", weir_total_allocated(weir_cpu_allocator()),
           weir_allocation_count(weir_cpu_allocator()));
    weir_tensor_release(pooled);
    printf("at the end: %zu bytes\n", weir_total_allocated(weir_cpu_allocator()));
    return EXIT_SUCCESS;
}
