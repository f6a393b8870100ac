/*
 * What the calls of weir/device.h say where they are given memory of the host, or memory that
 * only a user's functions reach: each is refused as its comment has it, and loses nothing.
 */
#include "../helpers/core.h"
#include "../helpers/object.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct device apart;
static weir_allocator *context, *device, *driver;

static void make_all(void)
{
    device_make(&apart);
    context = weir_allocator_create(NULL);
    device = weir_device_allocator_create(weir_device_host_table_create("d", 64 * MIB), NULL);
    driver = weir_device_allocator_create(weir_device_host_table_create("e", 64 * MIB),
                                          &(weir_device_options){.mode = WEIR_DEVICE_DRIVER});
    cr_assert(context && device && driver);
}

static void end_all(void)
{
    cr_assert_eq(weir_allocator_destroy(context), 0);
    cr_assert_eq(weir_allocator_destroy(device), 0);
    cr_assert_eq(weir_allocator_destroy(driver), 0);
    cr_assert_eq(weir_allocator_destroy(apart.allocator), 0);
}

TestSuite(host_memory, .init = make_all, .fini = end_all);

/* `a` is no device's. */
static void expect_refused(weir_allocator *a)
{
    void *block = weir_allocate(a, 1000);
    cr_assert_not_null(block);
    expect_null(weir_device_allocate_on(a, 1000, NULL), EINVAL);
    expect_null(weir_device_stream_create(a), EINVAL);
    cr_expect_eq(weir_device_record_stream(a, block, NULL), EINVAL);
    cr_expect_eq(weir_device_stream_destroy(a, block), EINVAL);
    cr_expect_eq(weir_device_stream_forget(a, NULL), EINVAL);
    cr_expect_eq(weir_device_synchronize(a, NULL), EINVAL);
    cr_expect_eq(weir_device_prewarm(a, MIB), EINVAL);
    cr_expect_eq(weir_device_reset_peaks(a), EINVAL);
    weir_device_stats stats = {.size = sizeof stats};
    cr_expect_eq(weir_device_stats_get(a, &stats), EINVAL);
    cr_expect_str_eq(weir_device_name(a), "cpu");
    cr_expect_null(weir_device_table_of(a));
    expect_live(a, 1000, 1);
    weir_device_deallocate_on(a, block,
                              NULL); /* freed: no device's, but the block's own allocator */
    expect_live(a, 0, 0);
    weir_device_deallocate_on(a, NULL, NULL);
}

Test(host_memory, is_refused_by_calls_for_devices)
{
    expect_refused(weir_cpu_allocator());
    expect_refused(context);
    expect_refused(apart.allocator);
    cr_expect_eq(weir_device_prewarm(NULL, MIB), EINVAL);
    cr_expect_eq(weir_device_synchronize(NULL, NULL), EINVAL);
    expect_null(weir_device_allocate_on(NULL, 10, NULL), EINVAL);
}

/* Buffers and tensors may lie on a device; an arena's allocator, which touches its memory, may
 * not where the host cannot. */
Test(host_memory, is_what_the_allocator_of_an_arena_wants)
{
    weir_buffer buffer = WEIR_BUFFER_EMPTY;
    cr_expect_eq(weir_buffer_init(&buffer, apart.allocator, 10, 4), 0);
    cr_expect_eq(apart.zeros, 1);
    weir_buffer_release(&buffer);
    weir_tensor *t = weir_tensor_create_in(apart.allocator, ARRAY(10), 1, WEIR_INT8);
    cr_assert_not_null(t);
    weir_tensor_release(t);
    weir_arena *arena = weir_arena_create(&(weir_arena_options){.allocator = apart.allocator});
    cr_assert_not_null(weir_arena_allocate(arena, 100));
    expect_null(weir_arena_allocator(arena), ENOTSUP);
    cr_expect_eq(weir_arena_destroy(arena), 0);
    expect_live(apart.allocator, 0, 0);
}

/* Copies and sets: from and to the host and devices, not memory that only functions reach. */
Test(host_memory, copies_go_where_a_table_or_the_host_reaches)
{
    unsigned char here[100], back[100] = {0};
    unsigned char *there = weir_allocate(device, 100), *on = weir_allocate(context, 100);
    void *closed = weir_allocate(apart.allocator, 100);
    cr_assert(there && on && closed);
    memset(here, 7, sizeof here);
    cr_expect_eq(weir_device_copy(device, there, NULL, here, 100), 0);
    cr_expect_eq(weir_device_copy(context, on, device, there, 100), 0);
    cr_expect_eq(weir_device_copy(NULL, back, context, on, 100), 0);
    cr_expect_arr_eq(here, back, 100);
    cr_expect_eq(weir_device_set(context, on, 9, 100), 0);
    cr_expect_eq(weir_device_set(device, there, 9, 100), 0);
    cr_expect_eq(on[99], 9);
    cr_expect_eq(weir_device_copy(apart.allocator, closed, NULL, here, 100), ENOTSUP);
    cr_expect_eq(weir_device_copy(NULL, back, apart.allocator, closed, 100), ENOTSUP);
    cr_expect_eq(weir_device_copy(device, there, apart.allocator, closed, 100), ENOTSUP);
    cr_expect_eq(weir_device_set(apart.allocator, closed, 9, 100), ENOTSUP);
    cr_expect_neq(weir_last_error()[0], 0);
    cr_expect_arr_eq(here, back, 100);
    cr_expect_eq(weir_device_copy(device, NULL, NULL, here, 1), EINVAL);
    cr_expect_eq(weir_device_set(NULL, NULL, 0, 1), EINVAL);
    cr_expect_eq(weir_device_copy(NULL, NULL, NULL, NULL, 0), 0);
    weir_deallocate(apart.allocator, closed);
    weir_deallocate(context, on);
    weir_deallocate(device, there);
}

/* What the system refuses takes nothing from the capacity. */
Test(host_memory, refused_by_the_system_is_not_used)
{
    const weir_device_table *table = weir_device_table_of(driver);
    size_t free_before, free_after, total;
    cr_assert_eq(table->memory_info(table->user, &free_before, &total), 0);
    struct rlimit limit, none;
    cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
    none = limit;
    none.rlim_cur = MIB;
    cr_assert_eq(setrlimit(RLIMIT_AS, &none), 0);
    void *address, *block = weir_allocate(driver, 32 * MIB);
    int error = table->allocate(table->user, 32 * MIB, &address);
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    cr_expect_null(block);
    cr_expect_eq(error, ENOMEM);
    cr_assert_eq(table->memory_info(table->user, &free_after, &total), 0);
    cr_expect_eq(free_after, free_before);
    expect_live(driver, 0, 0);
}

static unsigned heard_calls;
static void count(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)pointer, (void)line, (void)user;
    heard = what;
    heard_calls++;
}

/* A destroyed device's allocator is misuse, told once, and nothing is copied. */
Test(host_memory, of_a_destroyed_device_is_not_copied)
{
    char here[10] = "unchanged";
    weir_allocator *gone =
        weir_device_allocator_create(weir_device_host_table_create("g", 64 * MIB), NULL);
    char *block = weir_allocate(gone, 10);
    cr_assert_not_null(block);
    cr_assert_eq(weir_allocator_destroy(gone), 0);
    weir_set_misuse_handler(count, NULL);
    cr_expect_eq(weir_device_copy(NULL, here, gone, block, 10), EINVAL);
    cr_expect_eq(heard_calls, 1);
    cr_expect_eq(heard, WEIR_MISUSE_DESTROYED_ALLOCATOR);
    cr_expect_eq(weir_device_set(gone, block, 0, 10), EINVAL);
    cr_expect_eq(weir_device_synchronize(gone, NULL), EINVAL);
    cr_expect_eq(heard_calls, 3);
    cr_expect_str_eq(here, "unchanged");
    weir_set_misuse_handler(NULL, NULL);
}

/* -- prewarming -------------------------------------------------------------------------- */

static size_t cached(const weir_allocator *a)
{
    weir_device_stats stats = {.size = sizeof stats};
    cr_assert_eq(weir_device_stats_get(a, &stats), 0);
    return stats.cached;
}

Test(host_memory, prewarming_takes_from_a_device_until_so_much_is_cached)
{
    cr_expect_eq(weir_device_prewarm(device, 8 * MIB), 0);
    size_t got = cached(device);
    cr_expect_geq(got, 8 * MIB);
    cr_expect_eq(weir_device_prewarm(device, 4 * MIB), 0);
    cr_expect_eq(cached(device), got, "there was enough");
    cr_expect_eq(weir_device_prewarm(device, 65 * MIB), ENOMEM);
    cr_expect_geq(cached(device), got, "what was got is kept");
    cr_expect_eq(weir_device_prewarm(driver, MIB), ENOTSUP);
    cr_expect_eq(weir_device_prewarm(device, 0), 0);
}

/* The device's own word for it is passed on; a forked child that cannot use it is told so. */
static int refuse(void *user, size_t size, void **address)
{
    (void)user, (void)size, (void)address;
    return EIO;
}

Test(host_memory, prewarming_passes_on_what_the_device_says)
{
    weir_device_table table = *weir_device_host_table_create("f", 64 * MIB);
    table.allocate = refuse;
    weir_allocator *a =
        weir_device_allocator_create(&table, &(weir_device_options){.mode = WEIR_DEVICE_SEGMENTS});
    cr_assert_not_null(a);
    cr_expect_eq(weir_device_prewarm(a, MIB), EIO);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    table = *weir_device_host_table_create("f", 64 * MIB);
    table.flags |= WEIR_DEVICE_NO_FORK;
    a = weir_device_allocator_create(&table, NULL);
    cr_assert_not_null(a);
    pid_t child = fork();
    if (child == 0)
        _exit(weir_device_prewarm(a, MIB) == ENODEV ? 0 : 1);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0, "in the child");
    cr_expect_eq(weir_device_prewarm(a, MIB), 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}
