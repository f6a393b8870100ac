/*
 * object/shape.h - shapes, strides and element types: checked arithmetic, no memory.
 * Pure functions; any thread.
 */
#ifndef WEIR_OBJECT_SHAPE_H
#define WEIR_OBJECT_SHAPE_H

#include "base/bits.h"

#include <weir/tensor.h>

/*
 * Where the elements lie. Invariants: extents >= 0, count their product; count times the
 * element's size, and the distance in bytes between any two elements, are at most
 * PTRDIFF_MAX (half of it where strides were given), an extent of 0 taken as 1. So no
 * index, slice, step or regrouping can overflow.
 */
struct weir__layout {
    weir_dtype dtype;
    uint32_t ndim;
    int64_t count;
    int64_t shape[WEIR_MAX_NDIM];
    int64_t strides[WEIR_MAX_NDIM]; /* elements */
};

/* Fills *to, row-major. 0, EINVAL or EOVERFLOW with a reason. */
int weir__layout_make(struct weir__layout *to, const int64_t *shape, size_t ndim, weir_dtype dtype);

/* Gives it these strides; 0 or EOVERFLOW. */
int weir__layout_set_strides(struct weir__layout *layout, const int64_t *strides);

/* *to: as many elements as `from` in the same order, in another shape (-1 once: what
 * fits). 0 or EINVAL: another count, or the strides do not allow it. */
int weir__layout_reshape(struct weir__layout *to, const struct weir__layout *from,
                         const int64_t *shape, size_t ndim);

bool weir__layout_is_contiguous(const struct weir__layout *layout);

WEIR__INLINE size_t weir__layout_bytes(const struct weir__layout *layout)
{
    return (size_t)layout->count * weir_dtype_size(layout->dtype);
}

#endif
