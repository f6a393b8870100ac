/*
 * tests/device/pool.c - the pool of device memory: what is joined, split, given back, prewarmed and
 * refused. Part of the device suite (cases.h).
 */
#include "cases.h"

Test(device, the_steady_state_never_calls_the_device)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        for (int round = 0; round < 3; round++) {
            unsigned long before = device_target()->calls();
            for (size_t size = 1; size <= 64 * MIB; size *= 3) {
                void *p = weir_allocate(a, size), *q = weir_allocate(a, size / 2);
                weir_deallocate(a, p);
                weir_deallocate(a, q);
            }
            if (round == 2)
                cr_assert_eq(device_target()->calls(), before);
        }
        end(a);
    }
}

Test(device, free_neighbors_are_joined_and_split_again)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        char *blocks[16];
        for (int i = 0; i < 16; i++)
            blocks[i] = weir_allocate(a, 1 * MIB);
        size_t reserved = figures(a).reserved;
        for (int i = 0; i < 16; i += 2)
            weir_deallocate(a, blocks[i]);
        for (int i = 1; i < 16; i += 2)
            weir_deallocate(a, blocks[i]);
        char *whole = weir_allocate(a, 9 * MIB);
        cr_assert_eq(whole, blocks[0]);
        cr_assert_eq(figures(a).reserved, reserved);
        weir_deallocate(a, whole);
        end(a);
    }
}

Test(device, the_best_fit_is_taken)
{
    EACH(mode, pooled)
    {
        static const size_t sizes[] = {400 * KIB, 100 * KIB, 200 * KIB, 120 * KIB, 300 * KIB};
        weir_allocator *a = make(mode);
        char *holes[5];
        for (int i = 0; i < 5; i++) {
            holes[i] = weir_allocate(a, sizes[i]);
            weir_allocate(a, 64); /* keeps them apart */
        }
        for (int i = 0; i < 5; i++)
            weir_deallocate(a, holes[i]);
        cr_assert_eq(weir_allocate(a, 110 * KIB), holes[3]);
        cr_assert_eq(weir_allocate(a, 200 * KIB), holes[2]);
        cr_assert_eq(weir_allocate(a, 301 * KIB), holes[0]);
        end(a);
    }
}

Test(device, a_cached_4_gib_block_never_serves_10_kib)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        char *huge = weir_allocate(a, 4 * GIB);
        cr_assert_not_null(huge);
        weir_deallocate(a, huge);
        char *small = weir_allocate(a, 10 * KIB), *large = weir_allocate(a, 2 * MIB);
        char *larger = weir_allocate(a, 20 * MIB);
        cr_assert(small < huge || small >= huge + 4 * GIB);
        if (mode == WEIR_DEVICE_SEGMENTS) {
            cr_assert(large < huge || large >= huge + 4 * GIB);
            cr_assert(larger < huge || larger >= huge + 4 * GIB);
        }
        weir_deallocate(a, larger);
        /* All of it can go back but what pins little. */
        cr_assert_geq(weir_trim(a), 4 * GIB - 4 * MIB);
        cr_assert_leq(figures(a).reserved, 24 * MIB);
        end(a);
    }
}

Test(device, trim_gives_back_all_that_is_free)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        void *blocks[50];
        for (int i = 0; i < 50; i++)
            blocks[i] = weir_allocate(a, (size_t)(i + 1) * 50000);
        size_t reserved = figures(a).reserved;
        for (int i = 0; i < 50; i++)
            weir_deallocate(a, blocks[i]);
        cr_assert_eq(figures(a).cached, reserved);
        cr_assert_eq(weir_trim(a), reserved);
        cr_assert_eq(device_target()->used(), 0);
        cr_assert_eq(weir_trim(a), 0);
        expect_valid(a);
        cr_assert_not_null(weir_allocate(a, 5 * MIB));
        end(a);
    }
}

Test(device, prewarmed_memory_serves_without_the_device)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        cr_assert_eq(weir_device_prewarm(a, 256 * MIB), 0);
        cr_assert_geq(figures(a).cached, 256 * MIB);
        unsigned long before = device_target()->calls();
        void *p = weir_allocate(a, 100 * MIB), *q = weir_allocate(a, 100 * MIB);
        cr_assert(p && q);
        cr_assert_eq(device_target()->calls(), before);
        weir_deallocate(a, p);
        weir_deallocate(a, q);
        weir_deallocate(a, weir_allocate(a, 10)); /* growth beside it leaves it alone */
        cr_assert_geq(figures(a).cached, 256 * MIB);
        cr_assert_eq(weir_device_prewarm(a, 1000 * GIB), ENOMEM);
        expect_valid(a);
        end(a);
    }
}

Test(device, fragmentation_is_told)
{
    weir_allocator *a = make(WEIR_DEVICE_EXPANDABLE);
    cr_assert_eq(figures(a).fragmentation, 0);
    void *blocks[8];
    for (int i = 0; i < 8; i++)
        blocks[i] = weir_allocate(a, 4 * MIB);
    for (int i = 0; i < 8; i += 2)
        weir_deallocate(a, blocks[i]);
    weir_device_stats s = figures(a);
    cr_assert_eq(s.cached, 16 * MIB);
    cr_assert_eq(s.largest_free, 4 * MIB);
    cr_assert_float_eq(s.fragmentation, 0.75, 1e-9);
    weir_device_reset_peaks(a);
    cr_assert_eq(figures(a).peak_in_use, 16 * MIB);
    end(a);
}

/* Blocks of changing sizes: with holes everywhere, what is held follows what is used. */
Test(device, memory_held_follows_memory_used)
{
    weir_allocator *a = make(WEIR_DEVICE_EXPANDABLE);
    void *blocks[100] = {0};
    unsigned seed = 1;
    for (int step = 0; step < 20000; step++) {
        int i = rand_r(&seed) % 100;
        weir_deallocate(a, blocks[i]);
        blocks[i] = weir_allocate(a, (size_t)rand_r(&seed) % (step % 5000 < 2500 ? 6 * MIB : MIB));
        cr_assert_not_null(blocks[i]);
    }
    weir_device_stats s = figures(a);
    cr_assert_leq(s.peak_reserved, s.peak_in_use + s.peak_in_use / 5, "%zu reserved for %zu",
                  s.peak_reserved, s.peak_in_use);
    end(a);
}

/* Blocks that fit into no hole of those before; what was reserved for them at most. */
static size_t holes_make(weir_allocator *a)
{
    void *blocks[20];
    for (int i = 0; i < 20; i++)
        blocks[i] = weir_allocate(a, 4 * MIB);
    for (int i = 0; i < 20; i += 2)
        weir_deallocate(a, blocks[i]);
    for (int i = 0; i < 6; i++)
        cr_assert_not_null(weir_allocate(a, 6 * MIB));
    return figures(a).peak_reserved;
}

Test(device, idle_units_move_before_more_is_taken)
{
    weir_allocator *a = make(WEIR_DEVICE_EXPANDABLE);
    cr_assert_leq(holes_make(a), 88 * MIB);
    end(a);
    a = make_with(&(weir_device_options){.mode = WEIR_DEVICE_EXPANDABLE, .growth_percent = 1000});
    cr_assert_geq(holes_make(a), 112 * MIB, "the option changes nothing");
    end(a);
}

Test(device, a_refused_prewarming_leaves_the_bound_of_growth)
{
    weir_allocator *a = make(WEIR_DEVICE_EXPANDABLE);
    cr_assert_eq(weir_device_prewarm(a, SIZE_MAX), ENOMEM);
    cr_assert_eq(figures(a).reserved, 0);
    cr_assert_leq(holes_make(a), 88 * MIB);
    end(a);
}

Test(device, a_reserve_limit_is_kept)
{
    EACH(mode, modes)
    {
        weir_allocator *a =
            make_with(&(weir_device_options){.mode = mode, .reserve_limit = 64 * MIB});
        cr_assert_null(weir_allocate(a, 65 * MIB));
        void *p = weir_allocate(a, 40 * MIB);
        cr_assert_not_null(p);
        cr_assert_null(weir_allocate(a, 40 * MIB));
        cr_assert_not_null(strstr(weir_last_error(), "of at most 67108864"), "%s",
                           weir_last_error());
        weir_deallocate(a, p);
        cr_assert_not_null(weir_allocate(a, 60 * MIB));
        cr_assert_leq(figures(a).peak_reserved, 64 * MIB);
        end(a);
    }
}

Test(device, prewarming_says_what_it_cannot)
{
    weir_allocator *a = make(WEIR_DEVICE_DRIVER);
    cr_assert_eq(weir_device_prewarm(a, MIB), ENOTSUP);
    cr_assert_eq(weir_device_prewarm(weir_cpu_allocator(), MIB), EINVAL);
    end(a);
    a = make(WEIR_DEVICE_SEGMENTS);
    device_target()->fail_after(0);
    cr_assert_neq(weir_device_prewarm(a, MIB), 0);
    device_target()->fail_after(-1);
    cr_assert_eq(weir_device_prewarm(a, MIB), 0);
    end(a);
}

/* -- out of memory ------------------------------------------------------------------ */

Test(device, out_of_memory_gives_back_what_is_cached_and_tries_again)
{
    EACH(mode, pooled)
    {
        device_target()->set_capacity(256 * MIB);
        weir_allocator *a = make_with(&(weir_device_options){.mode = mode, .growth_percent = 1000});
        void *blocks[12];
        for (int i = 0; i < 12; i++)
            cr_assert_not_null(blocks[i] = weir_allocate(a, 20 * MIB));
        for (int i = 0; i < 12; i++)
            weir_deallocate(a, blocks[i]);
        void *whole = weir_allocate(a, 250 * MIB); /* in no free block there is */
        cr_assert_not_null(whole, "%s", weir_last_error());
        if (mode == WEIR_DEVICE_SEGMENTS)
            cr_assert_eq(figures(a).recoveries, 1);
        expect_valid(a);
        end(a);
    }
}

Test(device, the_report_of_a_failure_says_it_all)
{
    EACH(mode, pooled)
    {
        device_target()->set_capacity(100 * MIB);
        weir_allocator *a = make(mode);
        void *p = weir_allocate(a, 30 * MIB), *q = weir_allocate(a, 500 * KIB);
        weir_stats before = {.size = sizeof before}, after = {.size = sizeof after};
        weir_stats_get(a, &before);
        errno = 0;
        cr_assert_null(weir_allocate(a, 90 * MIB));
        cr_assert_eq(errno, ENOMEM);
        weir_stats_get(a, &after);
        cr_assert_eq(after.failures, before.failures + 1);
        cr_assert_eq(after.total_allocated, before.total_allocated);
        cr_assert_eq(after.peak_allocated, before.peak_allocated);
        weir_device_stats s = figures(a);
        char expected[256];
        snprintf(expected, sizeof expected,
                 "%s: out of device memory: asked %zu, live %zu, cached %zu (largest free %zu), "
                 "waiting 0, reserved %zu, device free %zu of %zu",
                 device_target()->name, 90 * MIB, s.in_use, s.cached, s.largest_free, s.reserved,
                 s.device_free, s.device_total);
        cr_assert_str_eq(weir_last_error(), expected);
        weir_deallocate(a, p);
        weir_deallocate(a, q);
        cr_assert_not_null(weir_allocate(a, 90 * MIB), "%s", weir_last_error());
        end(a);
    }
}

Test(device, impossible_sizes_are_refused)
{
    EACH(mode, modes)
    {
        static const size_t sizes[] = {PTRDIFF_MAX, PTRDIFF_MAX - 1, SIZE_MAX, (size_t)1 << 60};
        weir_allocator *a = make(mode);
        for (size_t i = 0; i < 4; i++) {
            cr_assert_null(weir_allocate(a, sizes[i]));
            cr_assert_eq(errno, ENOMEM);
            cr_assert_null(weir_allocate_aligned(a, sizes[i], MIB));
        }
        cr_assert_null(weir_allocate_aligned(a, 64, (size_t)1 << 62));
        expect_valid(a);
        end(a);
    }
}
