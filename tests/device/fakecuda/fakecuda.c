/*
 * tests/device/fakecuda/fakecuda.c - a libcuda.so.1 of the tests' own: the driver API as far as
 * weir uses it, over tests/device/sim.c, written from NVIDIA's documentation of it. Checks
 * what a driver would be harmed by: a context must be current, addresses, sizes and
 * alignments right, a mapping taken away whole, handles released once. Each call can be
 * made to fail (sim_fail_after); what is wrong is counted (sim_violations).
 *
 * From the environment: FAKECUDA_INIT the result of cuInit, FAKECUDA_DEVICES how many there
 * are (2), FAKECUDA_LACKS device attributes that are 0 ("102,115").
 */
#include "../sim.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CU __attribute__((visibility("default")))

typedef int result;
typedef uint64_t pointer; /* CUdeviceptr */

enum {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_READY = 600,
    UNKNOWN = 999
};

#define CONTEXTS 4
#define HANDLES  65536
#define PINNED   4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool initialized;
static int retained[CONTEXTS];
static char contexts[CONTEXTS]; /* their addresses are the contexts */
static _Thread_local void *stack[8];
static _Thread_local int depth;

static struct {
    size_t size; /* 0: none */
    bool mapped;
} handles[HANDLES];
static struct {
    pointer at; /* 0: none */
    size_t size;
} mappings[HANDLES];
static size_t nhandles, nmappings, unmapped_bytes;
static void *pinned[PINNED];
static unsigned npinned;

/* -- for the test ------------------------------------------------------------------------- */

int fakecuda_depth(void);
unsigned fakecuda_leftovers(void);

CU int fakecuda_depth(void)
{
    return depth;
}

/* All that is still there; references to primary contexts too. */
CU unsigned fakecuda_leftovers(void)
{
    unsigned left = sim_leftovers() + npinned;
    for (int i = 0; i < CONTEXTS; i++)
        left += (unsigned)retained[i];
    for (size_t i = 0; i < nhandles; i++)
        left += handles[i].size != 0;
    return left;
}

static result of_errno(int error)
{
    switch (error) {
    case 0:
        return SUCCESS;
    case ENOMEM:
        return OUT_OF_MEMORY;
    case EAGAIN:
        return NOT_READY;
    case EINVAL:
        return INVALID_VALUE;
    default:
        return UNKNOWN;
    }
}

static int setting(const char *name, int otherwise)
{
    const char *value = getenv(name);
    return value && *value ? atoi(value) : otherwise;
}

/* Every call begins so: is it to fail, may it be made? */
static result begin(const char *call, bool in_context, int code)
{
    if (!initialized)
        return NOT_INITIALIZED;
    if (in_context && !depth) {
        sim_violation("%s without a current context", call);
        return INVALID_CONTEXT;
    }
    return sim_step(call, code);
}

#define BEGIN(call, in_context, code)                                                              \
    do {                                                                                           \
        result begun_ = begin(call, in_context, code);                                             \
        if (begun_)                                                                                \
            return begun_;                                                                         \
    } while (0)

static void *address_of(pointer p)
{
    return (void *)(uintptr_t)p;
}

/* -- devices and contexts ----------------------------------------------------------------- */

CU result cuInit(unsigned flags)
{
    int code = setting("FAKECUDA_INIT", SUCCESS);
    if (flags)
        sim_violation("cuInit flags %u", flags);
    initialized = code == SUCCESS;
    return code;
}

CU result cuDriverGetVersion(int *version)
{
    *version = 12040;
    return SUCCESS;
}

static const struct {
    result code;
    const char *name, *text;
} errors[] = {{INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
              {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
              {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
              {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
              {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
              {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
              {UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"}};

CU result cuGetErrorName(result code, const char **name)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code) {
            *name = errors[i].name;
            return SUCCESS;
        }
    *name = NULL;
    return INVALID_VALUE;
}

CU result cuGetErrorString(result code, const char **text)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code) {
            *text = errors[i].text;
            return SUCCESS;
        }
    *text = NULL;
    return INVALID_VALUE;
}

CU result cuDeviceGetCount(int *count)
{
    BEGIN("cuDeviceGetCount", false, UNKNOWN);
    *count = setting("FAKECUDA_DEVICES", 2);
    return SUCCESS;
}

CU result cuDeviceGet(int *device, int ordinal)
{
    BEGIN("cuDeviceGet", false, UNKNOWN);
    if (ordinal < 0 || ordinal >= setting("FAKECUDA_DEVICES", 2))
        return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

CU result cuDeviceGetName(char *name, int length, int device)
{
    BEGIN("cuDeviceGetName", false, UNKNOWN);
    snprintf(name, (size_t)length, "Fake device %d", device);
    return SUCCESS;
}

CU result cuDeviceGetAttribute(int *value, int attribute, int device)
{
    char number[16];
    const char *lacks = getenv("FAKECUDA_LACKS");
    (void)device;
    BEGIN("cuDeviceGetAttribute", false, UNKNOWN);
    snprintf(number, sizeof number, "%d", attribute);
    *value = !(lacks && strstr(lacks, number));
    return SUCCESS;
}

CU result cuDevicePrimaryCtxRetain(void **context, int device)
{
    BEGIN("cuDevicePrimaryCtxRetain", false, OUT_OF_MEMORY);
    pthread_mutex_lock(&lock);
    retained[device]++;
    pthread_mutex_unlock(&lock);
    *context = &contexts[device];
    return SUCCESS;
}

CU result cuDevicePrimaryCtxRelease_v2(int device)
{
    pthread_mutex_lock(&lock);
    if (retained[device]-- <= 0)
        sim_violation("a primary context was released too often");
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}

CU result cuCtxPushCurrent_v2(void *context)
{
    char *c = context;
    BEGIN("cuCtxPushCurrent", false, UNKNOWN);
    if (c < contexts || c >= contexts + CONTEXTS || !retained[c - contexts] || depth == 8) {
        sim_violation("cuCtxPushCurrent of %p", context);
        return INVALID_CONTEXT;
    }
    stack[depth++] = context;
    return SUCCESS;
}

CU result cuCtxPopCurrent_v2(void **context)
{
    if (!depth) {
        sim_violation("cuCtxPopCurrent without a context");
        return INVALID_CONTEXT;
    }
    *context = stack[--depth];
    return SUCCESS;
}

/* -- memory ------------------------------------------------------------------------------- */

static result allocate(const char *call, pointer *address, size_t size)
{
    void *made;
    BEGIN(call, true, OUT_OF_MEMORY);
    result error = of_errno(sim_allocate(size, &made));
    if (!error)
        *address = (pointer)(uintptr_t)made;
    return error;
}

CU result cuMemAlloc_v2(pointer *address, size_t size)
{
    return allocate("cuMemAlloc", address, size);
}

CU result cuMemAllocManaged(pointer *address, size_t size, unsigned flags)
{
    if (flags != 1)
        sim_violation("cuMemAllocManaged flags %u", flags);
    return allocate("cuMemAllocManaged", address, size);
}

CU result cuMemAllocAsync(pointer *address, size_t size, void *stream)
{
    (void)stream;
    return allocate("cuMemAllocAsync", address, size);
}

CU result cuMemFree_v2(pointer address)
{
    BEGIN("cuMemFree", true, UNKNOWN);
    return of_errno(sim_free(address_of(address), 0, true));
}

CU result cuMemFreeAsync(pointer address, void *stream)
{
    BEGIN("cuMemFreeAsync", true, UNKNOWN);
    return of_errno(sim_free_on(address_of(address), stream));
}

CU result cuMemGetInfo_v2(size_t *free_bytes, size_t *total)
{
    BEGIN("cuMemGetInfo", true, UNKNOWN);
    sim_memory_info(free_bytes, total);
    return SUCCESS;
}

CU result cuMemHostAlloc(void **address, size_t size, unsigned flags)
{
    BEGIN("cuMemHostAlloc", true, OUT_OF_MEMORY);
    if (flags != 1 || !size)
        sim_violation("cuMemHostAlloc of %zu bytes, flags %u", size, flags);
    if (posix_memalign(address, 4096, size))
        return OUT_OF_MEMORY;
    pthread_mutex_lock(&lock);
    pinned[npinned++] = *address;
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}

CU result cuMemFreeHost(void *address)
{
    BEGIN("cuMemFreeHost", true, UNKNOWN);
    pthread_mutex_lock(&lock);
    unsigned i = 0;
    while (i < npinned && pinned[i] != address)
        i++;
    bool known = i < npinned;
    if (known)
        pinned[i] = pinned[--npinned];
    else
        sim_violation("cuMemFreeHost of %p", address);
    pthread_mutex_unlock(&lock);
    if (known)
        free(address);
    return known ? SUCCESS : INVALID_VALUE;
}

/* -- contents ----------------------------------------------------------------------------- */

CU result cuMemsetD8Async(pointer address, unsigned char byte, size_t size, void *stream)
{
    BEGIN("cuMemsetD8Async", true, UNKNOWN);
    return of_errno(sim_set(address_of(address), byte, size, stream));
}

CU result cuMemcpyHtoDAsync_v2(pointer to, const void *from, size_t size, void *stream)
{
    BEGIN("cuMemcpyHtoDAsync", true, UNKNOWN);
    return of_errno(sim_copy(address_of(to), false, from, true, size, stream));
}

CU result cuMemcpyDtoHAsync_v2(void *to, pointer from, size_t size, void *stream)
{
    BEGIN("cuMemcpyDtoHAsync", true, UNKNOWN);
    return of_errno(sim_copy(to, true, address_of(from), false, size, stream));
}

CU result cuMemcpyDtoDAsync_v2(pointer to, pointer from, size_t size, void *stream)
{
    BEGIN("cuMemcpyDtoDAsync", true, UNKNOWN);
    return of_errno(sim_copy(address_of(to), false, address_of(from), false, size, stream));
}

/* -- streams and events ------------------------------------------------------------------- */

CU result cuStreamCreate(void **stream, unsigned flags)
{
    BEGIN("cuStreamCreate", true, UNKNOWN);
    if (flags > 1)
        sim_violation("cuStreamCreate flags %u", flags);
    return of_errno(sim_stream_create(stream));
}

CU result cuStreamDestroy_v2(void *stream)
{
    BEGIN("cuStreamDestroy", true, UNKNOWN);
    return of_errno(sim_stream_destroy(stream));
}

CU result cuStreamSynchronize(void *stream)
{
    BEGIN("cuStreamSynchronize", true, UNKNOWN);
    return of_errno(sim_stream_synchronize(stream));
}

CU result cuStreamWaitEvent(void *stream, void *event, unsigned flags)
{
    BEGIN("cuStreamWaitEvent", true, UNKNOWN);
    if (flags)
        sim_violation("cuStreamWaitEvent flags %u", flags);
    return of_errno(sim_stream_wait(stream, event));
}

CU result cuEventCreate(void **event, unsigned flags)
{
    BEGIN("cuEventCreate", true, OUT_OF_MEMORY);
    if (flags != 2)
        sim_violation("cuEventCreate flags %u: timing is not needed", flags);
    return of_errno(sim_event_create(event));
}

CU result cuEventDestroy_v2(void *event)
{
    return of_errno(sim_event_destroy(event));
}

CU result cuEventRecord(void *event, void *stream)
{
    BEGIN("cuEventRecord", true, UNKNOWN);
    return of_errno(sim_event_record(event, stream));
}

CU result cuEventQuery(void *event)
{
    BEGIN("cuEventQuery", true, NOT_READY);
    return of_errno(sim_event_query(event));
}

CU result cuEventSynchronize(void *event)
{
    BEGIN("cuEventSynchronize", true, UNKNOWN);
    result error = of_errno(sim_event_synchronize(event));
    return error;
}

/* -- virtual memory ----------------------------------------------------------------------- */

struct location {
    int type, id;
};

struct prop { /* CUmemAllocationProp */
    int type, handle_types;
    struct location location;
    void *win32;
    unsigned char flags[8];
};

struct access { /* CUmemAccessDesc */
    struct location location;
    int flags;
};

static bool prop_is_right(const struct prop *prop)
{
    static const unsigned char none[8];
    return prop->type == 1 && !prop->handle_types && prop->location.type == 1 && !prop->win32 &&
           prop->location.id >= 0 && prop->location.id < CONTEXTS && !memcmp(prop->flags, none, 8);
}

CU result cuMemGetAllocationGranularity(size_t *granularity, const struct prop *prop, int option)
{
    BEGIN("cuMemGetAllocationGranularity", false, UNKNOWN);
    if (!prop_is_right(prop) || option < 0 || option > 1)
        sim_violation("cuMemGetAllocationGranularity: wrong arguments");
    *granularity = SIM_GRANULE;
    return SUCCESS;
}

CU result cuMemAddressReserve(pointer *address, size_t size, size_t alignment, pointer hint,
                              unsigned long long flags)
{
    void *made;
    BEGIN("cuMemAddressReserve", false, OUT_OF_MEMORY);
    if (hint || flags || alignment % SIM_GRANULE)
        sim_violation("cuMemAddressReserve: wrong arguments");
    result error = of_errno(sim_reserve(size, alignment ? alignment : SIM_GRANULE, &made));
    if (!error)
        *address = (pointer)(uintptr_t)made;
    return error;
}

CU result cuMemAddressFree(pointer address, size_t size)
{
    return of_errno(sim_unreserve(address_of(address), size));
}

CU result cuMemCreate(unsigned long long *handle, size_t size, const struct prop *prop,
                      unsigned long long flags)
{
    size_t free_bytes, total, i = 0;
    BEGIN("cuMemCreate", false, OUT_OF_MEMORY);
    if (!prop_is_right(prop) || flags || !size || size % SIM_GRANULE)
        sim_violation("cuMemCreate: wrong arguments");
    sim_memory_info(&free_bytes, &total);
    pthread_mutex_lock(&lock);
    result error = size > free_bytes - unmapped_bytes ? OUT_OF_MEMORY : SUCCESS;
    while (!error && i < nhandles && handles[i].size)
        i++;
    if (!error) {
        nhandles += i == nhandles;
        handles[i].size = size;
        handles[i].mapped = false;
        unmapped_bytes += size;
        *handle = i + 1;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

CU result cuMemRelease(unsigned long long handle)
{
    pthread_mutex_lock(&lock);
    bool known = handle && handle <= nhandles && handles[handle - 1].size;
    if (!known) {
        sim_violation("cuMemRelease of %llu", handle);
    } else {
        if (!handles[handle - 1].mapped)
            unmapped_bytes -= handles[handle - 1].size;
        handles[handle - 1].size = 0;
    }
    pthread_mutex_unlock(&lock);
    return known ? SUCCESS : INVALID_VALUE;
}

CU result cuMemMap(pointer address, size_t size, size_t offset, unsigned long long handle,
                   unsigned long long flags)
{
    BEGIN("cuMemMap", false, UNKNOWN);
    pthread_mutex_lock(&lock);
    bool right = !offset && !flags && handle && handle <= nhandles &&
                 handles[handle - 1].size == size && !handles[handle - 1].mapped;
    size_t i = 0;
    while (i < nmappings && mappings[i].at)
        i++;
    result error = right ? of_errno(sim_back(address_of(address), size)) : INVALID_VALUE;
    if (!right)
        sim_violation("cuMemMap: wrong arguments");
    if (!error) {
        nmappings += i == nmappings;
        mappings[i].at = address;
        mappings[i].size = size;
        handles[handle - 1].mapped = true;
        unmapped_bytes -= size;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

/* Only a whole mapping can be taken away. */
CU result cuMemUnmap(pointer address, size_t size)
{
    BEGIN("cuMemUnmap", false, UNKNOWN);
    pthread_mutex_lock(&lock);
    size_t i = 0;
    while (i < nmappings && !(mappings[i].at == address && mappings[i].size == size))
        i++;
    result error = INVALID_VALUE;
    if (i == nmappings) {
        sim_violation("cuMemUnmap of %#llx+%zu, which is no mapping", (unsigned long long)address,
                      size);
    } else {
        error = of_errno(sim_unback(address_of(address), size));
        mappings[i].at = 0;
        mappings[i].size = 0;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

CU result cuMemSetAccess(pointer address, size_t size, const struct access *access, size_t count)
{
    BEGIN("cuMemSetAccess", false, UNKNOWN);
    if (count != 1 || access->location.type != 1 || access->flags != 3)
        sim_violation("cuMemSetAccess: wrong arguments");
    return of_errno(sim_access(address_of(address), size));
}

/* -- the one kernel there is -------------------------------------------------------------- */

/* tests/device/real.c's: waits, then writes `value` into `count` words. */
CU result cuModuleLoadData(void **module, const void *image)
{
    BEGIN("cuModuleLoadData", true, UNKNOWN);
    *module = (void *)(uintptr_t)1;
    return strstr(image, ".visible .entry slow_fill") ? SUCCESS : INVALID_VALUE;
}

CU result cuModuleUnload(void *module)
{
    (void)module;
    return SUCCESS;
}

CU result cuModuleGetFunction(void **function, void *module, const char *name)
{
    BEGIN("cuModuleGetFunction", true, UNKNOWN);
    *function = module;
    return strcmp(name, "slow_fill") ? INVALID_VALUE : SUCCESS;
}

CU result cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                         unsigned by, unsigned bz, unsigned shared, void *stream, void **parameters,
                         void **extra)
{
    (void)function, (void)gx, (void)bx, (void)shared;
    BEGIN("cuLaunchKernel", true, UNKNOWN);
    if (extra || gy != 1 || gz != 1 || by != 1 || bz != 1)
        sim_violation("cuLaunchKernel: wrong arguments");
    return of_errno(sim_fill32(address_of(*(pointer *)parameters[0]), *(uint32_t *)parameters[2],
                               (size_t) * (uint64_t *)parameters[1], stream));
}
