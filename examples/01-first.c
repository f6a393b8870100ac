/*
 * 01-first.c - the first allocations: a block, a tensor, a buffer of one scope, and the figures,
 * which are exact at every moment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

static void figures_print(const char *when, const weir_allocator *a)
{
    printf("%-20s %8zu bytes in %zu blocks, at most %zu bytes\n", when, weir_total_allocated(a),
           weir_allocation_count(a), weir_peak_allocated(a));
}

int main(void)
{
    weir_allocator *cpu = weir_cpu_allocator(); /* the process's own; never NULL */

    float *weights = weir_allocate(cpu, 1000 * sizeof *weights); /* 64-byte aligned */
    if (!weights)
        return perror("weir_allocate"), EXIT_FAILURE; /* NULL with errno, as malloc */
    weights[0] = 1;
    figures_print("a block", cpu);

    weir_tensor *input = weir_tensor_create((int64_t[]){8, 64, 56, 56}, 4, WEIR_FLOAT32);
    if (!input)
        return perror("weir_tensor_create"), EXIT_FAILURE;
    figures_print("and a tensor", cpu);

    {
        WEIR_BUFFER(float, scratch, 262144); /* zeroed; it goes with its scope */
        float *data = weir_buffer_data(&scratch);
        if (!data)
            return perror("WEIR_BUFFER"), EXIT_FAILURE;
        data[0] = weights[0];
        figures_print("and a buffer", cpu);
    }
    figures_print("its scope has ended", cpu);

    weir_tensor_release(input);
    weir_deallocate(cpu, weights);
    figures_print("all is given back", cpu);
    return weir_allocation_count(cpu) ? EXIT_FAILURE : EXIT_SUCCESS;
}
