/*
 * device/cuda_table.c - a device table over the CUDA driver: memory of a device, pinned
 * host memory, managed memory. Owns a reference to the device's primary context, which is
 * current only for the length of a call.
 */
#include "backing/meta.h"
#include "base/error.h"
#include "device/cuda_api.h"
#include "device_pool/pool.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define CUDA_ALIGNMENT  ((size_t)256) /* what cuMemAlloc promises is more than this */
#define GRANULARITY_MIN (2 * WEIR__MIB)

struct cuda {
    weir_device_table table;
    char name[32];
    const struct weir__cuda_api *api;
    enum weir__cuda_memory memory;
    int device;
    void *context;
    void (*gone)(const weir_device_table *table);
};

/* Runs a driver call in the device's context. */
#define CALL(c, function, ...)                                                                     \
    ({                                                                                             \
        int error_ = context_enter(c);                                                             \
        if (!error_) {                                                                             \
            error_ = weir__cuda_result((c)->api->function(__VA_ARGS__), "cu" #function);           \
            context_leave(c);                                                                      \
        }                                                                                          \
        error_;                                                                                    \
    })

static int context_enter(struct cuda *c)
{
    return weir__cuda_result(c->api->CtxPushCurrent(c->context), "cuCtxPushCurrent");
}

static void context_leave(struct cuda *c)
{
    void *popped;
    c->api->CtxPopCurrent(&popped);
}

static weir__cuda_ptr ptr(const void *address)
{
    return (weir__cuda_ptr)(uintptr_t)address;
}

static void *address_of(weir__cuda_ptr p)
{
    return (void *)(uintptr_t)p;
}

/* -- memory ------------------------------------------------------------------------------- */

static int cuda_allocate(void *user, size_t size, void **address)
{
    struct cuda *c = user;
    weir__cuda_ptr made = 0;
    int error = CALL(c, MemAlloc, &made, size);
    *address = address_of(made);
    return error;
}

static int cuda_free(void *user, void *address, size_t size)
{
    struct cuda *c = user;
    (void)size;
    return CALL(c, MemFree, ptr(address));
}

static int managed_allocate(void *user, size_t size, void **address)
{
    struct cuda *c = user;
    weir__cuda_ptr made = 0;
    int error = CALL(c, MemAllocManaged, &made, size, WEIR__CUDA_MEM_ATTACH_GLOBAL);
    *address = address_of(made);
    return error;
}

static int pinned_allocate(void *user, size_t size, void **address)
{
    struct cuda *c = user;
    return CALL(c, MemHostAlloc, address, size, WEIR__CUDA_MEMHOSTALLOC_PORTABLE);
}

static int pinned_free(void *user, void *address, size_t size)
{
    struct cuda *c = user;
    (void)size;
    return CALL(c, MemFreeHost, address);
}

static int cuda_memory_info(void *user, size_t *free_bytes, size_t *total)
{
    struct cuda *c = user;
    return CALL(c, MemGetInfo, free_bytes, total);
}

static int pinned_memory_info(void *user, size_t *free_bytes, size_t *total)
{
    (void)user;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *free_bytes = (size_t)sysconf(_SC_AVPHYS_PAGES) * page;
    *total = (size_t)sysconf(_SC_PHYS_PAGES) * page;
    return 0;
}

static int cuda_allocate_on(void *user, size_t size, void *stream, void **address)
{
    struct cuda *c = user;
    weir__cuda_ptr made = 0;
    int error = CALL(c, MemAllocAsync, &made, size, stream);
    *address = address_of(made);
    return error;
}

static int cuda_free_on(void *user, void *address, size_t size, void *stream)
{
    struct cuda *c = user;
    (void)size;
    return CALL(c, MemFreeAsync, ptr(address), stream);
}

/* -- contents ----------------------------------------------------------------------------- */

static int cuda_set(void *user, void *to, int byte, size_t size, void *stream)
{
    struct cuda *c = user;
    return CALL(c, MemsetD8Async, ptr(to), (unsigned char)byte, size, stream);
}

static int cuda_copy_in(void *user, void *to, const void *host, size_t size, void *stream)
{
    struct cuda *c = user;
    return CALL(c, MemcpyHtoDAsync, ptr(to), host, size, stream);
}

static int cuda_copy_out(void *user, void *host, const void *from, size_t size, void *stream)
{
    struct cuda *c = user;
    return CALL(c, MemcpyDtoHAsync, host, ptr(from), size, stream);
}

static int cuda_copy(void *user, void *to, const void *from, size_t size, void *stream)
{
    struct cuda *c = user;
    return CALL(c, MemcpyDtoDAsync, ptr(to), ptr(from), size, stream);
}

/* -- streams and events ------------------------------------------------------------------- */

static int cuda_stream_create(void *user, void **stream)
{
    struct cuda *c = user;
    return CALL(c, StreamCreate, stream, WEIR__CUDA_STREAM_NON_BLOCKING);
}

static int cuda_stream_destroy(void *user, void *stream)
{
    struct cuda *c = user;
    return CALL(c, StreamDestroy, stream);
}

static int cuda_stream_synchronize(void *user, void *stream)
{
    struct cuda *c = user;
    return CALL(c, StreamSynchronize, stream);
}

static int cuda_stream_wait(void *user, void *stream, void *event)
{
    struct cuda *c = user;
    return CALL(c, StreamWaitEvent, stream, event, 0);
}

static int cuda_event_create(void *user, void **event)
{
    struct cuda *c = user;
    return CALL(c, EventCreate, event, WEIR__CUDA_EVENT_DISABLE_TIMING);
}

static int cuda_event_destroy(void *user, void *event)
{
    struct cuda *c = user;
    return CALL(c, EventDestroy, event);
}

static int cuda_event_record(void *user, void *event, void *stream)
{
    struct cuda *c = user;
    return CALL(c, EventRecord, event, stream);
}

static int cuda_event_query(void *user, void *event)
{
    struct cuda *c = user;
    return CALL(c, EventQuery, event);
}

static int cuda_event_synchronize(void *user, void *event)
{
    struct cuda *c = user;
    return CALL(c, EventSynchronize, event);
}

static const char *cuda_error(void *user)
{
    (void)user;
    return weir__cuda_error_text();
}

/* -- virtual memory ----------------------------------------------------------------------- */

static struct weir__cuda_prop cuda_prop(const struct cuda *c)
{
    return (struct weir__cuda_prop){.type = WEIR__CUDA_ALLOCATION_TYPE_PINNED,
                                    .location = {WEIR__CUDA_LOCATION_DEVICE, c->device}};
}

static int cuda_reserve(void *user, size_t size, void **address)
{
    struct cuda *c = user;
    weir__cuda_ptr made = 0;
    int error = CALL(c, MemAddressReserve, &made, size, c->table.granularity, 0, 0);
    *address = address_of(made);
    return error;
}

static int cuda_unreserve(void *user, void *address, size_t size)
{
    struct cuda *c = user;
    return CALL(c, MemAddressFree, ptr(address), size);
}

/* One handle a granule, because a mapping can only be taken away whole. The memory goes
 * with its last mapping once the handle is released. */
static int granule_map(struct cuda *c, weir__cuda_ptr at)
{
    size_t size = c->table.granularity;
    struct weir__cuda_prop prop = cuda_prop(c);
    unsigned long long handle;
    int error = weir__cuda_result(c->api->MemCreate(&handle, size, &prop, 0), "cuMemCreate");
    if (error)
        return error;
    error = weir__cuda_result(c->api->MemMap(at, size, 0, handle, 0), "cuMemMap");
    int released = weir__cuda_result(c->api->MemRelease(handle), "cuMemRelease");
    if (!error && released)
        c->api->MemUnmap(at, size);
    return error ? error : released;
}

static int granules_map(struct cuda *c, weir__cuda_ptr at, size_t size)
{
    struct weir__cuda_access access = {{WEIR__CUDA_LOCATION_DEVICE, c->device},
                                       WEIR__CUDA_ACCESS_READWRITE};
    int error = 0;
    size_t done = 0;
    while (done < size && !(error = granule_map(c, at + done)))
        done += c->table.granularity;
    if (!error)
        error = weir__cuda_result(c->api->MemSetAccess(at, size, &access, 1), "cuMemSetAccess");
    if (error) {
        char kept[128]; /* the first failure's text, not the clean-up's */
        snprintf(kept, sizeof kept, "%s", weir__cuda_error_text());
        while (done) {
            done -= c->table.granularity;
            c->api->MemUnmap(at + done, c->table.granularity);
        }
        weir__cuda_error_set(kept);
    }
    return error;
}

static int cuda_map(void *user, void *address, size_t size)
{
    struct cuda *c = user;
    int error = context_enter(c);
    if (error)
        return error;
    error = granules_map(c, ptr(address), size);
    context_leave(c);
    return error;
}

static int cuda_unmap(void *user, void *address, size_t size)
{
    struct cuda *c = user;
    return CALL(c, MemUnmap, ptr(address), size);
}

/* -- life --------------------------------------------------------------------------------- */

static void cuda_destroy(void *user)
{
    struct cuda *c = user;
    if (c->gone)
        c->gone(&c->table);
    c->api->PrimaryCtxRelease(c->device);
    weir__meta_free(c, sizeof *c);
}

static const weir_device_table cuda_functions = {
    .size = sizeof(weir_device_table),
    .alignment = CUDA_ALIGNMENT,
    .flags = WEIR_DEVICE_NO_FORK,
    .allocate = cuda_allocate,
    .deallocate = cuda_free,
    .memory_info = cuda_memory_info,
    .set = cuda_set,
    .copy_in = cuda_copy_in,
    .copy_out = cuda_copy_out,
    .copy = cuda_copy,
    .stream_create = cuda_stream_create,
    .stream_destroy = cuda_stream_destroy,
    .stream_synchronize = cuda_stream_synchronize,
    .stream_wait = cuda_stream_wait,
    .event_create = cuda_event_create,
    .event_destroy = cuda_event_destroy,
    .event_record = cuda_event_record,
    .event_query = cuda_event_query,
    .event_synchronize = cuda_event_synchronize,
    .error_text = cuda_error,
    .destroy = cuda_destroy,
};

static bool has_attribute(const struct cuda *c, int attribute)
{
    int value = 0;
    return c->api->DeviceGetAttribute(&value, attribute, c->device) == 0 && value;
}

/* Device memory: what else the driver can do with it. */
static void table_extend(struct cuda *c)
{
    const struct weir__cuda_api *api = c->api;
    struct weir__cuda_prop prop = cuda_prop(c);
    size_t granularity = 0;
    if (api->MemAllocAsync && api->MemFreeAsync &&
        has_attribute(c, WEIR__CUDA_ATTRIBUTE_MEMORY_POOLS)) {
        c->table.allocate_on = cuda_allocate_on;
        c->table.deallocate_on = cuda_free_on;
    }
    bool paged = api->MemAddressReserve && api->MemAddressFree && api->MemCreate &&
                 api->MemRelease && api->MemMap && api->MemUnmap && api->MemSetAccess &&
                 api->MemGetAllocationGranularity &&
                 has_attribute(c, WEIR__CUDA_ATTRIBUTE_VIRTUAL_MEMORY);
    if (!paged ||
        CALL(c, MemGetAllocationGranularity, &granularity, &prop, WEIR__CUDA_GRANULARITY_MINIMUM))
        return;
    granularity = weir__max(granularity, GRANULARITY_MIN);
    if (!weir__is_power_of_two(granularity))
        return;
    c->table.granularity = granularity;
    c->table.reserve = cuda_reserve;
    c->table.unreserve = cuda_unreserve;
    c->table.map = cuda_map;
    c->table.unmap = cuda_unmap;
}

static int table_of_memory(struct cuda *c, int ordinal)
{
    switch (c->memory) {
    case WEIR__CUDA_DEVICE:
        snprintf(c->name, sizeof c->name, "cuda:%d", ordinal);
        table_extend(c);
        return 0;
    case WEIR__CUDA_HOST:
        snprintf(c->name, sizeof c->name, "cuda-host");
        c->table.flags |= WEIR_DEVICE_HOST_ACCESSIBLE;
        c->table.allocate = pinned_allocate;
        c->table.deallocate = pinned_free;
        c->table.memory_info = pinned_memory_info;
        return 0;
    case WEIR__CUDA_MANAGED:
        if (!has_attribute(c, WEIR__CUDA_ATTRIBUTE_MANAGED_MEMORY))
            return weir__fail(ENODEV, "CUDA: device %d has no managed memory", ordinal);
        snprintf(c->name, sizeof c->name, "cuda-managed:%d", ordinal);
        c->table.flags |= WEIR_DEVICE_HOST_ACCESSIBLE;
        c->table.allocate = managed_allocate;
        return 0;
    }
    return EINVAL;
}

/* Finds the device and retains its primary context; 0 or ENODEV with a reason. */
static int device_open(struct cuda *c, int ordinal)
{
    int count = 0;
    int error = weir__cuda_result(c->api->DeviceGetCount(&count), "cuDeviceGetCount");
    if (!error && (ordinal < 0 || ordinal >= count))
        return weir__fail(ENODEV, "CUDA: no device %d: there are %d", ordinal, count);
    if (!error)
        error = weir__cuda_result(c->api->DeviceGet(&c->device, ordinal), "cuDeviceGet");
    if (!error)
        error = weir__cuda_result(c->api->PrimaryCtxRetain(&c->context, c->device),
                                  "cuDevicePrimaryCtxRetain");
    return error ? weir__fail(ENODEV, "CUDA: device %d: %s", ordinal, weir__cuda_error_text()) : 0;
}

const weir_device_table *weir__cuda_table(int device, enum weir__cuda_memory memory,
                                          void (*gone)(const weir_device_table *table))
{
    const struct weir__cuda_api *api = weir__cuda_get();
    if (!api)
        return NULL;
    struct cuda *c = weir__meta_allocate(sizeof *c);
    if (!c)
        return weir__fail_null(ENOMEM, "no memory for a device table");
    c->api = api;
    c->memory = memory;
    c->table = cuda_functions;
    int error = device_open(c, device);
    if (error) {
        weir__meta_free(c, sizeof *c);
        errno = error;
        return NULL;
    }
    error = table_of_memory(c, device);
    if (error) {
        cuda_destroy(c);
        errno = error;
        return NULL;
    }
    c->gone = gone;
    c->table.name = c->name;
    c->table.user = c;
    return &c->table;
}
