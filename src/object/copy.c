/*
 * object/copy.c - tensors whose elements move: clones, row-major copies, resizing and
 * clearing.
 */
#include "alloc/allocator.h"
#include "alloc/reallocate.h"
#include "base/error.h"
#include "object/tensor.h"

#include <weir/device.h>

#include <errno.h>
#include <string.h>

/* -- gathering ---------------------------------------------------------------------- */

#define COPY_ELEMENTS(type)                                                                        \
    do {                                                                                           \
        type *restrict out = (type *)to;                                                           \
        const type *in = (const type *)from;                                                       \
        for (int64_t i = 0; i < n; i++)                                                            \
            out[i] = in[i * stride];                                                               \
    } while (0)

/* n elements that are `stride` apart, one after another to `to`. Elements are aligned to
 * their size in weir's own memory; wrapped memory may not be, hence the last case. */
static void row_copy(char *to, const char *from, int64_t n, int64_t stride, size_t size)
{
    if (stride == 1)
        memcpy(to, from, (size_t)n * size);
    else if (((uintptr_t)to | (uintptr_t)from) % size == 0 && size == 4)
        COPY_ELEMENTS(uint32_t);
    else if (((uintptr_t)to | (uintptr_t)from) % size == 0 && size == 2)
        COPY_ELEMENTS(uint16_t);
    else
        for (int64_t i = 0; i < n; i++)
            memcpy(to + (size_t)i * size, from + i * stride * (int64_t)size, size);
}

/* The elements of `from` (at least one) in row-major order to `to`. */
static void elements_gather(char *to, const char *from, const struct weir__layout *layout)
{
    size_t size = weir_dtype_size(layout->dtype);
    uint32_t ndim = layout->ndim;
    int64_t index[WEIR_MAX_NDIM] = {0};
    int64_t n = ndim ? layout->shape[ndim - 1] : 1;
    int64_t stride = ndim ? layout->strides[ndim - 1] : 1;
    for (;;) {
        row_copy(to, from, n, stride, size);
        to += (size_t)n * size;
        uint32_t dim = ndim ? ndim - 1 : 0;
        while (dim-- > 0) {
            from += layout->strides[dim] * (int64_t)size;
            if (++index[dim] < layout->shape[dim])
                break;
            from -= index[dim] * layout->strides[dim] * (int64_t)size;
            index[dim] = 0;
        }
        if (dim == UINT32_MAX)
            return;
    }
}

/* Can weir_device_copy reach it? Not what a user's functions provide for the host not to
 * touch. */
static bool reachable(const weir_allocator *a)
{
    return !a || weir__allocator_host_accessible(a) || weir_device_table_of(a);
}

/* The first `bytes` of the elements of `t`, row-major, to memory of `a`. `bytes` is that
 * of all of them unless `t` is contiguous. 0 or an errno value. */
static int elements_copy(weir_allocator *a, void *to, const weir_tensor *t, size_t bytes)
{
    weir_allocator *from = t->storage->allocator;
    bool contiguous = weir__layout_is_contiguous(&t->layout);
    if (bytes == 0)
        return 0;
    if (contiguous && a && a == from)
        return weir__allocator_copy(a, to, t->data, bytes);
    if (contiguous && reachable(a) && reachable(from))
        return weir_device_copy(a, to, from, t->data, bytes);
    if (!weir__tensor_host_accessible(t) || !reachable(a))
        return weir__fail(ENOTSUP,
                          "elements that the host cannot touch can only be copied in order");
    if (a && !weir__allocator_host_accessible(a)) { /* in order on the host, then over */
        weir_tensor *ordered = weir_tensor_clone(t);
        int error = ordered ? elements_copy(a, to, ordered, bytes) : errno;
        weir_tensor_release(ordered);
        return error;
    }
    elements_gather(to, t->data, &t->layout);
    return 0;
}

/* -- clones ------------------------------------------------------------------------- */

static weir_allocator *tensor_home(const weir_tensor *t)
{
    return t->storage->allocator ? t->storage->allocator : weir_cpu_allocator();
}

weir_tensor *weir_tensor_clone_in(const weir_tensor *t, weir_allocator *a)
{
    if (!weir__tensor_check(t))
        return NULL;
    weir_tensor *clone = weir_tensor_create_in(a, t->layout.shape, t->layout.ndim, t->layout.dtype);
    int error = clone ? elements_copy(a, clone->data, t, clone->capacity) : 0;
    if (error) {
        weir_tensor_release(clone);
        errno = error;
        return NULL;
    }
    return clone;
}

weir_tensor *weir_tensor_clone(const weir_tensor *t)
{
    return weir__tensor_check(t) ? weir_tensor_clone_in(t, tensor_home(t)) : NULL;
}

weir_tensor *weir_tensor_contiguous(weir_tensor *t)
{
    if (!weir__tensor_check(t))
        return NULL;
    return weir__layout_is_contiguous(&t->layout) ? weir_tensor_retain(t) : weir_tensor_clone(t);
}

int weir_tensor_copy(weir_tensor *to, const weir_tensor *from)
{
    if (!weir__tensor_check(to) || !weir__tensor_check(from))
        return EINVAL;
    if (to->layout.dtype != from->layout.dtype || to->layout.count != from->layout.count)
        return weir__fail(EINVAL, "%lld elements of %s do not go into %lld of %s",
                          (long long)from->layout.count, weir_dtype_name(from->layout.dtype),
                          (long long)to->layout.count, weir_dtype_name(to->layout.dtype));
    if (!weir__layout_is_contiguous(&to->layout))
        return weir__fail(EINVAL, "a tensor that is not contiguous cannot be copied into");
    if (to->storage->read_only)
        return weir__fail(EACCES, "a read-only tensor cannot be copied into");
    return elements_copy(to->storage->allocator, to->data, from, weir__layout_bytes(&to->layout));
}

/* -- resizing ----------------------------------------------------------------------- */

/* The block itself grows: nobody else looks at it. */
static int storage_grow(weir_tensor *t, size_t bytes)
{
    struct weir__storage *storage = t->storage;
    void *data = weir__reallocate(storage->allocator, storage->data, bytes);
    if (!data)
        return errno;
    storage->data = data;
    t->data = data;
    t->capacity = bytes;
    return 0;
}

/* Its own storage, with what the old one held. */
static int storage_replace(weir_tensor *t, size_t bytes)
{
    weir_allocator *a = tensor_home(t);
    struct weir__storage *storage = weir__storage_make(a, bytes, false);
    if (!storage)
        return errno;
    int error = elements_copy(a, storage->data, t, weir__layout_bytes(&t->layout));
    if (error) {
        weir__storage_release(storage);
        return error;
    }
    weir__storage_release(t->storage);
    t->storage = storage;
    t->data = storage->data;
    t->capacity = bytes;
    return 0;
}

int weir_tensor_resize(weir_tensor *t, const int64_t *shape, size_t ndim)
{
    struct weir__layout layout = {0};
    if (!weir__tensor_check(t))
        return EINVAL;
    if (!weir__layout_is_contiguous(&t->layout))
        return weir__fail(EINVAL, "a tensor that is not contiguous cannot be resized");
    int error = weir__layout_make(&layout, shape, ndim, t->layout.dtype);
    if (error)
        return error;
    size_t bytes = weir__layout_bytes(&layout);
    if (bytes > t->capacity) {
        const struct weir__storage *storage = t->storage;
        bool alone = __atomic_load_n(&storage->references, __ATOMIC_ACQUIRE) == 1;
        bool grows = alone && storage->owned && storage->data == t->data;
        error = grows ? storage_grow(t, bytes) : storage_replace(t, bytes);
    }
    if (!error)
        t->layout = layout;
    return error;
}

int weir_tensor_zero(weir_tensor *t)
{
    if (!weir__tensor_check(t))
        return EINVAL;
    if (!weir__layout_is_contiguous(&t->layout))
        return weir__fail(EINVAL, "a tensor that is not contiguous cannot be cleared");
    if (t->storage->read_only)
        return weir__fail(EACCES, "a read-only tensor cannot be cleared");
    size_t bytes = weir__layout_bytes(&t->layout);
    if (t->storage->allocator)
        return weir__allocator_zero(t->storage->allocator, t->data, bytes);
    if (bytes)
        memset(t->data, 0, bytes);
    return 0;
}
