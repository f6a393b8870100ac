/*
 * 04-own-allocator.c - memory of the program's own behind weir's calls: four functions provide it,
 * weir counts it, holds it to a limit and finds bad frees. Here it is one static region.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

/* Blocks are cut from the front; the region is empty again when the last one is back. One thread
 * uses it here; functions of a program with several take a lock. */
struct region {
    size_t used, live;
    _Alignas(64) unsigned char bytes[16384];
};

static void *region_allocate(void *user, size_t size, size_t alignment)
{
    struct region *r = user;
    size_t at = (r->used + alignment - 1) / alignment * alignment;
    if (at > sizeof r->bytes || size > sizeof r->bytes - at)
        return NULL; /* weir makes ENOMEM of it */
    r->used = at + size;
    r->live++;
    return r->bytes + at;
}

static void region_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    struct region *r = user;
    (void)block, (void)size, (void)alignment; /* exactly what was asked for */
    if (--r->live == 0)
        r->used = 0;
}

int main(void)
{
    static struct region region;
    static const weir_allocator_functions functions = {.allocate = region_allocate,
                                                       .deallocate = region_deallocate};
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.size = sizeof(weir_allocator_options),
                                                        .name = "region",
                                                        .parent = WEIR_NO_PARENT,
                                                        .source = WEIR_SOURCE_FUNCTIONS,
                                                        .functions = &functions,
                                                        .user = &region});
    weir_tensor *t = weir_tensor_create_in(a, (int64_t[]){32, 64}, 2, WEIR_FLOAT32);
    void *block = weir_allocate(a, 100), *refused = weir_allocate(a, 10000);

    weir_stats stats = WEIR_STATS_INIT;
    weir_stats_get(a, &stats);
    printf("%s: %zu bytes in %zu blocks of %zu, %zu refused\n", weir_allocator_name(a),
           stats.total_allocated, stats.allocation_count, sizeof region.bytes, stats.failures);
    weir_deallocate(a, block);
    weir_tensor_release(t);
    printf("%s: %zu bytes, the region has %zu in use\n", weir_allocator_name(a),
           weir_total_allocated(a), region.used);
    return refused || weir_allocator_destroy(a) ? EXIT_FAILURE : EXIT_SUCCESS;
}
