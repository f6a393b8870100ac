/* tests/api/cuda.c - cuda.h on this machine as it is: with a driver, or without one. */
#include "../helpers/suite.h"

#include <weir/weir.h>

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

Test(cuda_here, is_a_device_or_a_clear_reason)
{
    bool driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) != NULL;
    errno = 0;
    weir_allocator *a = weir_cuda_allocator(0);
    if (a) {
        cr_assert(driver);
        cr_assert_str_eq(weir_device_name(a), "cuda:0");
        return;
    }
    cr_assert_eq(errno, ENODEV);
    if (!driver)
        cr_assert_not_null(strstr(weir_last_error(), "CUDA: no driver: libcuda.so.1"), "%s",
                           weir_last_error());
    errno = 0;
    cr_assert_null(weir_cuda_host_allocator());
    cr_assert_eq(errno, ENODEV);
    cr_assert_null(weir_cuda_managed_allocator(0));
    cr_assert_null(weir_cuda_table_create(0));
    cr_assert_eq(weir_cuda_device_count(), 0);
    cr_assert_not_null(weir_allocate(weir_cpu_allocator(), 1));
}

Test(device_here, a_table_of_host_memory_is_a_device)
{
    const weir_device_table *table = weir_device_host_table_create("host:0", (size_t)1 << 30);
    cr_assert_not_null(table);
    weir_allocator *a = weir_device_allocator_create(table, NULL);
    cr_assert_not_null(a, "%s", weir_last_error());
    char *p = weir_allocate_zeroed(a, 1000, 1000), back[4] = {1, 2, 3, 4};
    cr_assert_eq(weir_device_copy(a, p + 999996, NULL, back, 4), 0);
    memset(back, 0, 4);
    cr_assert_eq(weir_device_copy(NULL, back, a, p + 999996, 4), 0);
    cr_assert_eq(back[3], 4);
    void *s = weir_device_stream_create(a);
    cr_assert_not_null(s);
    cr_assert_eq(weir_device_synchronize(a, s), 0);
    cr_assert_eq(weir_device_stream_destroy(a, s), 0);
    cr_assert_null(weir_allocate(a, (size_t)2 << 30));
    cr_assert_not_null(strstr(weir_last_error(), "device free"), "%s", weir_last_error());
    weir_device_stats d = {.size = sizeof d};
    cr_assert_eq(weir_device_stats_get(a, &d), 0);
    cr_assert_eq(d.device_total, (size_t)1 << 30);
    cr_assert_eq(d.device_free, ((size_t)1 << 30) - d.reserved);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}
