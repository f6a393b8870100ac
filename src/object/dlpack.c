/*
 * object/dlpack.c - exports and imports in the structs of DLPack. Owns the exports: each
 * is a struct and a handle of its own to the tensor's storage.
 */
#include "base/error.h"
#include "base/meta.h"
#include "object/dlpack_abi.h"
#include "object/tensor.h"

#include <weir/dlpack.h>

#include <errno.h>

static const struct weir__dl_dtype dtypes[] = {
    [WEIR_FLOAT32] = {WEIR__DL_FLOAT, 32, 1}, [WEIR_FLOAT64] = {WEIR__DL_FLOAT, 64, 1},
    [WEIR_FLOAT16] = {WEIR__DL_FLOAT, 16, 1}, [WEIR_BFLOAT16] = {WEIR__DL_BFLOAT, 16, 1},
    [WEIR_INT8] = {WEIR__DL_INT, 8, 1},       [WEIR_INT16] = {WEIR__DL_INT, 16, 1},
    [WEIR_INT32] = {WEIR__DL_INT, 32, 1},     [WEIR_INT64] = {WEIR__DL_INT, 64, 1},
    [WEIR_UINT8] = {WEIR__DL_UINT, 8, 1},     [WEIR_BOOL] = {WEIR__DL_BOOL, 8, 1},
};

/* -- export ------------------------------------------------------------------------- */

/* The view's own shape and strides stay as they are until it is released. */
static void tensor_describe(struct weir__dl_tensor *to, weir_tensor *view)
{
    *to = (struct weir__dl_tensor){.data = view->data,
                                   .device = {WEIR__DL_CPU, 0},
                                   .ndim = (int32_t)view->layout.ndim,
                                   .dtype = dtypes[view->layout.dtype],
                                   .shape = view->layout.shape,
                                   .strides = view->layout.strides};
}

/* A view, and `size` bytes for the struct; NULL with errno. */
static void *export_make(const weir_tensor *t, size_t size, weir_tensor **view)
{
    if (!weir__tensor_check(t))
        return NULL;
    if (!weir__tensor_host_accessible(t))
        return weir__fail_null(ENOTSUP, "DLPack: the host cannot touch this tensor's memory");
    void *made = weir__meta_allocate(size);
    if (!made)
        return weir__fail_null(ENOMEM, "no memory for a DLPack struct");
    *view = weir_tensor_view(t);
    if (*view)
        return made;
    weir__meta_free(made, size);
    errno = ENOMEM;
    return NULL;
}

static void managed_delete(struct weir__dl_managed *self)
{
    weir_tensor_release(self->manager);
    weir__meta_free(self, sizeof *self);
}

struct DLManagedTensor *weir_tensor_to_dlpack(const weir_tensor *t)
{
    weir_tensor *view;
    if (weir_tensor_is_read_only(t))
        return weir__fail_null(EACCES, "DLPack: the older struct cannot say that memory is "
                                       "read-only");
    struct weir__dl_managed *managed = export_make(t, sizeof *managed, &view);
    if (!managed)
        return NULL;
    tensor_describe(&managed->tensor, view);
    managed->manager = view;
    managed->deleter = managed_delete;
    return (struct DLManagedTensor *)managed;
}

static void versioned_delete(struct weir__dl_versioned *self)
{
    weir_tensor_release(self->manager);
    weir__meta_free(self, sizeof *self);
}

struct DLManagedTensorVersioned *weir_tensor_to_dlpack_versioned(const weir_tensor *t)
{
    weir_tensor *view;
    struct weir__dl_versioned *versioned = export_make(t, sizeof *versioned, &view);
    if (!versioned)
        return NULL;
    tensor_describe(&versioned->tensor, view);
    versioned->version.major = WEIR__DL_MAJOR;
    versioned->version.minor = WEIR__DL_MINOR;
    versioned->flags = weir_tensor_is_read_only(view) ? WEIR__DL_READ_ONLY : 0;
    versioned->manager = view;
    versioned->deleter = versioned_delete;
    return (struct DLManagedTensorVersioned *)versioned;
}

/* -- import ------------------------------------------------------------------------- */

static int dtype_find(struct weir__dl_dtype wanted, weir_dtype *dtype)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (dtypes[i].code == wanted.code && dtypes[i].bits == wanted.bits &&
            dtypes[i].lanes == wanted.lanes) {
            *dtype = (weir_dtype)i;
            return 0;
        }
    return weir__fail(ENOTSUP, "DLPack: no element type of code %u, %u bits, %u lanes", wanted.code,
                      wanted.bits, wanted.lanes);
}

static int device_check(struct weir__dl_device device)
{
    if (device.type == WEIR__DL_CPU || device.type == WEIR__DL_CUDA_HOST ||
        device.type == WEIR__DL_ROCM_HOST)
        return 0;
    return weir__fail(ENOTSUP, "DLPack: the host cannot touch memory of device type %d",
                      (int)device.type);
}

static weir_tensor *import_make(const struct weir__dl_tensor *from, weir_tensor_deleter *deleter,
                                void *managed, bool read_only)
{
    weir_dtype dtype = WEIR_FLOAT32;
    int error = device_check(from->device);
    if (!error)
        error = dtype_find(from->dtype, &dtype);
    if (!error && from->ndim < 0)
        error = weir__fail(EINVAL, "DLPack: %d dimensions", (int)from->ndim);
    if (error) {
        errno = error;
        return NULL;
    }
    weir_tensor_memory memory = {.data = from->data ? (char *)from->data + from->byte_offset : NULL,
                                 .strides = from->strides,
                                 .deleter = deleter,
                                 .user = managed,
                                 .read_only = read_only};
    return weir_tensor_wrap_memory(&memory, from->shape, (size_t)from->ndim, dtype);
}

static void managed_release(void *user, void *data)
{
    struct weir__dl_managed *managed = user;
    (void)data;
    if (managed->deleter)
        managed->deleter(managed);
}

weir_tensor *weir_tensor_from_dlpack(struct DLManagedTensor *managed)
{
    const struct weir__dl_managed *from = (const struct weir__dl_managed *)managed;
    if (!from)
        return weir__fail_null(EINVAL, "DLPack: NULL was given");
    return import_make(&from->tensor, managed_release, managed, false);
}

static void versioned_release(void *user, void *data)
{
    struct weir__dl_versioned *versioned = user;
    (void)data;
    if (versioned->deleter)
        versioned->deleter(versioned);
}

weir_tensor *weir_tensor_from_dlpack_versioned(struct DLManagedTensorVersioned *managed)
{
    const struct weir__dl_versioned *from = (const struct weir__dl_versioned *)managed;
    if (!from)
        return weir__fail_null(EINVAL, "DLPack: NULL was given");
    if (from->version.major != WEIR__DL_MAJOR)
        return weir__fail_null(ENOTSUP, "DLPack: version %u.%u, not %d", from->version.major,
                               from->version.minor, WEIR__DL_MAJOR);
    return import_make(&from->tensor, versioned_release, managed, from->flags & WEIR__DL_READ_ONLY);
}
