/*
 * object/tensor_device.c - tensors between devices. Elements that lie apart from each
 * other are put in order by the host: a device's come over with the gaps between them.
 */
#include "object/tensor.h"

#include "alloc/allocator.h"
#include "base/error.h"

#include <weir/device.h>
#include <weir/tensor.h>

#include <errno.h>

const char *weir_tensor_device(const weir_tensor *t)
{
    const weir_allocator *a = t ? weir_tensor_allocator(t) : NULL;
    return a ? weir_device_of(a) : "cpu";
}

/* First and last byte of the elements, from the first element's address. */
static void tensor_span(const weir_tensor *t, ptrdiff_t *low, size_t *size)
{
    int64_t first = 0, last = 0;
    size_t element = weir_dtype_size(weir_tensor_dtype(t));
    for (size_t dim = 0; dim < weir_tensor_ndim(t); dim++) {
        int64_t reach = (weir_tensor_extent(t, dim) - 1) * weir_tensor_strides(t)[dim];
        *(reach < 0 ? &first : &last) += reach;
    }
    *low = (ptrdiff_t)(first * (int64_t)element);
    *size = ((size_t)(last - first) + 1) * element;
}

static void span_delete(void *span, void *data)
{
    (void)data;
    weir_deallocate(weir_cpu_allocator(), span);
}

/* A tensor in host memory with the elements of one of a device, gaps and all. */
static weir_tensor *tensor_fetch(const weir_tensor *t)
{
    ptrdiff_t low;
    size_t size;
    tensor_span(t, &low, &size);
    char *span = weir_allocate(weir_cpu_allocator(), size), *data = weir_tensor_data(t);
    if (!span)
        return NULL;
    int error = weir_device_copy(NULL, span, weir_tensor_allocator(t), data + low, size);
    weir_tensor_memory memory = {.data = span - low,
                                 .strides = weir_tensor_strides(t),
                                 .deleter = span_delete,
                                 .user = span};
    weir_tensor *fetched = error
                               ? NULL
                               : weir_tensor_wrap_memory(&memory, weir_tensor_shape(t),
                                                         weir_tensor_ndim(t), weir_tensor_dtype(t));
    if (!fetched) {
        error = error ? error : errno;
        weir_deallocate(weir_cpu_allocator(), span);
        errno = error;
    }
    return fetched;
}

/* The same elements side by side, wherever the host can do that; to be released. */
static weir_tensor *tensor_in_order(const weir_tensor *t)
{
    weir_tensor *same = weir_tensor_view(t);
    if (!same || weir_tensor_is_contiguous(t) || weir_tensor_element_count(t) == 0)
        return same;
    weir_tensor *reachable =
        weir__tensor_host_accessible(t) ? weir_tensor_retain(same) : tensor_fetch(t);
    weir_tensor *ordered = reachable ? weir_tensor_contiguous(reachable) : NULL;
    int error = errno;
    weir_tensor_release(reachable);
    weir_tensor_release(same);
    errno = error;
    return ordered;
}

weir_tensor *weir_tensor_to(const weir_tensor *t, weir_allocator *a)
{
    if (!weir__tensor_check(t))
        return NULL;
    weir_tensor *from = tensor_in_order(t);
    weir_tensor *to = from ? weir_tensor_create_in(a, weir_tensor_shape(t), weir_tensor_ndim(t),
                                                   weir_tensor_dtype(t))
                           : NULL;
    int error = to ? weir_device_copy(a, weir_tensor_data(to), weir_tensor_allocator(from),
                                      weir_tensor_data(from), weir_tensor_size_in_bytes(t))
                   : errno;
    weir_tensor_release(from);
    if (!error)
        return to;
    weir_tensor_release(to);
    errno = error;
    return NULL;
}
