/* tests/device/checked_table.c - the device table of the tests, over sim.c. */
#include "target.h"

#include <errno.h>
#include <stdlib.h>

static int t_allocate(void *user, size_t size, void **address)
{
    (void)user;
    int error = sim_step("allocate", ENOMEM);
    return error ? error : sim_allocate(size, address);
}

static int t_free(void *user, void *address, size_t size)
{
    (void)user;
    int error = sim_step("free", EIO);
    return error ? error : sim_free(address, size, false);
}

static int t_memory_info(void *user, size_t *free_bytes, size_t *total)
{
    (void)user;
    int error = sim_step("memory_info", EIO);
    if (!error)
        sim_memory_info(free_bytes, total);
    return error;
}

static int t_set(void *user, void *to, int byte, size_t size, void *stream)
{
    (void)user;
    int error = sim_step("set", EIO);
    return error ? error : sim_set(to, byte, size, stream);
}

static int t_copy_in(void *user, void *to, const void *host, size_t size, void *stream)
{
    (void)user;
    int error = sim_step("copy_in", EIO);
    return error ? error : sim_copy(to, false, host, true, size, stream);
}

static int t_copy_out(void *user, void *host, const void *from, size_t size, void *stream)
{
    (void)user;
    int error = sim_step("copy_out", EIO);
    return error ? error : sim_copy(host, true, from, false, size, stream);
}

static int t_copy(void *user, void *to, const void *from, size_t size, void *stream)
{
    (void)user;
    int error = sim_step("copy", EIO);
    return error ? error : sim_copy(to, false, from, false, size, stream);
}

static int t_stream_create(void *user, void **stream)
{
    (void)user;
    int error = sim_step("stream_create", EIO);
    return error ? error : sim_stream_create(stream);
}

static int t_stream_destroy(void *user, void *stream)
{
    (void)user;
    int error = sim_step("stream_destroy", EIO);
    return error ? error : sim_stream_destroy(stream);
}

static int t_stream_synchronize(void *user, void *stream)
{
    (void)user;
    int error = sim_step("stream_synchronize", EIO);
    return error ? error : sim_stream_synchronize(stream);
}

static int t_stream_wait(void *user, void *stream, void *event)
{
    (void)user;
    int error = sim_step("stream_wait", EIO);
    return error ? error : sim_stream_wait(stream, event);
}

static int t_event_create(void *user, void **event)
{
    (void)user;
    int error = sim_step("event_create", EIO);
    return error ? error : sim_event_create(event);
}

static int t_event_destroy(void *user, void *event)
{
    (void)user;
    return sim_event_destroy(event);
}

static int t_event_record(void *user, void *event, void *stream)
{
    (void)user;
    int error = sim_step("event_record", EIO);
    return error ? error : sim_event_record(event, stream);
}

static int t_event_query(void *user, void *event)
{
    (void)user;
    return sim_event_query(event);
}

static int t_event_synchronize(void *user, void *event)
{
    (void)user;
    return sim_event_synchronize(event);
}

static const char *t_error_text(void *user)
{
    (void)user;
    return "SIM_ERROR: made to fail";
}

static int t_reserve(void *user, size_t size, void **address)
{
    (void)user;
    int error = sim_step("reserve", ENOMEM);
    return error ? error : sim_reserve(size, SIM_GRANULE, address);
}

static int t_unreserve(void *user, void *address, size_t size)
{
    (void)user;
    return sim_unreserve(address, size);
}

static int t_map(void *user, void *address, size_t size)
{
    (void)user;
    int error = sim_step("map", ENOMEM);
    if (!error)
        error = sim_back(address, size);
    return error ? error : sim_access(address, size);
}

static int t_unmap(void *user, void *address, size_t size)
{
    (void)user;
    int error = sim_step("unmap", EIO);
    return error ? error : sim_unback(address, size);
}

static void t_destroy(void *user)
{
    unsigned *tables = user;
    if (!*tables)
        sim_violation("a table was destroyed twice");
    --*tables;
}

static const weir_device_table *checked_table(void)
{
    static unsigned tables; /* not destroyed yet */
    static weir_device_table table = {
        .size = sizeof(weir_device_table),
        .name = "sim:0",
        .user = &tables,
        .alignment = 4096,
        .granularity = SIM_GRANULE,
        .allocate = t_allocate,
        .deallocate = t_free,
        .memory_info = t_memory_info,
        .set = t_set,
        .copy_in = t_copy_in,
        .copy_out = t_copy_out,
        .copy = t_copy,
        .stream_create = t_stream_create,
        .stream_destroy = t_stream_destroy,
        .stream_synchronize = t_stream_synchronize,
        .stream_wait = t_stream_wait,
        .event_create = t_event_create,
        .event_destroy = t_event_destroy,
        .event_record = t_event_record,
        .event_query = t_event_query,
        .event_synchronize = t_event_synchronize,
        .error_text = t_error_text,
        .reserve = t_reserve,
        .unreserve = t_unreserve,
        .map = t_map,
        .unmap = t_unmap,
        .destroy = t_destroy,
    };
    tables++;
    return &table;
}

const struct device_target *device_target(void)
{
    static const struct device_target target = {
        .name = "sim:0",
        .table = checked_table,
        .set_capacity = sim_set_capacity,
        .used = sim_used,
        .calls = sim_calls,
        .fail_after = sim_fail_after,
        .has_failed = sim_has_failed,
        .hold = sim_hold,
        .release = sim_release,
        .waits = sim_waits,
        .violations = sim_violations,
        .leftovers = sim_leftovers,
    };
    return &target;
}
