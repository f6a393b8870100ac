/*
 * 12-cuda.c - memory of a GPU behind the same calls: copies there and back, two streams that share
 * a block, and what the pool keeps. Exit status 77 where there is no GPU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

static void *end(const char *what)
{
    fprintf(stderr, "12-cuda: %s: %s\n", what, weir_last_error());
    exit(EXIT_FAILURE);
}

int main(void)
{
    weir_allocator *gpu = weir_cuda_allocator(0); /* opens the driver; nothing is linked */
    if (!gpu)
        return fprintf(stderr, "12-cuda: %s\n", weir_last_error()), 77;

    /* A tensor goes there and comes back. The host never touches its bytes there. */
    weir_tensor *here = weir_tensor_create((int64_t[]){1024, 256}, 2, WEIR_FLOAT32);
    float *data = here ? weir_tensor_data(here) : end("tensor");
    for (size_t i = 0; i < weir_tensor_element_count(here); i++)
        data[i] = (float)i;
    weir_tensor *there = weir_tensor_to(here, gpu);
    weir_tensor *back = there ? weir_tensor_to(there, weir_cpu_allocator()) : end("to the GPU");
    data = back ? weir_tensor_data(back) : end("from the GPU");
    printf("%s and back: element 1000 is %g\n", weir_tensor_device(there), data[1000]);

    /* A block belongs to the stream it was allocated on. Another stream that works on it says so:
     * the block serves nobody else before that work is done. */
    void *load = weir_device_stream_create(gpu), *compute = weir_device_stream_create(gpu);
    void *block = weir_device_allocate_on(gpu, 1 << 20, load);
    if (!block || weir_device_record_stream(gpu, block, compute) != 0)
        end("streams");
    weir_device_deallocate_on(gpu, block, load);
    if (weir_device_synchronize(gpu, compute) != 0)
        end("synchronize");
    block = weir_device_allocate_on(gpu, 1 << 20, compute); /* from what the pool keeps */
    weir_device_deallocate_on(gpu, block, compute);

    weir_device_stats s = WEIR_DEVICE_STATS_INIT;
    weir_device_stats_get(gpu, &s);
    printf("live %zu bytes, at most %zu, on %zu streams\n", weir_total_allocated(gpu),
           weir_peak_allocated(gpu), s.streams);
    weir_tensor_release(back), weir_tensor_release(there), weir_tensor_release(here);
    weir_device_stream_destroy(gpu, load), weir_device_stream_destroy(gpu, compute);
    return weir_allocator_destroy(gpu); /* all memory goes back to the device */
}
