/*
 * Every request for memory that weir makes fails in turn, once and for good, in each
 * public call: the call succeeds all the same or fails cleanly, and a failed call
 * changes nothing but `failures`.
 */
#include "../helpers/core.h"
#include "../helpers/suite.h"
#include "alloc/allocator.h"
#include "alloc/hardened.h"
#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <weir/weir.h>

#define FAULTS 24 /* more requests than any one call makes */

/* One public call to be tried on a fresh allocator. The result is NULL for failed. */
struct attempt {
    const char *name;
    void *(*call)(weir_allocator *a, void *prepared);
    void *(*prepare)(weir_allocator *a); /* with faults off; NULL: nothing */
};

struct figures {
    size_t total, peak, count, allocations, deallocations, failures, bytes;
};

static struct figures figures_of(const weir_allocator *a)
{
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(a, &s), 0);
    return (struct figures){s.total_allocated, s.peak_allocated, s.allocation_count, s.allocations,
                            s.deallocations,   s.failures,       s.bytes_allocated};
}

/* Is `after` what `before` becomes by a failed call? */
static void figures_expect_failed(const char *what, long n, struct figures before,
                                  struct figures after)
{
    cr_assert_eq(after.total, before.total, "%s, fault %ld", what, n);
    cr_assert_eq(after.peak, before.peak, "%s, fault %ld: peak %zu, was %zu", what, n, after.peak,
                 before.peak);
    cr_assert_eq(after.count, before.count, "%s, fault %ld", what, n);
    cr_assert_eq(after.allocations, before.allocations, "%s, fault %ld", what, n);
    cr_assert_eq(after.deallocations, before.deallocations, "%s, fault %ld", what, n);
    cr_assert_eq(after.bytes, before.bytes, "%s, fault %ld", what, n);
    cr_assert_eq(after.failures, before.failures + 1, "%s, fault %ld", what, n);
}

/* -- the calls ------------------------------------------------------------------------- */

static void *allocate_small(weir_allocator *a, void *unused)
{
    (void)unused;
    return weir_allocate(a, 100);
}

static void *allocate_of_slab(weir_allocator *a, void *unused)
{
    (void)unused;
    return weir_allocate(a, 16384);
}

static void *allocate_large(weir_allocator *a, void *unused)
{
    (void)unused;
    return weir_allocate(a, MIB);
}

static void *allocate_huge(weir_allocator *a, void *unused)
{
    (void)unused;
    return weir_allocate(a, 300 * MIB);
}

static void *allocate_aligned(weir_allocator *a, void *unused)
{
    (void)unused;
    return weir_allocate_aligned(a, 1000, 16);
}

static void *allocate_strictly_aligned(weir_allocator *a, void *unused)
{
    (void)unused;
    return weir_allocate_aligned(a, 1000, 2 * MIB);
}

static void *allocate_zeroed(weir_allocator *a, void *unused)
{
    (void)unused;
    void *block = weir_allocate_zeroed(a, 10, 100);
    cr_assert(!block || is_all_zero(block, 1000));
    return block;
}

static void *prepare_small(weir_allocator *a)
{
    void *block = weir_allocate(a, 500);
    pattern_write(block, 500, 1);
    return block;
}

static void *prepare_large(weir_allocator *a)
{
    void *block = weir_allocate(a, 3 * MIB);
    pattern_write(block, 3 * MIB, 1);
    return block;
}

static void *reallocate_checked(weir_allocator *a, void *block, size_t from, size_t to)
{
    void *moved = weir_reallocate(a, block, to);
    cr_assert(pattern_holds(moved ? moved : block, moved && to < from ? to : from, from, 1));
    cr_assert_eq(weir_requested_size(a, moved ? moved : block), moved ? to : from);
    return moved;
}

static void *reallocate_small(weir_allocator *a, void *block)
{
    return reallocate_checked(a, block, 500, 5000);
}

static void *reallocate_small_to_large(weir_allocator *a, void *block)
{
    return reallocate_checked(a, block, 500, MIB);
}

static void *reallocate_large(weir_allocator *a, void *block)
{
    return reallocate_checked(a, block, 3 * MIB, 300 * MIB);
}

static void *reallocate_null(weir_allocator *a, void *unused)
{
    (void)unused;
    return weir_reallocate(a, NULL, 70);
}

static const struct attempt attempts[] = {
    {"allocate", allocate_small, NULL},
    {"allocate 16 KiB", allocate_of_slab, NULL},
    {"allocate 1 MiB", allocate_large, NULL},
    {"allocate 300 MiB", allocate_huge, NULL},
    {"allocate_aligned", allocate_aligned, NULL},
    {"allocate_aligned 2 MiB", allocate_strictly_aligned, NULL},
    {"allocate_zeroed", allocate_zeroed, NULL},
    {"reallocate", reallocate_small, prepare_small},
    {"reallocate to a span", reallocate_small_to_large, prepare_small},
    {"reallocate a span", reallocate_large, prepare_large},
    {"reallocate NULL", reallocate_null, NULL},
};
enum { ATTEMPTS = sizeof attempts / sizeof *attempts };

static void attempt_run(const struct attempt *t, weir_allocator *a, long n, unsigned *failed)
{
    /* A block that stays, of a size of its own: the total is the peak, a window open. */
    void *kept = weir_allocate(a, 2000);
    weir_deallocate(a, weir_allocate(a, 0));
    void *prepared = t->prepare ? t->prepare(a) : NULL;
    struct figures before = figures_of(a);
    weir__fault_after(n);
    errno = 0;
    void *block = t->call(a, prepared);
    int code = errno;
    weir__fault_after(-1);
    if (block) {
        struct figures after = figures_of(a);
        cr_assert_gt(after.total, before.total, "%s, fault %ld", t->name, n);
        cr_assert_eq(after.bytes - after.total, before.bytes - before.total, "%s, fault %ld",
                     t->name, n);
        weir_deallocate(a, block);
    } else {
        ++*failed;
        cr_assert_eq(code, ENOMEM, "%s, fault %ld: errno %d", t->name, n, code);
        cr_assert_str_neq(weir_last_error(), "");
        figures_expect_failed(t->name, n, before, figures_of(a));
        if (prepared)
            weir_deallocate(a, prepared);
    }
    /* And all is well again. */
    block = t->call(a, prepared && (prepared = t->prepare(a)) ? prepared : NULL);
    cr_assert_not_null(block, "%s after fault %ld", t->name, n);
    weir_deallocate(a, block);
    weir_deallocate(a, kept);
    cr_assert_eq(weir_total_allocated(a), 0);
    cr_assert_eq(weir_allocation_count(a), 0);
}

typedef weir_allocator *maker(void **user);
typedef void unmaker(weir_allocator *a, void *user);

static weir_allocator *context_new(void **user)
{
    (void)user;
    return weir_allocator_create(NULL);
}

static void context_end(weir_allocator *a, void *user)
{
    (void)user;
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

static weir_allocator *pool_new(void **pool)
{
    *pool = weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    return *pool;
}

static void pool_end(weir_allocator *a, void *pool)
{
    (void)a;
    cr_assert_eq(weir_allocator_destroy(pool), 0);
}

static weir_allocator *raw_new(void **user)
{
    (void)user;
    return weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_BACKING});
}

static weir_allocator *hardened_of(weir_source source)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){
        .size = sizeof(weir_allocator_options), .source = source, .hardened = WEIR_HARDENED_ON});
    cr_assert(a && weir__hardened_is(a));
    return a;
}

static weir_allocator *hardened_new(void **user)
{
    (void)user;
    return hardened_of(WEIR_SOURCE_POOL);
}

static weir_allocator *hardened_pool_new(void **pool)
{
    return *pool = hardened_of(WEIR_SOURCE_OWN_POOL);
}

static void all_attempts(maker *make, unmaker *end, bool persistent)
{
    weir__fault_persistent(persistent);
    for (int i = 0; i < ATTEMPTS; i++) {
        unsigned failed = 0;
        for (long n = 0; n < FAULTS; n++) {
            void *user = NULL;
            weir_allocator *a = make(&user);
            cr_assert_not_null(a);
            attempt_run(&attempts[i], a, n, &failed);
            end(a, user);
            cr_assert_eq(weir_total_allocated(weir_cpu_allocator()), 0);
        }
        cr_assert_lt(failed, FAULTS, "%s: failed even without a fault", attempts[i].name);
        if ((make == pool_new || make == hardened_pool_new) && persistent)
            cr_assert_gt(failed, 0, "%s: no fault ever came through", attempts[i].name);
    }
    weir__fault_persistent(false);
}

Test(faults, calls_on_a_context_fail_cleanly)
{
    all_attempts(context_new, context_end, false);
    all_attempts(context_new, context_end, true);
}

Test(faults, calls_on_a_pool_fail_cleanly)
{
    all_attempts(pool_new, pool_end, false);
    all_attempts(pool_new, pool_end, true);
}

Test(faults, calls_without_a_pool_fail_cleanly)
{
    all_attempts(raw_new, context_end, false);
    all_attempts(raw_new, context_end, true);
}

Test(faults, calls_on_a_hardened_context_fail_cleanly)
{
    all_attempts(hardened_new, context_end, false);
    all_attempts(hardened_new, context_end, true);
}

Test(faults, calls_on_a_hardened_pool_fail_cleanly)
{
    all_attempts(hardened_pool_new, pool_end, false);
    all_attempts(hardened_pool_new, pool_end, true);
}

/* -- frees never fail ------------------------------------------------------------------- */

/* Blocks of many classes, so that each free needs a first bin in a new thread. */
struct blocks {
    weir_allocator *a;
    void *block[64];
};

static void *free_all(void *user)
{
    struct blocks *b = user;
    for (int i = 0; i < 64; i++)
        weir_deallocate(b->a, b->block[i]);
    return NULL;
}

/* Pages that were to move, and could not: the growth was counted before. It is copied then. */
Test(faults, a_huge_block_that_cannot_move_has_its_bytes_counted_once)
{
    weir_allocator *a = weir_allocator_create(NULL);
    void *block = weir_allocate(a, 130 * MIB);
    struct figures before = figures_of(a);
    weir__fault_after(0);
    void *moved = weir_reallocate(a, block, 150 * MIB);
    weir__fault_after(-1);
    struct figures after = figures_of(a);
    cr_assert_eq(after.total, moved ? 150 * MIB : 130 * MIB);
    cr_assert_eq(after.bytes - after.total, before.bytes - before.total);
    weir_deallocate(a, moved ? moved : block);
}

/* Neither can the pages move, nor is there memory for a copy: no peak is left of the try. */
Test(faults, a_huge_block_that_cannot_grow_leaves_no_peak)
{
    weir_allocator *a = weir_allocator_create(NULL);
    void *block = weir_allocate(a, 300 * MIB);
    weir__fault_persistent(true);
    for (long n = 0; n < 6; n++) {
        struct figures before = figures_of(a), of_all = figures_of(weir_cpu_allocator());
        weir__fault_after(n);
        void *moved = weir_reallocate(a, block, (310 + (size_t)n) * MIB);
        weir__fault_after(-1);
        cr_assert(n > 0 || !moved, "what is asked for first is the move");
        block = moved ? moved : block;
        if (!moved)
            figures_expect_failed("huge", n, before, figures_of(a));
        if (!moved)
            figures_expect_failed("huge, above", n, of_all, figures_of(weir_cpu_allocator()));
    }
    weir__fault_persistent(false);
    weir_deallocate(a, block);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

static bool asked(const weir_refusal *refusal, void *user)
{
    (void)refusal, (void)user;
    return false;
}

static void crossed(weir_allocator *a, size_t total, void *user)
{
    (void)a, (void)total, (void)user;
}

Test(faults, a_callback_that_cannot_be_kept_is_none)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir__fault_after(0);
    cr_assert_eq(weir_set_refusal_callback(a, asked, NULL), ENOMEM);
    weir__fault_after(0);
    cr_assert_eq(weir_set_soft_limit(a, 100, crossed, NULL), ENOMEM);
    weir__fault_after(-1);
    cr_assert_eq(weir_set_soft_limit(a, 100, crossed, NULL), 0);
    weir__fault_after(0);
    cr_assert_eq(weir_set_refusal_callback(a, asked, NULL), 0, "there is room for both");
    weir__fault_after(-1);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

static void frees_without_memory(maker *make, unmaker *end)
{
    for (long n = 0; n < 10; n++) {
        void *user = NULL;
        struct blocks b = {.a = make(&user)};
        for (int i = 0; i < 64; i++)
            b.block[i] = weir_allocate(b.a, (size_t)i * 300);
        pthread_t thread;
        weir__fault_persistent(true);
        weir__fault_after(n);
        cr_assert_eq(pthread_create(&thread, NULL, free_all, &b), 0);
        pthread_join(thread, NULL);
        cr_assert_eq(weir_total_allocated(b.a), 0);
        weir_trim(b.a);
        end(b.a, user);
        weir__fault_after(-1);
        weir__fault_persistent(false);
    }
}

Test(faults, frees_need_no_memory)
{
    frees_without_memory(context_new, context_end);
    frees_without_memory(hardened_new, context_end);
    frees_without_memory(hardened_pool_new, pool_end);
    weir_stats s = {.size = sizeof s};
    weir_stats_get(weir_cpu_allocator(), &s);
    cr_assert_eq(s.in_use, 0);
}

/* -- making -------------------------------------------------------------------------------- */

static void *make_context(weir_allocator *unused, void *unused_too)
{
    (void)unused, (void)unused_too;
    return weir_allocator_create(&(weir_allocator_options){.limit = 1000});
}

static void *make_pool(weir_allocator *unused, void *unused_too)
{
    (void)unused, (void)unused_too;
    return weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
}

static size_t metadata(void)
{
    return weir__meta_in_use();
}

Test(faults, contexts_and_pools_are_made_whole_or_not_at_all)
{
    for (long n = 0; n < FAULTS; n++) {
        size_t before = metadata();
        weir__fault_after(n);
        errno = 0;
        weir_allocator *a = make_context(NULL, NULL);
        int code = errno;
        weir__fault_after(-1);
        cr_assert(a || code == ENOMEM);
        cr_assert(a || metadata() <= before + 1024, "fault %ld: a leak", n);
        cr_assert(!a || weir_allocator_destroy(a) == 0);
        weir__fault_after(n);
        errno = 0;
        weir_allocator *pool = make_pool(NULL, NULL);
        code = errno;
        weir__fault_after(-1);
        cr_assert(pool || code == ENOMEM);
        cr_assert(!pool || weir_allocator_destroy(pool) == 0);
        cr_assert_leq(metadata(), before + 2048, "fault %ld: a leak", n);
    }
}

Test(faults, a_tag_that_cannot_be_made_is_none)
{
    weir__fault_after(0);
    errno = 0;
    cr_assert_eq(weir_tag_intern("layer1"), 0);
    cr_assert_eq(errno, ENOMEM);
    weir__fault_after(-1);
    weir_tag tag = weir_tag_intern("layer1");
    cr_assert_neq(tag, 0);
    cr_assert_str_eq(weir_tag_name(tag), "layer1");
}

/* Without memory for a heap of its own, a thread works on the common one. */
static void *without_heap(void *user)
{
    struct blocks *b = user;
    weir__fault_after(0);
    for (int i = 0; i < 64; i++) {
        weir__fault_after(0);
        void *block = weir_allocate(b->a, 64);
        if (block)
            weir_deallocate(b->a, block);
    }
    weir__fault_after(-1);
    return NULL;
}

Test(faults, a_thread_without_memory_for_its_heap_is_exact)
{
    struct blocks b = {.a = weir_allocator_create(NULL)};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, without_heap, &b), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    weir__fault_after(-1);
    struct figures f = figures_of(b.a);
    cr_assert_eq(f.total, 0);
    cr_assert_eq(f.allocations, f.deallocations);
    cr_assert_leq(f.peak, 4 * 64);
    cr_assert_eq(weir_allocator_destroy(b.a), 0);
}
