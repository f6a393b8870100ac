/*
 * device/tensor.c - tensors between devices. Elements that lie apart from each
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
    return a ? weir_device_name(a) : "cpu";
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

weir_tensor *weir_tensor_to(const weir_tensor *t, weir_allocator *a)
{
    if (!weir__tensor_check(t))
        return NULL;
    if (weir_tensor_is_contiguous(t) || !weir_device_table_of(t->storage->allocator) ||
        weir__tensor_host_accessible(t))
        return weir_tensor_clone_in(t, a);
    weir_tensor *fetched = tensor_fetch(t);
    weir_tensor *to = fetched ? weir_tensor_clone_in(fetched, a) : NULL;
    weir_tensor_release(fetched);
    return to;
}
