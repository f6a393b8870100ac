/*
 * object/view.c - further handles to a storage: same elements, another layout. Copies
 * nothing and never touches the data.
 */
#include "base/error.h"
#include "object/tensor.h"

#include <errno.h>
#include <string.h>

/* A handle of this layout, its first element `first` elements from that of `t`. */
static weir_tensor *view_make(const weir_tensor *t, const struct weir__layout *layout,
                              int64_t first)
{
    char *data = t->data;
    if (layout->count) /* else there is no element to point at, and no bound on `first` */
        data += first * (int64_t)weir_dtype_size(layout->dtype);
    weir_tensor *view = weir__tensor_make(t->storage, data, weir__layout_bytes(layout), layout);
    if (view)
        __atomic_add_fetch(&t->storage->references, 1, __ATOMIC_RELAXED);
    return view;
}

weir_tensor *weir_tensor_view(const weir_tensor *t)
{
    return weir__tensor_check(t) ? view_make(t, &t->layout, 0) : NULL;
}

weir_tensor *weir_tensor_reshape(const weir_tensor *t, const int64_t *shape, size_t ndim)
{
    struct weir__layout layout = {0};
    if (!weir__tensor_check(t))
        return NULL;
    int error = weir__layout_reshape(&layout, &t->layout, shape, ndim);
    if (error) {
        errno = error;
        return NULL;
    }
    return view_make(t, &layout, 0);
}

static bool dimension_check(const weir_tensor *t, size_t dim)
{
    if (!weir__tensor_check(t))
        return false;
    if (dim < t->layout.ndim)
        return true;
    weir__fail_null(EINVAL, "there is no dimension %zu in a tensor of %u", dim, t->layout.ndim);
    return false;
}

/* `extent` (0 or more) was set in one dimension. */
static void layout_recount(struct weir__layout *layout)
{
    layout->count = 1;
    for (uint32_t i = 0; i < layout->ndim && layout->count; i++)
        layout->count = layout->shape[i] ? layout->count * layout->shape[i] : 0;
}

weir_tensor *weir_tensor_slice(const weir_tensor *t, size_t dim, int64_t first, int64_t last,
                               int64_t step)
{
    if (!dimension_check(t, dim))
        return NULL;
    int64_t extent = t->layout.shape[dim];
    if (first < 0 || first > last || last > extent || step < 1)
        return weir__fail_null(EINVAL, "no slice from %lld to %lld by %lld of extent %lld",
                               (long long)first, (long long)last, (long long)step,
                               (long long)extent);
    struct weir__layout layout = t->layout;
    layout.shape[dim] = first == last ? 0 : (last - first - 1) / step + 1;
    if (layout.shape[dim] > 1)
        layout.strides[dim] *= step;
    layout_recount(&layout);
    return view_make(t, &layout, layout.count ? first * t->layout.strides[dim] : 0);
}

weir_tensor *weir_tensor_select(const weir_tensor *t, size_t dim, int64_t index)
{
    if (!dimension_check(t, dim))
        return NULL;
    struct weir__layout layout = t->layout;
    if (index < 0 || index >= layout.shape[dim])
        return weir__fail_null(EINVAL, "index %lld is outside of extent %lld (dimension %zu)",
                               (long long)index, (long long)layout.shape[dim], dim);
    size_t after = --layout.ndim - dim;
    memmove(&layout.shape[dim], &layout.shape[dim + 1], after * sizeof *layout.shape);
    memmove(&layout.strides[dim], &layout.strides[dim + 1], after * sizeof *layout.strides);
    layout_recount(&layout);
    return view_make(t, &layout, layout.count ? index * t->layout.strides[dim] : 0);
}

weir_tensor *weir_tensor_permute(const weir_tensor *t, const size_t *order)
{
    if (!weir__tensor_check(t))
        return NULL;
    struct weir__layout layout = t->layout;
    uint32_t seen = 0;
    if (layout.ndim && !order)
        return weir__fail_null(EINVAL, "no order of dimensions: NULL was given");
    for (uint32_t i = 0; i < layout.ndim; i++) {
        size_t from = order[i];
        if (from >= layout.ndim || seen >> from & 1)
            return weir__fail_null(EINVAL, "the order names dimension %zu %s", from,
                                   from < layout.ndim ? "twice" : "but there is none");
        seen |= 1u << from;
        layout.shape[i] = t->layout.shape[from];
        layout.strides[i] = t->layout.strides[from];
    }
    return view_make(t, &layout, 0);
}

weir_tensor *weir_tensor_transpose(const weir_tensor *t, size_t dim0, size_t dim1)
{
    size_t order[WEIR_MAX_NDIM];
    if (!dimension_check(t, dim0) || !dimension_check(t, dim1))
        return NULL;
    for (size_t i = 0; i < t->layout.ndim; i++)
        order[i] = i == dim0 ? dim1 : i == dim1 ? dim0 : i;
    return weir_tensor_permute(t, order);
}
