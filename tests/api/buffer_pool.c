/* Pools of buffers: re-use, the bound on waste, the idle limit, figures, misuse. */
#include "../helpers/object.h"

#include <signal.h>

static weir_buffer_pool_stats figures(weir_buffer_pool *pool)
{
    weir_buffer_pool_stats stats = {.size = sizeof stats};
    cr_assert_eq(weir_buffer_pool_stats_get(pool, &stats), 0);
    return stats;
}

Test(buffer_pool, a_released_buffer_serves_again)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    cr_assert_not_null(pool);
    cr_expect_eq(weir_buffer_pool_allocator(pool), weir_cpu_allocator());
    void *first = weir_buffer_pool_acquire(pool, 10000);
    cr_assert_not_null(first);
    memset(first, 5, 10000);
    weir_buffer_pool_return(pool, first);
    cr_expect_eq(weir_buffer_pool_acquire(pool, 9999), first);
    weir_buffer_pool_stats s = figures(pool);
    cr_expect_eq(s.hits, 1);
    cr_expect_eq(s.misses, 1);
    cr_expect_eq(s.out_count, 1);
    cr_expect_eq(s.out_requested, 9999);
    cr_expect_eq(s.out_bytes, weir_buffer_pool_capacity(pool, first));
    cr_expect_eq(s.idle_bytes, 0);
    expect_live(weir_cpu_allocator(), s.out_bytes, 1);
    weir_buffer_pool_return(pool, first);
    cr_expect_eq(weir_buffer_pool_capacity(pool, first), 0);
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(buffer_pool, waste_is_within_the_stated_bound)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    for (size_t n = 0; n < (size_t)1 << 22; n += 1 + n / 97) {
        void *block = weir_buffer_pool_acquire(pool, n);
        cr_assert_not_null(block);
        size_t capacity = weir_buffer_pool_capacity(pool, block);
        cr_assert_geq(capacity, n);
        cr_assert_leq(capacity - n, n / 8 + 64, "%zu bytes for %zu", capacity, n);
        cr_assert_eq((uintptr_t)block % 64, 0);
        cr_assert_geq(weir_usable_size(weir_cpu_allocator(), block), capacity);
        weir_buffer_pool_return(pool, block);
        if (n % 5 == 0)
            weir_buffer_pool_trim(pool, 0);
    }
    expect_null(weir_buffer_pool_acquire(pool, SIZE_MAX), ENOMEM);
    expect_null(weir_buffer_pool_acquire(pool, PTRDIFF_MAX), ENOMEM);
    expect_null(weir_buffer_pool_acquire(pool, (size_t)PTRDIFF_MAX + 1), ENOMEM);
    cr_expect_eq(figures(pool).out_count, 0);
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
}

/* Sizes around every power of two: bins follow one another without gap or overlap. */
Test(buffer_pool, bins_are_tight_at_every_edge)
{
    SKIP_UNDER_EMULATOR("it takes memory for every page of a mapping");
    struct device d; /* address space only, so that large ones cost nothing */
    device_make(&d);
    weir_buffer_pool *pool =
        weir_buffer_pool_create(&(weir_buffer_pool_options){.allocator = d.allocator});
    for (unsigned shift = 0; shift < 45; shift++)
        for (int delta = -1; delta <= 1; delta++) {
            size_t n = ((size_t)1 << shift) + (size_t)(int64_t)delta;
            void *block = weir_buffer_pool_acquire(pool, n);
            if (!block)
                continue;
            size_t capacity = weir_buffer_pool_capacity(pool, block);
            cr_assert_geq(capacity, n);
            cr_assert_leq(capacity - n, n / 8 + 64);
            weir_buffer_pool_return(pool, block);
            void *exact = weir_buffer_pool_acquire(pool, capacity);
            cr_assert_eq(exact, block, "%zu bytes belong to the bin of %zu", capacity, n);
            void *next = weir_buffer_pool_acquire(pool, capacity + 1);
            cr_assert_neq(next, block);
            weir_buffer_pool_return(pool, exact);
            weir_buffer_pool_return(pool, next);
            weir_buffer_pool_trim(pool, 0);
        }
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
    expect_live(d.allocator, 0, 0);
    weir_allocator_destroy(d.allocator);
}

Test(buffer_pool, zeroed_is_zero_fresh_and_used)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    for (int round = 0; round < 3; round++) {
        unsigned char *block = weir_buffer_pool_acquire_zeroed(pool, 5000);
        cr_assert_not_null(block);
        cr_expect(block[0] == 0 && memcmp(block, block + 1, 4999) == 0);
        memset(block, 0xee, 5000);
        weir_buffer_pool_return(pool, block);
    }
    cr_expect_eq(figures(pool).hits, 2);
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
}

Test(buffer_pool, the_idle_limit_frees_the_oldest)
{
    weir_buffer_pool *pool =
        weir_buffer_pool_create(&(weir_buffer_pool_options){.idle_limit = 3 * 65536});
    void *blocks[4];
    for (int i = 0; i < 4; i++)
        blocks[i] = weir_buffer_pool_acquire(pool, 65536);
    for (int i = 0; i < 4; i++)
        weir_buffer_pool_return(pool, blocks[i]);
    weir_buffer_pool_stats s = figures(pool);
    cr_expect_eq(s.idle_count, 3);
    cr_expect_eq(s.idle_bytes, 3 * 65536);
    cr_expect_eq(s.evictions, 1);
    cr_expect_eq(s.idle_limit, 3 * 65536);
    expect_live(weir_cpu_allocator(), 3 * 65536, 3);
    for (int i = 3; i > 0; i--) /* the first went */
        cr_expect_eq(weir_buffer_pool_acquire(pool, 65536), blocks[i]);
    void *large = weir_buffer_pool_acquire(pool, 1 << 20);
    weir_buffer_pool_return(pool, large); /* larger than the limit */
    cr_expect_eq(figures(pool).idle_bytes, 0);
    for (int i = 1; i < 4; i++)
        weir_buffer_pool_return(pool, blocks[i]);
    cr_expect_eq(weir_buffer_pool_set_idle_limit(pool, 65536), 0);
    cr_expect_eq(figures(pool).idle_bytes, 65536);
    cr_expect_eq(weir_buffer_pool_set_idle_limit(pool, 0), 0);
    cr_expect_eq(weir_buffer_pool_trim(pool, 65535), 65536);
    cr_expect_eq(weir_buffer_pool_trim(pool, 0), 0);
    expect_live(weir_cpu_allocator(), 0, 0);
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
}

Test(buffer_pool, destroy_waits_for_what_is_out)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    void *idle = weir_buffer_pool_acquire(pool, 1000);
    void *out = weir_buffer_pool_acquire(pool, 1000);
    weir_buffer_pool_return(pool, idle);
    cr_expect_eq(weir_buffer_pool_destroy(pool), EBUSY);
    cr_expect_str_eq(weir_last_error(), "1 buffers of the pool are out");
    cr_expect_eq(figures(pool).idle_count, 1);
    weir_buffer_pool_return(pool, out);
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
    cr_expect_eq(weir_buffer_pool_destroy(NULL), EINVAL);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(buffer_pool, misuse_is_found)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    weir_set_misuse_handler(hear, NULL);
    char *block = weir_buffer_pool_acquire(pool, 1000);
    weir_buffer_pool_return(pool, block + 64);
    cr_expect_eq(heard, WEIR_MISUSE_FOREIGN_POINTER);
    errno = 9;
    weir_buffer_pool_return(pool, block);
    weir_buffer_pool_return(pool, NULL);
    cr_expect_eq(errno, 9);
    weir_buffer_pool_return(pool, block);
    cr_expect_eq(heard, WEIR_MISUSE_DOUBLE_FREE);
    weir_buffer_pool_stats s = figures(pool);
    cr_expect_eq(s.idle_count, 1);
    cr_expect_eq(s.out_count, 0);
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
}

Test(buffer_pool, without_a_handler_misuse_aborts, .signal = SIGABRT)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    void *block = weir_buffer_pool_acquire(pool, 1000);
    weir_buffer_pool_return(pool, block);
    weir_buffer_pool_return(pool, block);
}

Test(buffer_pool, questions_about_nothing_have_answers)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    weir_buffer_pool_stats odd = {.size = 3};
    cr_expect_eq(weir_buffer_pool_stats_get(pool, &odd), EINVAL);
    cr_expect_eq(weir_buffer_pool_stats_get(pool, NULL), EINVAL);
    cr_expect_eq(weir_buffer_pool_stats_get(NULL, &odd), EINVAL);
    expect_null(weir_buffer_pool_acquire(NULL, 1), EINVAL);
    cr_expect_eq(weir_buffer_pool_set_idle_limit(NULL, 1), EINVAL);
    cr_expect_eq(weir_buffer_pool_trim(NULL, 0), 0);
    cr_expect_null(weir_buffer_pool_allocator(NULL));
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
}

/* Against a model that knows only what is out: 200000 random steps. */
Test(buffer_pool, random_use_agrees_with_a_model)
{
    enum { SLOTS = 300 };
    weir_allocator *a = weir_allocator_create(NULL);
    weir_buffer_pool *pool =
        weir_buffer_pool_create(&(weir_buffer_pool_options){.allocator = a, .idle_limit = 1 << 20});
    struct {
        unsigned char *block;
        size_t size;
    } slots[SLOTS] = {{0}};
    size_t requested = 0, count = 0, acquired = 0;
    srand(11);
    for (int step = 0; step < 200000; step++) {
        size_t i = (size_t)rand() % SLOTS;
        if (slots[i].block) {
            if (slots[i].size)
                cr_assert_eq(slots[i].block[slots[i].size - 1], (unsigned char)i);
            weir_buffer_pool_return(pool, slots[i].block);
            requested -= slots[i].size;
            count--;
            slots[i].block = NULL;
        } else {
            slots[i].size = (size_t)rand() % 20000;
            slots[i].block = weir_buffer_pool_acquire(pool, slots[i].size);
            cr_assert_not_null(slots[i].block);
            memset(slots[i].block, (int)i, slots[i].size);
            requested += slots[i].size;
            count++;
            acquired++;
        }
        if (step % 1000 == 0) {
            weir_buffer_pool_stats s = figures(pool);
            cr_assert_eq(s.out_requested, requested);
            cr_assert_eq(s.out_count, count);
            cr_assert_eq(s.hits + s.misses, acquired);
            cr_assert_leq(s.idle_bytes, 1 << 20);
            expect_live(a, s.out_bytes + s.idle_bytes, s.out_count + s.idle_count);
        }
    }
    cr_expect_gt(figures(pool).hits, figures(pool).misses);
    for (size_t i = 0; i < SLOTS; i++)
        weir_buffer_pool_return(pool, slots[i].block);
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
    expect_live(a, 0, 0);
    weir_allocator_destroy(a);
}

/* -- with weir_buffer ----------------------------------------------------------------- */

Test(buffer_pool, a_pooled_buffer_goes_back_to_its_pool)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    for (int round = 0; round < 4; round++) {
        weir_buffer b;
        cr_assert_eq(weir_buffer_init_pooled(&b, pool, 100, 8), 0);
        unsigned char *data = weir_buffer_data(&b);
        cr_expect(data[0] == 0 && memcmp(data, data + 1, 799) == 0);
        memset(data, 1, 800);
        cr_expect_eq(weir_buffer_resize(&b, 101), 0);
        data = weir_buffer_data(&b);
        cr_expect(data[799] == 1 && data[800] == 0);
        cr_expect_eq(weir_buffer_resize(&b, 1000), 0);
        data = weir_buffer_data(&b);
        cr_expect(data[799] == 1 && data[800] == 0 && memcmp(data + 800, data + 801, 7199) == 0);
        cr_expect_eq(figures(pool).out_requested, 8000);
        cr_expect_eq(figures(pool).out_count, 1);
        weir_buffer_release(&b);
    }
    cr_expect_eq(figures(pool).misses, 2);
    weir_buffer none;
    cr_expect_eq(weir_buffer_init_pooled(&none, NULL, 1, 1), EINVAL);
    cr_expect_null(weir_buffer_data(&none));
    cr_expect_eq(weir_buffer_init_pooled(&none, pool, SIZE_MAX, 2), ENOMEM);
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
}

Test(buffer_pool, a_pooled_buffer_without_zeroing_is_as_it_was_left)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    weir_buffer b;
    cr_assert_eq(weir_buffer_init_pooled_undefined(&b, pool, 100, 8), 0);
    memset(weir_buffer_data(&b), 7, 800);
    weir_buffer_release(&b);
    cr_assert_eq(weir_buffer_init_pooled_undefined(&b, pool, 100, 8), 0);
    unsigned char *data = weir_buffer_data(&b);
    cr_expect(data[0] == 7 && memcmp(data, data + 1, 799) == 0);
    cr_expect(weir_buffer_count(&b) == 100 && weir_buffer_size_in_bytes(&b) == 800);
    cr_expect_eq(figures(pool).out_requested, 800);
    cr_expect_eq(weir_buffer_resize(&b, 1000), 0);
    data = weir_buffer_data(&b);
    cr_expect(data[799] == 7 && data[800] == 0 && memcmp(data + 800, data + 801, 7199) == 0);
    weir_buffer_release(&b);
    weir_buffer none;
    cr_expect_eq(weir_buffer_init_pooled_undefined(&none, NULL, 1, 1), EINVAL);
    cr_expect_null(weir_buffer_data(&none));
    cr_expect_eq(weir_buffer_init_pooled_undefined(&none, pool, 1, 0), EINVAL);
    cr_expect_eq(weir_buffer_init_pooled_undefined(&none, pool, SIZE_MAX, 2), ENOMEM);
    cr_expect_null(weir_buffer_data(&none));
    cr_expect_eq(weir_buffer_init_pooled_undefined(NULL, pool, 1, 1), EINVAL);
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
}

Test(buffer_pool, device_memory_is_zeroed_by_the_device)
{
    struct device d;
    device_make(&d);
    weir_buffer_pool *pool =
        weir_buffer_pool_create(&(weir_buffer_pool_options){.allocator = d.allocator});
    void *block = weir_buffer_pool_acquire(pool, 4096);
    device_fill(block, 4096, 6);
    weir_buffer_pool_return(pool, block);
    weir_buffer b;
    cr_assert_eq(weir_buffer_init_pooled(&b, pool, 4096, 1), 0);
    cr_expect_eq(weir_buffer_data(&b), block);
    cr_expect(device_holds(block, 4096, 0));
    cr_expect_eq(weir_buffer_resize(&b, 4000), 0);
    weir_buffer_release(&b);
    d.error = EIO;
    expect_null(weir_buffer_pool_acquire_zeroed(pool, 4096), EIO);
    cr_expect_eq(figures(pool).out_count, 0);
    cr_expect_eq(weir_buffer_pool_destroy(pool), 0);
    expect_live(d.allocator, 0, 0);
    weir_allocator_destroy(d.allocator);
}
