/*
 * 03-leaks.c - a leak check in a test: what was allocated since a checkpoint and is still live, by
 * size and by who it is for. Blocks from before the checkpoint do not count.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

/* The code under test: of three blocks it forgets one. */
static void infer(weir_allocator *a)
{
    WEIR_TAG_SCOPE(weir_tag_intern("infer"));
    void *input = weir_allocate(a, 1000), *hidden = weir_allocate(a, 2000);
    void *output = weir_allocate(a, 40);
    weir_deallocate(a, output);
    weir_deallocate(a, input);
    (void)hidden;
}

static bool leak_print(const weir_leak *leak, void *user)
{
    (void)user;
    printf("  %zu bytes of %s, for \"%s\"\n", leak->requested, leak->allocator_name,
           leak->tag_name);
    return false; /* go on to the next */
}

/* What a test asserts at its end. */
static bool leaks_none(weir_allocator *a, uint64_t checkpoint)
{
    weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
    if (weir_leaks_stats_get(a, checkpoint, &leaks) != 0)
        return false;
    printf("%zu blocks left, %zu bytes\n", leaks.count, leaks.bytes);
    return leaks.count == 0 || weir_leaks_walk(a, checkpoint, leak_print, NULL) != 0;
}

int main(void)
{
    weir_allocator *a = weir_cpu_allocator();
    void *weights = weir_allocate(a, 5000); /* stays: it is older than the checkpoint */

    uint64_t checkpoint = weir_checkpoint(a);
    void *block = weir_allocate(a, 100);
    weir_deallocate(a, block);
    bool clean = leaks_none(a, checkpoint);

    checkpoint = weir_checkpoint(a);
    infer(a);
    bool found = !leaks_none(a, checkpoint);

    weir_deallocate(a, weights);
    return clean && found ? EXIT_SUCCESS : EXIT_FAILURE;
}
