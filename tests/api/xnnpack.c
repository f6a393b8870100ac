/*
 * api_xnnpack.c - the adapter for XNNPACK: the rules it keeps, call by call, and a
 * convolution under it. Criterion gives each test a process of its own, which
 * XNNPACK's one allocator a process needs.
 */
#include "../helpers/suite.h"

#include <weir/adapters/xnnpack.h>

#include <math.h>
#include <string.h>

#define SIDE     33
#define CHANNELS 24

static weir_allocator *context_create(size_t limit)
{
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.name = "xnnpack", .limit = limit});
    cr_assert_not_null(a);
    return a;
}

Test(xnnpack, table_keeps_alignment_and_exact_sizes)
{
    weir_allocator *a = context_create(0);
    struct xnn_allocator t = weir_xnnpack_allocator(a);
    cr_assert_eq(t.context, a);
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        char *block = t.aligned_allocate(t.context, alignment, 1000);
        cr_assert_not_null(block);
        cr_assert_eq((uintptr_t)block % alignment, 0);
        cr_assert_eq(weir_total_allocated(a), 1000);
        memset(block, 1, 1000);
        t.aligned_deallocate(t.context, block);
    }
    char *plain = t.allocate(t.context, 100);
    cr_assert_eq((uintptr_t)plain % 16, 0);
    cr_assert_eq(weir_total_allocated(a), 100);
    t.deallocate(t.context, plain);
    cr_assert_eq(weir_allocation_count(a), 0);
}

Test(xnnpack, table_takes_null_and_zero)
{
    weir_allocator *a = context_create(0);
    struct xnn_allocator t = weir_xnnpack_allocator(a);
    t.deallocate(t.context, NULL);
    t.aligned_deallocate(t.context, NULL);
    void *zero = t.allocate(t.context, 0), *aligned = t.aligned_allocate(t.context, 64, 0);
    cr_assert_not_null(zero);
    cr_assert_not_null(aligned);
    cr_assert_neq(zero, aligned);
    cr_assert_eq(weir_allocation_count(a), 2);
    cr_assert_eq(weir_total_allocated(a), 0);
    t.deallocate(t.context, zero);
    t.aligned_deallocate(t.context, aligned);
    cr_assert_eq(weir_allocation_count(a), 0);
}

Test(xnnpack, reallocate_keeps_the_block_when_it_fails)
{
    weir_allocator *a = context_create(1000); /* a move is one change */
    struct xnn_allocator t = weir_xnnpack_allocator(a);
    char *block = t.reallocate(t.context, NULL, 10);
    cr_assert_not_null(block);
    memcpy(block, "012345678", 10);
    cr_assert_null(t.reallocate(t.context, block, 1001));
    cr_assert_str_eq(block, "012345678");
    block = t.reallocate(t.context, block, 1000);
    cr_assert_str_eq(block, "012345678");
    cr_assert_eq(weir_total_allocated(a), 1000);
    t.deallocate(t.context, block);
    cr_assert_eq(weir_total_allocated(a), 0);
}

Test(xnnpack, what_has_no_tag_gets_one_with_its_class)
{
    weir_allocator *a = context_create(0);
    struct xnn_allocator t = weir_xnnpack_allocator(a);
    void *weights = t.aligned_allocate(t.context, 64, 100), *tensor = weir_xnnpack_tensor(a, 100);
    cr_assert_str_eq(weir_tag_name(weir_block_tag(a, weights)), "weights");
    cr_assert_eq(weir_class_of_tag(weir_block_tag(a, weights)), WEIR_CLASS_WEIGHT);
    cr_assert_str_eq(weir_tag_name(weir_block_tag(a, tensor)), "activations");
    cr_assert_eq(weir_class_of_tag(weir_block_tag(a, tensor)), WEIR_CLASS_ACTIVATION);
    cr_assert_eq(weir_tag_set(0), 0);
    WEIR_TAG_SCOPE(weir_tag_intern("mine"));
    void *own = t.allocate(t.context, 100);
    cr_assert_str_eq(weir_tag_name(weir_block_tag(a, own)), "mine");
    cr_assert_str_eq(weir_tag_name(weir_tag_set(0)), "mine");
    t.deallocate(t.context, weights);
    t.deallocate(t.context, own);
    weir_deallocate(a, tensor);
}

Test(xnnpack, tensor_brings_the_bytes_that_kernels_read_past_the_end)
{
    weir_allocator *a = context_create(0);
    void *tensor = weir_xnnpack_tensor(a, 100);
    cr_assert_eq(weir_requested_size(a, tensor), 100 + XNN_EXTRA_BYTES);
    weir_deallocate(a, tensor);
    errno = 0;
    cr_assert_null(weir_xnnpack_tensor(a, SIZE_MAX));
    cr_assert_eq(errno, ENOMEM);
}

Test(xnnpack, second_allocator_is_refused)
{
    weir_allocator *first = context_create(0), *second = context_create(0);
    cr_assert_eq(weir_xnnpack_initialize(first), xnn_status_success);
    cr_assert_eq(weir_xnnpack_initialize(first), xnn_status_success);
    errno = 0;
    cr_assert_eq(weir_xnnpack_initialize(second), xnn_status_invalid_state);
    cr_assert_eq(errno, EBUSY);
    cr_assert_eq(weir_allocation_count(first), 0);
    cr_assert_eq(weir_allocation_count(second), 0);
}

Test(xnnpack, own_allocator_that_came_first_is_noticed)
{
    cr_assert_eq(xnn_initialize(NULL), xnn_status_success);
    cr_assert_eq(weir_xnnpack_initialize(NULL), xnn_status_invalid_state);
    cr_assert_eq(errno, EBUSY);
}

/* -- a convolution against plain loops ---------------------------------------------- */

static float pattern(size_t i)
{
    return (float)((i * 7919) % 255) / 255.0f - 0.5f;
}

static float convolved(const float *in, const float *filter, const float *bias, size_t pixel,
                       size_t channel)
{
    float sum = bias[channel];
    for (size_t i = 0; i < CHANNELS; i++)
        sum += in[pixel * CHANNELS + i] * filter[channel * CHANNELS + i];
    return sum;
}

/* The operator, ready to run; XNNPACK of 2024 has other parameters, and asks for room to
 * work in (*workspace). */
static enum xnn_status operator_make(weir_allocator *a, const float *filter, const float *bias,
                                     const float *in, float *out, xnn_operator_t *op,
                                     void **workspace)
{
#ifdef HAVE_XNN_RESHAPE_CONVOLUTION2D_NHWC_F32
    size_t size = 0, alignment = 1;
    enum xnn_status status = xnn_create_convolution2d_nhwc_f32(
        0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, CHANNELS, CHANNELS, CHANNELS, CHANNELS, filter, bias,
        -INFINITY, INFINITY, 0, NULL, NULL, op);
    if (status == xnn_status_success)
        status = xnn_reshape_convolution2d_nhwc_f32(*op, 1, SIDE, SIDE, &size, &alignment, NULL,
                                                    NULL, NULL);
    if (status == xnn_status_success && size && !(*workspace = weir_xnnpack_tensor(a, size)))
        status = xnn_status_out_of_memory;
    if (status == xnn_status_success)
        status = xnn_setup_convolution2d_nhwc_f32(*op, *workspace, in, out);
#else
    (void)a, (void)workspace;
    enum xnn_status status = xnn_create_convolution2d_nhwc_f32(
        0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, CHANNELS, CHANNELS, CHANNELS, CHANNELS, filter, bias,
        -INFINITY, INFINITY, 0, op);
    if (status == xnn_status_success)
        status = xnn_setup_convolution2d_nhwc_f32(*op, 1, SIDE, SIDE, in, out, NULL);
#endif
    return status;
}

/* A 1x1 convolution through the operator interface: XNNPACK's status. */
static enum xnn_status convolve(weir_allocator *a, float *worst)
{
    size_t count = SIDE * SIDE * CHANNELS;
    float *in = weir_xnnpack_tensor(a, count * sizeof(float));
    float *out = weir_xnnpack_tensor(a, count * sizeof(float));
    float filter[CHANNELS * CHANNELS], bias[CHANNELS];
    xnn_operator_t op = NULL;
    void *workspace = NULL;
    enum xnn_status status = xnn_status_out_of_memory;
    if (!in || !out)
        goto done;
    for (size_t i = 0; i < count; i++)
        in[i] = pattern(i);
    for (size_t i = 0; i < CHANNELS * CHANNELS; i++)
        filter[i] = pattern(i + 11);
    for (size_t i = 0; i < CHANNELS; i++)
        bias[i] = pattern(i + 5);
    status = operator_make(a, filter, bias, in, out, &op, &workspace);
    if (status == xnn_status_success)
        status = xnn_run_operator(op, NULL);
    *worst = 0;
    for (size_t p = 0; status == xnn_status_success && p < SIDE * SIDE; p++)
        for (size_t c = 0; c < CHANNELS; c++)
            *worst =
                fmaxf(*worst, fabsf(out[p * CHANNELS + c] - convolved(in, filter, bias, p, c)));
done:
    if (op)
        xnn_delete_operator(op);
    weir_deallocate(a, workspace);
    weir_deallocate(a, in);
    weir_deallocate(a, out);
    return status;
}

Test(xnnpack, convolution_is_right_and_leaves_nothing)
{
    weir_allocator *a = context_create(0);
    cr_assert_eq(weir_xnnpack_initialize(a), xnn_status_success);
    float worst = 1;
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(convolve(a, &worst), xnn_status_success);
        cr_assert_lt(worst, 1e-4);
        cr_assert_eq(weir_total_allocated(a), 0);
        cr_assert_eq(weir_allocation_count(a), 0);
    }
    size_t tensors = 2 * (SIDE * SIDE * CHANNELS * sizeof(float) + XNN_EXTRA_BYTES);
    size_t weights = (CHANNELS * CHANNELS + CHANNELS) * sizeof(float);
    cr_assert_geq(weir_peak_allocated(a), tensors + weights, "packed weights went elsewhere");
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(xnnpack, every_limit_gives_a_status_and_leaves_nothing)
{
    weir_allocator *a = context_create(0);
    cr_assert_eq(weir_xnnpack_initialize(a), xnn_status_success);
    float worst;
    cr_assert_eq(convolve(a, &worst), xnn_status_success);
    size_t needed = weir_peak_allocated(a), refused = 0;
    for (size_t limit = 1; limit < needed; limit += needed / 97) {
        cr_assert_eq(weir_set_limit(a, limit), 0);
        cr_assert_eq(convolve(a, &worst), xnn_status_out_of_memory, "limit %zu", limit);
        cr_assert_eq(weir_allocation_count(a), 0);
        refused++;
    }
    cr_assert_gt(refused, 90);
    cr_assert_eq(weir_set_limit(a, needed), 0);
    cr_assert_eq(convolve(a, &worst), xnn_status_success);
}
