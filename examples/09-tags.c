/*
 * 09-tags.c - who holds the memory: a tag for the blocks of each layer, and a recording with marks,
 * of which `weir trace FILE` tells the peak, when it was, and who held it.
 *
 *     09-tags [FILE]      with FILE the run is recorded there
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

struct layer {
    const char *name;
    size_t weights, output; /* bytes */
    void *kept;
};

/* What is allocated in this scope, by whatever function, carries the layer's tag. */
static void *layer_run(weir_allocator *a, struct layer *l, void *input)
{
    WEIR_TAG_SCOPE(weir_tag_intern(l->name));
    weir_trace_mark(WEIR_MARK_LAYER, l->name, true);
    if (!l->kept)
        l->kept = weir_allocate(a, l->weights);
    void *scratch = weir_allocate(a, 2 * l->output), *output = weir_allocate(a, l->output);
    weir_deallocate(a, scratch);
    weir_deallocate(a, input);
    weir_trace_mark(WEIR_MARK_LAYER, l->name, false);
    return output;
}

static bool holder_print(const weir_tag_stats *s, void *user)
{
    (void)user;
    printf("  %-8s %8zu bytes in %zu blocks\n", *s->name ? s->name : "(none)", s->bytes, s->blocks);
    return false; /* go on to the next */
}

int main(int argc, char **argv)
{
    static struct layer layers[] = {
        {"conv1", 37632, 802816, 0}, {"conv2", 147456, 401408, 0}, {"dense", 2048000, 4000, 0}};
    weir_allocator *cpu = weir_cpu_allocator();
    const char *file = argc > 1 ? argv[1] : NULL;
    if (file && weir_trace_start(file, NULL) != 0)
        return fprintf(stderr, "%s: %s\n", file, weir_last_error()), EXIT_FAILURE;

    void *x = NULL;
    for (int run = 0; run < 2; run++) {
        weir_trace_mark(WEIR_MARK_RUN, "inference", true);
        weir_deallocate(cpu, x); /* the answer of the last one */
        x = weir_allocate(cpu, 150528);
        for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
            x = layer_run(cpu, &layers[i], x);
        weir_trace_mark(WEIR_MARK_RUN, "inference", false);
    }
    printf("live now:\n");
    weir_allocator_walk_tags(cpu, holder_print, NULL);
    printf("the answer is of %s\n", weir_tag_name(weir_block_tag(cpu, x)));
    return file && weir_trace_stop() != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
