/*
 * device/cuda_allocator.c - the process's CUDA allocators, one for each kind of memory and
 * device, made at the first call. The lock covers the list of them alone: no allocator is
 * made or destroyed under it.
 */
#include "base/error.h"
#include "device/cuda_api.h"
#include "device_pool/pool.h"
#include "os/locks.h"

#include <weir/cuda.h>

#include <errno.h>

#define DEVICES 64

struct slot {
    weir_allocator *allocator;
    const weir_device_table *table; /* tells whose end it is */
};

static struct {
    weir__lock lock;
    struct slot slots[WEIR__CUDA_MANAGED + 1][DEVICES];
} cuda = {.lock = WEIR__LOCK(LISTED)};
WEIR__LOCKS_KNOW(LISTED, &cuda.lock);

/* The table goes with its allocator: the next call makes a new one. */
static void table_gone(const weir_device_table *table)
{
    weir__lock_take(&cuda.lock);
    for (int memory = 0; memory <= WEIR__CUDA_MANAGED; memory++)
        for (int device = 0; device < DEVICES; device++)
            if (cuda.slots[memory][device].table == table)
                cuda.slots[memory][device] = (struct slot){0};
    weir__lock_drop(&cuda.lock);
}

/* Who comes first fills the slot; returns what is in it. */
static weir_allocator *slot_fill(struct slot *slot, weir_allocator *made,
                                 const weir_device_table *table)
{
    weir__lock_take(&cuda.lock);
    if (!slot->allocator && made)
        *slot = (struct slot){made, table};
    weir_allocator *a = slot->allocator;
    weir__lock_drop(&cuda.lock);
    return a;
}

static weir_allocator *cuda_allocator(int device, enum weir__cuda_memory memory)
{
    if (device < 0 || device >= DEVICES)
        return weir__fail_null(ENODEV, "CUDA: no device %d", device);
    struct slot *slot = &cuda.slots[memory][device];
    weir_allocator *a = slot_fill(slot, NULL, NULL);
    if (a)
        return a;
    const weir_device_table *table = weir__cuda_table(device, memory, table_gone);
    if (!table)
        return NULL;
    weir_allocator *made = weir_device_allocator_create(table, NULL);
    if (!made) {
        int error = errno;
        table->destroy(table->user);
        errno = error;
        return NULL;
    }
    a = slot_fill(slot, made, table);
    if (a != made)
        weir_allocator_destroy(made);
    return a;
}

weir_allocator *weir_cuda_allocator(int device)
{
    return cuda_allocator(device, WEIR__CUDA_DEVICE);
}

weir_allocator *weir_cuda_host_allocator(void)
{
    return cuda_allocator(0, WEIR__CUDA_HOST);
}

weir_allocator *weir_cuda_managed_allocator(int device)
{
    return cuda_allocator(device, WEIR__CUDA_MANAGED);
}

const weir_device_table *weir_cuda_table_create(int device)
{
    return weir__cuda_table(device, WEIR__CUDA_DEVICE, NULL);
}

int weir_cuda_device_count(void)
{
    int count = 0;
    const struct weir__cuda_api *api = weir__cuda_get();
    if (!api)
        return 0;
    if (weir__cuda_result(api->DeviceGetCount(&count), "cuDeviceGetCount")) {
        weir__fail_null(ENODEV, "CUDA: %s", weir__cuda_error_text());
        return 0;
    }
    return count;
}

int weir_cuda_device_name(int device, char *name, size_t size)
{
    int handle;
    const struct weir__cuda_api *api = weir__cuda_get();
    if (!api)
        return ENODEV;
    if (!name || !size || size > INT32_MAX)
        return weir__fail(EINVAL, "CUDA: no room for a device's name");
    if (weir__cuda_result(api->DeviceGet(&handle, device), "cuDeviceGet") ||
        weir__cuda_result(api->DeviceGetName(name, (int)size, handle), "cuDeviceGetName"))
        return weir__fail(ENODEV, "CUDA: device %d: %s", device, weir__cuda_error_text());
    return 0;
}
