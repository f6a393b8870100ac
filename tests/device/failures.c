/*
 * tests/device/failures.c - a device that does not answer, every call made to fail, bad tables,
 * forks. Part of the device suite (cases.h).
 */
#include "cases.h"

/* -- a device that does not answer --------------------------------------------------------- */

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
    weir_allocator *a = weir_device_allocator_create(&table, &(weir_device_options){.mode = mode});
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
        weir_device_deallocate_on(a, block, other);
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
        cr_assert_eq(weir_device_record_stream(a, q, busy), 0);
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
        weir_device_deallocate_on(a, p, busy);
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
            ok &= weir_device_record_stream(a, blocks[i], i % 3 ? s : NULL) == 0;
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

Test(device, every_call_of_the_device_may_fail)
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

Test(device, every_request_for_host_memory_may_fail)
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
        weir_allocator *a = weir_device_allocator_create(table, NULL);
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

/* Each function that must be there, each of virtual memory, and each size that is none. */
Test(device, a_table_that_lacks_anything_is_refused)
{
    const weir_device_table *good = device_target()->table();
    const size_t functions[] = {
#define AT(name) offsetof(weir_device_table, name)
        AT(name),
        AT(allocate),
        AT(deallocate),
        AT(memory_info),
        AT(set),
        AT(copy_in),
        AT(copy_out),
        AT(copy),
        AT(stream_create),
        AT(stream_destroy),
        AT(stream_synchronize),
        AT(stream_wait),
        AT(event_create),
        AT(event_destroy),
        AT(event_record),
        AT(event_query),
        AT(reserve),
        AT(unreserve),
        AT(map),
        AT(unmap),
        AT(error_text),
        AT(event_synchronize)};
#undef AT
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        weir_device_table t = *good;
        memset((char *)&t + functions[i], 0, sizeof(void *));
        errno = 0;
        cr_expect_null(weir_device_allocator_create(&t, NULL), "function %zu", i);
        cr_expect_eq(errno, EINVAL);
    }
    const size_t bad[] = {0, 1, 128, 3 * MIB};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_device_table t = *good;
        t.granularity = bad[i];
        cr_expect_null(weir_device_allocator_create(&t, NULL), "granularity %zu", bad[i]);
    }
    for (size_t alignment = 0; alignment < 64; alignment = alignment ? 2 * alignment : 1) {
        weir_device_table t = *good;
        t.alignment = alignment;
        cr_expect_null(weir_device_allocator_create(&t, NULL), "alignment %zu", alignment);
    }
    weir_allocator *a = weir_device_allocator_create(good, NULL);
    cr_assert_not_null(a);
    end(a);
}

/* The device is not even asked. */
Test(device, what_no_device_has_is_refused)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        unsigned long calls = device_target()->calls();
        cr_expect_null(weir_allocate(a, PTRDIFF_MAX));
        cr_expect_eq(errno, ENOMEM);
        cr_expect_null(weir_allocate_aligned(a, 64, (size_t)1 << 41));
        cr_expect_eq(errno, ENOMEM);
        cr_expect_eq(device_target()->calls(), calls);
        end(a);
    }
}

Test(device, bad_tables_and_options_are_refused)
{
    const weir_device_table *good = device_target()->table();
    weir_device_table t = *good;
    t.size--;
    cr_assert_null(weir_device_allocator_create(&t, NULL));
    cr_assert_eq(errno, EINVAL);
    t = *good;
    t.event_query = NULL;
    cr_assert_null(weir_device_allocator_create(&t, NULL));
    t = *good;
    t.alignment = 96;
    cr_assert_null(weir_device_allocator_create(&t, NULL));
    t = *good;
    t.unmap = NULL;
    cr_assert_null(weir_device_allocator_create(&t, NULL));
    cr_assert_null(weir_device_allocator_create(NULL, NULL));
    t = *good;
    t.granularity = 0;
    t.reserve = NULL;
    t.unreserve = NULL;
    t.map = NULL;
    t.unmap = NULL;
    cr_assert_null(
        weir_device_allocator_create(&t, &(weir_device_options){.mode = WEIR_DEVICE_EXPANDABLE}));
    cr_assert_eq(errno, ENOTSUP);
    cr_assert_null(
        weir_device_allocator_create(&t, &(weir_device_options){.mode = (weir_device_mode)9}));
    cr_assert_eq(errno, EINVAL);
    weir_allocator *a = weir_device_allocator_create(&t, NULL);
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

/* -- checking ------------------------------------------------------------------------------ */

#define WITH(field, wrong) EXPECT_FOUND(weir__device_is_valid(d), field, wrong)

Test(device, any_wrong_field_is_found)
{
    EACH(mode, pooled)
    {
        weir_allocator *a = make(mode);
        struct weir__device *d = weir__device_behind(a);
        void *blocks[4];
        for (int i = 0; i < 4; i++)
            blocks[i] = weir_allocate(a, 1 * MIB);
        weir_deallocate(a, blocks[1]);
        expect_valid(a);
        struct weir__device_range *range = weir__device_range_of(d->ranges.first);
        struct weir__device_block *live = range->first, *free = live->next, *next = free->next;
        cr_assert(live->state == WEIR__DEVICE_LIVE && free->state == WEIR__DEVICE_FREE);
        WITH(d->in_use, d->in_use + 1);
        WITH(d->waiting_bytes, 1);
        WITH(d->reserved, d->reserved + 1);
        WITH(d->any.nfree, d->any.nfree + 1);
        WITH(range->size, range->size + 1);
        WITH(range->base, range->base + 1);
        WITH(range->first, free);
        WITH(live->size, 0);
        WITH(live->size, live->size + 1);
        WITH(free->prev, next);
        WITH(free->range, NULL);
        WITH(live->state, WEIR__DEVICE_WAITING);
        WITH(live->state, WEIR__DEVICE_FREE);
        WITH(live->state, WEIR__DEVICE_VOID);
        WITH(live->state, 77);
        WITH(free->state, WEIR__DEVICE_LIVE);
        WITH(free->sequence, UINT64_MAX);
        WITH(next->state, WEIR__DEVICE_FREE);
        for (int i = 0; i < 4; i++)
            if (i != 1)
                weir_deallocate(a, blocks[i]);
        end(a);
    }
}
