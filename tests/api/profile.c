/* Profilers, checkpoints and leaks, through the public interface. */
#include "../helpers/core.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

/* What a call printed, in memory that the caller frees. */
static char *printed(int (*print)(FILE *, void *), void *user, int expected)
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    cr_assert_eq(print(memory, user), expected);
    fclose(memory);
    return text;
}

/* -- profiler ------------------------------------------------------------------------- */

static int print_report(FILE *to, void *profiler)
{
    return weir_profiler_print(to, profiler, "conv1");
}

Test(profiler, prints_the_lines_of_the_design)
{
    weir_allocator *a = weir_allocator_create(NULL);
    void *before = weir_allocate(a, MIB / 2);
    weir_profiler p;
    cr_assert_eq(weir_profiler_start(&p, a), 0);
    void *big = weir_allocate(a, 96 * MIB);
    void *kept = weir_allocate(a, 12 * MIB);
    weir_deallocate(a, big);
    char *text = printed(print_report, &p, 0);
    cr_assert_str_eq(text, "[conv1]\n  Current: 12.5 MB\n  Delta: 12 MB\n  Peak: 108.5 MB\n"
                           "  Active allocations: 2\n");
    free(text);
    weir_deallocate(a, before);
    weir_deallocate(a, kept);
    text = printed(print_report, &p, 0);
    cr_assert_str_eq(text, "[conv1]\n  Current: 0 MB\n  Delta: -0.5 MB\n  Peak: 108.5 MB\n"
                           "  Active allocations: 0\n");
    free(text);
    cr_assert_eq(weir_profiler_stop(&p), 0);
    weir_allocator_destroy(a);
}

static void expect(weir_profiler *p, size_t current, ptrdiff_t delta, size_t peak, size_t count)
{
    weir_profiler_stats now = WEIR_PROFILER_STATS_INIT;
    cr_assert_eq(weir_profiler_stats_get(p, &now), 0);
    cr_assert_eq(now.current, current);
    cr_assert_eq(now.delta, delta);
    cr_assert_eq(now.peak, peak, "peak %zu, not %zu", now.peak, peak);
    cr_assert_eq(now.count, count);
}

Test(profiler, counts_from_its_start)
{
    weir_allocator *a = weir_allocator_create(NULL);
    void *before[3];
    for (int i = 0; i < 3; i++)
        before[i] = weir_allocate(a, 100);
    weir_deallocate(a, before[0]);
    weir_profiler p;
    weir_profiler_stats now = WEIR_PROFILER_STATS_INIT;
    cr_assert_eq(weir_profiler_start(&p, a), 0);
    cr_assert_eq(weir_profiler_stats_get(&p, &now), 0);
    cr_assert_eq(now.count, 2);
    cr_assert_eq(now.blocks, 0);
    cr_assert_eq(now.allocations, 0);
    cr_assert_eq(now.deallocations, 0);
    void *after = weir_allocate(a, 10);
    weir_deallocate(a, before[1]);
    weir_deallocate(a, before[2]);
    cr_assert_eq(weir_profiler_stats_get(&p, &now), 0);
    cr_assert_eq(now.current, 10);
    cr_assert_eq(now.delta, -190);
    cr_assert_eq(now.peak, 210);
    cr_assert_eq(now.count, 1);
    cr_assert_eq(now.blocks, -1);
    cr_assert_eq(now.allocations, 1);
    cr_assert_eq(now.deallocations, 2);
    cr_assert_eq(weir_profiler_stop(&p), 0);
    weir_deallocate(a, after);
    weir_allocator_destroy(a);
}

Test(profiler, nests_with_a_peak_for_each)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_profiler outer, inner;
    cr_assert_eq(weir_profiler_start(&outer, a), 0);
    weir_deallocate(a, weir_allocate(a, 5000));
    cr_assert_eq(weir_profiler_start(&inner, a), 0);
    expect(&inner, 0, 0, 0, 0);
    weir_deallocate(a, weir_allocate(a, 300));
    expect(&inner, 0, 0, 300, 0);
    expect(&outer, 0, 0, 5000, 0);
    void *block = weir_allocate(a, 7000);
    expect(&inner, 7000, 7000, 7000, 1);
    expect(&outer, 7000, 7000, 7000, 1);
    cr_assert_eq(weir_profiler_stop(&outer), 0); /* in any order */
    weir_deallocate(a, weir_allocate(a, 1));
    expect(&inner, 7000, 7000, 7001, 1);
    cr_assert_eq(weir_profiler_stop(&inner), 0);
    weir_reset_peak(a);
    weir_deallocate(a, block);
    weir_allocator_destroy(a);
}

Test(profiler, watches_contexts_and_the_cpu_allocator_by_default)
{
    weir_profiler p;
    cr_assert_eq(weir_profiler_start(&p, NULL), 0);
    weir_allocator *a = weir_allocator_create(NULL);
    void *block = weir_allocate(a, 3 * MIB);
    weir_profiler_stats now = WEIR_PROFILER_STATS_INIT;
    cr_assert_eq(weir_profiler_stats_get(&p, &now), 0);
    cr_assert_eq(now.delta, (ptrdiff_t)(3 * MIB));
    cr_assert_eq(now.blocks, 1);
    cr_assert_eq(now.allocations, 1);
    cr_assert_eq(now.deallocations, 0);
    weir_deallocate(a, block);
    weir_allocator_destroy(a);
    cr_assert_eq(weir_profiler_stop(&p), 0);
}

Test(profiler, says_when_it_is_not_started)
{
    weir_profiler p = {0};
    weir_profiler_stats now = WEIR_PROFILER_STATS_INIT;
    cr_assert_eq(weir_profiler_stats_get(&p, &now), EINVAL);
    cr_assert_eq(weir_profiler_stop(&p), EINVAL);
    cr_assert_eq(weir_profiler_print(stdout, &p, "x"), EINVAL);
    cr_assert_eq(weir_profiler_start(NULL, NULL), EINVAL);
    cr_assert_eq(weir_profiler_start(&p, NULL), 0);
    cr_assert_eq(weir_profiler_stats_get(&p, NULL), EINVAL);
    cr_assert_eq(weir_profiler_print(NULL, &p, "x"), EINVAL);
    cr_assert_eq(weir_profiler_stop(&p), 0);
    cr_assert_eq(weir_profiler_stop(&p), EINVAL);
    cr_assert_gt(strlen(weir_last_error()), 0);
}

Test(profiler, says_when_it_cannot_print)
{
    weir_profiler p;
    FILE *full = fopen("/dev/full", "w");
    cr_assert_eq(weir_profiler_start(&p, NULL), 0);
    cr_assert_eq(weir_profiler_print(full, &p, "x"), ENOSPC);
    cr_assert_eq(weir_profiler_stop(&p), 0);
    fclose(full);
}

/* Every order of four threads' steps that keeps the sums: the oracle is the bound that
 * holds for all of them, exact where threads work one after the other. */
static void *allocate_in_turn(void *user)
{
    weir_allocator *a = user;
    for (size_t i = 1; i <= 2000; i++)
        weir_deallocate(a, weir_allocate(a, i));
    return NULL;
}

Test(profiler, has_the_true_peak_of_threads_in_turn)
{
    weir_allocator *a = weir_allocator_create(NULL);
    void *held = weir_allocate(a, 100);
    weir_profiler p;
    cr_assert_eq(weir_profiler_start(&p, a), 0);
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, NULL, allocate_in_turn, a), 0);
        pthread_join(thread, NULL);
        expect(&p, 100, 0, 2100, 1);
    }
    cr_assert_eq(weir_profiler_stop(&p), 0);
    weir_deallocate(a, held);
    weir_allocator_destroy(a);
}

/* -- leaks ---------------------------------------------------------------------------- */

struct seen {
    size_t n;
    weir_leak leaks[16];
};

static int leaks_check(weir_allocator *a, uint64_t checkpoint)
{
    weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
    return weir_leaks_stats_get(a, checkpoint, &leaks);
}

static bool see(const weir_leak *leak, void *user)
{
    struct seen *seen = user;
    cr_assert_lt(seen->n, 16);
    seen->leaks[seen->n++] = *leak;
    free(malloc(10));
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 10));
    return false;
}

Test(leaks, are_what_the_checkpoint_did_not_see)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.name = "model"});
    void *old_small = weir_allocate(a, 10), *old_large = weir_allocate(a, MIB);
    uint64_t checkpoint = weir_checkpoint(a);
    cr_assert_gt(checkpoint, 0);
    weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
    cr_assert_eq(weir_leaks_stats_get(a, checkpoint, &leaks), 0);
    cr_assert_eq(leaks.count, 0);
    cr_assert_eq(leaks.bytes, 0);

    weir_tag former = weir_tag_set(weir_tag_intern("layer1/conv"));
    void *small = weir_allocate(a, 100);
    weir_tag_set(former);
    void *large = weir_allocate(a, 3 * MIB), *gone = weir_allocate(a, 50);
    weir_deallocate(a, gone);
    struct seen seen = {0};
    cr_assert_eq(weir_leaks_walk(a, checkpoint, see, &seen), 0);
    cr_assert_eq(weir_leaks_stats_get(a, checkpoint, &leaks), 0);
    cr_assert_eq(leaks.count, 2);
    cr_assert_eq(leaks.bytes, 3 * MIB + 100);
    cr_assert_eq(seen.n, 2);
    cr_assert_eq(seen.leaks[0].address, large);
    cr_assert_eq(seen.leaks[0].requested, 3 * MIB);
    cr_assert_str_eq(seen.leaks[0].tag_name, "");
    cr_assert_eq(seen.leaks[1].address, small);
    cr_assert_eq(seen.leaks[1].requested, 100);
    cr_assert_geq(seen.leaks[1].usable, 100);
    cr_assert_str_eq(seen.leaks[1].tag_name, "layer1/conv");
    cr_assert_str_eq(seen.leaks[1].allocator_name, "model");

    weir_deallocate(a, small);
    weir_deallocate(a, large);
    weir_deallocate(a, old_small);
    weir_deallocate(a, old_large);
    cr_assert_eq(weir_leaks_stats_get(a, checkpoint, &leaks), 0);
    cr_assert_eq(leaks.count, 0);
    weir_allocator_destroy(a);
}

Test(leaks, are_not_what_the_pool_keeps)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator *a = pool;
    uint64_t checkpoint = weir_checkpoint(a);
    weir_deallocate(a, weir_allocate(a, 10 * MIB));
    weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
    cr_assert_eq(weir_leaks_stats_get(a, checkpoint, &leaks), 0);
    cr_assert_eq(leaks.count, 0);
    cr_assert_geq(leaks.cached, 10 * MIB);
    weir_allocator_destroy(pool);
}

Test(leaks, of_descendants_and_of_functions_count)
{
    weir_allocator *top = weir_allocator_create(NULL);
    weir_allocator *old = weir_allocator_create(&(weir_allocator_options){.parent = top});
    uint64_t checkpoint = weir_checkpoint(top);
    weir_allocator *young = weir_allocator_create(
        &(weir_allocator_options){.parent = old, .source = WEIR_SOURCE_MALLOC, .name = "young"});
    cr_assert_not_null(young);
    void *in_old = weir_allocate(old, 1), *in_young = weir_allocate(young, 2);
    weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
    struct seen seen = {0};
    cr_assert_eq(weir_leaks_walk(top, checkpoint, see, &seen), 0);
    cr_assert_eq(weir_leaks_stats_get(top, checkpoint, &leaks), 0);
    cr_assert_eq(leaks.count, 2);
    cr_assert_eq(leaks.bytes, 3);
    cr_assert_str_eq(seen.leaks[0].allocator_name, "young");
    cr_assert_eq(weir_leaks_stats_get(young, checkpoint, &leaks), 0);
    cr_assert_eq(leaks.bytes, 2);
    weir_deallocate(old, in_old);
    weir_deallocate(young, in_young);
    weir_allocator_destroy(young);
    weir_allocator_destroy(old);
    weir_allocator_destroy(top);
}

Test(leaks, of_a_replaced_checkpoint_are_stale)
{
    weir_allocator *top = weir_allocator_create(NULL);
    weir_allocator *left = weir_allocator_create(&(weir_allocator_options){.parent = top});
    weir_allocator *right = weir_allocator_create(&(weir_allocator_options){.parent = top});
    uint64_t of_left = weir_checkpoint(left), of_right = weir_checkpoint(right);
    cr_assert_neq(of_left, of_right);
    cr_assert_eq(leaks_check(left, of_left), 0);
    cr_assert_eq(leaks_check(left, of_right), EINVAL);
    uint64_t of_top = weir_checkpoint(top);
    cr_assert_eq(leaks_check(left, of_left), ESTALE);
    cr_assert_eq(leaks_check(left, of_top), 0);
    of_left = weir_checkpoint(left);
    cr_assert_eq(leaks_check(top, of_top), ESTALE);
    cr_assert_eq(leaks_check(right, of_top), 0);
    cr_assert_eq(leaks_check(left, of_left), 0);
    cr_assert_eq(leaks_check(top, 0), EINVAL);
    weir_allocator_destroy(left);
    weir_allocator_destroy(right);
    weir_allocator_destroy(top);
}

static bool stop_at_once(const weir_leak *leak, void *user)
{
    (void)leak;
    ++*(int *)user;
    return true;
}

Test(leaks, end_where_the_visitor_says)
{
    weir_allocator *a = weir_allocator_create(NULL);
    uint64_t checkpoint = weir_checkpoint(a);
    for (int i = 0; i < 5; i++)
        cr_assert_not_null(weir_allocate(a, 5));
    int calls = 0;
    cr_assert_eq(weir_leaks_walk(a, checkpoint, stop_at_once, &calls), 0);
    cr_assert_eq(calls, 1);
    weir_allocator_destroy(a);
}

struct where {
    weir_allocator *a;
    uint64_t checkpoint;
};

static int print_leaks(FILE *to, void *user)
{
    const struct where *where = user;
    return weir_leaks_print(to, where->a, where->checkpoint);
}

static int print_leaks_all(FILE *to, void *user)
{
    const struct where *where = user;
    return weir_leaks_print_top(to, where->a, where->checkpoint, 0);
}

Test(leaks, are_printed)
{
    weir_allocator *a = weir_allocator_create(
        &(weir_allocator_options){.name = "new\nline", .source = WEIR_SOURCE_MALLOC});
    struct where where = {a, weir_checkpoint(a)};
    char *text = printed(print_leaks, &where, 0), expected[256];
    cr_assert_str_eq(text, "no leaks\ncached for re-use, not leaked: 0 bytes\n");
    free(text);
    weir_tag former = weir_tag_set(weir_tag_intern("kv"));
    void *block = weir_allocate(a, 77);
    weir_tag_set(former);
    text = printed(print_leaks, &where, 0);
    snprintf(expected, sizeof expected,
             "leaked: 1 block, 77 bytes\n  77 bytes  in new?line  tag kv  at %p\n"
             "cached for re-use, not leaked: 0 bytes\n",
             block);
    cr_assert_str_eq(text, expected);
    free(text);
    weir_deallocate(a, block);
    weir_allocator_destroy(a);
}

/* Blocks of sizes 1, 2, ... 40, so many of each: as many lines as sizes, or as asked for. */
Test(leaks, are_printed_by_tag_and_size)
{
    enum { SIZES = 40, EACH = 125 };
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.name = "pile"});
    struct where where = {a, weir_checkpoint(a)};
    weir_tag tag = weir_tag_intern("weights");
    size_t bytes = 0, lines = 0;
    for (size_t i = 0; i < SIZES * EACH; i++) {
        size_t size = 1 + i % SIZES;
        weir_tag former = weir_tag_set(size == SIZES ? tag : 0);
        cr_assert_not_null(weir_allocate(a, size));
        weir_tag_set(former);
        bytes += size;
    }
    char *text = printed(print_leaks, &where, 0), expected[256];
    snprintf(expected, sizeof expected, "leaked: %d blocks, %zu bytes\n", SIZES * EACH, bytes);
    cr_expect_eq(strncmp(text, expected, strlen(expected)), 0, "%s", text);
    cr_expect_not_null(
        strstr(text, "\n  5000 bytes  125 blocks of 40  in pile  tag weights  at 0x"), "%s", text);
    cr_expect_not_null(strstr(text, "\n  4875 bytes  125 blocks of 39  in pile  at 0x"), "%s",
                       text);
    cr_expect_null(strstr(text, " blocks of 8 "), "it is none of the first 32");
    size_t rest = 8 * 9 / 2 * EACH;
    snprintf(expected, sizeof expected, "\n  %zu bytes  %d blocks  in 8 tags and sizes more\n",
             rest, 8 * EACH);
    cr_expect_not_null(strstr(text, expected), "%s", text);
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    cr_expect_eq(lines, 1 + 32 + 1 + 1);
    free(text);
    text = printed(print_leaks_all, &where, 0);
    cr_expect_not_null(strstr(text, " 125 blocks of 8  in pile"));
    cr_expect_null(strstr(text, " more\n"));
    free(text);
    weir_allocator_destroy(a);
}

/* 10^4 random steps against a list kept beside. */
Test(leaks, equal_an_independent_list)
{
    enum { SLOTS = 500 };
    static struct {
        void *block;
        size_t size;
        bool young;
    } slots[SLOTS];
    weir_allocator *a = weir_allocator_create(NULL);
    uint64_t checkpoint = weir_checkpoint(a);
    uint32_t random = 12345;
    for (int step = 0; step < 10000; step++) {
        random = random * 1664525 + 1013904223;
        size_t i = (random >> 8) % SLOTS, size = (random >> 4) % 40000;
        if (slots[i].block) {
            weir_deallocate(a, slots[i].block);
            slots[i].block = NULL;
        } else {
            slots[i].block = weir_allocate(a, size);
            slots[i].size = size;
            slots[i].young = true;
        }
        if (step % 3000 == 2999) {
            checkpoint = weir_checkpoint(a);
            for (i = 0; i < SLOTS; i++)
                slots[i].young = false;
        }
        if (step % 500 == 0) {
            weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
            size_t count = 0, bytes = 0;
            cr_assert_eq(weir_leaks_stats_get(a, checkpoint, &leaks), 0);
            for (i = 0; i < SLOTS; i++)
                if (slots[i].block && slots[i].young) {
                    count++;
                    bytes += slots[i].size;
                }
            cr_assert_eq(leaks.count, count, "step %d: %zu, not %zu", step, leaks.count, count);
            cr_assert_eq(leaks.bytes, bytes);
        }
    }
    weir_allocator_destroy(a);
}
