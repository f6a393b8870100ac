/*
 * "A failed call changes nothing but `failures`" (allocator.h), on a device: its table's functions
 * fail, or it has no room.
 */
#include "../helpers/failing.h"

/* -- a device --------------------------------------------------------------------------- */

/* The host table with functions that fail when told to. */
static const weir_device_table *host;
static bool no_room;
static int set_says, copy_says;

static int table_allocate(void *user, size_t size, void **address)
{
    return no_room ? ENOMEM : host->allocate(user, size, address);
}

static int table_set(void *user, void *to, int byte, size_t size, void *stream)
{
    return set_says ? set_says : host->set(user, to, byte, size, stream);
}

static int table_copy(void *user, void *to, const void *from, size_t size, void *stream)
{
    return copy_says ? copy_says : host->copy(user, to, from, size, stream);
}

static weir_allocator *device_make(weir_device_mode mode)
{
    static weir_device_table table;
    host = weir_device_host_table_create("failing", 256 * MIB);
    cr_assert_not_null(host);
    table = *host;
    table.flags &= ~(unsigned)WEIR_DEVICE_HOST_ACCESSIBLE;
    table.allocate = table_allocate;
    table.set = table_set;
    table.copy = table_copy;
    weir_allocator *a = weir_device_allocator_create(&table, &(weir_device_options){.mode = mode});
    cr_assert_not_null(a, "%s", weir_last_error());
    return a;
}

static void device_fail(weir_allocator *a, const struct failure *f, int *says, const char *why)
{
    struct scene scene;
    scene_open(&scene, a);
    *says = EIO;
    fail_once(&scene, f, EIO, why);
    *says = 0;
    scene_close(&scene);
}

static void device_fail_all(weir_device_mode mode)
{
    weir_allocator *a = device_make(mode);
    for (int i = 0; i < FAILURES; i++) {
        if (failures[i].ways & BY_ZERO)
            device_fail(a, &failures[i], &set_says, "the device's set");
        if ((failures[i].ways & BY_COPY) && failures[i].call != call_tensor_clone)
            device_fail(a, &failures[i], &copy_says, "the device's copy");
    }
    expect_empty(a, "a device");
    cr_expect_eq(weir_allocator_destroy(a), 0);
}

Test(failed_device, by_a_device_change_only_the_failures)
{
    device_fail_all(WEIR_DEVICE_SEGMENTS);
    device_fail_all(WEIR_DEVICE_EXPANDABLE);
}

Test(failed_device, by_a_device_without_room_change_only_the_failures)
{
    weir_allocator *a = device_make(WEIR_DEVICE_SEGMENTS);
    struct look look;
    weir_deallocate(a, weir_allocate(a, 100));
    look_before(&look, a);
    no_room = true;
    errno = 0;
    cr_expect_null(weir_allocate(a, 64 * MIB));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_null(weir_allocate_zeroed(a, 64, MIB));
    look_after(&look, "a device without room", true);
    weir_profiler_stop(&look.profiler);
    no_room = false;
    cr_expect_eq(weir_allocator_destroy(a), 0);
}
