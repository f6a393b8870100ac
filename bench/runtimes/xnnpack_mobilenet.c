/*
 * xnnpack_mobilenet.c - MobileNetV2 under XNNPACK, with weir and with XNNPACK's own
 * allocator: several rounds of build, run and delete, what each took, and whether
 * the outputs are the same to the bit.
 *
 * XNNPACK takes one allocator a process, so each allocator gets a child process;
 * they answer through shared memory. The weights are random, the same in both.
 * Exit status: 0, 1 when outputs differ, memory is left or a step failed, 2 usage.
 */
#include "bench/runtimes/child.h"
#include "tools/common/options.h"

#include <weir/adapters/xnnpack.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* xnn_define_add2 and the pooling over an image, which XNNPACK of 2022 knows too. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define CLASSES     1001
#define ROUNDS_MAX  64
#define TENSORS_MAX 512

struct settings {
    uint64_t rounds, runs, image, limit;
};

/* One round as a child saw it; bytes. The last four are weir's alone. */
struct round {
    double build_ms, run_ms, delete_ms;
    long run_faults;
    size_t built, built_blocks, peak, left;
};

/* What a child hands to its parent, in shared memory. */
struct answer {
    struct round rounds[ROUNDS_MAX];
    float outputs[ROUNDS_MAX][CLASSES];
    long peak_resident_kib;
    enum xnn_status status;
};

/* A model being built: its graph, and the parameters that XNNPACK reads from. */
struct model {
    weir_allocator *allocator; /* NULL: malloc */
    xnn_subgraph_t graph;
    xnn_runtime_t runtime;
    float *parameters[TENSORS_MAX]; /* ours until the runtime has packed them */
    size_t nparameters;
    float *input, *output;
    uint64_t random;
    enum xnn_status status; /* the first step that failed */
};

/* -- the model --------------------------------------------------------------------- */

static void step(struct model *m, enum xnn_status status)
{
    if (m->status == xnn_status_success)
        m->status = status;
}

static float *tensor_allocate(const struct model *m, size_t count)
{
    if (m->allocator)
        return weir_xnnpack_tensor(m->allocator, count * sizeof(float));
    return aligned_alloc(64, (count * sizeof(float) + XNN_EXTRA_BYTES + 63) / 64 * 64);
}

static void tensor_free(const struct model *m, float *data)
{
    if (m->allocator)
        weir_deallocate(m->allocator, data);
    else
        free(data);
}

/* splitmix64, as a float in [-1, 1). */
static float random_float(struct model *m)
{
    uint64_t z = m->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (float)(z >> 40) / 8388608.0f - 1.0f;
}

static uint32_t value_define(struct model *m, size_t ndims, const size_t *dims, const float *data,
                             uint32_t external, uint32_t flags)
{
    uint32_t id = XNN_INVALID_VALUE_ID;
    if (m->status == xnn_status_success)
        step(m, xnn_define_tensor_value(m->graph, xnn_datatype_fp32, ndims, dims, data, external,
                                        flags, &id));
    return id;
}

/* A parameter of random values within +-scale. */
static uint32_t parameter_define(struct model *m, size_t ndims, const size_t *dims, float scale)
{
    size_t count = 1;
    for (size_t i = 0; i < ndims; i++)
        count *= dims[i];
    float *data = m->status == xnn_status_success && m->nparameters < TENSORS_MAX
                      ? tensor_allocate(m, count)
                      : NULL;
    if (!data) {
        step(m, xnn_status_out_of_memory);
        return XNN_INVALID_VALUE_ID;
    }
    m->parameters[m->nparameters++] = data;
    for (size_t i = 0; i < count; i++)
        data[i] = scale * random_float(m);
    return value_define(m, ndims, dims, data, XNN_INVALID_VALUE_ID, 0);
}

/* An image on its way: its value's id, its height and width, its channels. */
struct image {
    uint32_t id;
    size_t side, channels;
};

static struct image image_define(struct model *m, size_t side, size_t channels)
{
    size_t dims[] = {1, side, side, channels};
    return (struct image){value_define(m, 4, dims, NULL, XNN_INVALID_VALUE_ID, 0), side, channels};
}

/* A convolution over all channels; ReLU6 or linear. */
static struct image convolve(struct model *m, struct image in, size_t channels, uint32_t kernel,
                             uint32_t stride, bool relu6)
{
    size_t filter_dims[] = {channels, kernel, kernel, in.channels}, bias_dims[] = {channels};
    float scale = sqrtf(6.0f / (float)(kernel * kernel * in.channels));
    uint32_t filter = parameter_define(m, 4, filter_dims, scale);
    uint32_t bias = parameter_define(m, 1, bias_dims, 0.1f);
    uint32_t pad = kernel / 2;
    struct image out = image_define(m, (in.side + stride - 1) / stride, channels);
    if (m->status == xnn_status_success)
        step(m,
             xnn_define_convolution_2d(m->graph, pad, pad, pad, pad, kernel, kernel, stride, stride,
                                       1, 1, 1, in.channels, channels, relu6 ? 0.0f : -INFINITY,
                                       relu6 ? 6.0f : INFINITY, in.id, filter, bias, out.id, 0));
    return out;
}

/* A 3x3 convolution of each channel by itself, with ReLU6. */
static struct image convolve_depthwise(struct model *m, struct image in, uint32_t stride)
{
    size_t filter_dims[] = {1, 3, 3, in.channels}, bias_dims[] = {in.channels};
    uint32_t filter = parameter_define(m, 4, filter_dims, sqrtf(6.0f / 9.0f));
    uint32_t bias = parameter_define(m, 1, bias_dims, 0.1f);
    struct image out = image_define(m, (in.side + stride - 1) / stride, in.channels);
    if (m->status == xnn_status_success)
        step(m, xnn_define_depthwise_convolution_2d(m->graph, 1, 1, 1, 1, 3, 3, stride, stride, 1,
                                                    1, 1, in.channels, 0.0f, 6.0f, in.id, filter,
                                                    bias, out.id, 0));
    return out;
}

/* An inverted residual: expand, filter each channel, project; add the input back
 * where the shapes agree. */
static struct image bottleneck(struct model *m, struct image in, size_t expansion, size_t channels,
                               uint32_t stride)
{
    struct image wide = expansion == 1 ? in : convolve(m, in, in.channels * expansion, 1, 1, true);
    struct image out = convolve(m, convolve_depthwise(m, wide, stride), channels, 1, 1, false);
    if (stride != 1 || in.channels != channels)
        return out;
    struct image sum = image_define(m, out.side, channels);
    if (m->status == xnn_status_success)
        step(m, xnn_define_add2(m->graph, -INFINITY, INFINITY, in.id, out.id, sum.id, 0));
    return sum;
}

/* Averages over the image and classifies into the external output, value 1. */
static void classify(struct model *m, struct image in)
{
    size_t pooled_dims[] = {1, in.channels}, out_dims[] = {1, CLASSES};
    size_t filter_dims[] = {CLASSES, in.channels}, bias_dims[] = {CLASSES};
    uint32_t pooled = value_define(m, 2, pooled_dims, NULL, XNN_INVALID_VALUE_ID, 0);
    if (m->status == xnn_status_success)
        step(m,
             xnn_define_global_average_pooling_2d(m->graph, -INFINITY, INFINITY, in.id, pooled, 0));
    uint32_t filter = parameter_define(m, 2, filter_dims, sqrtf(3.0f / (float)in.channels));
    uint32_t bias = parameter_define(m, 1, bias_dims, 0.1f);
    uint32_t out = value_define(m, 2, out_dims, NULL, 1, XNN_VALUE_FLAG_EXTERNAL_OUTPUT);
    if (m->status == xnn_status_success)
        step(m, xnn_define_fully_connected(m->graph, -INFINITY, INFINITY, pooled, filter, bias, out,
                                           0));
}

/* MobileNetV2 (Sandler et al. 2018, table 2), width 1. */
static void graph_define(struct model *m, size_t side)
{
    static const struct {
        size_t expansion, channels, repeats;
        uint32_t stride;
    } stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                  {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    size_t dims[] = {1, side, side, 3};
    struct image at = {value_define(m, 4, dims, NULL, 0, XNN_VALUE_FLAG_EXTERNAL_INPUT), side, 3};
    at = convolve(m, at, 32, 3, 2, true);
    for (size_t s = 0; s < sizeof(stages) / sizeof(*stages); s++)
        for (size_t i = 0; i < stages[s].repeats; i++)
            at = bottleneck(m, at, stages[s].expansion, stages[s].channels,
                            i ? 1 : stages[s].stride);
    classify(m, convolve(m, at, 1280, 1, 1, true));
}

/* The parameters are packed into the runtime and the graph is done with. */
static void graph_delete(struct model *m)
{
    if (m->graph)
        xnn_delete_subgraph(m->graph);
    m->graph = NULL;
    while (m->nparameters)
        tensor_free(m, m->parameters[--m->nparameters]);
}

static void model_build(struct model *m, size_t side)
{
    weir_tag before = weir_tag_set(weir_tag_intern("build"));
    step(m, xnn_create_subgraph(2, 0, &m->graph));
    if (m->status == xnn_status_success)
        graph_define(m, side);
    if (m->status == xnn_status_success)
        step(m, xnn_create_runtime(m->graph, &m->runtime));
    /* It also says success when it got no memory for the workspace. */
    if (!m->runtime)
        step(m, xnn_status_out_of_memory);
    graph_delete(m);
    m->input = tensor_allocate(m, side * side * 3);
    m->output = tensor_allocate(m, CLASSES);
    if (!m->input || !m->output)
        step(m, xnn_status_out_of_memory);
    for (size_t i = 0; m->status == xnn_status_success && i < side * side * 3; i++)
        m->input[i] = random_float(m);
    weir_tag_set(before);
}

static void model_run(struct model *m)
{
    struct xnn_external_value values[] = {{0, m->input}, {1, m->output}};
    weir_tag before = weir_tag_set(weir_tag_intern("run"));
    if (m->status == xnn_status_success)
        step(m, xnn_setup_runtime(m->runtime, 2, values));
    if (m->status == xnn_status_success)
        step(m, xnn_invoke_runtime(m->runtime));
    weir_tag_set(before);
}

static void model_delete(struct model *m)
{
    if (m->runtime)
        xnn_delete_runtime(m->runtime);
    tensor_free(m, m->input);
    tensor_free(m, m->output);
}

/* -- a child: one allocator --------------------------------------------------------- */

static bool print_left(const weir_block *block, void *user)
{
    (void)user;
    fprintf(stderr, "left: %zu bytes at %p, tag \"%s\"\n", block->requested, block->address,
            weir_tag_name(block->tag));
    return false;
}

static enum xnn_status round_run(const struct settings *s, weir_allocator *a, struct round *r,
                                 float *output)
{
    struct model m = {.allocator = a, .random = 1};
    if (a)
        weir_reset_peak(a);
    double start = child_now_ms();
    model_build(&m, s->image);
    r->build_ms = child_now_ms() - start;
    if (a) {
        r->built = weir_total_allocated(a);
        r->built_blocks = weir_allocation_count(a);
    }
    double best = INFINITY;
    for (uint64_t i = 0; i < s->runs; i++) {
        long faults = child_faults();
        start = child_now_ms();
        model_run(&m);
        best = fmin(best, child_now_ms() - start);
        r->run_faults = child_faults() - faults; /* of the last run */
    }
    r->run_ms = best;
    if (m.status == xnn_status_success)
        memcpy(output, m.output, CLASSES * sizeof(float));
    start = child_now_ms();
    model_delete(&m);
    r->delete_ms = child_now_ms() - start;
    if (a) {
        r->peak = weir_peak_allocated(a);
        r->left = weir_total_allocated(a);
        weir_allocator_walk(a, print_left, NULL);
    }
    return m.status;
}

struct asked {
    const struct settings *settings;
    bool with_weir;
};

static int child_run(void *user, void *shared)
{
    const struct asked *asked = user;
    const struct settings *s = asked->settings;
    struct answer *answer = shared;
    weir_allocator *a = NULL;
    if (asked->with_weir) {
        a = weir_allocator_create(&(weir_allocator_options){.name = "xnnpack", .limit = s->limit});
        answer->status = a ? weir_xnnpack_initialize(a) : xnn_status_out_of_memory;
    } else {
        answer->status = xnn_initialize(NULL);
    }
    for (uint64_t i = 0; i < s->rounds && answer->status == xnn_status_success; i++)
        answer->status = round_run(s, a, &answer->rounds[i], answer->outputs[i]);
    answer->peak_resident_kib = child_status_kib("VmHWM:");
    return 0;
}

/* -- the parent ----------------------------------------------------------------------- */

/* NULL: the child could not be started or died. */
static struct answer *answer_ask(const struct settings *s, bool with_weir)
{
    int status = 0;
    struct answer *answer =
        child_ask("xnnpack_mobilenet", with_weir ? "weir" : "XNNPACK's own allocator",
                  sizeof *answer, child_run, &(struct asked){s, with_weir}, &status);
    return status ? NULL : answer;
}

static int print_rounds(const struct settings *s, const char *name, const struct answer *answer,
                        bool with_weir)
{
    size_t left = 0;
    printf("%s\n%6s %10s %10s %10s %7s", name, "round", "build ms", "run ms", "delete ms",
           "faults");
    printf(with_weir ? " %12s %7s %12s %6s\n" : "\n", "built bytes", "blocks", "peak bytes",
           "left");
    for (uint64_t i = 0; i < s->rounds; i++) {
        const struct round *r = &answer->rounds[i];
        printf("%6" PRIu64 " %10.2f %10.2f %10.2f %7ld", i + 1, r->build_ms, r->run_ms,
               r->delete_ms, r->run_faults);
        if (with_weir)
            printf(" %12zu %7zu %12zu %6zu", r->built, r->built_blocks, r->peak, r->left);
        putchar('\n');
        left += r->left;
    }
    printf("peak resident %ld KiB\n\n", answer->peak_resident_kib);
    return left != 0;
}

/* The most favorable round of each: what the allocator, not the machine, costs. */
static double best_of(const struct settings *s, const struct answer *answer, bool run)
{
    double best = INFINITY;
    for (uint64_t i = 0; i < s->rounds; i++)
        best = fmin(best, run ? answer->rounds[i].run_ms
                              : answer->rounds[i].build_ms + answer->rounds[i].delete_ms);
    return best;
}

static int compare(const struct settings *s)
{
    struct answer *own = answer_ask(s, false), *weir = answer_ask(s, true);
    if (!own || !weir)
        return 1;
    if (own->status != xnn_status_success || weir->status != xnn_status_success) {
        if (weir->status == xnn_status_out_of_memory && s->limit)
            fprintf(stderr, "xnnpack_mobilenet: the model does not fit into %" PRIu64 " bytes\n",
                    s->limit);
        else
            fprintf(stderr,
                    "xnnpack_mobilenet: XNNPACK's status %d with its own allocator, %d with weir\n",
                    own->status, weir->status);
        return 1;
    }
    print_rounds(s, "XNNPACK's own allocator", own, false);
    int failed = print_rounds(s, "weir", weir, true);
    if (failed)
        fprintf(stderr, "xnnpack_mobilenet: memory is left after a round\n");
    unsigned same = 0;
    for (uint64_t i = 0; i < s->rounds; i++)
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): to the bit */
        same += !memcmp(own->outputs[0], weir->outputs[i], sizeof(weir->outputs[i]));
    printf("weir / own, best of %" PRIu64 " rounds: build and delete %.2f, run %.2f\n", s->rounds,
           best_of(s, weir, false) / best_of(s, own, false),
           best_of(s, weir, true) / best_of(s, own, true));
    printf("outputs identical to the bit: %u of %" PRIu64 " rounds\n", same, s->rounds);
    return failed || same != s->rounds;
}

int main(int argc, char **argv)
{
    struct settings s = {.rounds = 4, .runs = 5, .image = 224};
    const struct option_spec table[] = {
        {"rounds", OPTION_COUNT, &s.rounds, "N", "of build, run and delete (4)", 0, 1, ROUNDS_MAX},
        {"runs", OPTION_COUNT, &s.runs, "N", "in each round (5)", 0, 1, 1000},
        {"image", OPTION_COUNT, &s.image, "PIXELS", "its side, a multiple of 32 (224)", 0, 32,
         1024},
        {"limit", OPTION_SIZE, &s.limit, "SIZE", "of weir's context"},
        {NULL}};
    const struct options options = {
        "xnnpack_mobilenet", "[OPTIONS]",
        "Builds, runs and deletes MobileNetV2 under XNNPACK with weir and with its own allocator.",
        NULL, table};
    int status = options_read(&options, argc, argv);
    s.image = s.image / 32 * 32;
    return status >= 0 ? status : compare(&s);
}
