/* Buffers through the public interface: scope, zeros, moves, resizing, devices. */
#include "../helpers/object.h"

static bool all_zero(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

Test(buffer, a_scoped_buffer_is_zero_and_goes_with_its_scope)
{
    weir_allocator *cpu = weir_cpu_allocator();
    for (int round = 0; round < 3; round++) {
        WEIR_BUFFER(float, b, 1000);
        cr_assert_not_null(weir_buffer_data(&b));
        cr_expect(all_zero(weir_buffer_data(&b), 4000));
        cr_expect_eq((uintptr_t)weir_buffer_data(&b) % 64, 0);
        memset(weir_buffer_data(&b), 0xff, 4000);
        cr_expect_eq(weir_buffer_count(&b), 1000);
        cr_expect_eq(weir_buffer_element_size(&b), sizeof(float));
        cr_expect_eq(weir_buffer_size_in_bytes(&b), 4000);
        cr_expect_eq(weir_buffer_allocator(&b), cpu);
        expect_live(cpu, 4000, 1);
    }
    expect_live(cpu, 0, 0);
}

static int leaves_early(int how)
{
    WEIR_BUFFER(double, b, 8);
    for (int i = 0; i < 3; i++) {
        WEIR_BUFFER(char, inner, 5);
        if (how == i)
            return i;
        if (how == 3)
            continue;
    }
    return -1;
}

Test(buffer, every_way_out_of_the_scope_releases)
{
    for (int how = 0; how < 5; how++)
        leaves_early(how);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(buffer, a_moved_buffer_is_left_empty)
{
    weir_allocator *cpu = weir_cpu_allocator();
    weir_buffer a, b; /* b never set */
    memset(&b, 0xa5, sizeof b);
    cr_assert_eq(weir_buffer_init(&a, cpu, 10, 4), 0);
    void *data = weir_buffer_data(&a);
    weir_buffer_move(&b, &a);
    cr_expect_null(weir_buffer_data(&a));
    cr_expect_eq(weir_buffer_count(&a), 0);
    cr_expect_eq(weir_buffer_data(&b), data);
    expect_live(cpu, 40, 1);
    cr_assert_eq(weir_buffer_init(&a, cpu, 20, 4), 0);
    weir_buffer_move(&b, &a); /* what b held goes */
    expect_live(cpu, 80, 1);
    weir_buffer_move(&b, &b);
    cr_expect_eq(weir_buffer_count(&b), 20);
    weir_buffer_move(&b, &a); /* from an empty one */
    cr_expect_null(weir_buffer_data(&b));
    weir_buffer_release(&a);
    weir_buffer_release(&b);
    weir_buffer_release(&b);
    weir_buffer_release(NULL);
    expect_live(cpu, 0, 0);
}

Test(buffer, a_moved_buffer_outlives_its_scope)
{
    weir_buffer kept = WEIR_BUFFER_EMPTY;
    {
        WEIR_BUFFER(int, b, 3);
        ((int *)weir_buffer_data(&b))[2] = 7;
        weir_buffer_move(&kept, &b);
    }
    cr_expect_eq(((int *)weir_buffer_data(&kept))[2], 7);
    weir_buffer_release(&kept);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(buffer, impossible_sizes_leave_it_empty)
{
    weir_allocator *cpu = weir_cpu_allocator();
    weir_buffer b;
    cr_expect_eq(weir_buffer_init(&b, cpu, SIZE_MAX, 2), ENOMEM);
    cr_expect_null(weir_buffer_data(&b));
    weir_buffer_release(&b);
    cr_expect_eq(weir_buffer_init(&b, cpu, PTRDIFF_MAX, 2), ENOMEM);
    cr_expect_eq(weir_buffer_init(&b, cpu, 4, 0), EINVAL);
    cr_expect_eq(weir_buffer_init(NULL, cpu, 4, 4), EINVAL);
    cr_expect_eq(weir_buffer_init(&b, NULL, 4, 4), EINVAL);
    cr_expect_eq(weir_buffer_resize(&b, 4), EINVAL);
    expect_live(cpu, 0, 0);
    {
        errno = 0;
        WEIR_BUFFER(double, failed, SIZE_MAX / 4);
        cr_expect_eq(errno, ENOMEM);
        cr_expect_null(weir_buffer_data(&failed));
    }
    cr_expect_eq(weir_buffer_init(&b, cpu, 0, 4), 0);
    cr_expect_not_null(weir_buffer_data(&b));
    expect_live(cpu, 0, 1);
    weir_buffer_release(&b);
    expect_live(cpu, 0, 0);
}

Test(buffer, resize_keeps_the_contents_and_zeroes_the_rest)
{
    weir_allocator *cpu = weir_cpu_allocator();
    WEIR_BUFFER(uint16_t, b, 4);
    uint16_t oracle[3000] = {0};
    size_t count = 4;
    srand(3);
    for (int round = 0; round < 2000; round++) {
        uint16_t *data = weir_buffer_data(&b);
        cr_assert_arr_eq(data, oracle, count * 2, "round %d", round);
        for (size_t i = 0; i < count; i++)
            data[i] = oracle[i] = (uint16_t)rand();
        size_t to = (size_t)rand() % 3000;
        cr_assert_eq(weir_buffer_resize(&b, to), 0);
        if (to > count)
            memset(oracle + count, 0, (to - count) * 2);
        count = to;
        expect_live(cpu, count * 2, 1);
    }
}

Test(buffer, a_failed_resize_changes_nothing)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = 100});
    weir_buffer b;
    cr_assert_eq(weir_buffer_init(&b, a, 50, 1), 0);
    memset(weir_buffer_data(&b), 7, 50);
    void *data = weir_buffer_data(&b);
    cr_expect_eq(weir_buffer_resize(&b, 101), ENOMEM);
    cr_expect_eq(weir_buffer_resize(&b, SIZE_MAX), ENOMEM);
    cr_expect_eq(weir_buffer_data(&b), data);
    cr_expect_eq(weir_buffer_count(&b), 50);
    cr_expect_eq(((char *)data)[49], 7);
    expect_live(a, 50, 1);
    weir_buffer_release(&b);
    weir_allocator_destroy(a);
}

Test(buffer, of_a_device_is_zeroed_by_the_device)
{
    struct device d;
    device_make(&d);
    weir_buffer b;
    cr_assert_eq(weir_buffer_init(&b, d.allocator, 1000, 8), 0);
    cr_expect_eq(d.zeros, 1);
    cr_expect(device_holds(weir_buffer_data(&b), 8000, 0));
    device_fill(weir_buffer_data(&b), 8000, 3);
    cr_assert_eq(weir_buffer_resize(&b, 2000), 0);
    cr_expect(device_holds(weir_buffer_data(&b), 8000, 3));
    cr_expect(device_holds((char *)weir_buffer_data(&b) + 8000, 8000, 0));
    d.error = EIO;
    cr_expect_eq(weir_buffer_resize(&b, 3000), EIO);
    cr_expect_eq(weir_buffer_count(&b), 2000);
    weir_buffer other;
    cr_expect_eq(weir_buffer_init(&other, d.allocator, 1, 1), EIO);
    expect_live(d.allocator, 16000, 1);
    weir_buffer_release(&b);
    expect_live(d.allocator, 0, 0);
    weir_allocator_destroy(d.allocator);
}

Test(buffer, a_copied_struct_is_a_double_free)
{
    weir_buffer a, copy;
    cr_assert_eq(weir_buffer_init(&a, weir_cpu_allocator(), 10, 1), 0);
    copy = a;
    weir_set_misuse_handler(hear, NULL);
    weir_buffer_release(&a);
    weir_buffer_release(&copy);
    cr_expect_eq(heard, WEIR_MISUSE_DOUBLE_FREE);
    expect_live(weir_cpu_allocator(), 0, 0);
}
