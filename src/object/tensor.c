/*
 * object/tensor.c - handles: making, sharing and asking. Owns the count of owners; the
 * storage's is in storage.c, what makes further handles in view.c.
 */
#include "object/tensor.h"

#include "alloc/allocator.h"
#include "base/error.h"

#include <errno.h>

/* Dead handles keep theirs until the memory is used again: it finds what it can. */
#define TENSOR_LIVE 0x7e450a11u
#define TENSOR_DEAD 0x7e45dead

bool weir__tensor_is_live(const weir_tensor *t)
{
    if (weir__likely(t && t->mark == TENSOR_LIVE))
        return true;
    if (t)
        weir__misuse(t->mark == TENSOR_DEAD ? WEIR_MISUSE_DOUBLE_FREE : WEIR_MISUSE_FOREIGN_POINTER,
                     t, "tensors");
    return false;
}

bool weir__tensor_check(const weir_tensor *t)
{
    if (weir__likely(weir__tensor_is_live(t)))
        return true;
    weir__fail_null(EINVAL, t ? "no live tensor" : "no tensor: NULL was given");
    return false;
}

/* -- making ------------------------------------------------------------------------- */

weir_tensor *weir__tensor_make(struct weir__storage *storage, void *data, size_t capacity,
                               const struct weir__layout *layout)
{
    weir_tensor *t = weir__meta_allocate_handle(sizeof *t);
    if (!t)
        return weir__fail_null(ENOMEM, "no memory for a tensor's book-keeping");
    *t = (weir_tensor){.storage = storage,
                       .data = data,
                       .mark = TENSOR_LIVE,
                       .references = 1,
                       .capacity = capacity,
                       .layout = *layout};
    return t;
}

/* What asks `a` for memory comes last: a call that fails has moved none of its figures. */
static weir_tensor *tensor_create(weir_allocator *a, const int64_t *shape, size_t ndim,
                                  weir_dtype dtype, bool zeroed)
{
    struct weir__layout layout = {0};
    int error = weir__layout_make(&layout, shape, ndim, dtype);
    if (error) {
        errno = error;
        return NULL;
    }
    size_t bytes = weir__layout_bytes(&layout);
    weir_tensor *t = weir__tensor_make(NULL, NULL, bytes, &layout);
    if (!t)
        return NULL;
    t->storage = weir__storage_make(a, bytes, zeroed);
    if (!t->storage) {
        int saved = errno;
        weir__meta_free_handle(t, sizeof *t);
        errno = saved;
        return NULL;
    }
    t->data = t->storage->data;
    return t;
}

weir_tensor *weir_tensor_create(const int64_t *shape, size_t ndim, weir_dtype dtype)
{
    return tensor_create(weir_cpu_allocator(), shape, ndim, dtype, false);
}

weir_tensor *weir_tensor_create_in(weir_allocator *a, const int64_t *shape, size_t ndim,
                                   weir_dtype dtype)
{
    return tensor_create(a, shape, ndim, dtype, false);
}

weir_tensor *weir_tensor_create_zeroed_in(weir_allocator *a, const int64_t *shape, size_t ndim,
                                          weir_dtype dtype)
{
    return tensor_create(a, shape, ndim, dtype, true);
}

weir_tensor *weir_tensor_wrap_memory(const weir_tensor_memory *memory, const int64_t *shape,
                                     size_t ndim, weir_dtype dtype)
{
    struct weir__layout layout = {0};
    if (!memory)
        return weir__fail_null(EINVAL, "no memory to wrap: NULL was given");
    int error = weir__layout_make(&layout, shape, ndim, dtype);
    if (!error && memory->strides)
        error = weir__layout_set_strides(&layout, memory->strides);
    if (!error && layout.count && !memory->data)
        error =
            weir__fail(EINVAL, "%lld elements, but their memory is NULL", (long long)layout.count);
    if (error) {
        errno = error;
        return NULL;
    }
    struct weir__storage *storage = weir__meta_allocate_handle(sizeof *storage);
    if (!storage)
        return weir__fail_null(ENOMEM, "no memory for a tensor's book-keeping");
    *storage = (struct weir__storage){.data = memory->data,
                                      .allocator = memory->allocator,
                                      .references = 1,
                                      .read_only = memory->read_only};
    weir_tensor *t = weir__tensor_make(storage, memory->data, weir__layout_bytes(&layout), &layout);
    if (!t) {
        weir__storage_release(storage); /* without the deleter */
        return NULL;
    }
    storage->deleter = memory->deleter;
    storage->user = memory->user;
    return t;
}

weir_tensor *weir_tensor_wrap(void *data, const int64_t *shape, size_t ndim, weir_dtype dtype,
                              weir_tensor_deleter *deleter, void *user)
{
    return weir_tensor_wrap_memory(
        &(weir_tensor_memory){.data = data, .deleter = deleter, .user = user}, shape, ndim, dtype);
}

/* -- sharing ------------------------------------------------------------------------ */

weir_tensor *weir_tensor_retain(weir_tensor *t)
{
    if (!weir__tensor_is_live(t))
        return NULL;
    __atomic_add_fetch(&t->references, 1, __ATOMIC_RELAXED);
    return t;
}

void weir_tensor_release(weir_tensor *t)
{
    if (!weir__tensor_is_live(t) || __atomic_sub_fetch(&t->references, 1, __ATOMIC_ACQ_REL))
        return;
    struct weir__storage *storage = t->storage;
    t->mark = TENSOR_DEAD;
    weir__meta_free_handle(t, sizeof *t);
    weir__storage_release(storage);
}

/* -- questions ---------------------------------------------------------------------- */

bool weir__tensor_host_accessible(const weir_tensor *t)
{
    const weir_allocator *a = t->storage->allocator;
    return !a || weir__allocator_host_accessible(a);
}

weir_dtype weir_tensor_dtype(const weir_tensor *t)
{
    return weir__tensor_is_live(t) ? t->layout.dtype : WEIR_FLOAT32;
}

size_t weir_tensor_ndim(const weir_tensor *t)
{
    return weir__tensor_is_live(t) ? t->layout.ndim : 0;
}

const int64_t *weir_tensor_shape(const weir_tensor *t)
{
    return weir__tensor_is_live(t) ? t->layout.shape : NULL;
}

const int64_t *weir_tensor_strides(const weir_tensor *t)
{
    return weir__tensor_is_live(t) ? t->layout.strides : NULL;
}

int64_t weir_tensor_extent(const weir_tensor *t, size_t dim)
{
    return weir__tensor_is_live(t) && dim < t->layout.ndim ? t->layout.shape[dim] : 0;
}

size_t weir_tensor_element_count(const weir_tensor *t)
{
    return weir__tensor_is_live(t) ? (size_t)t->layout.count : 0;
}

size_t weir_tensor_size_in_bytes(const weir_tensor *t)
{
    return weir__tensor_is_live(t) ? weir__layout_bytes(&t->layout) : 0;
}

size_t weir_tensor_capacity(const weir_tensor *t)
{
    return weir__tensor_is_live(t) ? t->capacity : 0;
}

void *weir_tensor_data(const weir_tensor *t)
{
    return weir__tensor_is_live(t) ? t->data : NULL;
}

bool weir_tensor_is_contiguous(const weir_tensor *t)
{
    return weir__tensor_is_live(t) && weir__layout_is_contiguous(&t->layout);
}

bool weir_tensor_is_read_only(const weir_tensor *t)
{
    return weir__tensor_is_live(t) && t->storage->read_only;
}

weir_allocator *weir_tensor_allocator(const weir_tensor *t)
{
    return weir__tensor_is_live(t) ? t->storage->allocator : NULL;
}

void *weir_tensor_at(const weir_tensor *t, const int64_t *index)
{
    if (!weir__tensor_check(t))
        return NULL;
    if (t->layout.ndim && !index)
        return weir__fail_null(EINVAL, "no index: NULL was given");
    int64_t offset = 0;
    for (uint32_t i = 0; i < t->layout.ndim; i++) {
        if (index[i] < 0 || index[i] >= t->layout.shape[i])
            return weir__fail_null(EINVAL, "index %lld is outside of extent %lld (dimension %u)",
                                   (long long)index[i], (long long)t->layout.shape[i], i);
        offset += index[i] * t->layout.strides[i];
    }
    return t->data + offset * (int64_t)weir_dtype_size(t->layout.dtype);
}
