/*
 * tests/device/objects.c - tensors and buffers on a device.
 * Part of the device suite (cases.h).
 */
#include "cases.h"

static weir_tensor *counted(const int64_t *shape, size_t ndim)
{
    weir_tensor *t = weir_tensor_create(shape, ndim, WEIR_INT32);
    int32_t *data = weir_tensor_data(t);
    for (size_t i = 0; i < weir_tensor_element_count(t); i++)
        data[i] = (int32_t)i;
    return t;
}

Test(device, tensors_travel_between_devices)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO), *b = make(WEIR_DEVICE_SEGMENTS);
    const int64_t shape[] = {3, 5, 7};
    weir_tensor *t = counted(shape, 3);
    weir_tensor *on_a = weir_tensor_to(t, a), *on_b = weir_tensor_to(on_a, b);
    weir_tensor *back = weir_tensor_to(on_b, weir_cpu_allocator());
    cr_assert(on_a && on_b && back, "%s", weir_last_error());
    cr_assert_str_eq(weir_tensor_device(on_a), device_target()->name);
    cr_assert_str_eq(weir_tensor_device(back), "cpu");
    cr_assert_eq(weir_tensor_allocator(on_b), b);
    cr_assert_eq(weir_total_allocated(a), 3 * 5 * 7 * 4);
    cr_assert_eq(memcmp(weir_tensor_data(back), weir_tensor_data(t), 3 * 5 * 7 * 4), 0);
    cr_assert_eq(weir_tensor_zero(on_a), 0);
    cr_assert(holds(a, weir_tensor_data(on_a), 3 * 5 * 7 * 4, 0));
    weir_tensor_release(t);
    weir_tensor_release(back);
    weir_tensor_release(on_b);
    weir_tensor_release(on_a);
    cr_assert_eq(weir_allocator_destroy(b), 0);
    end(a);
}

Test(device, elements_apart_are_put_in_order_on_the_way)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    size_t cpu = weir_total_allocated(weir_cpu_allocator());
    const int64_t shape[] = {6, 8};
    weir_tensor *t = counted(shape, 2), *on_a = weir_tensor_to(t, a);
    for (int side = 0; side < 2; side++) { /* strided here, strided there */
        weir_tensor *turned = weir_tensor_transpose(side ? on_a : t, 0, 1);
        weir_tensor *part = weir_tensor_slice(turned, 0, 1, 8, 3); /* columns 1, 4, 7 */
        weir_tensor *there = weir_tensor_to(part, side ? weir_cpu_allocator() : a);
        weir_tensor *here = weir_tensor_to(there, weir_cpu_allocator());
        cr_assert_not_null(here, "%s", weir_last_error());
        cr_assert(weir_tensor_is_contiguous(here));
        const int32_t *data = weir_tensor_data(here);
        for (int column = 0; column < 3; column++)
            for (int row = 0; row < 6; row++)
                cr_assert_eq(data[column * 6 + row], row * 8 + 1 + 3 * column);
        weir_tensor_release(here);
        weir_tensor_release(there);
        weir_tensor_release(part);
        weir_tensor_release(turned);
    }
    weir_tensor_release(t);
    weir_tensor_release(on_a);
    cr_assert_eq(weir_total_allocated(weir_cpu_allocator()), cpu, "staging memory is left");
    end(a);
}

Test(device, a_tensor_that_cannot_travel_leaves_nothing)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    const int64_t shape[] = {100, 100}, none[] = {3, 0};
    size_t cpu = weir_total_allocated(weir_cpu_allocator());
    weir_tensor *t = counted(shape, 2), *turned = weir_tensor_transpose(t, 0, 1);
    weir_tensor *on_a = weir_tensor_to(t, a), *turned_a = weir_tensor_transpose(on_a, 0, 1);
    weir_tensor *empty = weir_tensor_create(none, 2, WEIR_INT8), *gone = weir_tensor_to(empty, a);
    cr_assert_not_null(gone);
    size_t device = weir_total_allocated(a), host = weir_total_allocated(weir_cpu_allocator());
    for (long n = 0; n < 40; n++) {
        device_target()->fail_after(n);
        weir_tensor *made[2] = {weir_tensor_to(turned, a),
                                weir_tensor_to(turned_a, weir_cpu_allocator())};
        device_target()->fail_after(-1);
        weir_tensor_release(made[0]);
        weir_tensor_release(made[1]);
        cr_assert_eq(weir_total_allocated(a), device);
        cr_assert_eq(weir_total_allocated(weir_cpu_allocator()), host);
    }
    weir_tensor *all[] = {t, turned, on_a, turned_a, empty, gone};
    for (size_t i = 0; i < 6; i++)
        weir_tensor_release(all[i]);
    cr_assert_eq(weir_total_allocated(weir_cpu_allocator()), cpu);
    end(a);
}

Test(device, a_buffer_on_a_device_is_zeroed_by_it)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    weir_buffer b;
    cr_assert_eq(weir_buffer_init(&b, a, 1000, 8), 0);
    cr_assert(holds(a, weir_buffer_data(&b), 8000, 0));
    weir_device_set(a, weir_buffer_data(&b), 3, 8000);
    cr_assert_eq(weir_buffer_resize(&b, 3000), 0);
    cr_assert(holds(a, weir_buffer_data(&b), 8000, 3));
    cr_assert(holds(a, (char *)weir_buffer_data(&b) + 8000, 16000, 0));
    weir_buffer_release(&b);
    cr_assert_eq(weir_total_allocated(a), 0);
    end(a);
}
