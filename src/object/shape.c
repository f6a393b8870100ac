/*
 * object/shape.c - the arithmetic of shapes. Owns the table of element types; refuses to
 * know of memory.
 */
#include "object/shape.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [WEIR_FLOAT32] = {"float32", 4}, [WEIR_FLOAT64] = {"float64", 8},
    [WEIR_FLOAT16] = {"float16", 2}, [WEIR_BFLOAT16] = {"bfloat16", 2},
    [WEIR_INT8] = {"int8", 1},       [WEIR_INT16] = {"int16", 2},
    [WEIR_INT32] = {"int32", 4},     [WEIR_INT64] = {"int64", 8},
    [WEIR_UINT8] = {"uint8", 1},     [WEIR_BOOL] = {"bool", 1},
};

#define DTYPES (sizeof dtypes / sizeof *dtypes)

size_t weir_dtype_size(weir_dtype dtype)
{
    return (size_t)dtype < DTYPES ? dtypes[dtype].size : 0;
}

const char *weir_dtype_name(weir_dtype dtype)
{
    return (size_t)dtype < DTYPES ? dtypes[dtype].name : "unknown";
}

/* Extents and type are possible; the extents are copied. */
static int layout_take(struct weir__layout *to, const int64_t *shape, size_t ndim, weir_dtype dtype)
{
    if (!weir_dtype_size(dtype))
        return weir__fail(EINVAL, "there is no element type %d", (int)dtype);
    if (ndim > WEIR_MAX_NDIM)
        return weir__fail(EINVAL, "%zu dimensions: at most %d can be", ndim, WEIR_MAX_NDIM);
    if (ndim && !shape)
        return weir__fail(EINVAL, "%zu dimensions, but the shape is NULL", ndim);
    for (size_t i = 0; i < ndim; i++) {
        if (shape[i] < 0)
            return weir__fail(EINVAL, "extent %zu of the shape is %lld", i, (long long)shape[i]);
        to->shape[i] = shape[i];
    }
    to->dtype = dtype;
    to->ndim = (uint32_t)ndim;
    return 0;
}

int weir__layout_make(struct weir__layout *to, const int64_t *shape, size_t ndim, weir_dtype dtype)
{
    int error = layout_take(to, shape, ndim, dtype);
    if (error)
        return error;
    int64_t count = 1, spanned = 1, bytes;
    for (size_t i = ndim; i-- > 0;) {
        to->strides[i] = spanned;
        int64_t extent = to->shape[i];
        count = extent ? count : 0;
        if (__builtin_mul_overflow(spanned, extent ? extent : 1, &spanned) ||
            __builtin_mul_overflow(spanned, (int64_t)weir_dtype_size(dtype), &bytes))
            return weir__fail(EOVERFLOW, "a tensor of this shape is larger than memory can be");
    }
    to->count = count ? spanned : 0;
    return 0;
}

int weir__layout_set_strides(struct weir__layout *layout, const int64_t *strides)
{
    int64_t below = 0, above = (int64_t)weir_dtype_size(layout->dtype);
    const int64_t size = above;
    for (uint32_t i = 0; i < layout->ndim; i++) {
        int64_t reach, *end = strides[i] < 0 ? &below : &above;
        int64_t steps = layout->shape[i] > 0 ? layout->shape[i] - 1 : 0;
        if (__builtin_mul_overflow(strides[i], steps, &reach) ||
            __builtin_mul_overflow(reach, size, &reach) || __builtin_add_overflow(*end, reach, end))
            return weir__fail(EOVERFLOW, "stride %u reaches beyond what memory can be", i);
    }
    if (__builtin_sub_overflow(above, below, &above) || above > PTRDIFF_MAX / 2)
        return weir__fail(EOVERFLOW, "the strides reach beyond what memory can be");
    if (layout->ndim)
        memcpy(layout->strides, strides, layout->ndim * sizeof *strides);
    return 0;
}

bool weir__layout_is_contiguous(const struct weir__layout *layout)
{
    int64_t expected = 1;
    if (layout->count == 0)
        return true;
    for (uint32_t i = layout->ndim; i-- > 0;) {
        if (layout->shape[i] != 1 && layout->strides[i] != expected)
            return false;
        expected *= layout->shape[i];
    }
    return true;
}

/* -- reshape ------------------------------------------------------------------------ */

/* The shape with its -1, if there is one, replaced by what makes `count` elements. */
static int shape_infer(int64_t *to, const int64_t *shape, size_t ndim, int64_t count)
{
    int64_t known = 1, *unknown = NULL;
    for (size_t i = 0; i < ndim; i++) {
        to[i] = shape[i];
        if (shape[i] == -1 && unknown)
            return weir__fail(EINVAL, "more than one extent of the shape is -1");
        if (shape[i] == -1)
            unknown = &to[i];
        else if (shape[i] < 0)
            return weir__fail(EINVAL, "extent %zu of the shape is %lld", i, (long long)shape[i]);
        else if (__builtin_mul_overflow(known, shape[i], &known))
            return weir__fail(EOVERFLOW, "a tensor of this shape is larger than memory can be");
    }
    if (!unknown)
        return 0;
    if (known == 0 || count % known != 0)
        return weir__fail(EINVAL, "no extent in place of -1 gives %lld elements", (long long)count);
    *unknown = count / known;
    return 0;
}

/*
 * Strides for the new shape over the old elements where they lie. Both shapes are cut into the
 * smallest groups of dimensions with equal products; within a group the old dimensions must
 * follow one another without gaps. (The rule numpy uses.) False: they do not.
 */
static bool strides_regroup(struct weir__layout *to, const struct weir__layout *from)
{
    int64_t shape[WEIR_MAX_NDIM] = {0}, strides[WEIR_MAX_NDIM] = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < from->ndim; i++)
        if (from->shape[i] != 1) {
            shape[n] = from->shape[i];
            strides[n++] = from->strides[i];
        }
    uint32_t old = 0, new = 0;
    while (old < n && new < to->ndim) {
        uint32_t old_end = old + 1, new_end = new + 1;
        int64_t had = shape[old], wanted = to->shape[new];
        while (had != wanted)
            if (wanted < had)
                wanted *= to->shape[new_end++];
            else
                had *= shape[old_end++];
        for (uint32_t i = old; i + 1 < old_end; i++)
            if (strides[i] != shape[i + 1] * strides[i + 1])
                return false;
        int64_t stride = strides[old_end - 1];
        for (uint32_t i = new_end; i-- > new; stride *= to->shape[i])
            to->strides[i] = stride;
        old = old_end;
        new = new_end;
    }
    for (; new < to->ndim; new ++) /* extents of 1 at the end */
        to->strides[new] = 1;
    return true;
}

int weir__layout_reshape(struct weir__layout *to, const struct weir__layout *from,
                         const int64_t *shape, size_t ndim)
{
    int64_t full[WEIR_MAX_NDIM] = {0};
    int error = 0;
    if (ndim > WEIR_MAX_NDIM || (ndim && !shape))
        return weir__layout_make(to, shape, ndim, from->dtype);
    error = shape_infer(full, shape, ndim, from->count);
    if (!error)
        error = weir__layout_make(to, full, ndim, from->dtype);
    if (error)
        return error;
    if (to->count != from->count)
        return weir__fail(EINVAL, "a shape of %lld elements for a tensor of %lld",
                          (long long)to->count, (long long)from->count);
    if (!weir__layout_is_contiguous(from) && !strides_regroup(to, from))
        return weir__fail(EINVAL, "the elements do not lie in the order of the new shape; "
                                  "weir_tensor_contiguous makes a copy that does");
    return 0;
}
