/* Tensors through the public interface: shapes, sharing, views against an oracle that
 * computes addresses by hand, copies, resizing, misuse. */
#include "../helpers/object.h"

#include <signal.h>
#include <stdio.h>

static weir_tensor *iota(const int64_t *shape, size_t ndim)
{
    weir_tensor *t = weir_tensor_create(shape, ndim, WEIR_INT32);
    cr_assert_not_null(t);
    int32_t *data = weir_tensor_data(t);
    for (size_t i = 0; i < weir_tensor_element_count(t); i++)
        data[i] = (int32_t)i;
    return t;
}

/* The i-th element in row-major order, through weir_tensor_at. */
static int32_t element(const weir_tensor *t, size_t i)
{
    int64_t index[WEIR_MAX_NDIM];
    for (size_t dim = weir_tensor_ndim(t); dim-- > 0;) {
        size_t extent = (size_t)weir_tensor_shape(t)[dim];
        index[dim] = (int64_t)(i % extent);
        i /= extent;
    }
    int32_t *at = weir_tensor_at(t, index);
    cr_assert_not_null(at);
    return *at;
}

static bool shape_is(const weir_tensor *t, const int64_t *shape, size_t ndim)
{
    return weir_tensor_ndim(t) == ndim &&
           memcmp(weir_tensor_shape(t), shape, ndim * sizeof *shape) == 0;
}

Test(tensor, the_designs_example_is_counted_exactly)
{
    weir_allocator *cpu = weir_cpu_allocator();
    weir_tensor *t = weir_tensor_create(ARRAY(8, 64, 56, 56), 4, WEIR_FLOAT32);
    cr_assert_not_null(t);
    cr_expect_eq(weir_tensor_size_in_bytes(t), (size_t)8 * 64 * 56 * 56 * 4);
    cr_expect_eq(weir_tensor_element_count(t), (size_t)8 * 64 * 56 * 56);
    cr_expect_eq(weir_tensor_ndim(t), 4);
    cr_expect_eq(weir_tensor_extent(t, 1), 64);
    cr_expect_eq(weir_tensor_extent(t, 4), 0);
    cr_expect_eq(weir_tensor_strides(t)[0], 64 * 56 * 56);
    cr_expect_eq(weir_tensor_strides(t)[3], 1);
    cr_expect(weir_tensor_is_contiguous(t));
    cr_expect_eq((uintptr_t)weir_tensor_data(t) % 64, 0);
    cr_expect_eq(weir_tensor_allocator(t), cpu);
    expect_live(cpu, (size_t)8 * 64 * 56 * 56 * 4, 1);
    weir_tensor_release(t);
    expect_live(cpu, 0, 0);
}

/* Fails before: "object: wrapped memory is copied to wrapped memory". */
Test(tensor, wrapped_memory_is_copied_to_wrapped_memory)
{
    int16_t from[6] = {1, 2, 3, 4, 5, 6}, to[6] = {0};
    weir_tensor *a = weir_tensor_wrap(from, ARRAY(2, 3), 2, WEIR_INT16, NULL, NULL);
    weir_tensor *b = weir_tensor_wrap(to, ARRAY(3, 2), 2, WEIR_INT16, NULL, NULL);
    weir_tensor *turned = weir_tensor_transpose(a, 0, 1);
    cr_expect_eq(weir_tensor_copy(b, a), 0);
    cr_expect_eq(memcmp(from, to, sizeof from), 0);
    cr_expect_eq(weir_tensor_copy(b, turned), 0);
    cr_expect_eq(memcmp(to, ((int16_t[]){1, 4, 2, 5, 3, 6}), sizeof to), 0);
    weir_tensor_release(turned);
    weir_tensor_release(a);
    weir_tensor_release(b);
}

Test(tensor, every_type_has_its_size_and_name)
{
    static const struct {
        weir_dtype dtype;
        size_t size;
        const char *name;
    } types[] = {{WEIR_FLOAT32, 4, "float32"}, {WEIR_FLOAT64, 8, "float64"},
                 {WEIR_FLOAT16, 2, "float16"}, {WEIR_BFLOAT16, 2, "bfloat16"},
                 {WEIR_INT8, 1, "int8"},       {WEIR_INT16, 2, "int16"},
                 {WEIR_INT32, 4, "int32"},     {WEIR_INT64, 8, "int64"},
                 {WEIR_UINT8, 1, "uint8"},     {WEIR_BOOL, 1, "bool"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        cr_expect_eq(weir_dtype_size(types[i].dtype), types[i].size);
        cr_expect_str_eq(weir_dtype_name(types[i].dtype), types[i].name);
        weir_tensor *t = weir_tensor_create(ARRAY(3, 5), 2, types[i].dtype);
        cr_assert_not_null(t);
        cr_expect_eq(weir_tensor_dtype(t), types[i].dtype);
        expect_live(weir_cpu_allocator(), 15 * types[i].size, 1);
        weir_tensor_release(t);
    }
    cr_expect_eq(weir_dtype_size((weir_dtype)10), 0);
    cr_expect_str_eq(weir_dtype_name((weir_dtype)-1), "unknown");
}

Test(tensor, impossible_shapes_are_refused_and_change_nothing)
{
    int64_t many[WEIR_MAX_NDIM + 1];
    for (size_t i = 0; i <= WEIR_MAX_NDIM; i++)
        many[i] = 1;
    weir_tensor *most = weir_tensor_create(many, WEIR_MAX_NDIM, WEIR_BOOL);
    cr_expect_not_null(most);
    weir_tensor_release(most);
    expect_null(weir_tensor_create(many, WEIR_MAX_NDIM + 1, WEIR_BOOL), EINVAL);
    expect_null(weir_tensor_create(NULL, 1, WEIR_INT8), EINVAL);
    expect_null(weir_tensor_create(ARRAY(3, -1), 2, WEIR_INT8), EINVAL);
    cr_expect_str_eq(weir_last_error(), "extent 1 of the shape is -1");
    expect_null(weir_tensor_create(ARRAY(INT64_MIN), 1, WEIR_INT8), EINVAL);
    expect_null(weir_tensor_create(ARRAY(1), 1, (weir_dtype)10), EINVAL);
    expect_null(weir_tensor_create(ARRAY(INT64_MAX / 2), 1, WEIR_FLOAT32), EOVERFLOW);
    expect_null(weir_tensor_create(ARRAY(INT64_MAX, 2), 2, WEIR_INT8), EOVERFLOW);
    expect_null(weir_tensor_create(ARRAY(0, INT64_MAX, INT64_MAX), 3, WEIR_INT8), EOVERFLOW);
    expect_null(weir_tensor_create(ARRAY((int64_t)1 << 32, (int64_t)1 << 32), 2, WEIR_INT8),
                EOVERFLOW);
    expect_null(weir_tensor_create(ARRAY((int64_t)1 << 61), 1, WEIR_INT8), ENOMEM);
    expect_null(weir_tensor_create_in(NULL, ARRAY(1), 1, WEIR_INT8), EINVAL);
    weir_stats stats = {.size = sizeof stats};
    cr_assert_eq(weir_stats_get(weir_cpu_allocator(), &stats), 0);
    cr_expect_eq(stats.allocations, 1);
    cr_expect_eq(stats.failures, 1);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(tensor, scalars_and_empty_tensors_are_valid)
{
    weir_tensor *scalar = weir_tensor_create(NULL, 0, WEIR_FLOAT64);
    weir_tensor *empty = weir_tensor_create(ARRAY(4, 0, 3), 3, WEIR_FLOAT64);
    cr_assert(scalar && empty);
    cr_expect_eq(weir_tensor_element_count(scalar), 1);
    cr_expect_eq(weir_tensor_at(scalar, NULL), weir_tensor_data(scalar));
    cr_expect_eq(weir_tensor_element_count(empty), 0);
    cr_expect(weir_tensor_is_contiguous(empty));
    expect_live(weir_cpu_allocator(), 8, 2);
    weir_tensor *slice = weir_tensor_slice(empty, 0, 1, 3, 1);
    weir_tensor *reshaped = weir_tensor_reshape(empty, ARRAY(0, 7), 2);
    weir_tensor *clone = weir_tensor_clone(slice);
    cr_assert(slice && reshaped && clone);
    cr_expect(shape_is(clone, ARRAY(2, 0, 3), 3));
    expect_null(weir_tensor_reshape(empty, ARRAY(0, -1), 2), EINVAL);
    weir_tensor_release(slice);
    weir_tensor_release(reshaped);
    weir_tensor_release(clone);
    weir_tensor_release(scalar);
    weir_tensor_release(empty);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(tensor, questions_about_nothing_have_answers)
{
    cr_expect_eq(weir_tensor_size_in_bytes(NULL), 0);
    cr_expect_eq(weir_tensor_ndim(NULL), 0);
    cr_expect_null(weir_tensor_data(NULL));
    cr_expect_null(weir_tensor_shape(NULL));
    cr_expect_not(weir_tensor_is_contiguous(NULL));
    cr_expect_null(weir_tensor_retain(NULL));
    cr_expect_eq(weir_tensor_dtype(NULL), WEIR_FLOAT32);
    cr_expect_null(weir_tensor_strides(NULL));
    cr_expect_eq(weir_tensor_extent(NULL, 0), 0);
    cr_expect_eq(weir_tensor_element_count(NULL), 0);
    cr_expect_eq(weir_tensor_capacity(NULL), 0);
    cr_expect_not(weir_tensor_is_read_only(NULL));
    cr_expect_null(weir_tensor_allocator(NULL));
    expect_null(weir_tensor_at(NULL, ARRAY(0)), EINVAL);
    expect_null(weir_tensor_clone(NULL), EINVAL);
    expect_null(weir_tensor_contiguous(NULL), EINVAL);
    expect_null(weir_tensor_wrap_memory(NULL, ARRAY(1), 1, WEIR_INT8), EINVAL);
    weir_tensor_release(NULL);
    expect_null(weir_tensor_view(NULL), EINVAL);
    cr_expect_eq(weir_tensor_resize(NULL, ARRAY(1), 1), EINVAL);
}

Test(tensor, what_is_outside_is_refused)
{
    weir_tensor *t = weir_tensor_create(ARRAY(2, 3), 2, WEIR_INT16), *other;
    cr_assert_not_null(t);
    expect_null(weir_tensor_at(t, NULL), EINVAL);
    expect_null(weir_tensor_at(t, ARRAY(0, 3)), EINVAL);
    expect_null(weir_tensor_at(t, ARRAY(-1, 0)), EINVAL);
    cr_expect_eq((char *)weir_tensor_at(t, ARRAY(1, 2)), (char *)weir_tensor_data(t) + 10);
    cr_expect_eq(weir_tensor_extent(t, 1), 3);
    cr_expect_eq(weir_tensor_extent(t, 2), 0);
    expect_null(weir_tensor_reshape(t, ARRAY(INT64_MAX, 2, 3), 3), EOVERFLOW);
    cr_expect_eq(weir_tensor_copy(NULL, t), EINVAL);
    cr_expect_eq(weir_tensor_copy(t, NULL), EINVAL);
    other = weir_tensor_create(ARRAY(7), 1, WEIR_INT16);
    cr_expect_eq(weir_tensor_copy(t, other), EINVAL);
    weir_tensor_release(other);
    other = weir_tensor_create(ARRAY(6), 1, WEIR_INT32);
    cr_expect_eq(weir_tensor_copy(t, other), EINVAL);
    weir_tensor_release(other);
    weir_tensor_release(t);
    expect_live(weir_cpu_allocator(), 0, 0);
}

/* Bytes between the first element and the last that no address can have. */
Test(tensor, strides_beyond_all_memory_are_refused)
{
    static const int64_t wrong[][2] = {{INT64_MAX, 1},
                                       {INT64_MAX / 4, 1},
                                       {INT64_MAX / 8, INT64_MAX / 8},
                                       {INT64_MAX / 8, -INT64_MAX / 8},
                                       {INT64_MIN / 4, INT64_MIN / 4}};
    static char memory[64];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        weir_tensor_memory m = {.data = memory, .strides = wrong[i]};
        expect_null(weir_tensor_wrap_memory(&m, ARRAY(3, 3), 2, WEIR_INT16), EOVERFLOW);
    }
    expect_live(weir_cpu_allocator(), 0, 0);
}

/* -- views -------------------------------------------------------------------------- */

Test(tensor_view, a_view_keeps_the_storage_alive)
{
    weir_allocator *cpu = weir_cpu_allocator();
    weir_tensor *t = iota(ARRAY(4, 6), 2);
    weir_tensor *view = weir_tensor_view(t);
    cr_expect_eq(weir_tensor_data(view), weir_tensor_data(t));
    cr_expect(weir_tensor_shares_storage(view, t));
    cr_expect_eq(weir_tensor_storage_count(t), 2);
    weir_tensor_release(t);
    expect_live(cpu, 96, 1);
    cr_expect_eq(element(view, 23), 23);
    weir_tensor_release(view);
    expect_live(cpu, 0, 0);
}

Test(tensor_view, retained_handles_are_one_handle)
{
    weir_tensor *t = iota(ARRAY(2), 1);
    cr_expect_eq(weir_tensor_retain(t), t);
    weir_tensor_release(t);
    cr_expect_eq(element(t, 1), 1);
    weir_tensor_release(t);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(tensor_view, slices_select_by_step)
{
    weir_tensor *t = iota(ARRAY(5, 7), 2);
    for (int64_t first = 0; first <= 7; first++)
        for (int64_t last = first; last <= 7; last++)
            for (int64_t step = 1; step <= 8; step++) {
                weir_tensor *slice = weir_tensor_slice(t, 1, first, last, step);
                cr_assert_not_null(slice);
                size_t n = 0;
                for (int64_t row = 0; row < 5; row++)
                    for (int64_t column = first; column < last; column += step)
                        cr_assert_eq(element(slice, n++), row * 7 + column);
                cr_assert_eq(weir_tensor_element_count(slice), n);
                weir_tensor_release(slice);
            }
    expect_null(weir_tensor_slice(t, 1, 0, 8, 1), EINVAL);
    expect_null(weir_tensor_slice(t, 1, -1, 3, 1), EINVAL);
    expect_null(weir_tensor_slice(t, 1, 4, 3, 1), EINVAL);
    expect_null(weir_tensor_slice(t, 1, 0, 3, 0), EINVAL);
    expect_null(weir_tensor_slice(t, 2, 0, 1, 1), EINVAL);
    weir_tensor *far = weir_tensor_slice(t, 0, 4, 5, INT64_MAX);
    cr_expect_eq(element(far, 0), 28);
    cr_expect_eq(weir_tensor_storage_count(t), 2);
    weir_tensor_release(far);
    weir_tensor_release(t);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(tensor_view, select_and_permute_agree_with_arithmetic)
{
    weir_tensor *t = iota(ARRAY(3, 4, 5), 3);
    weir_tensor *p = weir_tensor_permute(t, (const size_t[]){2, 0, 1});
    weir_tensor *s = weir_tensor_select(p, 1, 2); /* p[k][2][j] = t[2][j][k] */
    weir_tensor *x = weir_tensor_transpose(t, 0, 2);
    cr_assert(p && s && x);
    cr_expect(shape_is(p, ARRAY(5, 3, 4), 3));
    cr_expect(shape_is(s, ARRAY(5, 4), 2));
    cr_expect_not(weir_tensor_is_contiguous(p));
    size_t n = 0;
    for (int k = 0; k < 5; k++)
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 4; j++)
                cr_expect_eq(element(p, n++), (i * 4 + j) * 5 + k);
    n = 0;
    for (int k = 0; k < 5; k++)
        for (int j = 0; j < 4; j++)
            cr_expect_eq(element(s, n++), (2 * 4 + j) * 5 + k);
    cr_expect_eq(*(int32_t *)weir_tensor_at(x, ARRAY(4, 1, 2)), (2 * 4 + 1) * 5 + 4);
    expect_null(weir_tensor_select(t, 0, 3), EINVAL);
    expect_null(weir_tensor_permute(t, (const size_t[]){0, 0, 1}), EINVAL);
    expect_null(weir_tensor_permute(t, (const size_t[]){0, 1, 3}), EINVAL);
    expect_null(weir_tensor_transpose(t, 0, 3), EINVAL);
    expect_null(weir_tensor_at(t, ARRAY(0, 4, 0)), EINVAL);
    weir_tensor_release(t);
    weir_tensor_release(p);
    weir_tensor_release(s);
    weir_tensor_release(x);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(tensor_view, reshape_keeps_the_order)
{
    weir_tensor *t = iota(ARRAY(4, 6), 2);
    weir_tensor *r = weir_tensor_reshape(t, ARRAY(2, -1, 3), 3);
    cr_assert_not_null(r);
    cr_expect(shape_is(r, ARRAY(2, 4, 3), 3));
    for (size_t i = 0; i < 24; i++)
        cr_expect_eq(element(r, i), (int)i);
    expect_null(weir_tensor_reshape(t, ARRAY(5, 5), 2), EINVAL);
    expect_null(weir_tensor_reshape(t, ARRAY(-1, -1), 2), EINVAL);
    expect_null(weir_tensor_reshape(t, ARRAY(7, -1), 2), EINVAL);
    expect_null(weir_tensor_reshape(t, ARRAY(-2, 3), 2), EINVAL);
    expect_null(weir_tensor_reshape(t, NULL, 2), EINVAL);
    weir_tensor_release(r);
    weir_tensor_release(t);
}

/* Random views of random views: where reshape says yes, elements keep their order; where it
 * says no, no assignment of strides would have done. */
Test(tensor_view, reshape_of_strided_views_is_right_or_refused)
{
    unsigned refused = 0, done = 0;
    srand(7);
    for (int round = 0; round < 3000; round++) {
        weir_tensor *t = iota(ARRAY(4, 6, 4), 3);
        size_t order[3] = {0, 1, 2}, a = (size_t)rand() % 3, b = (size_t)rand() % 3;
        order[a] = b;
        order[b] = a;
        weir_tensor *p = weir_tensor_permute(t, order);
        weir_tensor *v = weir_tensor_slice(p, (size_t)rand() % 3, 0, 4, 1 + rand() % 2);
        static const int64_t factors[] = {1, 2, 3, 4, 6, 8, 12};
        int64_t shape[4] = {factors[rand() % 7], factors[rand() % 7], factors[rand() % 4], -1};
        weir_tensor *r = weir_tensor_reshape(v, shape, 4);
        size_t n = weir_tensor_element_count(v);
        if (r) {
            done++;
            cr_assert(weir_tensor_shares_storage(r, t));
            cr_assert_eq(weir_tensor_element_count(r), n);
            for (size_t i = 0; i < n; i++)
                cr_assert_eq(element(r, i), element(v, i), "round %d", round);
        } else if (strstr(weir_last_error(), "order")) {
            refused++;
            weir_tensor *c = weir_tensor_contiguous(v);
            weir_tensor *again = weir_tensor_reshape(c, shape, 4);
            cr_assert_not_null(again);
            bool even = true; /* would constant strides describe it? */
            const int64_t *to = weir_tensor_shape(again);
            int64_t step[4] = {0}, inner = 1;
            for (size_t dim = 4; dim-- > 0; inner *= to[dim])
                if (to[dim] > 1)
                    step[dim] = element(v, (size_t)inner) - element(v, 0);
            for (size_t i = 0; i < n; i++) {
                int64_t at = element(v, 0), rest = (int64_t)i;
                for (size_t dim = 4; dim-- > 0; rest /= to[dim])
                    at += rest % to[dim] * step[dim];
                even = even && at == element(v, i);
            }
            cr_assert_not(even, "round %d: refused without need", round);
            weir_tensor_release(again);
            weir_tensor_release(c);
        }
        weir_tensor_release(r);
        weir_tensor_release(v);
        weir_tensor_release(p);
        weir_tensor_release(t);
    }
    cr_expect_gt(done, 100);
    cr_expect_gt(refused, 100);
    expect_live(weir_cpu_allocator(), 0, 0);
}

/* -- copies ------------------------------------------------------------------------- */

Test(tensor_copy, contiguous_copies_only_if_it_must)
{
    weir_tensor *t = iota(ARRAY(3, 5), 2);
    weir_tensor *same = weir_tensor_contiguous(t);
    cr_expect_eq(same, t);
    weir_tensor *x = weir_tensor_transpose(t, 0, 1);
    weir_tensor *c = weir_tensor_contiguous(x);
    cr_assert(x && c);
    cr_expect_not(weir_tensor_shares_storage(c, t));
    cr_expect(weir_tensor_is_contiguous(c));
    for (size_t i = 0; i < 15; i++)
        cr_expect_eq(((int32_t *)weir_tensor_data(c))[i], element(x, i));
    weir_tensor_release(same);
    weir_tensor_release(t);
    weir_tensor_release(x);
    weir_tensor_release(c);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(tensor_copy, every_type_and_stride_is_copied_right)
{
    for (int dtype = WEIR_FLOAT32; dtype <= WEIR_BOOL; dtype++) {
        size_t size = weir_dtype_size((weir_dtype)dtype);
        weir_tensor *t = weir_tensor_create(ARRAY(4, 3, 10), 3, (weir_dtype)dtype);
        unsigned char *data = weir_tensor_data(t);
        for (size_t i = 0; i < 120 * size; i++)
            data[i] = (unsigned char)(i * 31 >> 2);
        weir_tensor *p = weir_tensor_permute(t, (const size_t[]){1, 2, 0});
        weir_tensor *s = weir_tensor_slice(p, 1, 1, 10, 3);
        weir_tensor *c = weir_tensor_clone(s);
        const unsigned char *out = weir_tensor_data(c);
        for (int64_t i = 0; i < 3; i++)
            for (int64_t j = 1; j < 10; j += 3)
                for (int64_t k = 0; k < 4; k++, out += size)
                    cr_assert_arr_eq(out, data + (size_t)((k * 3 + i) * 10 + j) * size, size);
        weir_tensor_release(t);
        weir_tensor_release(p);
        weir_tensor_release(s);
        weir_tensor_release(c);
    }
    expect_live(weir_cpu_allocator(), 0, 0);
}

/* -- wrapping ----------------------------------------------------------------------- */

static int deleted;
static void count_deleted(void *user, void *data)
{
    deleted += *(int *)user;
    *(float *)data = -1;
    errno = 77;
}

Test(tensor_wrap, the_deleter_is_called_once_by_the_last_handle)
{
    float memory[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    int weight = 5;
    weir_tensor *t = weir_tensor_wrap(memory, ARRAY(3, 4), 2, WEIR_FLOAT32, count_deleted, &weight);
    cr_assert_not_null(t);
    cr_expect_null(weir_tensor_allocator(t));
    weir_tensor *row = weir_tensor_select(t, 0, 2);
    expect_live(weir_cpu_allocator(), 0, 0);
    weir_tensor_release(t);
    cr_expect_eq(deleted, 0);
    cr_expect_eq(*(float *)weir_tensor_data(row), 8);
    errno = 3;
    weir_tensor_release(row);
    cr_expect_eq(deleted, 5);
    cr_expect_eq(errno, 3);
    cr_expect_eq(memory[0], -1);
}

Test(tensor_wrap, negative_and_odd_strides_work)
{
    int32_t memory[12];
    for (int i = 0; i < 12; i++)
        memory[i] = i;
    weir_tensor_memory back = {.data = memory + 11, .strides = ARRAY(-4, -1), .read_only = true};
    weir_tensor *t = weir_tensor_wrap_memory(&back, ARRAY(3, 4), 2, WEIR_INT32);
    cr_assert_not_null(t);
    cr_expect(weir_tensor_is_read_only(t));
    for (size_t i = 0; i < 12; i++)
        cr_expect_eq(element(t, i), 11 - (int)i);
    weir_tensor *c = weir_tensor_contiguous(t);
    for (size_t i = 0; i < 12; i++)
        cr_expect_eq(((int32_t *)weir_tensor_data(c))[i], 11 - (int)i);
    cr_expect_not(weir_tensor_is_read_only(c));
    weir_tensor_memory wild = {.data = memory, .strides = ARRAY(INT64_MAX / 4, 1)};
    expect_null(weir_tensor_wrap_memory(&wild, ARRAY(3, 4), 2, WEIR_INT32), EOVERFLOW);
    wild.strides = ARRAY(PTRDIFF_MAX / 2 - 3, 1); /* one row reaches to the end of it */
    weir_tensor *far = weir_tensor_wrap_memory(&wild, ARRAY(2, 3), 2, WEIR_UINT8);
    cr_expect_not_null(far);
    weir_tensor_release(far);
    wild.strides = ARRAY(PTRDIFF_MAX / 2 - 2, 1);
    expect_null(weir_tensor_wrap_memory(&wild, ARRAY(2, 3), 2, WEIR_UINT8), EOVERFLOW);
    wild.strides = ARRAY(INT64_MIN, 1);
    expect_null(weir_tensor_wrap_memory(&wild, ARRAY(2, 2), 2, WEIR_INT32), EOVERFLOW);
    expect_null(weir_tensor_wrap(NULL, ARRAY(1), 1, WEIR_INT32, NULL, NULL), EINVAL);
    weir_tensor *none = weir_tensor_wrap(NULL, ARRAY(0), 1, WEIR_INT32, NULL, NULL);
    cr_expect_not_null(none);
    weir_tensor_release(none);
    weir_tensor_release(c);
    weir_tensor_release(t);
}

/* -- resizing ----------------------------------------------------------------------- */

Test(tensor_resize, stays_in_place_while_capacity_lasts)
{
    weir_allocator *cpu = weir_cpu_allocator();
    weir_tensor *t = iota(ARRAY(100), 1);
    void *data = weir_tensor_data(t);
    cr_expect_eq(weir_tensor_capacity(t), 400);
    cr_expect_eq(weir_tensor_resize(t, ARRAY(2, 5), 2), 0);
    cr_expect(shape_is(t, ARRAY(2, 5), 2));
    cr_expect_eq(weir_tensor_data(t), data);
    expect_live(cpu, 400, 1);
    cr_expect_eq(weir_tensor_resize(t, ARRAY(10, 10), 2), 0);
    cr_expect_eq(weir_tensor_data(t), data);
    cr_expect_eq(element(t, 99), 99);
    cr_expect_eq(weir_tensor_resize(t, ARRAY(1000, 10), 2), 0);
    expect_live(cpu, 40000, 1);
    for (size_t i = 0; i < 100; i++)
        cr_expect_eq(element(t, i), (int)i);
    weir_tensor_release(t);
    expect_live(cpu, 0, 0);
}

Test(tensor_resize, other_handles_keep_the_old_storage)
{
    weir_tensor *t = iota(ARRAY(8), 1);
    weir_tensor *view = weir_tensor_view(t);
    cr_expect_eq(weir_tensor_resize(t, ARRAY(16), 1), 0);
    cr_expect_not(weir_tensor_shares_storage(t, view));
    *(int32_t *)weir_tensor_data(t) = 99;
    cr_expect_eq(element(view, 0), 0);
    cr_expect_eq(element(t, 7), 7);
    expect_live(weir_cpu_allocator(), 32 + 64, 2);
    weir_tensor_release(t);
    weir_tensor_release(view);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(tensor_resize, a_slice_does_not_grow_over_its_neighbors)
{
    weir_tensor *t = iota(ARRAY(10), 1);
    weir_tensor *head = weir_tensor_slice(t, 0, 0, 4, 1);
    weir_tensor *tail = weir_tensor_slice(t, 0, 6, 10, 1);
    cr_expect_eq(weir_tensor_resize(head, ARRAY(6), 1), 0);
    ((int32_t *)weir_tensor_data(head))[4] = -1;
    cr_expect_eq(element(t, 4), 4);
    weir_tensor_release(t);
    cr_expect_eq(weir_tensor_resize(tail, ARRAY(6), 1), 0); /* alone, but not at the start */
    cr_expect_eq(element(tail, 3), 9);
    weir_tensor_release(head);
    weir_tensor_release(tail);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(tensor_resize, failures_leave_the_tensor_as_it_was)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = 1000});
    weir_tensor *t = weir_tensor_create_zeroed_in(a, ARRAY(10, 10), 2, WEIR_INT32);
    cr_assert_not_null(t);
    void *data = weir_tensor_data(t);
    cr_expect_eq(weir_tensor_resize(t, ARRAY(1000), 1), ENOMEM);
    cr_expect_eq(weir_tensor_resize(t, ARRAY(-1), 1), EINVAL);
    cr_expect_eq(weir_tensor_resize(t, ARRAY(INT64_MAX, 3), 2), EOVERFLOW);
    cr_expect(shape_is(t, ARRAY(10, 10), 2));
    cr_expect_eq(weir_tensor_data(t), data);
    expect_live(a, 400, 1);
    weir_tensor *x = weir_tensor_transpose(t, 0, 1);
    cr_expect_eq(weir_tensor_resize(x, ARRAY(4), 1), EINVAL);
    cr_expect_eq(weir_tensor_zero(x), EINVAL);
    weir_tensor_release(x);
    weir_tensor_release(t);
    expect_live(a, 0, 0);
    cr_expect_eq(weir_allocator_destroy(a), 0);
}

Test(tensor_resize, wrapped_memory_moves_to_the_cpu_allocator)
{
    int32_t memory[4] = {1, 2, 3, 4};
    weir_tensor *t = weir_tensor_wrap(memory, ARRAY(4), 1, WEIR_INT32, NULL, NULL);
    cr_expect_eq(weir_tensor_resize(t, ARRAY(8), 1), 0);
    cr_expect_eq(weir_tensor_allocator(t), weir_cpu_allocator());
    cr_expect_eq(element(t, 3), 4);
    expect_live(weir_cpu_allocator(), 32, 1);
    weir_tensor_release(t);
}

/* -- memory the host cannot touch --------------------------------------------------- */

Test(tensor_device, is_never_touched_by_the_host)
{
    struct device d;
    device_make(&d);
    weir_tensor *t = weir_tensor_create_zeroed_in(d.allocator, ARRAY(100, 10), 2, WEIR_FLOAT32);
    cr_assert_not_null(t);
    cr_expect(device_holds(weir_tensor_data(t), 4000, 0));
    device_fill(weir_tensor_data(t), 4000, 9);
    weir_tensor *c = weir_tensor_clone(t);
    cr_expect(device_holds(weir_tensor_data(c), 4000, 9));
    cr_expect_eq(weir_tensor_resize(c, ARRAY(2000), 1), 0);
    cr_expect(device_holds(weir_tensor_data(c), 4000, 9));
    cr_expect_eq(weir_tensor_zero(c), 0);
    cr_expect(device_holds(weir_tensor_data(c), 8000, 0));
    weir_tensor *x = weir_tensor_transpose(t, 0, 1);
    expect_null(weir_tensor_contiguous(x), ENOTSUP);
    expect_null(weir_tensor_clone_in(t, weir_cpu_allocator()), ENOTSUP);
    expect_null(weir_tensor_to(t, weir_cpu_allocator()), ENOTSUP);
    expect_null(weir_tensor_to(x, weir_cpu_allocator()), ENOTSUP);
    cr_expect_eq(weir_tensor_copy(t, t), 0);
    expect_null(weir_tensor_to_dlpack(t), ENOTSUP);
    d.error = EIO;
    expect_null(weir_tensor_clone(t), EIO);
    cr_expect_eq(weir_tensor_zero(t), EIO);
    cr_expect_eq(weir_tensor_resize(c, ARRAY(4000), 1), EIO);
    cr_expect_eq(weir_tensor_element_count(c), 2000);
    expect_null(weir_tensor_create_zeroed_in(d.allocator, ARRAY(1), 1, WEIR_INT8), EIO);
    expect_live(d.allocator, 12000, 2);
    weir_tensor_release(x);
    weir_tensor_release(c);
    weir_tensor_release(t);
    expect_live(d.allocator, 0, 0);
    expect_live(weir_cpu_allocator(), 0, 0);
    cr_expect_eq(weir_allocator_destroy(d.allocator), 0);
}

/* A device of weir's, made of host memory that weir may not touch for itself. */
Test(tensor_device, tensors_go_to_a_device_and_back)
{
    const weir_device_table *host = weir_device_host_table_create("sim", 1 << 26);
    weir_device_table table = *host;
    table.flags &= ~(unsigned)WEIR_DEVICE_HOST_ACCESSIBLE;
    weir_allocator *a = weir_device_allocator_create(&table, NULL);
    cr_assert_not_null(a, "%s", weir_last_error());
    weir_tensor *t = iota(ARRAY(6, 50), 2);
    weir_tensor *x = weir_tensor_transpose(t, 0, 1);
    weir_tensor *there = weir_tensor_clone_in(x, a); /* put in order on the way */
    cr_assert_not_null(there, "%s", weir_last_error());
    cr_expect_eq(weir_tensor_allocator(there), a);
    expect_live(a, 1200, 1);
    expect_live(weir_cpu_allocator(), 1200, 1);
    weir_tensor *turned = weir_tensor_transpose(there, 0, 1);
    expect_null(weir_tensor_clone_in(turned, weir_cpu_allocator()), ENOTSUP);
    weir_tensor *fetched = weir_tensor_to(turned, weir_cpu_allocator()); /* gaps and all */
    for (size_t i = 0; i < 300; i++)
        cr_expect_eq(element(fetched, i), (int)i);
    weir_tensor_release(fetched);
    weir_tensor *back = weir_tensor_clone_in(there, weir_cpu_allocator());
    cr_assert_not_null(back);
    for (size_t i = 0; i < 300; i++)
        cr_expect_eq(element(back, i), element(x, i));
    cr_expect_eq(weir_tensor_zero(there), 0);
    cr_expect_eq(weir_tensor_copy(back, there), 0);
    cr_expect_eq(element(back, 299), 0);
    cr_expect_eq(weir_tensor_copy(there, x), 0);
    cr_expect_eq(weir_tensor_resize(there, ARRAY(1000), 1), 0);
    cr_expect_eq(weir_tensor_resize(there, ARRAY(300), 1), 0);
    cr_expect_eq(weir_tensor_copy(back, there), 0);
    for (size_t i = 0; i < 300; i++)
        cr_expect_eq(element(back, i), element(x, i));
    cr_expect_eq(weir_tensor_copy(turned, x), EINVAL);
    cr_expect_eq(weir_tensor_copy(there, NULL), EINVAL);
    cr_expect_eq(weir_tensor_resize(there, ARRAY(299), 1), 0);
    cr_expect_eq(weir_tensor_copy(there, x), EINVAL);
    weir_tensor *all[] = {t, x, there, turned, back};
    for (size_t i = 0; i < 5; i++)
        weir_tensor_release(all[i]);
    expect_live(a, 0, 0);
    expect_live(weir_cpu_allocator(), 0, 0);
    cr_expect_eq(weir_allocator_destroy(a), 0);
}

/* -- misuse ------------------------------------------------------------------------- */

Test(tensor_misuse, a_release_too_many_is_found)
{
    weir_tensor *t = iota(ARRAY(4), 1);
    weir_set_misuse_handler(hear, NULL);
    weir_tensor_release(t);
    weir_tensor_release(t);
    cr_expect_eq(heard, WEIR_MISUSE_DOUBLE_FREE);
    heard = 0;
    cr_expect_null(weir_tensor_data(t));
    cr_expect_eq(heard, WEIR_MISUSE_DOUBLE_FREE);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(tensor_misuse, what_is_no_tensor_is_found)
{
    uint64_t memory[64] = {0};
    weir_set_misuse_handler(hear, NULL);
    weir_tensor_release((weir_tensor *)memory);
    cr_expect_eq(heard, WEIR_MISUSE_FOREIGN_POINTER);
    expect_null(weir_tensor_view((weir_tensor *)memory), EINVAL);
}

Test(tensor_misuse, without_a_handler_it_aborts, .signal = SIGABRT)
{
    weir_tensor *t = iota(ARRAY(4), 1);
    weir_tensor_release(t);
    weir_tensor_release(t);
}
