/*
 * ggml_mlp.c - a stack of feed-forward layers in ggml, its weights and its runs in
 * blocks of weir's, through ggml's public headers alone; then in ggml's own memory.
 *
 *   ggml_mlp [RUNS]
 *
 * Weights: a block under ggml_backend_cpu_buffer_from_ptr. Runs: a block as ggml_init's
 * mem_buffer, in which ggml_graph_compute_with_ctx puts graph, tensors and scratch. There
 * is no global state, so both ways are taken in one process, in turns. Exit status 1
 * when outputs differ or memory is left, 2 usage.
 */
#include "bench/runtimes/child.h"

#include <weir/weir.h>

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>
#if __has_include(<ggml-cpu.h>)
#include <ggml-cpu.h> /* where newer releases declare the computing */
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYERS 6
#define WIDTH  384
#define TOKENS 48

struct network {
    weir_allocator *allocator; /* NULL: ggml's own memory */
    void *block;               /* the weights', if weir's */
    struct ggml_context *context;
    ggml_backend_buffer_t buffer;
    struct ggml_tensor *up[LAYERS], *down[LAYERS];
};

static void fill(struct ggml_tensor *tensor, uint32_t seed)
{
    float *data = ggml_get_data_f32(tensor);
    for (int64_t i = 0; i < ggml_nelements(tensor); i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = ((float)(seed >> 8) / 8388608.0f - 1.0f) * 0.08f;
    }
}

/* Room for every tensor at ggml's alignment, which is below weir's 64. */
static size_t weights_size(const struct network *n)
{
    size_t size = 0;
    for (int i = 0; i < LAYERS; i++)
        size += ggml_nbytes(n->up[i]) + ggml_nbytes(n->down[i]) + 128;
    return size;
}

static bool network_create(struct network *n, weir_allocator *allocator)
{
    size_t tensors = ggml_tensor_overhead() * (2 * LAYERS + 1);
    *n = (struct network){.allocator = allocator};
    n->context = ggml_init((struct ggml_init_params){.mem_size = tensors, .no_alloc = true});
    for (int i = 0; i < LAYERS; i++) {
        n->up[i] = ggml_new_tensor_2d(n->context, GGML_TYPE_F32, WIDTH, 4 * WIDTH);
        n->down[i] = ggml_new_tensor_2d(n->context, GGML_TYPE_F32, 4 * WIDTH, WIDTH);
    }
    size_t size = weights_size(n);
    if (allocator) {
        n->block = weir_allocate(allocator, size);
        n->buffer = n->block ? ggml_backend_cpu_buffer_from_ptr(n->block, size) : NULL;
    } else {
        n->buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
    }
    if (!n->buffer)
        return false;
    struct ggml_tallocr place = ggml_tallocr_new(n->buffer);
    for (int i = 0; i < LAYERS; i++) {
        ggml_tallocr_alloc(&place, n->up[i]);
        ggml_tallocr_alloc(&place, n->down[i]);
        fill(n->up[i], (uint32_t)i + 1);
        fill(n->down[i], (uint32_t)i + 101);
    }
    return true;
}

/* The buffer knows its block and does not free it. */
static void network_destroy(struct network *n)
{
    if (n->buffer)
        ggml_backend_buffer_free(n->buffer);
    if (n->block)
        weir_deallocate(n->allocator, n->block);
    ggml_free(n->context);
}

/* Generous: every tensor of the run, the graph, and scratch for one thread. */
static size_t run_size(void)
{
    return (size_t)LAYERS * TOKENS * WIDTH * 16 * sizeof(float) + ggml_graph_overhead() +
           ((size_t)4 << 20);
}

static bool network_run(const struct network *n, float *output)
{
    size_t size = run_size();
    void *block = n->allocator ? weir_allocate(n->allocator, size) : NULL;
    if (n->allocator && !block)
        return false;
    struct ggml_context *run =
        ggml_init((struct ggml_init_params){.mem_size = size, .mem_buffer = block});
    struct ggml_tensor *x = ggml_new_tensor_2d(run, GGML_TYPE_F32, WIDTH, TOKENS);
    fill(x, 7);
    for (int i = 0; i < LAYERS; i++) {
        struct ggml_tensor *y = ggml_mul_mat(run, n->up[i], ggml_rms_norm(run, x, 1e-5f));
        x = ggml_add(run, x, ggml_mul_mat(run, n->down[i], ggml_gelu(run, y)));
    }
    struct ggml_cgraph *graph = ggml_new_graph(run);
    ggml_build_forward_expand(graph, x);
    bool done = ggml_graph_compute_with_ctx(run, graph, 1) == GGML_STATUS_SUCCESS;
    memcpy(output, ggml_get_data_f32(x), ggml_nbytes(x));
    ggml_free(run);
    if (n->allocator)
        weir_deallocate(n->allocator, block);
    return done;
}

static int compare(unsigned runs)
{
    static float outputs[2][TOKENS * WIDTH];
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.name = "ggml"});
    struct network networks[2];
    double best[2] = {1e9, 1e9};
    unsigned same = 0;
    if (!a || !network_create(&networks[0], a) || !network_create(&networks[1], NULL))
        return 1;
    size_t weights = weir_total_allocated(a);
    for (unsigned i = 0; i < runs; i++) {
        for (int w = 0; w < 2; w++) {
            double start = child_now_ms();
            if (!network_run(&networks[w], outputs[w]))
                return 1;
            double ms = child_now_ms() - start;
            best[w] = ms < best[w] ? ms : best[w];
        }
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): to the bit */
        same += !memcmp(outputs[0], outputs[1], sizeof(outputs[0]));
    }
    printf("ggml_mlp: %u runs: best %.2f ms in weir's memory, %.2f in ggml's own\n", runs, best[0],
           best[1]);
    printf("weir: weights %zu bytes, live after the runs %zu, peak %zu\n", weights,
           weir_total_allocated(a), weir_peak_allocated(a));
    printf("outputs identical: %u of %u runs\n", same, runs);
    network_destroy(&networks[0]);
    network_destroy(&networks[1]);
    printf("left %zu bytes in %zu blocks\n", weir_total_allocated(a), weir_allocation_count(a));
    return same != runs || weir_allocation_count(a) != 0;
}

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 20;
    if (argc > 2 || runs < 1 || runs > 100000) {
        fprintf(stderr, "usage: ggml_mlp [RUNS]\n");
        return 2;
    }
    return compare((unsigned)runs);
}
