/*
 * device/dlpack.c - exports and imports in the structs of DLPack. Owns the exports: each
 * is a struct and its own handle to the tensor's storage.
 */
#include "backing/meta.h"
#include "base/error.h"
#include "device/dlpack_abi.h"
#include "object/tensor.h"

#include <weir/cuda.h>
#include <weir/dlpack.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const struct weir__dl_dtype dtypes[] = {
    [WEIR_FLOAT32] = {WEIR__DL_FLOAT, 32, 1}, [WEIR_FLOAT64] = {WEIR__DL_FLOAT, 64, 1},
    [WEIR_FLOAT16] = {WEIR__DL_FLOAT, 16, 1}, [WEIR_BFLOAT16] = {WEIR__DL_BFLOAT, 16, 1},
    [WEIR_INT8] = {WEIR__DL_INT, 8, 1},       [WEIR_INT16] = {WEIR__DL_INT, 16, 1},
    [WEIR_INT32] = {WEIR__DL_INT, 32, 1},     [WEIR_INT64] = {WEIR__DL_INT, 64, 1},
    [WEIR_UINT8] = {WEIR__DL_UINT, 8, 1},     [WEIR_BOOL] = {WEIR__DL_BOOL, 8, 1},
};

/* -- export ------------------------------------------------------------------------- */

/* Where the tensor's memory is, for others; 0 or ENOTSUP. */
static int device_describe(const weir_tensor *t, struct weir__dl_device *device)
{
    *device = (struct weir__dl_device){WEIR__DL_CPU, 0};
    if (weir__tensor_host_accessible(t))
        return 0;
    const char *where = weir_device_name(t->storage->allocator);
    int end = 0;
    if (sscanf(where, "cuda:%" SCNd32 "%n", &device->id, &end) == 1 && !where[end]) {
        device->type = WEIR__DL_CUDA;
        return 0;
    }
    return weir__fail(ENOTSUP, "DLPack has no word for the memory of \"%s\"",
                      weir_allocator_name(t->storage->allocator));
}

/* The view's own shape and strides stay as they are until it is released. Without elements the
 * pointer is NULL (DLPack 1.0). */
static void tensor_describe(struct weir__dl_tensor *to, weir_tensor *view,
                            struct weir__dl_device device)
{
    *to = (struct weir__dl_tensor){.data = weir_tensor_element_count(view) ? view->data : NULL,
                                   .device = device,
                                   .ndim = (int32_t)view->layout.ndim,
                                   .dtype = dtypes[view->layout.dtype],
                                   .shape = view->layout.shape,
                                   .strides = view->layout.strides};
}

/* `size` bytes for the struct, the tensor in them described, and the view that it is of; NULL
 * with errno. */
static void *export_make(const weir_tensor *t, size_t size, size_t tensor_at, weir_tensor **view)
{
    struct weir__dl_device device;
    if (!weir__tensor_check(t))
        return NULL;
    int error = device_describe(t, &device);
    if (error) {
        errno = error;
        return NULL;
    }
    char *made = weir__meta_allocate(size);
    if (!made)
        return weir__fail_null(ENOMEM, "no memory for a DLPack struct");
    *view = weir_tensor_view(t);
    if (!*view) {
        weir__meta_free(made, size);
        errno = ENOMEM;
        return NULL;
    }
    tensor_describe((struct weir__dl_tensor *)(void *)(made + tensor_at), *view, device);
    return made;
}

static void managed_delete(struct weir__dl_managed *self)
{
    weir_tensor_release(self->manager);
    weir__meta_free(self, sizeof *self);
}

struct DLManagedTensor *weir_tensor_to_dlpack(const weir_tensor *t)
{
    weir_tensor *view = NULL;
    if (weir_tensor_is_read_only(t))
        return weir__fail_null(EACCES, "DLPack: the older struct cannot say that memory is "
                                       "read-only");
    struct weir__dl_managed *managed =
        export_make(t, sizeof *managed, offsetof(struct weir__dl_managed, tensor), &view);
    if (!managed)
        return NULL;
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
    weir_tensor *view = NULL;
    struct weir__dl_versioned *versioned =
        export_make(t, sizeof *versioned, offsetof(struct weir__dl_versioned, tensor), &view);
    if (!versioned)
        return NULL;
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

/* *a: whose memory it is, NULL for the host's. 0 or an errno value. */
static int device_find(struct weir__dl_device device, weir_allocator **a)
{
    *a = NULL;
    if (device.type == WEIR__DL_CPU || device.type == WEIR__DL_CUDA_HOST ||
        device.type == WEIR__DL_ROCM_HOST)
        return 0;
    if (device.type != WEIR__DL_CUDA)
        return weir__fail(ENOTSUP, "DLPack: weir cannot reach memory of device type %d",
                          (int)device.type);
    *a = weir_cuda_allocator(device.id);
    return *a ? 0 : ENOTSUP; /* the reason is the driver's */
}

static weir_tensor *import_make(const struct weir__dl_tensor *from, weir_tensor_deleter *deleter,
                                void *managed, bool read_only)
{
    weir_dtype dtype = WEIR_FLOAT32;
    weir_allocator *a = NULL;
    int error = dtype_find(from->dtype, &dtype);
    if (!error && from->ndim < 0)
        error = weir__fail(EINVAL, "DLPack: %d dimensions", (int)from->ndim);
    if (!error)
        error = device_find(from->device, &a);
    if (error) {
        errno = error;
        return NULL;
    }
    weir_tensor_memory memory = {.data = from->data ? (char *)from->data + from->byte_offset : NULL,
                                 .allocator = a,
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
