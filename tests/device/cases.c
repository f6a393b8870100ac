/*
 * tests/device/cases.c - the device suite: what an allocator on a device promises, whatever
 * the table. Built once for the checked table and once for the CUDA table.
 */
#include "alloc/walk.h"
#include "base/fault.h"
#include "object/device_allocator.h"
#include "target.h"

#include <weir/weir.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

static const weir_device_mode pooled[] = {WEIR_DEVICE_EXPANDABLE, WEIR_DEVICE_SEGMENTS};
static const weir_device_mode modes[] = {WEIR_DEVICE_EXPANDABLE, WEIR_DEVICE_SEGMENTS,
                                         WEIR_DEVICE_DRIVER};

#define EACH(mode, list)                                                                           \
    for (size_t i_##mode = 0; i_##mode < sizeof(list) / sizeof *(list); i_##mode++)                \
        for (weir_device_mode mode = (list)[i_##mode], once_ = 1; once_; once_ = 0)

static weir_allocator *make_with(const weir_device_options *options)
{
    weir_allocator *a = weir_device_allocator(device_target()->table(), options);
    cr_assert_not_null(a, "%s", weir_last_error());
    return a;
}

static weir_allocator *make(weir_device_mode mode)
{
    return make_with(&(weir_device_options){.mode = mode});
}

static void expect_valid(weir_allocator *a)
{
    const char *first;
    cr_assert(weir__device_is_valid(weir__device_behind(a)));
    cr_assert_eq(device_target()->violations(&first), 0, "%s", first);
}

/* The allocator ends, and with it everything it took from the device. */
static void end(weir_allocator *a)
{
    const char *first;
    expect_valid(a);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_assert_eq(device_target()->violations(&first), 0, "%s", first);
    cr_assert_eq(device_target()->used(), 0, "%zu bytes are left", device_target()->used());
    cr_assert_eq(device_target()->leftovers(), 0, "%u objects are left",
                 device_target()->leftovers());
}

static weir_device_stats figures(weir_allocator *a)
{
    weir_device_stats s = {.size = sizeof s};
    cr_assert_eq(weir_device_stats_get(a, &s), 0);
    cr_assert_eq(s.reserved, s.in_use + s.cached + s.waiting);
    cr_assert_geq(s.peak_reserved, s.reserved);
    cr_assert_geq(s.peak_in_use, s.in_use);
    return s;
}

static bool holds(weir_allocator *a, const void *block, size_t size, int byte)
{
    unsigned char *host = malloc(size + 1);
    cr_assert_eq(weir_device_copy(NULL, host, a, block, size), 0, "%s", weir_last_error());
    bool all = true;
    for (size_t i = 0; i < size && all; i++)
        all = host[i] == byte;
    free(host);
    return all;
}

/* -- the same contract -------------------------------------------------------------------- */

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
        cr_assert_str_eq(weir_device_of(layer), device_target()->name);
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

static int count_new(const weir_block *block, void *count)
{
    *(size_t *)count += block->since_checkpoint;
    return 0;
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

static int leak_see(const weir_leak *leak, void *size)
{
    *(size_t *)size += leak->requested;
    return 0;
}

Test(device, the_profiler_and_checkpoints_watch_a_device)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    weir_profiler profiler;
    weir_profile profile = {0};
    void *before = weir_allocate(a, 1000);
    cr_assert_eq(weir_profiler_start(&profiler, a), 0);
    uint64_t mark = weir_checkpoint(a);
    cr_assert_gt(mark, 0);
    void *p = weir_allocate(a, 5 * MIB), *q = weir_allocate(a, 300);
    weir_deallocate(a, p);
    cr_assert_eq(weir_profiler_read(&profiler, &profile), 0);
    cr_assert_eq(profile.current, 1300);
    cr_assert_eq(profile.delta, 300);
    cr_assert_eq(profile.peak, 5 * MIB + 1300);
    cr_assert_eq(profile.allocations, 2);
    size_t leaked = 0;
    cr_assert_eq(weir_leaks_since(a, mark, NULL, leak_see, &leaked), 0);
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

static int misuses;

static void misuse_count(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)pointer, (void)line;
    misuses += what == *(weir_misuse *)user;
}

Test(device, misuse_is_found)
{
    weir_misuse expected = WEIR_MISUSE_FOREIGN_POINTER;
    weir_set_misuse_handler(misuse_count, &expected);
    EACH(mode, modes)
    {
        misuses = 0;
        weir_allocator *a = make(mode);
        char *p = weir_allocate(a, 1000);
        weir_deallocate(a, p + 64);
        weir_deallocate(a, &p);
        weir_deallocate(a, p);
        weir_deallocate(a, p);
        cr_assert_eq(misuses, 3);
        cr_assert_eq(weir_total_allocated(a), 0);
        cr_assert_eq(weir_device_use_on(a, p, NULL), EINVAL);
        cr_assert_eq(weir_device_use_on(weir_cpu_allocator(), p, NULL), EINVAL);
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

/* -- the pool ----------------------------------------------------------------------------- */

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
    a = make_with(&(weir_device_options){WEIR_DEVICE_EXPANDABLE, 0, 1000});
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

/* -- out of memory ------------------------------------------------------------------------ */

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

/* -- streams ------------------------------------------------------------------------------ */

Test(device, a_freed_block_is_used_again_at_once_on_its_stream)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        void *s = weir_device_stream_create(a);
        device_target()->hold(s);
        void *p = weir_device_allocate_on(a, 5 * MIB, s);
        weir_deallocate(a, p);
        cr_assert_eq(weir_device_allocate_on(a, 5 * MIB, s), p);
        weir_deallocate(a, p);
        void *former = weir_device_stream_set(s);
        cr_assert_null(former);
        cr_assert_eq(weir_allocate(a, 5 * MIB), p);
        cr_assert_eq(weir_device_stream_set(NULL), s);
        weir_deallocate(a, p);
        cr_assert_eq(device_target()->waits(), 0);
        device_target()->release(s);
        cr_assert_eq(weir_device_stream_destroy(a, s), 0);
        end(a);
    }
}

Test(device, another_stream_gets_it_only_after_the_event)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        void *s = weir_device_stream_create(a), *t = weir_device_stream_create(a);
        char *p = weir_device_allocate_on(a, 19 * MIB, s);
        device_target()->hold(s);
        const weir_device_table *table = weir_device_table_of(a);
        table->set(table->user, p, 1, 19 * MIB, s);
        weir_deallocate(a, p);
        char *q = weir_device_allocate_on(a, 19 * MIB, t);
        cr_assert(q && (q >= p + 19 * MIB || q + 19 * MIB <= p), "re-used under pending work");
        device_target()->release(s);
        char *r = weir_device_allocate_on(a, 19 * MIB, t);
        cr_assert_eq(r, p, "not re-used although the event is completed");
        cr_assert_eq(device_target()->waits(), 0);
        expect_valid(a);
        weir_deallocate(a, q);
        weir_deallocate(a, r);
        cr_assert_eq(weir_device_stream_destroy(a, s), 0);
        cr_assert_eq(weir_device_stream_destroy(a, t), 0);
        end(a);
    }
}

/* One event completes while later work of its stream is pending. */
Test(device, an_event_frees_only_what_was_freed_before_it)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        void *s = weir_device_stream_create(a), *t = weir_device_stream_create(a);
        void *u = weir_device_stream_create(a), *event;
        const weir_device_table *table = weir_device_table_of(a);
        char *early = weir_device_allocate_on(a, 12 * MIB, s);
        char *between = weir_device_allocate_on(a, 12 * MIB, s);
        char *late = weir_device_allocate_on(a, 12 * MIB, s);
        device_target()->hold(s);
        device_target()->hold(u);
        weir_deallocate(a, early);
        void *other = weir_device_allocate_on(a, 12 * MIB, t); /* the event is recorded here */
        cr_assert_neq(other, early);
        table->event_create(table->user, &event);
        table->event_record(table->user, event, u);
        table->stream_wait(table->user, s, event);
        table->set(table->user, late, 1, 12 * MIB, s);
        weir_deallocate(a, late);
        device_target()->release(s); /* as far as it waits for u */
        char *first = weir_device_allocate_on(a, 12 * MIB, t);
        char *second = weir_device_allocate_on(a, 12 * MIB, t);
        cr_assert_eq(first, early);
        cr_assert(second && (second >= late + 12 * MIB || second + 12 * MIB <= late),
                  "re-used under pending work");
        expect_valid(a);
        device_target()->release(u);
        table->event_destroy(table->user, event);
        weir_deallocate(a, between);
        void *streams[] = {u, s, t};
        for (int i = 0; i < 3; i++)
            cr_assert_eq(weir_device_stream_destroy(a, streams[i]), 0);
        end(a);
    }
}

Test(device, a_free_on_another_stream_is_ordered_there)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        void *s = weir_device_stream_create(a), *t = weir_device_stream_create(a);
        void *p = weir_device_allocate_on(a, 3 * MIB, s);
        device_target()->hold(t);
        weir_device_free_on(a, p, t);
        cr_assert_eq(weir_device_allocate_on(a, 3 * MIB, t), p);
        weir_device_free_on(a, p, t);
        cr_assert_neq(weir_device_allocate_on(a, 3 * MIB, s), p);
        device_target()->release(t);
        cr_assert_eq(weir_device_stream_destroy(a, t), 0);
        cr_assert_eq(weir_device_stream_destroy(a, s), 0);
        end(a);
    }
}

Test(device, a_block_waits_for_its_other_uses)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        void *s = weir_device_stream_create(a), *t = weir_device_stream_create(a);
        void *p = weir_device_allocate_on(a, 3 * MIB, s);
        cr_assert_eq(weir_device_use_on(a, p, t), 0);
        cr_assert_eq(weir_device_use_on(a, p, t), 0);
        cr_assert_eq(weir_device_use_on(a, p, s), 0);
        device_target()->hold(t);
        const weir_device_table *table = weir_device_table_of(a);
        table->set(table->user, p, 9, 3 * MIB, t);
        weir_deallocate(a, p);
        cr_assert_eq(figures(a).waiting, 3 * MIB);
        cr_assert_eq(weir_total_allocated(a), 0);
        cr_assert_neq(weir_device_allocate_on(a, 3 * MIB, s), p);
        expect_valid(a);
        device_target()->release(t);
        for (int i = 0; i < 20; i++) /* until the cache is used up and the event is asked */
            if (weir_device_allocate_on(a, 3 * MIB, s) == p)
                break;
            else
                cr_assert_lt(i, 19, "never re-used");
        cr_assert_eq(figures(a).waiting, 0);
        cr_assert_eq(weir_device_stream_destroy(a, t), 0);
        cr_assert_eq(weir_device_stream_destroy(a, s), 0);
        end(a);
    }
}

Test(device, out_of_memory_waits_for_streams_before_it_gives_up)
{
    EACH(mode, pooled)
    {
        device_target()->set_capacity(100 * MIB);
        weir_allocator *a = make(mode);
        void *s = weir_device_stream_create(a), *t = weir_device_stream_create(a);
        void *p = weir_device_allocate_on(a, 90 * MIB, s);
        device_target()->hold(s);
        const weir_device_table *table = weir_device_table_of(a);
        table->set(table->user, p, 1, 90 * MIB, s);
        weir_deallocate(a, p);
        unsigned long waits = device_target()->waits();
        void *q = weir_device_allocate_on(a, 80 * MIB, t);
        cr_assert_not_null(q, "%s", weir_last_error());
        cr_assert_gt(device_target()->waits(), waits);
        cr_assert_eq(figures(a).recoveries, 1);
        device_target()->release(s);
        cr_assert_eq(weir_device_stream_destroy(a, t), 0);
        cr_assert_eq(weir_device_stream_destroy(a, s), 0);
        end(a);
    }
}

Test(device, a_stream_that_is_gone_leaves_its_memory_to_all)
{
    EACH(mode, modes)
    {
        weir_allocator *a = make(mode);
        void *s = weir_device_stream_create(a);
        void *p = weir_device_allocate_on(a, 3 * MIB, s),
             *q = weir_device_allocate_on(a, 3 * MIB, s);
        void *r = weir_allocate(a, 3 * MIB);
        weir_device_use_on(a, r, s);
        weir_deallocate(a, p);
        cr_assert_eq(weir_device_stream_destroy(a, s), 0);
        weir_deallocate(a, q); /* allocated on what is no more */
        weir_deallocate(a, r);
        if (mode != WEIR_DEVICE_DRIVER) {
            unsigned long before = device_target()->calls();
            void *again = weir_allocate(a, 5 * MIB);
            cr_assert_not_null(again);
            cr_assert_eq(device_target()->calls(), before);
            weir_deallocate(a, again);
        }
        end(a);
    }
}

Test(device, a_block_that_moves_between_streams_is_whole)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    void *s = weir_device_stream_create(a), *t = weir_device_stream_create(a);
    const weir_device_table *table = weir_device_table_of(a);
    void *p = weir_device_allocate_on(a, 100 * KIB, s);
    device_target()->hold(s);
    table->set(table->user, p, 5, 100 * KIB, s);
    weir_device_stream_set(t);
    void *q = weir_reallocate(a, p, 300 * KIB);
    cr_assert(holds(a, q, 100 * KIB, 5));
    weir_device_stream_set(NULL);
    device_target()->release(s);
    cr_assert_eq(weir_device_stream_destroy(a, t), 0);
    cr_assert_eq(weir_device_stream_destroy(a, s), 0);
    end(a);
}

/* -- tensors and buffers ------------------------------------------------------------------ */

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

Test(device, a_tensor_that_cannot_travel_leaves_nothing, .timeout = 60)
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

/* -- random operations against an oracle -------------------------------------------------- */

#define BLOCKS  300
#define STREAMS 3

struct live {
    char *address;
    size_t size;
    int stream;
    unsigned char byte;
};

struct oracle {
    weir_allocator *a;
    struct live blocks[BLOCKS];
    void *streams[STREAMS];
    size_t total, peak, count;
    unsigned seed;
    unsigned long overlaps;
};

static size_t random_size(unsigned *seed)
{
    size_t size = (size_t)1 << rand_r(seed) % 23;
    return size + (size_t)rand_r(seed) % size;
}

static void oracle_free(struct oracle *o, struct live *b)
{
    const weir_device_table *table = weir_device_table_of(o->a);
    if (rand_r(&o->seed) % 8 == 0) { /* another stream takes over */
        int t = rand_r(&o->seed) % STREAMS;
        table->stream_synchronize(table->user, o->streams[b->stream]);
        weir_device_free_on(o->a, b->address, o->streams[t]);
    } else {
        weir_deallocate(o->a, b->address);
    }
    o->total -= b->size;
    o->count--;
    b->address = NULL;
}

/* Work is left pending on the stream, so a too early re-use writes into this block. */
static void oracle_allocate(struct oracle *o, struct live *b)
{
    const weir_device_table *table = weir_device_table_of(o->a);
    b->stream = rand_r(&o->seed) % STREAMS;
    b->size = random_size(&o->seed);
    b->byte = (unsigned char)rand_r(&o->seed);
    b->address = weir_device_allocate_on(o->a, b->size, o->streams[b->stream]);
    cr_assert_not_null(b->address, "%s", weir_last_error());
    for (int i = 0; i < BLOCKS; i++)
        if (&o->blocks[i] != b && o->blocks[i].address &&
            o->blocks[i].address < b->address + b->size &&
            b->address < o->blocks[i].address + o->blocks[i].size)
            o->overlaps++;
    size_t some = b->size < 4096 ? b->size : 4096;
    table->set(table->user, b->address, b->byte, some, o->streams[b->stream]);
    o->total += b->size;
    o->count++;
    if (o->total > o->peak)
        o->peak = o->total;
}

static void oracle_check(struct oracle *o, struct live *b)
{
    weir_device_stream_set(o->streams[b->stream]);
    cr_assert(holds(o->a, b->address, b->size < 4096 ? b->size : 4096, b->byte));
    weir_device_stream_set(NULL);
}

static void oracle_run(weir_device_mode mode, int steps, unsigned seed)
{
    struct oracle *o = calloc(1, sizeof *o);
    o->a = make(mode);
    o->seed = seed;
    for (int i = 0; i < STREAMS; i++)
        o->streams[i] = i ? weir_device_stream_create(o->a) : NULL;
    for (int step = 0; step < steps; step++) {
        struct live *b = &o->blocks[rand_r(&o->seed) % BLOCKS];
        if (b->address && rand_r(&o->seed) % 16 == 0)
            oracle_check(o, b);
        else if (b->address)
            oracle_free(o, b);
        else
            oracle_allocate(o, b);
        cr_assert_eq(weir_total_allocated(o->a), o->total);
        cr_assert_eq(weir_allocation_count(o->a), o->count);
        if (rand_r(&o->seed) % 512 == 0)
            weir_trim(o->a);
        if (step % 1000 == 0)
            expect_valid(o->a);
        if (rand_r(&o->seed) % 64 == 0)
            (rand_r(&o->seed) % 2 ? device_target()->hold : device_target()->release)(
                o->streams[rand_r(&o->seed) % STREAMS]);
    }
    cr_assert_eq(weir_peak_allocated(o->a), o->peak);
    cr_assert_eq(o->overlaps, 0);
    for (int i = 0; i < BLOCKS; i++)
        if (o->blocks[i].address) {
            oracle_check(o, &o->blocks[i]);
            oracle_free(o, &o->blocks[i]);
        }
    for (int i = 1; i < STREAMS; i++)
        cr_assert_eq(weir_device_stream_destroy(o->a, o->streams[i]), 0);
    device_target()->release(NULL);
    cr_assert_eq(figures(o->a).in_use, 0);
    end(o->a);
    free(o);
}

Test(device, random_operations_agree_with_an_oracle, .timeout = 120)
{
    int steps = getenv("WEIR_TEST_SLOW") ? 2000 : 30000;
    EACH(mode, modes)
    {
        oracle_run(mode, steps, 17);
    }
}

Test(device, the_default_stream_is_not_destroyed)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    cr_assert_eq(weir_device_stream_destroy(a, NULL), EINVAL);
    cr_assert_eq(weir_device_stream_destroy(weir_cpu_allocator(), NULL), EINVAL);
    cr_assert_eq(weir_device_synchronize(a, NULL), 0);
    end(a);
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

/* -- a device that does not answer ---------------------------------------------------------- */

/* The table's functions, but that those which ask and wait fail while `silent`. */
static const weir_device_table *asked;
static bool silent;

static int query_or_fail(void *user, void *event)
{
    return silent ? EIO : asked->event_query(user, event);
}

static int wait_or_fail(void *user, void *event)
{
    return silent ? EIO : asked->event_synchronize(user, event);
}

static int synchronize_or_fail(void *user, void *stream)
{
    return silent ? EIO : asked->stream_synchronize(user, stream);
}

static weir_allocator *make_silent(weir_device_mode mode)
{
    asked = device_target()->table();
    weir_device_table table = *asked;
    table.event_query = query_or_fail;
    table.event_synchronize = wait_or_fail;
    table.stream_synchronize = synchronize_or_fail;
    weir_allocator *a = weir_device_allocator(&table, &(weir_device_options){.mode = mode});
    cr_assert_not_null(a, "%s", weir_last_error());
    return a;
}

static bool overlap(const char *a, const char *b, size_t size)
{
    return a < b + size && b < a + size;
}

/* Work under way on a held stream uses a block that is freed. Nobody gets it. */
static void silence_expect(weir_allocator *a, char *freed, size_t size, void *other)
{
    silent = true;
    for (int i = 0; i < 3; i++) {
        char *block = weir_device_allocate_on(a, size, other);
        cr_assert_not_null(block);
        cr_assert(!overlap(block, freed, size));
        expect_valid(a);
        weir_trim(a);
        expect_valid(a);
        weir_device_free_on(a, block, other);
    }
    cr_assert_geq(figures(a).reserved, size);
    silent = false;
}

Test(device, work_is_not_over_because_the_device_fails_when_it_is_asked)
{
    const size_t size = 4 * MIB;
    EACH(mode, modes)
    {
        weir_allocator *a = make_silent(mode);
        void *busy = weir_device_stream_create(a), *other = weir_device_stream_create(a);
        const weir_device_table *t = weir_device_table_of(a);
        if (mode != WEIR_DEVICE_DRIVER || !device_target()->driver_is_asynchronous) {
            char *p = weir_device_allocate_on(a, size, busy);
            device_target()->hold(busy);
            cr_assert_eq(t->set(t->user, p, 1, size, busy), 0);
            silent = true;
            weir_deallocate(a, p);
            silence_expect(a, p, size, other);
            device_target()->release(busy);
            weir_trim(a);
        }
        char *q = weir_device_allocate_on(a, size, other);
        cr_assert_eq(weir_device_use_on(a, q, busy), 0);
        device_target()->hold(busy);
        cr_assert_eq(t->set(t->user, q, 2, size, busy), 0);
        silent = true;
        weir_deallocate(a, q);
        silence_expect(a, q, size, other);
        device_target()->release(busy);
        weir_trim(a);
        cr_assert_eq(figures(a).waiting, 0);
        cr_assert_eq(weir_device_stream_destroy(a, busy), 0);
        cr_assert_eq(weir_device_stream_destroy(a, other), 0);
        end(a);
    }
}

/* No event, no memory for the record of a stream, and the stream's wait fails. */
Test(device, a_block_that_nothing_tells_of_is_kept)
{
    const size_t size = 4 * MIB;
    EACH(mode, modes)
    {
        weir_allocator *a = make_silent(mode);
        void *busy = weir_device_stream_create(a);
        const weir_device_table *t = weir_device_table_of(a);
        char *p = weir_allocate(a, size);
        device_target()->hold(busy);
        cr_assert_eq(t->set(t->user, p, 1, size, busy), 0);
        silent = true;
        weir__fault_after(0);
        weir_device_free_on(a, p, busy);
        weir__fault_after(-1);
        cr_assert_eq(figures(a).waiting, size);
        silence_expect(a, p, size, NULL);
        device_target()->release(busy);
        cr_assert_eq(weir_device_stream_destroy(a, busy), 0);
        end(a);
    }
}

/* -- every call made to fail -------------------------------------------------------------- */

/* Something of everything; false: a request failed. Whatever happens, figures stay true. */
static bool scenario(weir_allocator *a)
{
    void *s = weir_device_stream_create(a), *blocks[8] = {0};
    bool ok = s != NULL;
    size_t total = 0;
    static const size_t sizes[8] = {100, 3 * MIB, 600 * KIB, 25 * MIB, 1, 12 * MIB, 2 * MIB, 70000};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 8; i++) {
            blocks[i] =
                i % 2 ? weir_device_allocate_on(a, sizes[i], s) : weir_allocate(a, sizes[i]);
            ok &= blocks[i] != NULL;
            total += blocks[i] ? sizes[i] : 0;
            cr_assert_eq(weir_total_allocated(a), total);
        }
        for (int i = 0; i < 8; i++) {
            if (!blocks[i])
                continue;
            ok &= weir_device_use_on(a, blocks[i], i % 3 ? s : NULL) == 0;
            weir_deallocate(a, blocks[i]);
            total -= sizes[i];
            cr_assert_eq(weir_total_allocated(a), total);
        }
        void *p = weir_allocate_zeroed(a, 1, 1100 * KIB);
        ok &= p != NULL;
        void *q = p ? weir_reallocate(a, p, 2 * MIB) : NULL;
        ok &= q != NULL;
        weir_deallocate(a, q ? q : p);
        if (round == 0)
            weir_trim(a);
    }
    while (s && weir_device_stream_destroy(a, s))
        ok = false;
    return ok;
}

Test(device, every_call_of_the_device_may_fail, .timeout = 120)
{
    EACH(mode, modes)
    {
        unsigned failed = 0;
        for (long n = 0;; n++) {
            weir_allocator *a = make(mode);
            device_target()->fail_after(n);
            failed += !scenario(a);
            bool reached = device_target()->has_failed();
            device_target()->fail_after(-1);
            expect_valid(a);
            cr_assert_eq(weir_total_allocated(a), 0);
            if (!reached)
                cr_assert(scenario(a), "%s", weir_last_error());
            end(a);
            if (!reached) {
                cr_assert_gt(n, 10);
                break;
            }
        }
        cr_assert_gt(failed, 3, "no failure was ever told");
    }
}

Test(device, every_request_for_host_memory_may_fail, .timeout = 120)
{
    EACH(mode, modes)
    {
        for (long n = 0;; n++) {
            weir_allocator *a = make(mode);
            weir__fault_after(n);
            bool ok = scenario(a);
            weir__fault_after(-1);
            expect_valid(a);
            cr_assert_eq(weir_total_allocated(a), 0);
            end(a);
            if (ok && n > 40)
                break;
            cr_assert_lt(n, 2000);
        }
    }
}

Test(device, a_failed_creation_leaves_the_table_to_its_owner)
{
    for (long n = 0;; n++) {
        const weir_device_table *table = device_target()->table();
        weir__fault_after(n);
        weir_allocator *a = weir_device_allocator(table, NULL);
        weir__fault_after(-1);
        if (a) {
            cr_assert_gt(n, 1);
            end(a);
            break;
        }
        cr_assert_eq(errno, ENOMEM);
        table->destroy(table->user);
    }
}

Test(device, bad_tables_and_options_are_refused)
{
    const weir_device_table *good = device_target()->table();
    weir_device_table t = *good;
    t.size--;
    cr_assert_null(weir_device_allocator(&t, NULL));
    cr_assert_eq(errno, EINVAL);
    t = *good;
    t.event_query = NULL;
    cr_assert_null(weir_device_allocator(&t, NULL));
    t = *good;
    t.alignment = 96;
    cr_assert_null(weir_device_allocator(&t, NULL));
    t = *good;
    t.unmap = NULL;
    cr_assert_null(weir_device_allocator(&t, NULL));
    cr_assert_null(weir_device_allocator(NULL, NULL));
    t = *good;
    t.granularity = 0;
    t.reserve = NULL;
    t.unreserve = NULL;
    t.map = NULL;
    t.unmap = NULL;
    cr_assert_null(weir_device_allocator(&t, &(weir_device_options){WEIR_DEVICE_EXPANDABLE, 0, 0}));
    cr_assert_eq(errno, ENOTSUP);
    cr_assert_null(weir_device_allocator(&t, &(weir_device_options){(weir_device_mode)9, 0, 0}));
    cr_assert_eq(errno, EINVAL);
    weir_allocator *a = weir_device_allocator(&t, NULL);
    cr_assert_not_null(a);
    cr_assert_eq(figures(a).mode, WEIR_DEVICE_SEGMENTS);
    cr_assert_eq(weir_device_stats_get(weir_cpu_allocator(), &(weir_device_stats){0}), EINVAL);
    cr_assert_eq(weir_device_stats_get(a, &(weir_device_stats){.size = 1}), EINVAL);
    end(a);
}

Test(device, a_forked_child_can_use_it_or_is_told)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    void *p = weir_allocate(a, 1000);
    bool outlives = !(weir_device_table_of(a)->flags & WEIR_DEVICE_NO_FORK);
    pid_t child = fork();
    if (child == 0) {
        errno = 0;
        void *q = weir_allocate(a, 1000);
        bool right = outlives ? q != NULL : !q && strstr(weir_last_error(), "forked child");
        weir_deallocate(a, q);
        weir_deallocate(a, p);
        weir_trim(a);
        right &= weir_total_allocated(a) == 0;
        _exit(right ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_eq(weir_total_allocated(a), 1000);
    end(a);
}
