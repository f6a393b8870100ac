/*
 * device/host.c - a device made of host memory: what tests, and machines without a GPU,
 * put the pool on. Memory is committed on first touch and gone when given back; streams
 * do their work at once, so every event is completed.
 */
#include "backing/meta.h"
#include "base/error.h"
#include "device_pool/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define HOST_GRANULARITY (2 * WEIR__MIB)
#define HOST_ALIGNMENT   ((size_t)4096)

struct host {
    weir_device_table table;
    char name[48];
    size_t capacity;
    size_t used; /* atomic */
};

static bool used_add(struct host *h, size_t size)
{
    size_t used = __atomic_load_n(&h->used, __ATOMIC_RELAXED);
    do {
        if (size > h->capacity - used)
            return false;
    } while (!__atomic_compare_exchange_n(&h->used, &used, used + size, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return true;
}

static void used_subtract(struct host *h, size_t size)
{
    __atomic_fetch_sub(&h->used, size, __ATOMIC_RELAXED);
}

static int host_map_at(void *address, size_t size, int protection)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (address ? MAP_FIXED : 0);
    return mmap(address, size, protection, flags, -1, 0) == MAP_FAILED ? ENOMEM : 0;
}

static int host_allocate(void *user, size_t size, void **address)
{
    struct host *h = user;
    if (!used_add(h, size))
        return ENOMEM;
    void *made = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED) {
        used_subtract(h, size);
        return ENOMEM;
    }
    *address = made;
    return 0;
}

static int host_free(void *user, void *address, size_t size)
{
    if (munmap(address, size))
        return errno;
    used_subtract(user, size);
    return 0;
}

static int host_memory_info(void *user, size_t *free_bytes, size_t *total)
{
    struct host *h = user;
    *total = h->capacity;
    *free_bytes = h->capacity - __atomic_load_n(&h->used, __ATOMIC_RELAXED);
    return 0;
}

/* -- contents, streams, events ------------------------------------------------------------ */

static int host_set(void *user, void *to, int byte, size_t size, void *stream)
{
    (void)user, (void)stream;
    memset(to, byte, size);
    return 0;
}

static int host_copy(void *user, void *to, const void *from, size_t size, void *stream)
{
    (void)user, (void)stream;
    memmove(to, from, size);
    return 0;
}

static int host_object_create(void *user, void **object)
{
    (void)user;
    *object = weir__meta_allocate(1);
    return *object ? 0 : ENOMEM;
}

static int host_object_destroy(void *user, void *object)
{
    (void)user;
    weir__meta_free(object, 1);
    return 0;
}

static int host_at_once(void *user, void *object)
{
    (void)user, (void)object;
    return 0;
}

static int host_at_once_with(void *user, void *object, void *other)
{
    (void)user, (void)object, (void)other;
    return 0;
}

static const char *host_error_text(void *user)
{
    (void)user;
    return "the system has no memory";
}

/* -- virtual memory ----------------------------------------------------------------------- */

static int host_reserve(void *user, size_t size, void **address)
{
    (void)user;
    size_t length = size + HOST_GRANULARITY;
    char *base = length < size ? MAP_FAILED
                               : mmap(NULL, length, PROT_NONE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return ENOMEM;
    size_t before = weir__round_up((uintptr_t)base, HOST_GRANULARITY) - (uintptr_t)base;
    if (before)
        munmap(base, before);
    if (before < HOST_GRANULARITY)
        munmap(base + before + size, HOST_GRANULARITY - before);
    *address = base + before;
    return 0;
}

static int host_unreserve(void *user, void *address, size_t size)
{
    (void)user;
    return munmap(address, size) ? errno : 0;
}

static int host_map(void *user, void *address, size_t size)
{
    struct host *h = user;
    if (!used_add(h, size))
        return ENOMEM;
    int error = host_map_at(address, size, PROT_READ | PROT_WRITE);
    if (error)
        used_subtract(h, size);
    return error;
}

static int host_unmap(void *user, void *address, size_t size)
{
    int error = host_map_at(address, size, PROT_NONE);
    if (!error)
        used_subtract(user, size);
    return error;
}

/* -- life --------------------------------------------------------------------------------- */

static void host_destroy(void *user)
{
    weir__meta_free(user, sizeof(struct host));
}

static const weir_device_table host_functions = {
    .size = sizeof(weir_device_table),
    .alignment = HOST_ALIGNMENT,
    .granularity = HOST_GRANULARITY,
    .allocate = host_allocate,
    .deallocate = host_free,
    .memory_info = host_memory_info,
    .set = host_set,
    .copy_in = host_copy,
    .copy_out = host_copy,
    .copy = host_copy,
    .stream_create = host_object_create,
    .stream_destroy = host_object_destroy,
    .stream_synchronize = host_at_once,
    .stream_wait = host_at_once_with,
    .event_create = host_object_create,
    .event_destroy = host_object_destroy,
    .event_record = host_at_once_with,
    .event_query = host_at_once,
    .event_synchronize = host_at_once,
    .error_text = host_error_text,
    .reserve = host_reserve,
    .unreserve = host_unreserve,
    .map = host_map,
    .unmap = host_unmap,
    .destroy = host_destroy,
};

const weir_device_table *weir_device_host_table_create(const char *name, size_t capacity)
{
    if (capacity > PTRDIFF_MAX)
        return weir__fail_null(EINVAL, "a device of %zu bytes is impossibly large", capacity);
    struct host *h = weir__meta_allocate(sizeof *h);
    if (!h)
        return weir__fail_null(ENOMEM, "no memory for a device table");
    strncpy(h->name, name ? name : "host", sizeof h->name - 1);
    h->capacity = capacity;
    h->table = host_functions;
    h->table.name = h->name;
    h->table.user = h;
    return &h->table;
}
