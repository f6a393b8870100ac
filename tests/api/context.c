/* Contexts: their own figures and their ancestors', limits, sources, ends. */
#include "../helpers/promise.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <weir/weir.h>

Test(context, defaults_are_taken_for_null)
{
    weir_allocator *a = weir_allocator_create(NULL), *b = weir_allocator_create(NULL);
    cr_assert(a && b && a != b);
    cr_assert_eq(weir_allocator_parent(a), cpu());
    cr_assert_null(weir_allocator_parent(cpu()));
    cr_assert_str_eq(weir_allocator_name(cpu()), "cpu");
    cr_assert_eq(strncmp(weir_allocator_name(a), "context-", 8), 0);
    cr_assert_str_neq(weir_allocator_name(a), weir_allocator_name(b));
    cr_assert_eq(stats_of(a).limit, 0);
}

Test(context, the_name_is_copied_and_long_ones_are_cut)
{
    char name[200] = "model";
    weir_allocator *a = make(name, NULL, 0);
    memset(name, 'x', sizeof name - 1);
    cr_assert_str_eq(weir_allocator_name(a), "model");
    a = make(name, NULL, 0);
    cr_assert_eq(strncmp(weir_allocator_name(a), name, strlen(weir_allocator_name(a))), 0);
    cr_assert_geq(strlen(weir_allocator_name(a)), 32);
}

Test(context, bytes_count_in_every_ancestor_and_in_no_sibling)
{
    weir_allocator *a = make("a", NULL, 0), *b = make("b", NULL, 0), *aa = make("aa", a, 0);
    void *x = weir_allocate(aa, 100), *y = weir_allocate(a, 10), *z = weir_allocate(b, MIB);
    cr_assert_eq(weir_total_allocated(aa), 100);
    cr_assert_eq(weir_total_allocated(a), 110);
    cr_assert_eq(weir_total_allocated(b), MIB);
    cr_assert_eq(weir_total_allocated(cpu()), 110 + MIB);
    cr_assert_eq(weir_allocation_count(a), 2);
    cr_assert_eq(weir_allocation_count(cpu()), 3);
    weir_deallocate(b, z);
    cr_assert_eq(weir_peak_allocated(cpu()), 110 + MIB);
    cr_assert_eq(weir_peak_allocated(a), 110);
    weir_deallocate(a, y);
    weir_deallocate(aa, x);
    cr_assert_eq(weir_total_allocated(cpu()), 0);
    cr_assert_eq(stats_of(cpu()).allocations, 3);
    cr_assert_eq(stats_of(cpu()).deallocations, 3);
}

/* Each has the peak of its own total: they are reached at different times. */
Test(context, peaks_of_parent_and_child_are_their_own)
{
    weir_allocator *a = make("a", NULL, 0), *b = make("b", NULL, 0);
    weir_deallocate(a, weir_allocate(a, 1000));
    weir_deallocate(b, weir_allocate(b, 900));
    cr_assert_eq(weir_peak_allocated(cpu()), 1000);
    cr_assert_eq(weir_peak_allocated(b), 900);
    weir_reset_peak(cpu());
    cr_assert_eq(weir_peak_allocated(cpu()), 0);
    cr_assert_eq(weir_peak_allocated(a), 1000);
    weir_reset_peak(a);
    cr_assert_eq(weir_peak_allocated(a), 0);
    cr_assert_eq(weir_peak_allocated(b), 900);
}

/* -- limits ------------------------------------------------------------------------------- */

/* From 1 << 61 on, also beyond PTRDIFF_MAX, where the header says that a limit is none. */
Test(limit, that_no_sum_reaches_is_none)
{
    static const size_t none[] = {(size_t)1 << 61, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX};
    const size_t last = ((size_t)1 << 61) - 1;
    weir_allocator *a = make("limited", NULL, last);
    cr_assert_eq(stats_of(a).limit, last);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        cr_assert_eq(weir_set_limit(a, last), 0);
        cr_assert_eq(weir_set_limit(a, none[i]), 0);
        cr_assert_eq(stats_of(a).limit, 0, "%zu", none[i]);
        cr_assert_eq(stats_of(make("other", NULL, none[i])).limit, 0, "%zu", none[i]);
        weir_allocator *pool = weir_allocator_create(
            &(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL, .limit = none[i]});
        cr_assert_eq(stats_of(pool).limit, 0, "%zu", none[i]);
        weir_allocator_destroy(pool);
    }
    cr_assert_null(weir_allocate(a, (size_t)PTRDIFF_MAX + 1));
}

Test(limit, is_exact_to_the_byte)
{
    static const size_t limits[] = {1, 64, 100, 1000, 16384, 100000, MIB + 1};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        size_t limit = limits[i];
        weir_allocator *a = make("limited", NULL, limit);
        cr_assert_null(weir_allocate(a, limit + 1));
        void *block = weir_allocate(a, limit);
        cr_assert_not_null(block, "limit %zu", limit);
        errno = 0;
        cr_assert_null(weir_allocate(a, 1), "limit %zu", limit);
        cr_assert_eq(errno, ENOMEM);
        cr_assert_not_null(weir_allocate(a, 0));
        cr_assert_eq(stats_of(a).failures, 2);
        cr_assert_eq(weir_peak_allocated(a), limit);
        weir_deallocate(a, block);
        cr_assert_not_null(weir_allocate(a, 1));
    }
}

Test(limit, of_any_ancestor_holds)
{
    weir_allocator *top = make("top", NULL, 1000), *middle = make("middle", top, 5000);
    weir_allocator *low = make("low", middle, 800), *side = make("side", top, 0);
    cr_assert_null(weir_allocate(low, 801));
    void *block = weir_allocate(low, 700);
    cr_assert_null(weir_allocate(side, 301));
    cr_assert_not_null(weir_allocate(side, 300));
    cr_assert_null(weir_allocate(low, 1));
    weir_deallocate(low, block);
    cr_assert_not_null(weir_allocate(middle, 700));
    cr_assert_eq(weir_total_allocated(top), 1000);
    cr_assert_eq(weir_peak_allocated(top), 1000);
    cr_assert_eq(stats_of(low).failures, 2);
    cr_assert_eq(stats_of(top).failures, 3);
}

Test(limit, cannot_be_set_below_what_is_live)
{
    weir_allocator *a = make("a", NULL, 0);
    void *block = weir_allocate(a, 100);
    cr_assert_eq(weir_set_limit(a, 99), EBUSY);
    cr_assert_str_neq(weir_last_error(), "");
    cr_assert_eq(stats_of(a).limit, 0);
    cr_assert_eq(weir_set_limit(a, 100), 0);
    cr_assert_null(weir_allocate(a, 1));
    cr_assert_eq(weir_set_limit(a, 50), EBUSY);
    cr_assert_eq(stats_of(a).limit, 100);
    weir_deallocate(a, block);
    cr_assert_eq(weir_set_limit(a, 50), 0);
    cr_assert_null(weir_allocate(a, 51));
    cr_assert_eq(weir_set_limit(a, 0), 0);
    cr_assert_not_null(weir_allocate(a, 100 * MIB));
    cr_assert_eq(weir_set_limit(NULL, 1), EINVAL);
}

Test(limit, holds_for_reallocation_in_place_and_moved)
{
    weir_allocator *a = make("a", NULL, 300000);
    char *small = weir_allocate(a, 100), *large = weir_allocate(a, 200000);
    pattern_write(large, 200000, 4);
    cr_assert_null(weir_reallocate(a, large, 299901));
    cr_assert(pattern_holds(large, 200000, 200000, 4));
    cr_assert_eq(weir_total_allocated(a), 200100);
    cr_assert_eq(weir_requested_size(a, large), 200000);
    cr_assert_null(weir_reallocate(a, small, 100001));
    cr_assert_eq(weir_requested_size(a, small), 100);
    cr_assert_eq(weir_peak_allocated(a), 200100);
    cr_assert_eq(stats_of(a).failures, 2);
    char *grown = weir_reallocate(a, small, 128);
    cr_assert_eq(grown, small);
    cr_assert_eq(weir_total_allocated(a), 200128);
}

Test(limit, of_the_process_can_be_set_and_lifted)
{
    cr_assert_eq(weir_set_limit(cpu(), 1000), 0);
    weir_allocator *a = make("a", NULL, 0);
    cr_assert_null(weir_allocate(a, 1001));
    cr_assert_not_null(weir_allocate(a, 1000));
    cr_assert_eq(weir_set_limit(cpu(), 0), 0);
    cr_assert_not_null(weir_allocate(a, 1001));
}

/* -- the end of a context --------------------------------------------------------------------- */

Test(destroy, frees_whatever_is_left)
{
    for (int round = 0; round < 50; round++) {
        weir_allocator *a = make("a", NULL, 0);
        uint64_t random = (uint64_t)round;
        size_t total = 0;
        for (int i = 0; i < 500; i++) {
            size_t size = random_size(&random, MIB);
            void *block = weir_allocate(a, size);
            if (random_below(&random, 3) == 0)
                weir_deallocate(a, block);
            else
                total += size;
        }
        cr_assert_eq(weir_total_allocated(cpu()), total);
        cr_assert_eq(weir_allocator_destroy(a), 0);
        cr_assert_eq(weir_total_allocated(cpu()), 0);
        cr_assert_eq(weir_allocation_count(cpu()), 0);
    }
    weir_stats s = stats_of(cpu());
    cr_assert_eq(s.in_use, 0);
    cr_assert_eq(s.allocations, s.deallocations);
    weir_trim(cpu());
    cr_assert_leq(stats_of(cpu()).reserved, 256 * MIB);
    cr_assert_eq(stats_of(cpu()).cached, 0);
}

Test(destroy, of_parents_and_the_cpu_allocator_is_refused)
{
    weir_allocator *a = make("a", NULL, 0), *b = make("b", a, 0);
    cr_assert_eq(weir_allocator_destroy(NULL), EINVAL);
    cr_assert_eq(weir_allocator_destroy(cpu()), EINVAL);
    cr_assert_eq(weir_allocator_destroy(a), EBUSY);
    cr_assert_not_null(weir_allocate(a, 10));
    cr_assert_eq(weir_allocator_destroy(b), 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(destroy, leaves_the_parents_history_true)
{
    weir_allocator *a = make("a", NULL, 1000);
    weir_allocate(a, 400);
    weir_deallocate(a, weir_allocate(a, 500));
    cr_assert_null(weir_allocate(a, 601));
    weir_allocator_destroy(a);
    weir_stats s = stats_of(cpu());
    cr_assert_eq(s.peak_allocated, 900);
    cr_assert_eq(s.allocations, 2);
    cr_assert_eq(s.deallocations, 2);
    cr_assert_eq(s.failures, 1);
}

static void *use_for_a_while(void *a)
{
    void *blocks[100];
    for (int i = 0; i < 100; i++)
        blocks[i] = weir_allocate(a, 10 + (size_t)i);
    for (int i = 0; i < 100; i += 2)
        weir_deallocate(a, blocks[i]);
    return NULL;
}

Test(destroy, takes_what_ended_threads_left)
{
    for (int round = 0; round < 20; round++) {
        weir_allocator *a = make("a", NULL, 0);
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, use_for_a_while, a), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        cr_assert_eq(weir_allocation_count(a), 200);
        cr_assert_eq(weir_allocator_destroy(a), 0);
    }
    cr_assert_eq(weir_total_allocated(cpu()), 0);
    cr_assert_eq(stats_of(cpu()).in_use, 0);
}

/* A thread that lives on must not find its part of the destroyed one in a new one. */
static pthread_barrier_t step;

static void *two_contexts(void *slots)
{
    weir_allocator *const *where = slots;
    weir_allocate(where[0], 100);
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step); /* destroyed meanwhile, another made in its place */
    for (int i = 0; i < 1000; i++)
        weir_allocate(where[1], 10);
    return NULL;
}

Test(destroy, leaves_nothing_in_threads_that_live_on)
{
    weir_allocator *slots[2];
    pthread_t thread;
    pthread_barrier_init(&step, NULL, 2);
    for (int round = 0; round < 20; round++) {
        slots[0] = make("first", NULL, 0);
        cr_assert_eq(pthread_create(&thread, NULL, two_contexts, slots), 0);
        pthread_barrier_wait(&step);
        cr_assert_eq(weir_allocator_destroy(slots[0]), 0);
        slots[1] = make("second", NULL, 0);
        pthread_barrier_wait(&step);
        pthread_join(thread, NULL);
        cr_assert_eq(weir_total_allocated(slots[1]), 10000);
        cr_assert_eq(weir_allocator_destroy(slots[1]), 0);
    }
    cr_assert_eq(weir_total_allocated(cpu()), 0);
}

/* More than a thread keeps at hand: they work as well, and exactly. */
Test(context, hundreds_at_once_are_exact)
{
    enum { N = 300 };
    weir_allocator *all[N];
    size_t expected[N] = {0}, sum = 0;
    uint64_t random = 1;
    for (int i = 0; i < N; i++)
        all[i] = make(NULL, i % 3 ? all[i - 1] : NULL, 0);
    for (int i = 0; i < 30000; i++) {
        size_t at = random_below(&random, N), size = random_size(&random, 20000);
        void *block = weir_allocate(all[at], size);
        if (random_below(&random, 2)) {
            weir_deallocate(all[at], block);
            continue;
        }
        sum += size;
        expected[at] += size;
        if (at % 3)
            expected[at - 1] += size;
        if (at % 3 == 2)
            expected[at - 2] += size;
    }
    for (int i = 0; i < N; i++)
        cr_assert_eq(weir_total_allocated(all[i]), expected[i], "context %d", i);
    cr_assert_eq(weir_total_allocated(cpu()), sum);
    for (int i = N; i-- > 0;)
        cr_assert_eq(weir_allocator_destroy(all[i]), 0);
    cr_assert_eq(weir_total_allocated(cpu()), 0);
}

struct listed {
    weir_allocator *seen[8];
    int n, stop_at;
};

static bool list_child(weir_allocator *child, void *user)
{
    struct listed *l = user;
    l->seen[l->n++] = child;
    return l->n == l->stop_at;
}

Test(context, children_are_listed_oldest_first)
{
    weir_allocator *a = make("a", NULL, 0), *b = make("b", NULL, 0), *c = make("c", NULL, 0);
    make("under b", b, 0);
    struct listed l = {0};
    cr_assert_eq(weir_allocator_walk_children(cpu(), list_child, &l), 0);
    cr_assert_eq(l.n, 3);
    cr_assert(l.seen[0] == a && l.seen[1] == b && l.seen[2] == c);
    l = (struct listed){.stop_at = 2};
    cr_assert_eq(weir_allocator_walk_children(cpu(), list_child, &l), 0);
    cr_assert_eq(l.n, 2);
    weir_allocator_destroy(a);
    l = (struct listed){0};
    weir_allocator_walk_children(cpu(), list_child, &l);
    cr_assert(l.n == 2 && l.seen[0] == b);
}

/* -- sources -------------------------------------------------------------------------------- */

struct own {
    size_t calls, frees, destroyed, trims, live, zeroed, copied;
    bool refuse;
    int error;
};

static void *own_allocate(void *user, size_t size, size_t alignment)
{
    struct own *own = user;
    void *block = NULL;
    own->calls++;
    if (own->refuse || size == 0 ||
        posix_memalign(&block, alignment < 8 ? 8 : alignment, size) != 0)
        return NULL;
    own->live += size;
    return block;
}

static void own_free(void *user, void *block, size_t size, size_t alignment)
{
    struct own *own = user;
    own->frees++;
    own->live -= size;
    if ((uintptr_t)block % alignment)
        abort();
    free(block);
}

static size_t own_trim(void *user)
{
    return ++((struct own *)user)->trims, 12345;
}

static void own_destroy(void *user)
{
    ((struct own *)user)->destroyed++;
}

static int own_zero(void *user, void *block, size_t size)
{
    struct own *own = user;
    own->zeroed += size;
    memset(block, 0, size);
    return own->error;
}

static int own_copy(void *user, void *to, const void *from, size_t size)
{
    struct own *own = user;
    own->copied += size;
    memcpy(to, from, size);
    return own->error;
}

static void own_stats(void *user, weir_stats *s)
{
    s->in_use = ((struct own *)user)->live;
    s->cached = 11;
    s->reserved = 22;
}

static weir_allocator *own_make(struct own *own, const weir_allocator_functions *functions)
{
    weir_allocator_options o = {
        .name = "own", .source = WEIR_SOURCE_FUNCTIONS, .functions = functions, .user = own};
    return weir_allocator_create(&o);
}

Test(functions, get_the_same_tracking)
{
    struct own own = {0};
    weir_allocator_functions f = {
        .allocate = own_allocate, .deallocate = own_free, .trim = own_trim, .destroy = own_destroy};
    weir_allocator *a = own_make(&own, &f);
    void *x = weir_allocate(a, 100), *y = weir_allocate_zeroed(a, 10, 10), *z = weir_allocate(a, 0);
    cr_assert(x && y && z && is_all_zero(y, 100));
    cr_assert_eq(weir_total_allocated(a), 200);
    cr_assert_eq(weir_total_allocated(cpu()), 200);
    cr_assert_eq(weir_allocation_count(a), 3);
    x = weir_reallocate(a, x, 1000);
    cr_assert_eq(weir_total_allocated(a), 1100);
    cr_assert_eq((uintptr_t)x % 64, 0);
    own.refuse = true;
    errno = 0;
    cr_assert_null(weir_allocate(a, 10));
    cr_assert_eq(errno, ENOMEM);
    cr_assert_null(weir_reallocate(a, x, 2000));
    cr_assert_eq(stats_of(a).failures, 2);
    cr_assert_eq(weir_total_allocated(a), 1100);
    cr_assert_eq(weir_trim(a), 12345);
    weir_deallocate(a, z);
    cr_assert_str_eq(stats_of(a).backing, "user");
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_assert_eq(own.live, 0);
    cr_assert_eq(own.destroyed, 1);
    cr_assert_eq(own.frees, 4);
    cr_assert_eq(weir_total_allocated(cpu()), 0);
}

Test(functions, statistics_are_asked_of_them_whatever_else_they_bring)
{
    struct own own = {0};
    weir_allocator_functions f = {
        .allocate = own_allocate, .deallocate = own_free, .stats = own_stats};
    weir_allocator *a = own_make(&own, &f);
    weir_allocate(a, 100);
    weir_stats s = stats_of(a);
    cr_assert_eq(s.in_use, 100);
    cr_assert_eq(s.cached, 11);
    cr_assert_eq(s.reserved, 22);
    weir_allocator *child = make("child", a, 0);
    weir_allocate(child, 50);
    s = stats_of(a);
    cr_assert_eq(s.total_allocated, 150);
    cr_assert_eq(s.reserved, 22 + 50, "an inherited source is not asked twice");
}

Test(functions, zero_and_copy_stand_for_the_hosts)
{
    struct own own = {0};
    weir_allocator_functions f = {
        .allocate = own_allocate, .deallocate = own_free, .zero = own_zero, .copy = own_copy};
    weir_allocator *a = own_make(&own, &f);
    void *block = weir_allocate_zeroed(a, 4, 25);
    cr_assert_eq(own.zeroed, 100);
    block = weir_reallocate(a, block, 300);
    cr_assert_eq(own.copied, 100);
    own.error = EIO;
    errno = 0;
    cr_assert_null(weir_reallocate(a, block, 400));
    cr_assert_eq(errno, ENOMEM);
    cr_assert_eq(weir_total_allocated(a), 300);
    errno = 0;
    cr_assert_null(weir_allocate_zeroed(a, 4, 25));
    cr_assert_eq(errno, ENOMEM);
    cr_assert_eq(weir_total_allocated(a), 300);
    cr_assert_eq(own.live, 300);
}

Test(functions, impossible_options_are_refused)
{
    struct own own = {0};
    weir_allocator_functions none = {0}, half = {.allocate = own_allocate};
    weir_allocator_functions zero = {
        .allocate = own_allocate, .deallocate = own_free, .zero = own_zero};
    weir_allocator_functions good = {.allocate = own_allocate, .deallocate = own_free};
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator_options bad[] = {
        {.source = WEIR_SOURCE_FUNCTIONS},
        {.source = WEIR_SOURCE_FUNCTIONS, .functions = &none},
        {.source = WEIR_SOURCE_FUNCTIONS, .functions = &half},
        {.source = WEIR_SOURCE_FUNCTIONS, .functions = &zero},
        {.source = WEIR_SOURCE_POOL, .functions = &good},
        {.source = WEIR_SOURCE_MALLOC, .functions = &good},
        {.source = WEIR_SOURCE_MALLOC, .pool = pool},
        {.source = (weir_source)9},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bad[i].user = &own;
        errno = 0;
        cr_assert_null(weir_allocator_create(&bad[i]), "options %zu", i);
        cr_assert_eq(errno, EINVAL, "options %zu", i);
        cr_assert_str_neq(weir_last_error(), "");
    }
    cr_assert_eq(own.destroyed, 0);
}

Test(functions, a_root_of_its_own_counts_nowhere_else)
{
    struct own own = {0};
    weir_allocator_functions f = {.allocate = own_allocate, .deallocate = own_free};
    weir_allocator_options o = {.parent = WEIR_NO_PARENT,
                                .source = WEIR_SOURCE_FUNCTIONS,
                                .functions = &f,
                                .user = &own,
                                .backing = "device"};
    weir_allocator *a = weir_allocator_create(&o);
    weir_allocate(a, 1000);
    cr_assert_null(weir_allocator_parent(a));
    cr_assert_eq(weir_total_allocated(a), 1000);
    cr_assert_eq(weir_total_allocated(cpu()), 0);
    cr_assert_str_eq(stats_of(a).backing, "device");
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_assert_eq(own.live, 0);
}

Test(functions, the_sources_without_pool_are_exact)
{
    static const weir_source sources[] = {WEIR_SOURCE_BACKING, WEIR_SOURCE_MALLOC};
    for (size_t s = 0; s < 2; s++) {
        weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.source = sources[s]});
        cr_assert_not_null(a);
        uint64_t random = 8;
        size_t total = 0;
        for (int i = 0; i < 500; i++) {
            size_t size = random_size(&random, MIB),
                   alignment = (size_t)1 << random_below(&random, 14);
            char *block = weir_allocate_aligned(a, size, alignment);
            cr_assert_eq((uintptr_t)block % alignment, 0);
            pattern_write(block, size, 1);
            total += size;
            cr_assert_eq(weir_total_allocated(a), total);
        }
        cr_assert_eq(weir_allocation_count(a), 500);
        cr_assert_eq(weir_allocator_destroy(a), 0);
        cr_assert_eq(weir_total_allocated(cpu()), 0);
    }
}
