/*
 * conv2d.c - a small convolutional network over an image, every byte of it through weir.
 *
 *     conv2d [--scores] [--planned] [--runs N] IMAGE.pgm|ppm
 *
 *     image -> conv 3x3 (8) -> ReLU -> pool 2x2 -> conv 3x3 (16) -> ReLU -> pool 2x2 -> dense (10)
 *
 * The weights are made up (see weights_fill); the memory is not: weights and activations are
 * tensors in contexts of their own, the convolutions' col_buffer comes from a pool of buffers
 * and is used again by every layer of every run. What each part took is printed, and at
 * the end that nothing is left. --planned: one run is recorded, and the others take every
 * activation and col_buffer from the arena of its plan. --scores prints only the ten scores,
 * for tests.
 */
#include "netpbm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#define CLASSES 10
#define SHAPE(...)                                                                                 \
    (const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)

struct network {
    weir_allocator *weights, *activations; /* contexts: each has its own figures */
    weir_buffer_pool *scratch;
    weir_tensor *conv1, *conv2, *dense;
};

static void fail(const char *what)
{
    fprintf(stderr, "conv2d: %s: %s\n", what, weir_last_error());
    exit(1);
}

static float *floats(const weir_tensor *t)
{
    return weir_tensor_data(t);
}

/* Zeroed, or the program ends. */
static weir_tensor *tensor(weir_allocator *a, const int64_t *shape, size_t ndim)
{
    weir_tensor *t = weir_tensor_create_zeroed_in(a, shape, ndim, WEIR_FLOAT32);
    if (!t)
        fail("a tensor");
    return t;
}

/* -- layers ----------------------------------------------------------------------------- */

/*
 * Weight i of layer `seed`: a 32-bit mix (xorshift-multiply) of seed * 2^24 + i, taken as a
 * number in [-1, 1) and scaled by sqrt(3 / inputs) so that activations keep their size.
 */
static void weights_fill(weir_tensor *t, uint32_t seed)
{
    size_t inputs = weir_tensor_element_count(t) / (size_t)weir_tensor_extent(t, 0);
    float scale = sqrtf(3.0f / (float)inputs);
    for (size_t i = 0; i < weir_tensor_element_count(t); i++) {
        uint32_t x = (seed << 24) + (uint32_t)i;
        x = (x ^ x >> 16) * 0x7feb352du;
        x = (x ^ x >> 15) * 0x846ca68bu;
        x ^= x >> 16;
        floats(t)[i] = ((float)(x >> 8) / 8388608.0f - 1.0f) * scale;
    }
}

/* Row (c * 3 + dy) * 3 + dx of `col`: the input's channel c, shifted by (dy - 1, dx - 1), with
 * zeros around it. */
static void im2col(float *col, const weir_tensor *in)
{
    int64_t h = weir_tensor_extent(in, 1), w = weir_tensor_extent(in, 2);
    for (int64_t c = 0; c < weir_tensor_extent(in, 0); c++)
        for (int64_t d = 0; d < 9; d++)
            for (int64_t y = 0; y < h; y++)
                for (int64_t x = 0; x < w; x++) {
                    int64_t from_y = y + d / 3 - 1, from_x = x + d % 3 - 1;
                    bool inside = from_y >= 0 && from_y < h && from_x >= 0 && from_x < w;
                    *col++ = inside ? floats(in)[(c * h + from_y) * w + from_x] : 0;
                }
}

/* out (rows x columns) = a (rows x inner) * b (inner x columns) */
static void matmul(float *out, const float *a, const float *b, size_t rows, size_t inner,
                   size_t columns)
{
    memset(out, 0, rows * columns * sizeof *out);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < inner; k++)
            for (size_t j = 0; j < columns; j++)
                out[i * columns + j] += a[i * inner + k] * b[k * columns + j];
}

/* Convolution by im2col, and ReLU in place. Kernel: outputs x inputs x 3 x 3. */
static weir_tensor *conv_relu(struct network *net, const weir_tensor *in, const weir_tensor *kernel)
{
    int64_t h = weir_tensor_extent(in, 1), w = weir_tensor_extent(in, 2);
    size_t inner = (size_t)weir_tensor_extent(in, 0) * 9, columns = (size_t)(h * w);
    weir_tensor *out = tensor(net->activations, SHAPE(weir_tensor_extent(kernel, 0), h, w));
    float *col_buffer = weir_buffer_pool_acquire(net->scratch, inner * columns * sizeof(float));
    if (!col_buffer)
        fail("the col_buffer");
    im2col(col_buffer, in);
    matmul(floats(out), floats(kernel), col_buffer, (size_t)weir_tensor_extent(kernel, 0), inner,
           columns);
    weir_buffer_pool_return(net->scratch, col_buffer);
    for (size_t i = 0; i < weir_tensor_element_count(out); i++)
        floats(out)[i] = fmaxf(floats(out)[i], 0);
    return out;
}

/* The greatest of each 2 x 2; an odd last row or column is left out. */
static weir_tensor *max_pool(struct network *net, const weir_tensor *in)
{
    int64_t c = weir_tensor_extent(in, 0), h = weir_tensor_extent(in, 1),
            w = weir_tensor_extent(in, 2);
    weir_tensor *out = tensor(net->activations, SHAPE(c, h / 2, w / 2));
    float *to = floats(out);
    for (int64_t i = 0; i < c; i++)
        for (int64_t y = 0; y < h / 2; y++)
            for (int64_t x = 0; x < w / 2; x++) {
                const float *at = floats(in) + (i * h + 2 * y) * w + 2 * x;
                *to++ = fmaxf(fmaxf(at[0], at[1]), fmaxf(at[w], at[w + 1]));
            }
    return out;
}

/* Takes over `in`; the scores are the caller's to release. */
static weir_tensor *forward(struct network *net, weir_tensor *in)
{
    const weir_tensor *kernels[] = {net->conv1, net->conv2};
    for (int layer = 0; layer < 2; layer++) {
        weir_tensor *convolved = conv_relu(net, in, kernels[layer]);
        weir_tensor_release(in);
        in = max_pool(net, convolved);
        weir_tensor_release(convolved);
    }
    weir_tensor *flat = weir_tensor_reshape(in, SHAPE(-1)); /* the same memory */
    weir_tensor *scores = tensor(net->activations, SHAPE(CLASSES));
    if (!flat)
        fail("reshape");
    matmul(floats(scores), floats(net->dense), floats(flat), CLASSES,
           weir_tensor_element_count(flat), 1);
    weir_tensor_release(flat);
    weir_tensor_release(in);
    return scores;
}

/* -- the program ------------------------------------------------------------------------ */

static weir_allocator *context(const char *name)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.name = name});
    if (!a)
        fail("a context");
    return a;
}

/* For images of this many channels and this size. */
static void network_init(struct network *net, int64_t channels, int64_t height, int64_t width)
{
    *net = (struct network){.weights = context("weights"),
                            .activations = context("activations"),
                            .scratch = weir_buffer_pool_create(NULL)};
    if (!net->scratch)
        fail("a pool of buffers");
    net->conv1 = tensor(net->weights, SHAPE(8, channels, 3, 3));
    net->conv2 = tensor(net->weights, SHAPE(16, 8, 3, 3));
    net->dense = tensor(net->weights, SHAPE(CLASSES, 16 * (height / 2 / 2) * (width / 2 / 2)));
    weights_fill(net->conv1, 1);
    weights_fill(net->conv2, 2);
    weights_fill(net->dense, 3);
}

static void network_release(struct network *net)
{
    weir_tensor_release(net->conv1);
    weir_tensor_release(net->conv2);
    weir_tensor_release(net->dense);
    if (weir_buffer_pool_destroy(net->scratch) || weir_allocator_destroy(net->activations) ||
        weir_allocator_destroy(net->weights))
        fail("the end");
}

static void context_print(const weir_allocator *a)
{
    printf("  %-12s %8.1f KB live in %zu blocks, peak %.1f KB\n", weir_allocator_name(a),
           (double)weir_total_allocated(a) / 1024, weir_allocation_count(a),
           (double)weir_peak_allocated(a) / 1024);
}

static void network_print(const char *when, struct network *net)
{
    weir_buffer_pool_stats pool = {.size = sizeof pool};
    if (weir_buffer_pool_stats_get(net->scratch, &pool))
        fail("statistics");
    printf("%s\n", when);
    context_print(net->weights);
    context_print(net->activations);
    printf("  col_buffer   %zu from the pool, %zu new, %.1f KB idle\n", pool.hits, pool.misses,
           (double)pool.idle_bytes / 1024);
}

static weir_tensor *image_read(const char *path)
{
    char why[300];
    weir_tensor *image = netpbm_read(path, weir_cpu_allocator(), why, sizeof why);
    if (!image) {
        fprintf(stderr, "conv2d: %s\n", why);
        exit(1);
    }
    if (weir_tensor_extent(image, 1) < 4 || weir_tensor_extent(image, 2) < 4) {
        fprintf(stderr, "conv2d: %s: the image must be at least 4 x 4\n", path);
        exit(1);
    }
    return image;
}

static void scores_print(const weir_tensor *scores, bool only_scores)
{
    for (int i = 0; i < CLASSES; i++)
        printf(only_scores ? "%.7g\n" : i ? " %.4f" : "scores %.4f", (double)floats(scores)[i]);
    if (!only_scores)
        printf("\n");
}

static void run_pooled(struct network *net, weir_tensor *image, long runs, bool only_scores)
{
    if (!only_scores)
        network_print("before", net);
    weir_tensor *scores = NULL;
    for (long i = 0; i < runs; i++) {
        weir_tensor_release(scores);
        scores = forward(net, weir_tensor_retain(image));
    }
    if (!only_scores)
        network_print("after", net);
    scores_print(scores, only_scores);
    weir_tensor_release(scores);
}

/* -- from a plan ------------------------------------------------------------------------ */

/* `net` with activations and scratch memory in `a`. Its pool of buffers keeps none idle, so
 * that a col_buffer lives as long as it is used and no longer. */
static struct network network_in(const struct network *net, weir_allocator *a)
{
    struct network in = *net;
    in.activations = a;
    in.scratch =
        weir_buffer_pool_create(&(weir_buffer_pool_options){.allocator = a, .idle_limit = 1});
    if (!in.scratch)
        fail("a pool of buffers");
    return in;
}

/* Solved, from one run whose memory came from `memory` and is back there. */
static weir_plan *plan_make(const struct network *net, weir_tensor *image, weir_allocator *memory)
{
    weir_plan_recorder *recorder = weir_plan_recorder_create(memory);
    if (!recorder)
        fail("a recorder");
    struct network recorded = network_in(net, weir_plan_recorder_allocator(recorder));
    weir_tensor_release(forward(&recorded, weir_tensor_retain(image)));
    weir_plan *plan = weir_plan_recorder_plan(recorder);
    if (!plan || weir_plan_solve(plan, NULL) || weir_buffer_pool_destroy(recorded.scratch))
        fail("a plan");
    weir_plan_recorder_destroy(recorder);
    return plan;
}

static void plan_print(const weir_plan *plan, weir_plan_replay *replay, size_t peak,
                       size_t allocations)
{
    weir_plan_stats report = {.size = sizeof report};
    weir_plan_replay_stats stats = {.size = sizeof stats};
    if (weir_plan_stats_get(plan, &report) || weir_plan_replay_stats_get(replay, &stats))
        fail("the plan's figures");
    printf("plan           %zu buffers, %zu bytes in all, arena %zu, lower bound %zu\n",
           report.count, report.total, report.arena, report.lower_bound);
    printf("runs           %zu: %zu places from the plan, %zu other; %zu allocations, peak %zu\n",
           stats.passes, stats.served, stats.fallbacks, allocations, peak);
}

static void run_planned(struct network *net, weir_tensor *image, long runs, bool only_scores)
{
    weir_allocator *memory = context("planned");
    weir_plan *plan = plan_make(net, image, memory);
    weir_reset_peak(memory);
    weir_plan_replay *replay = weir_plan_replay_create(plan, memory);
    if (!replay)
        fail("a replay");
    struct network planned = network_in(net, weir_plan_replay_allocator(replay));
    weir_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    weir_stats_get(weir_cpu_allocator(), &before);
    weir_tensor *scores = NULL;
    for (long i = 0; i < runs; i++) {
        weir_tensor_release(scores);
        weir_plan_replay_begin(replay);
        scores = forward(&planned, weir_tensor_retain(image));
    }
    weir_stats_get(weir_cpu_allocator(), &after); /* of the process: all contexts are below it */
    if (!only_scores)
        plan_print(plan, replay, weir_peak_allocated(memory),
                   after.allocations - before.allocations);
    scores_print(scores, only_scores);
    weir_tensor_release(scores);
    if (weir_buffer_pool_destroy(planned.scratch))
        fail("the end");
    weir_plan_replay_destroy(replay);
    weir_plan_destroy(plan);
    if (weir_allocator_destroy(memory))
        fail("the end");
}

static void run(const char *path, long runs, bool from_plan, bool only_scores)
{
    struct network net;
    weir_tensor *image = image_read(path);
    network_init(&net, weir_tensor_extent(image, 0), weir_tensor_extent(image, 1),
                 weir_tensor_extent(image, 2));
    (from_plan ? run_planned : run_pooled)(&net, image, runs, only_scores);
    weir_tensor_release(image);
    network_release(&net);
}

static int usage(void)
{
    fprintf(stderr, "usage: conv2d [--scores] [--planned] [--runs N] IMAGE.pgm|ppm\n");
    return 2;
}

int main(int argc, char **argv)
{
    bool only_scores = false, from_plan = false;
    long runs = 3;
    char *end = NULL;
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--scores") == 0)
            only_scores = true;
        else if (strcmp(argv[i], "--planned") == 0)
            from_plan = true;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = strtol(argv[++i], &end, 10);
        else if (argv[i][0] == '-' || path)
            return usage();
        else
            path = argv[i];
    }
    if (!path || runs < 1 || (end && *end))
        return usage();

    weir_profiler profiler;
    uint64_t checkpoint = weir_checkpoint(NULL);
    weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
    if (!checkpoint || weir_profiler_start(&profiler, NULL))
        fail("watching");
    run(path, runs, from_plan, only_scores);
    if (!only_scores)
        weir_profiler_print(stdout, &profiler, "conv2d");
    weir_profiler_stop(&profiler);
    if (weir_leaks_stats_get(NULL, checkpoint, &leaks))
        fail("the leak check");
    if (leaks.count)
        weir_leaks_print(stderr, NULL, checkpoint);
    else if (!only_scores)
        printf("no leaks\n");
    return leaks.count != 0;
}
