/*
 * tests/device/contract.c - blocks, figures, walks, alignment, copies and misuse: what any
 * allocator promises, kept on a device. Part of the device suite (cases.h).
 */
#include "cases.h"

Test(device, blocks_lie_apart_and_keep_their_contents)
{
    EACH(mode, modes)
    {
        weir_allocator *a = make(mode);
        void *blocks[60];
        for (size_t i = 0; i < 60; i++) {
            blocks[i] = weir_allocate(a, i * i * 700);
            cr_assert_not_null(blocks[i]);
            cr_assert_eq((uintptr_t)blocks[i] % 64, 0);
            cr_assert_eq(weir_device_set(a, blocks[i], (int)i, i * i * 700), 0);
        }
        for (size_t i = 0; i < 60; i++)
            cr_assert(holds(a, blocks[i], i * i * 700, (int)i), "block %zu", i);
        expect_valid(a);
        for (size_t i = 0; i < 60; i++)
            weir_deallocate(a, blocks[i]);
        end(a);
    }
}

Test(device, statistics_are_exact_and_those_of_the_cpu_stay)
{
    EACH(mode, modes)
    {
        size_t before = weir_total_allocated(weir_cpu_allocator());
        weir_allocator *a = make(mode);
        cr_assert_null(weir_allocator_parent(a));
        cr_assert_str_eq(weir_allocator_name(a), device_target()->name);
        void *p = weir_allocate(a, 100), *q = weir_allocate(a, 3 * MIB), *z = weir_allocate(a, 0);
        cr_assert(p && q && z);
        cr_assert_eq(weir_total_allocated(a), 100 + 3 * MIB);
        cr_assert_eq(weir_allocation_count(a), 3);
        cr_assert_eq(weir_requested_size(a, q), 3 * MIB);
        weir_deallocate(a, q);
        cr_assert_eq(weir_total_allocated(a), 100);
        cr_assert_eq(weir_peak_allocated(a), 100 + 3 * MIB);
        weir_stats s = {.size = sizeof s};
        cr_assert_eq(weir_stats_get(a, &s), 0);
        cr_assert_str_eq(s.backing, device_target()->name);
        weir_device_stats d = figures(a);
        cr_assert_eq(s.in_use, d.in_use);
        cr_assert_eq(s.reserved, d.reserved);
        cr_assert_eq(s.cached, d.cached);
        cr_assert_geq(s.in_use, 100);
        cr_assert_eq(weir_total_allocated(weir_cpu_allocator()), before);
        weir_deallocate(a, p);
        weir_deallocate(a, z);
        end(a);
    }
}

Test(device, contexts_and_limits_hold_for_device_memory)
{
    EACH(mode, modes)
    {
        weir_allocator *a = make(mode);
        weir_allocator *model = weir_allocator_create(
            &(weir_allocator_options){.name = "model", .parent = a, .limit = 10 * MIB});
        weir_allocator *layer =
            weir_allocator_create(&(weir_allocator_options){.name = "layer", .parent = model});
        cr_assert(model && layer);
        cr_assert_str_eq(weir_device_name(layer), device_target()->name);
        void *p = weir_allocate(layer, 6 * MIB), *q = weir_allocate(model, 4 * MIB);
        cr_assert(p && q);
        cr_assert_eq(weir_total_allocated(a), 10 * MIB);
        cr_assert_null(weir_allocate(layer, 1));
        cr_assert_eq(errno, ENOMEM);
        weir_stats s = {.size = sizeof s}, of_layer = {.size = sizeof of_layer};
        weir_stats_get(a, &s);
        weir_stats_get(layer, &of_layer);
        cr_assert_eq(s.in_use, figures(a).in_use, "counted twice");
        cr_assert_eq(s.reserved, figures(a).reserved);
        cr_assert_eq(of_layer.in_use, 6 * MIB);
        cr_assert_eq(weir_allocator_destroy(a), EBUSY);
        cr_assert_eq(weir_allocator_destroy(layer), 0); /* with a live block */
        cr_assert_eq(weir_total_allocated(a), 4 * MIB);
        cr_assert_eq(weir_allocator_destroy(model), 0);
        cr_assert_eq(figures(a).in_use, 0);
        end(a);
    }
}

static bool count_new(const weir_block *block, void *count)
{
    *(size_t *)count += block->since_checkpoint;
    return false;
}

Test(device, walks_tell_blocks_made_after_a_mark)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    weir_tag tag = weir_tag_intern("kv"), former;
    void *p = weir_allocate(a, 10);
    weir__allocator_mark_old(a, NULL, NULL);
    former = weir_tag_set(tag);
    void *q = weir_allocate(a, 20);
    weir_tag_set(former);
    size_t made = 0;
    weir_allocator_walk(a, count_new, &made);
    cr_assert_eq(made, 1);
    cr_assert_eq(weir_block_tag(a, q), tag);
    cr_assert_eq(weir_block_tag(a, p), 0);
    end(a);
}

static bool leak_see(const weir_leak *leak, void *size)
{
    *(size_t *)size += leak->requested;
    return false;
}

Test(device, the_profiler_and_checkpoints_watch_a_device)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    weir_profiler profiler;
    weir_profiler_stats profile = WEIR_PROFILER_STATS_INIT;
    void *before = weir_allocate(a, 1000);
    cr_assert_eq(weir_profiler_start(&profiler, a), 0);
    uint64_t mark = weir_checkpoint(a);
    cr_assert_gt(mark, 0);
    void *p = weir_allocate(a, 5 * MIB), *q = weir_allocate(a, 300);
    weir_deallocate(a, p);
    cr_assert_eq(weir_profiler_stats_get(&profiler, &profile), 0);
    cr_assert_eq(profile.current, 1300);
    cr_assert_eq(profile.delta, 300);
    cr_assert_eq(profile.peak, 5 * MIB + 1300);
    cr_assert_eq(profile.allocations, 2);
    size_t leaked = 0;
    cr_assert_eq(weir_leaks_walk(a, mark, leak_see, &leaked), 0);
    cr_assert_eq(leaked, 300);
    weir_deallocate(a, q);
    weir_deallocate(a, before);
    cr_assert_eq(weir_profiler_stop(&profiler), 0);
    end(a);
}

Test(device, figures_show_it_beside_the_cpu)
{
    static char json[100000], expected[80];
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    cr_assert_not_null(weir_allocate(a, 4321));
    snprintf(expected, sizeof expected, "\"beside\":[{\"name\":\"%s\"", device_target()->name);
    cr_assert_eq(weir_stats_json_buffer(json, sizeof json, NULL, NULL), 0);
    cr_assert_eq(strncmp(json, "{\"name\":\"cpu\"", 13), 0);
    const char *beside = strstr(json, expected);
    cr_assert_not_null(beside, "%s", json);
    cr_assert_not_null(strstr(beside, "\"total_allocated\":4321"), "%s", json);
    cr_assert_eq(weir_stats_json_buffer(json, sizeof json, NULL, weir_cpu_allocator()), 0);
    cr_assert_null(strstr(json, device_target()->name));
    end(a);
}

Test(device, any_alignment_is_kept)
{
    EACH(mode, modes)
    {
        weir_allocator *a = make(mode);
        void *blocks[23];
        for (unsigned shift = 0; shift < 23; shift++) {
            blocks[shift] = weir_allocate_aligned(a, 1000 + shift, (size_t)1 << shift);
            cr_assert_not_null(blocks[shift], "%s", weir_last_error());
            cr_assert_eq((uintptr_t)blocks[shift] % ((size_t)1 << shift), 0);
            weir_device_set(a, blocks[shift], (int)shift, 1000 + shift);
        }
        for (unsigned shift = 0; shift < 23; shift++)
            cr_assert(holds(a, blocks[shift], 1000 + shift, (int)shift));
        expect_valid(a);
        for (unsigned shift = 0; shift < 23; shift++)
            weir_deallocate(a, blocks[shift]);
        end(a);
    }
}

Test(device, zeroing_and_moving_go_through_the_table)
{
    EACH(mode, modes)
    {
        weir_allocator *a = make(mode);
        unsigned char *p = weir_allocate_zeroed(a, 1000, 70);
        cr_assert(holds(a, p, 70000, 0));
        weir_device_set(a, p, 7, 70000);
        p = weir_reallocate(a, p, 3 * MIB);
        cr_assert(p && holds(a, p, 70000, 7));
        p = weir_reallocate(a, p, 500);
        cr_assert(p && holds(a, p, 500, 7));
        cr_assert_eq(weir_total_allocated(a), 500);
        unsigned failed = 0;
        for (long n = 0; n < 12; n++) { /* one of them is the setting */
            device_target()->fail_after(n);
            void *q = weir_allocate_zeroed(a, 1, 200);
            device_target()->fail_after(-1);
            failed += !q;
            weir_deallocate(a, q);
        }
        cr_assert_gt(failed, 0);
        cr_assert_eq(weir_allocation_count(a), 1);
        cr_assert_eq(weir_total_allocated(a), 500);
        end(a);
    }
}

Test(device, copies_between_devices_go_through_the_host)
{
    weir_allocator *a = make(WEIR_DEVICE_SEGMENTS), *b = make(WEIR_DEVICE_EXPANDABLE);
    size_t size = 9 * MIB + 5;
    void *p = weir_allocate(a, size), *q = weir_allocate(b, size), *r = weir_allocate(b, size);
    weir_device_set(a, p, 42, size);
    cr_assert_eq(weir_device_copy(b, q, a, p, size), 0);
    cr_assert_eq(weir_device_copy(b, r, b, q, size), 0);
    cr_assert(holds(b, r, size, 42));
    unsigned char *cpu = weir_allocate(weir_cpu_allocator(), size);
    cr_assert_eq(weir_device_copy(weir_cpu_allocator(), cpu, b, r, size), 0);
    cr_assert_eq(cpu[0], 42);
    cr_assert_eq(cpu[size - 1], 42);
    cr_assert_eq(weir_device_copy(a, NULL, b, r, 1), EINVAL);
    weir_deallocate(weir_cpu_allocator(), cpu);
    cr_assert_eq(weir_allocator_destroy(b), 0);
    end(a);
}

static int misuses[WEIR_MISUSE_CORRUPTION + 1];

static void misuse_count(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)pointer, (void)line, (void)user;
    misuses[what]++;
}

Test(device, misuse_is_found)
{
    weir_set_misuse_handler(misuse_count, NULL);
    EACH(mode, modes)
    {
        memset(misuses, 0, sizeof misuses);
        weir_allocator *a = make(mode);
        char *p = weir_allocate(a, 1000);
        weir_deallocate(a, p + 64);
        weir_deallocate(a, &p);
        weir_deallocate(a, p);
        weir_deallocate(a, p);
        cr_assert_eq(misuses[WEIR_MISUSE_INTERIOR_POINTER], 1);
        cr_assert_eq(misuses[WEIR_MISUSE_FOREIGN_POINTER], 1);
        cr_assert_eq(misuses[WEIR_MISUSE_DOUBLE_FREE], 1);
        cr_assert_eq(weir_total_allocated(a), 0);
        cr_assert_eq(weir_device_record_stream(a, p, NULL), EINVAL);
        cr_assert_eq(weir_device_record_stream(weir_cpu_allocator(), p, NULL), EINVAL);
        cr_assert_null(weir_device_allocate_on(weir_cpu_allocator(), 1, NULL));
        cr_assert_eq(errno, EINVAL);
        end(a);
    }
}

Test(device, live_blocks_go_with_their_allocator)
{
    EACH(mode, modes)
    {
        weir_allocator *a = make(mode);
        for (size_t i = 1; i < 40; i++)
            cr_assert_not_null(weir_allocate(a, i * 100 * KIB));
        end(a);
    }
}
