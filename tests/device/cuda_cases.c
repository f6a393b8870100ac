/* tests/device/cuda_cases.c - what cuda.h promises beyond device.h, on the fake driver. */
#include "../helpers/suite.h"
#include "cuda_target.h"

#include <weir/weir.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void expect_clean(void)
{
    const char *first;
    int (*depth)(void);
    *(void **)&depth = fake_symbol("fakecuda_depth");
    cr_assert_eq(depth(), 0, "a context was left current");
    cr_assert_eq(device_target()->violations(&first), 0, "%s", first);
    cr_assert_eq(device_target()->leftovers(), 0);
    cr_assert_eq(device_target()->used(), 0);
}

static void *first_caller(void *unused)
{
    (void)unused;
    return weir_cuda_allocator(1);
}

Test(cuda, each_device_has_one_allocator)
{
    pthread_t threads[6];
    cr_assert_eq(weir_cuda_device_count(), 2);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, first_caller, NULL), 0);
    for (int i = 0; i < 6; i++) {
        void *made;
        pthread_join(threads[i], &made);
        cr_assert_not_null(made);
        cr_assert_eq(made, weir_cuda_allocator(1));
    }
    weir_allocator *a = weir_cuda_allocator(0);
    cr_assert_neq(a, weir_cuda_allocator(1));
    cr_assert_str_eq(weir_device_name(a), "cuda:0");
    cr_assert_str_eq(weir_device_name(weir_cuda_allocator(1)), "cuda:1");
    cr_assert_str_eq(weir_device_name(weir_cpu_allocator()), "cpu");
    cr_assert_eq(weir_allocator_destroy(weir_cuda_allocator(1)), 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    expect_clean();
    cr_assert_not_null(weir_cuda_allocator(0)); /* a new one */
    cr_assert_eq(weir_allocator_destroy(weir_cuda_allocator(0)), 0);
    expect_clean();
}

Test(cuda, a_device_that_is_not_there_is_no_device)
{
    char name[64];
    static const int ordinals[] = {-1, 2, 63, 64, 1 << 30};
    for (size_t i = 0; i < 5; i++) {
        errno = 0;
        cr_assert_null(weir_cuda_allocator(ordinals[i]));
        cr_assert_eq(errno, ENODEV);
        cr_assert_not_null(strstr(weir_last_error(), "no device"), "%s", weir_last_error());
    }
    cr_assert_eq(weir_cuda_device_name(0, name, sizeof name), 0);
    cr_assert_str_eq(name, "Fake device 0");
    cr_assert_eq(weir_cuda_device_name(7, name, sizeof name), ENODEV);
    cr_assert_eq(weir_cuda_device_name(0, name, 0), EINVAL);
    expect_clean();
}

Test(cuda, a_driver_that_does_not_start_says_why)
{
    setenv("FAKECUDA_INIT", "100", 1);
    errno = 0;
    cr_assert_null(weir_cuda_allocator(0));
    cr_assert_eq(errno, ENODEV);
    cr_assert_str_eq(weir_last_error(), "CUDA: cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable "
                                        "device is detected");
    cr_assert_eq(weir_cuda_device_count(), 0);
    setenv("FAKECUDA_INIT", "0", 1); /* the next call tries again */
    cr_assert_not_null(weir_cuda_allocator(0));
}

Test(cuda, every_error_carries_its_name_and_text)
{
    weir_allocator *a = weir_cuda_allocator(0);
    void *p = weir_allocate(a, 100);
    unsigned named = 0;
    for (long n = 0; n < 4; n++) { /* entering the context, the set, waiting */
        device_target()->fail_after(n);
        int error = weir_device_set(a, p, 1, 100);
        device_target()->fail_after(-1);
        if (error) {
            named++;
            cr_assert_eq(error, EIO);
            cr_assert_not_null(strstr(weir_last_error(), "CUDA_ERROR_UNKNOWN: unknown error"), "%s",
                               weir_last_error());
        }
    }
    cr_assert_geq(named, 3);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    expect_clean();
}

Test(cuda, pinned_memory_is_the_hosts_too)
{
    weir_allocator *a = weir_cuda_host_allocator();
    cr_assert_not_null(a, "%s", weir_last_error());
    cr_assert_eq(a, weir_cuda_host_allocator());
    unsigned char *p = weir_allocate_zeroed(a, 1, 5 << 20);
    for (size_t i = 0; i < 5 << 20; i += 999)
        cr_assert_eq(p[i], 0);
    memset(p, 3, 5 << 20);
    p = weir_reallocate(a, p, 9 << 20);
    cr_assert_eq(p[(5 << 20) - 1], 3);
    cr_assert_eq(device_target()->used(), 0, "taken from the device");
    weir_device_stats s = {.size = sizeof s};
    cr_assert_eq(weir_device_stats_get(a, &s), 0);
    cr_assert_geq(s.device_total, 9 << 20);
    weir_allocator *d = weir_cuda_allocator(0);
    void *q = weir_allocate(d, 9 << 20);
    cr_assert_eq(weir_device_copy(d, q, a, p, 9 << 20), 0);
    memset(p, 0, 9 << 20);
    cr_assert_eq(weir_device_copy(a, p, d, q, 9 << 20), 0);
    cr_assert_eq(p[1000], 3);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_assert_eq(weir_allocator_destroy(d), 0);
    expect_clean();
}

Test(cuda, managed_memory_is_there_if_asked_for)
{
    weir_allocator *a = weir_cuda_managed_allocator(1);
    cr_assert_not_null(a, "%s", weir_last_error());
    cr_assert_str_eq(weir_allocator_name(a), "cuda-managed:1");
    unsigned char *p = weir_allocate_zeroed(a, 100, 10);
    cr_assert_eq(p[999], 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    expect_clean();
    cr_assert_not_null(weir_cuda_managed_allocator(0));
    for (int device = -2; device < 300; device += device == -1 ? 3 : 1)
        cr_expect(!weir_cuda_allocator(device) || device < 2, "there is no device %d", device);
    cr_assert_eq(weir_allocator_destroy(weir_cuda_managed_allocator(0)), 0);
    setenv("FAKECUDA_LACKS", "83", 1);
    errno = 0;
    cr_assert_null(weir_cuda_managed_allocator(0));
    cr_assert_eq(errno, ENODEV);
    expect_clean();
}

Test(cuda, a_driver_without_virtual_memory_gives_segments)
{
    weir_device_stats s = {.size = sizeof s};
    cr_assert_eq(weir_device_stats_get(weir_cuda_allocator(0), &s), 0);
    cr_assert_eq(s.mode, WEIR_DEVICE_EXPANDABLE);
    cr_assert_eq(weir_allocator_destroy(weir_cuda_allocator(0)), 0);
    setenv("FAKECUDA_LACKS", "102,115", 1);
    weir_allocator *a = weir_cuda_allocator(0);
    cr_assert_eq(weir_device_stats_get(a, &s), 0);
    cr_assert_eq(s.mode, WEIR_DEVICE_SEGMENTS);
    cr_assert_null(weir_device_table_of(a)->allocate_on);
    cr_assert_not_null(weir_allocate(a, 30 << 20));
    cr_assert_eq(weir_allocator_destroy(a), 0);
    expect_clean();
}

Test(cuda, blocks_are_aligned_as_cuda_aligns_them)
{
    weir_allocator *a = weir_cuda_allocator(0);
    for (size_t size = 1; size < 10000000; size = size * 3 + 1)
        cr_assert_eq((uintptr_t)weir_allocate(a, size) % 256, 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    expect_clean();
}

Test(cuda, a_failed_start_leaves_nothing)
{
    for (long n = 0; n < 40; n++) {
        device_target()->fail_after(n);
        weir_allocator *a = weir_cuda_allocator(0);
        bool reached = device_target()->has_failed();
        device_target()->fail_after(-1);
        if (a)
            cr_assert_eq(weir_allocator_destroy(a), 0);
        else
            cr_assert_neq(*weir_last_error(), 0);
        expect_clean();
        if (!reached) {
            cr_assert_gt(n, 3);
            return;
        }
    }
    cr_assert_fail("never done");
}
