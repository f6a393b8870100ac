/*
 * tests/device/streams.c - blocks that are freed and used in the order of streams.
 * Part of the device suite (cases.h).
 */
#include "cases.h"

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

/* What is left of a block that its own stream takes a part of is no earlier free than the block
 * was. */
Test(device, the_rest_of_a_split_block_waits_as_the_whole_did)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        void *s = weir_device_stream_create(a), *t = weir_device_stream_create(a);
        void *u = weir_device_stream_create(a), *event;
        const weir_device_table *table = weir_device_table_of(a);
        char *early = weir_device_allocate_on(a, 12 * MIB, s);
        char *between = weir_device_allocate_on(a, 2 * MIB, s);
        char *late = weir_device_allocate_on(a, 40 * MIB, s);
        device_target()->hold(s);
        device_target()->hold(u);
        weir_deallocate(a, early);
        void *other = weir_device_allocate_on(a, 12 * MIB, t); /* the event is recorded here */
        cr_assert_neq(other, early);
        table->event_create(table->user, &event);
        table->event_record(table->user, event, u);
        table->stream_wait(table->user, s, event);
        table->set(table->user, late, 1, 40 * MIB, s);
        weir_deallocate(a, late);
        char *part = weir_device_allocate_on(a, 20 * MIB, s); /* in the order of the stream */
        cr_assert(part >= late && part + 20 * MIB <= late + 40 * MIB, "not a part of it");
        device_target()->release(s); /* as far as it waits for u: early is free */
        char *first = weir_device_allocate_on(a, 12 * MIB, t);
        char *second = weir_device_allocate_on(a, 12 * MIB, t);
        cr_assert_eq(first, early);
        cr_assert(second && (second >= late + 40 * MIB || second + 12 * MIB <= late),
                  "the rest is in use by work that is pending");
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

Test(device, trim_waits_for_what_streams_still_use)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        void *s = weir_device_stream_create(a);
        void *p = weir_device_allocate_on(a, 30 * MIB, s);
        unsigned long waits = device_target()->waits();
        device_target()->hold(s);
        weir_deallocate(a, p);
        weir_trim(a);
        cr_assert_gt(device_target()->waits(), waits);
        cr_assert_eq(figures(a).reserved, 0);
        cr_assert_eq(device_target()->used(), 0);
        device_target()->release(s);
        cr_assert_eq(weir_device_stream_destroy(a, s), 0);
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
        weir_device_deallocate_on(a, p, t);
        cr_assert_eq(weir_device_allocate_on(a, 3 * MIB, t), p);
        weir_device_deallocate_on(a, p, t);
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
        cr_assert_eq(weir_device_record_stream(a, p, t), 0);
        cr_assert_eq(weir_device_record_stream(a, p, t), 0);
        cr_assert_eq(weir_device_record_stream(a, p, s), 0);
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
        weir_device_record_stream(a, r, s);
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

Test(device, the_default_stream_is_not_destroyed)
{
    weir_allocator *a = make(WEIR_DEVICE_AUTO);
    cr_assert_eq(weir_device_stream_destroy(a, NULL), EINVAL);
    cr_assert_eq(weir_device_stream_destroy(weir_cpu_allocator(), NULL), EINVAL);
    cr_assert_eq(weir_device_synchronize(a, NULL), 0);
    end(a);
}
