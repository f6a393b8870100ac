/*
 * device/cuda_api.h - the part of the CUDA driver API that weir uses, declared from its
 * documentation (docs.nvidia.com/cuda/cuda-driver-api): no CUDA header is needed. Names
 * without the cu; types by their ABI.
 */
#ifndef WEIR_DEVICE_CUDA_API_H
#define WEIR_DEVICE_CUDA_API_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t weir__cuda_ptr; /* CUdeviceptr */

enum {
    WEIR__CUDA_SUCCESS = 0,
    WEIR__CUDA_OUT_OF_MEMORY = 2,
    WEIR__CUDA_NO_DEVICE = 100,
    WEIR__CUDA_INVALID_DEVICE = 101,
    WEIR__CUDA_NOT_READY = 600,
    WEIR__CUDA_NOT_SUPPORTED = 801
};

/* Attributes and flags, by their CU_ names. */
enum {
    WEIR__CUDA_ATTRIBUTE_MANAGED_MEMORY = 83,
    WEIR__CUDA_ATTRIBUTE_VIRTUAL_MEMORY = 102, /* ..._VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED */
    WEIR__CUDA_ATTRIBUTE_MEMORY_POOLS = 115,
    WEIR__CUDA_STREAM_NON_BLOCKING = 1,
    WEIR__CUDA_EVENT_DISABLE_TIMING = 2,
    WEIR__CUDA_MEM_ATTACH_GLOBAL = 1,
    WEIR__CUDA_MEMHOSTALLOC_PORTABLE = 1,
    WEIR__CUDA_GRANULARITY_MINIMUM = 0,
    WEIR__CUDA_ALLOCATION_TYPE_PINNED = 1,
    WEIR__CUDA_LOCATION_DEVICE = 1,
    WEIR__CUDA_ACCESS_READWRITE = 3
};

struct weir__cuda_location { /* CUmemLocation */
    int type, id;
};

struct weir__cuda_prop { /* CUmemAllocationProp */
    int type, handle_types;
    struct weir__cuda_location location;
    void *win32_metadata;
    unsigned char compression, rdma;
    unsigned short usage;
    unsigned char reserved[4];
};

struct weir__cuda_access { /* CUmemAccessDesc */
    struct weir__cuda_location location;
    int flags;
};

_Static_assert(sizeof(struct weir__cuda_prop) == 32, "CUmemAllocationProp");
_Static_assert(sizeof(struct weir__cuda_access) == 12, "CUmemAccessDesc");

/* X(name, symbol, must it be there, parameters) */
#define WEIR__CUDA_FUNCTIONS(X)                                                                    \
    X(Init, "cuInit", 1, (unsigned flags))                                                         \
    X(DriverGetVersion, "cuDriverGetVersion", 1, (int *version))                                   \
    X(GetErrorName, "cuGetErrorName", 1, (int error, const char **name))                           \
    X(GetErrorString, "cuGetErrorString", 1, (int error, const char **text))                       \
    X(DeviceGetCount, "cuDeviceGetCount", 1, (int *count))                                         \
    X(DeviceGet, "cuDeviceGet", 1, (int *device, int ordinal))                                     \
    X(DeviceGetName, "cuDeviceGetName", 1, (char *name, int length, int device))                   \
    X(DeviceGetAttribute, "cuDeviceGetAttribute", 1, (int *value, int attribute, int device))      \
    X(PrimaryCtxRetain, "cuDevicePrimaryCtxRetain", 1, (void **context, int device))               \
    X(PrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", 1, (int device))                          \
    X(CtxPushCurrent, "cuCtxPushCurrent_v2", 1, (void *context))                                   \
    X(CtxPopCurrent, "cuCtxPopCurrent_v2", 1, (void **context))                                    \
    X(MemAlloc, "cuMemAlloc_v2", 1, (weir__cuda_ptr * address, size_t size))                       \
    X(MemFree, "cuMemFree_v2", 1, (weir__cuda_ptr address))                                        \
    X(MemGetInfo, "cuMemGetInfo_v2", 1, (size_t * free, size_t * total))                           \
    X(MemHostAlloc, "cuMemHostAlloc", 1, (void **address, size_t size, unsigned flags))            \
    X(MemFreeHost, "cuMemFreeHost", 1, (void *address))                                            \
    X(MemAllocManaged, "cuMemAllocManaged", 1,                                                     \
      (weir__cuda_ptr * address, size_t size, unsigned flags))                                     \
    X(MemsetD8Async, "cuMemsetD8Async", 1,                                                         \
      (weir__cuda_ptr address, unsigned char byte, size_t size, void *stream))                     \
    X(MemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", 1,                                                  \
      (weir__cuda_ptr to, const void *from, size_t size, void *stream))                            \
    X(MemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", 1,                                                  \
      (void *to, weir__cuda_ptr from, size_t size, void *stream))                                  \
    X(MemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2", 1,                                                  \
      (weir__cuda_ptr to, weir__cuda_ptr from, size_t size, void *stream))                         \
    X(StreamCreate, "cuStreamCreate", 1, (void **stream, unsigned flags))                          \
    X(StreamDestroy, "cuStreamDestroy_v2", 1, (void *stream))                                      \
    X(StreamSynchronize, "cuStreamSynchronize", 1, (void *stream))                                 \
    X(StreamWaitEvent, "cuStreamWaitEvent", 1, (void *stream, void *event, unsigned flags))        \
    X(EventCreate, "cuEventCreate", 1, (void **event, unsigned flags))                             \
    X(EventDestroy, "cuEventDestroy_v2", 1, (void *event))                                         \
    X(EventRecord, "cuEventRecord", 1, (void *event, void *stream))                                \
    X(EventQuery, "cuEventQuery", 1, (void *event))                                                \
    X(EventSynchronize, "cuEventSynchronize", 1, (void *event))                                    \
    X(MemAllocAsync, "cuMemAllocAsync", 0, (weir__cuda_ptr * address, size_t size, void *stream))  \
    X(MemFreeAsync, "cuMemFreeAsync", 0, (weir__cuda_ptr address, void *stream))                   \
    X(MemAddressReserve, "cuMemAddressReserve", 0,                                                 \
      (weir__cuda_ptr * address, size_t size, size_t alignment, weir__cuda_ptr hint,               \
       unsigned long long flags))                                                                  \
    X(MemAddressFree, "cuMemAddressFree", 0, (weir__cuda_ptr address, size_t size))                \
    X(MemCreate, "cuMemCreate", 0,                                                                 \
      (unsigned long long *handle, size_t size, const struct weir__cuda_prop *prop,                \
       unsigned long long flags))                                                                  \
    X(MemRelease, "cuMemRelease", 0, (unsigned long long handle))                                  \
    X(MemMap, "cuMemMap", 0,                                                                       \
      (weir__cuda_ptr address, size_t size, size_t offset, unsigned long long handle,              \
       unsigned long long flags))                                                                  \
    X(MemUnmap, "cuMemUnmap", 0, (weir__cuda_ptr address, size_t size))                            \
    X(MemSetAccess, "cuMemSetAccess", 0,                                                           \
      (weir__cuda_ptr address, size_t size, const struct weir__cuda_access *access, size_t count)) \
    X(MemGetAllocationGranularity, "cuMemGetAllocationGranularity", 0,                             \
      (size_t * granularity, const struct weir__cuda_prop *prop, int option))

struct weir__cuda_api {
#define WEIR__CUDA_FIELD(name, symbol, required, parameters) int(*name) parameters;
    WEIR__CUDA_FUNCTIONS(WEIR__CUDA_FIELD)
#undef WEIR__CUDA_FIELD
};

/* The driver, opened and initialized at the first call; NULL with errno ENODEV and a
 * reason. Any thread. */
const struct weir__cuda_api *weir__cuda_get(void);

/* 0, or what a driver call returned as an errno value; keeps its name and text for
 * weir__cuda_error_text of this thread. ENOMEM, EAGAIN (not ready), ENODEV, ENOTSUP, EIO. */
int weir__cuda_result(int result, const char *call);
const char *weir__cuda_error_text(void);
void weir__cuda_error_set(const char *text);

#endif
