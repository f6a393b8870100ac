/* quick.c - the first twenty lines with weir. */
#include <stdio.h>
#include <weir/weir.h>

int main(void)
{
    weir_allocator *cpu = weir_cpu_allocator();
    weir_tensor *input = weir_tensor_create((int64_t[]){8, 64, 56, 56}, 4, WEIR_FLOAT32);
    if (!input)
        return perror("weir_tensor_create"), 1;
    {
        WEIR_BUFFER(float, scratch, 1024 * 1024 / sizeof(float)); /* zeroed; goes with its scope */
        float *data = weir_buffer_data(&scratch);
        if (data)
            data[0] = 1;
        printf("%zu bytes in %zu blocks\n", weir_total_allocated(cpu), weir_allocation_count(cpu));
    }
    weir_tensor_release(input);
    printf("now %zu, at most %zu\n", weir_total_allocated(cpu), weir_peak_allocated(cpu));
    return weir_allocation_count(cpu) != 0;
}
