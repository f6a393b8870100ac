/*
 * The centers of one class and their slabs: who adopts, claims and borrows what and when, that
 * nothing moves while somebody looks at all of them, and what it is for: blocks of two threads do
 * not share lines of the ledger for long.
 */
#include "../helpers/core.h"
#include "alloc/body.h"
#include "alloc/context.h"
#include "alloc/small.h"
#include "pool/bin.h"
#include "pool/center.h"
#include "pool/chunk.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <weir/weir.h>

enum { CENTERS = 3, CLASS = 15 /* 256 bytes, batches of 31 */, SLAB_MOST = 256, BATCH = 31 };

static struct weir__page_heap heap;
static struct weir__family family;
static struct weir__center centers[CENTERS];
static char owner; /* its address is what counts */

static void setup(void)
{
    weir__page_heap_init(&heap, &weir__backing_system, weir__policy_get());
    weir__family_init(&family);
    for (unsigned i = 0; i < CENTERS; i++) {
        weir__center_init(&centers[i], CLASS, &heap, weir__home_of(&owner, i));
        weir__family_join(&family, &centers[i], i ? &centers[0] : NULL);
    }
}

static void unmake(void)
{
    for (int i = 0; i < CENTERS; i++) {
        cr_assert(weir__center_is_valid(&centers[i]));
        weir__center_destroy(&centers[i]);
    }
    weir__page_heap_destroy(&heap);
}

TestSuite(family, .init = setup, .fini = unmake);

static struct weir__center *home_of(const struct weir__cached *cached)
{
    struct weir__slab *slab = weir__slab_of(cached->block);
    cr_assert_eq(slab->home, weir__slab_center(slab)->home);
    return weir__slab_center(slab);
}

static struct weir__center_figures figures_of(int i)
{
    struct weir__center_figures f;
    weir__center_figures(&centers[i], &f);
    cr_assert(weir__center_is_valid(&centers[i]));
    return f;
}

static void give(int i, struct weir__cached *blocks, unsigned count)
{
    for (unsigned n = 0; n < count; n += BATCH)
        weir__center_give(&centers[i], blocks + n, (unsigned)weir__min(count - n, (size_t)BATCH));
}

/* All blocks of a slab. */
static unsigned take_slab(int i, struct weir__cached *blocks)
{
    unsigned count = 0;
    do
        count += weir__center_take(&centers[i], blocks + count);
    while (centers[i].partial);
    cr_assert_leq(count, SLAB_MOST);
    return count;
}

/* A sibling looked; since then blocks came home, and nobody took any. */
static void make_idle(int i, const struct weir__cached *blocks)
{
    struct weir__cached others[BATCH];
    int other = (i + 2) % CENTERS;
    unsigned count = weir__center_take(&centers[other], others);
    give(other, others, count);
    weir__center_flush(&centers[other]);
    cr_assert_eq(centers[other].nslabs, 0);
    weir__center_bring_home(&centers[other], blocks, 1);
    weir__center_bring_home(&centers[other], blocks + 1, 1);
    cr_assert_eq(figures_of(i).batched, 2, "however few they are");
}

Test(family, siblings_have_the_homes_of_their_shards)
{
    const struct weir__center *at = &centers[0];
    for (unsigned i = 0; i < CENTERS; i++, at = at->sibling) {
        cr_assert_eq(weir__home_owner(centers[i].home), &owner);
        cr_assert_eq(centers[i].home >> WEIR__HOME_SHIFT, i);
    }
    cr_assert_eq(at, &centers[0], "a ring");
}

Test(family, one_that_is_alone_finds_nothing)
{
    struct weir__center alone;
    struct weir__cached blocks[BATCH];
    weir__center_init(&alone, CLASS, &heap, weir__home_of(&owner, 0));
    cr_assert_eq(weir__center_take(&alone, blocks), BATCH);
    cr_assert_eq(alone.nslabs, 1);
    weir__center_destroy(&alone);
}

Test(family, a_slab_is_adopted_of_one_that_has_some_free)
{
    struct weir__cached blocks[SLAB_MOST], more[BATCH];
    unsigned count = take_slab(0, blocks), kept = 20;
    give(0, blocks + kept, count - kept);
    weir__center_flush(&centers[0]);
    cr_assert_eq(figures_of(0).out, kept);
    cr_assert_eq(weir__center_take(&centers[1], more), BATCH);
    cr_assert_eq(heap.nused_slabs, 1, "no new one");
    cr_assert_eq(home_of(&blocks[0]), &centers[1]);
    cr_assert_eq(figures_of(0).out + figures_of(0).slabs, 0);
    cr_assert_eq(figures_of(1).out, kept + BATCH);
    give(0, blocks, kept);
    give(1, more, BATCH);
    cr_assert_eq(figures_of(0).batched, 0, "all go where the slab is");
    weir__center_flush(&centers[1]);
    cr_assert_eq(heap.nused_slabs, 0);
}

Test(family, one_in_use_with_few_free_keeps_its_slab)
{
    struct weir__cached blocks[SLAB_MOST], more[BATCH];
    unsigned count = take_slab(0, blocks);
    give(0, blocks, 20);
    weir__center_flush(&centers[0]);
    cr_assert_eq(weir__center_take(&centers[1], more), BATCH);
    cr_assert_eq(heap.nused_slabs, 2);
    cr_assert_eq(home_of(&blocks[20]), &centers[0]);
    give(1, more, BATCH);
    give(0, blocks + 20, count - 20);
}

Test(family, an_idle_one_gives_any_slab_and_what_its_depot_has)
{
    struct weir__cached blocks[SLAB_MOST], more[BATCH];
    unsigned count = take_slab(0, blocks);
    make_idle(0, blocks);
    cr_assert_eq(weir__center_take(&centers[1], more), 2);
    cr_assert_eq(heap.nused_slabs, 1);
    cr_assert_eq(home_of(&blocks[BATCH]), &centers[1]);
    cr_assert_eq(figures_of(0).batched, 0);
    give(1, more, 2);
    give(0, blocks + 2, count - 2);
}

Test(family, a_batch_is_borrowed_before_a_slab_is_taken)
{
    struct weir__cached blocks[SLAB_MOST], more[BATCH];
    unsigned count = take_slab(0, blocks);
    weir__center_give(&centers[0], blocks, BATCH);
    cr_assert_eq(weir__center_take(&centers[1], more), BATCH);
    cr_assert_eq(heap.nused_slabs, 1);
    cr_assert_eq(centers[1].nslabs, 0);
    cr_assert_eq(home_of(&more[0]), &centers[0]);
    weir__center_bring_home(&centers[1], more, BATCH);
    cr_assert_eq(figures_of(0).batched, BATCH, "back where it came from");
    give(0, blocks + BATCH, count - BATCH);
}

Test(family, blocks_of_an_idle_one_stay_with_who_frees_them)
{
    struct weir__cached blocks[SLAB_MOST], more[SLAB_MOST];
    struct weir__bin foreign = WEIR__BIN_UNUSED;
    unsigned count = take_slab(0, blocks);
    cr_assert(weir__bin_resize(&foreign, BATCH));
    memcpy(foreign.base, blocks + 2, 10 * sizeof *blocks);
    weir__bin_set_top(&foreign, foreign.base + 10);
    make_idle(0, blocks);
    cr_assert_eq(weir__center_take_many(&centers[1], more, 7, &foreign), 7);
    cr_assert_eq(weir__bin_count(&foreign), 3);
    cr_assert_eq(heap.nused_slabs, 1);
    cr_assert_eq(home_of(&blocks[100]), &centers[1], "full as it is");
    cr_assert_eq(figures_of(1).out, count, "the two in the depot are out, too");
    cr_assert_eq(centers[0].nslabs, 0);
    weir__bin_unmake(&foreign);
    weir__center_flush(&centers[0]);
    give(1, blocks + 2, count - 2);
}

Test(family, nothing_moves_while_somebody_looks_at_all)
{
    struct weir__cached blocks[SLAB_MOST], more[BATCH];
    unsigned count = take_slab(0, blocks);
    give(0, blocks, count - 1);
    weir__center_flush(&centers[0]);
    cr_assert(weir__lock_try(&family.lock)); /* as another thread */
    cr_assert_eq(weir__center_take(&centers[1], more), BATCH);
    weir__lock_drop(&family.lock);
    cr_assert_eq(home_of(&blocks[count - 1]), &centers[0]);
    cr_assert_eq(heap.nused_slabs, 2);
    give(1, more, BATCH);
    give(0, blocks + count - 1, 1);
}

/* Its slabs are gone, but others' blocks still lie in its returns. */
Test(family, one_with_returns_alone_is_not_empty)
{
    struct weir__cached blocks[SLAB_MOST];
    unsigned count = take_slab(0, blocks);
    centers[1].returns = weir__returns_make();
    cr_assert(weir__center_is_empty(&centers[1]));
    cr_assert(weir__returns_put(centers[1].returns, blocks, BATCH));
    cr_assert_not(weir__center_is_empty(&centers[1]));
    weir__center_flush(&centers[1]);
    cr_assert(weir__center_is_empty(&centers[1]));
    cr_assert_eq(figures_of(0).out, count - BATCH);
    give(0, blocks + BATCH, count - BATCH);
}

/* -- threads ------------------------------------------------------------------------- */

enum { OWN = 2000, TIMES = 3, STEP = 50 };
static void *sets[2][OWN];
static pthread_barrier_t step; /* so that both are busy, also on one processor */

static void *replace_all(void *set)
{
    void **mine = set;
    for (int t = 0; t < TIMES; t++)
        for (size_t i = 0; i < OWN; i++) {
            if (i % STEP == 0)
                pthread_barrier_wait(&step);
            weir_deallocate(weir_cpu_allocator(), mine[i]);
            mine[i] = weir_allocate(weir_cpu_allocator(), 64);
            memset(mine[i], 1, 64);
        }
    return NULL;
}

static uintptr_t line_of(const void *block)
{
    return (uintptr_t)weir__slab_entry(weir__slab_of(block), block) / WEIR__LINE;
}

static int by_line(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a / 2, y = *(const uintptr_t *)b / 2;
    return (x > y) - (x < y);
}

/* Lines of the ledger that have entries of both sets. */
static size_t shared_lines(void)
{
    static uintptr_t lines[2 * OWN]; /* the line, and whose in the lowest bit */
    size_t shared = 0;
    for (size_t i = 0; i < 2 * (size_t)OWN; i++)
        lines[i] = 2 * line_of(sets[i % 2][i / 2]) + i % 2;
    qsort(lines, 2 * OWN, sizeof *lines, by_line);
    for (size_t i = 0, end; i < 2 * (size_t)OWN; i = end) {
        bool both = false;
        for (end = i; end < 2 * (size_t)OWN && lines[end] / 2 == lines[i] / 2; end++)
            both |= lines[end] != lines[i];
        shared += both;
    }
    return shared;
}

/* Failed before slabs had homes: all of them stayed shared for good. */
Test(homes, replaced_blocks_of_two_threads_lie_apart)
{
    pthread_t threads[2];
    for (size_t i = 0; i < 2 * (size_t)OWN; i++)
        sets[i % 2][i / 2] = weir_allocate(weir_cpu_allocator(), 64);
    cr_assert_geq(shared_lines(), 2 * OWN / 16 - 1, "dealt out alternately");
    pthread_barrier_init(&step, NULL, 2);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, replace_all, sets[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_assert_leq(shared_lines(), 2 * OWN / 16 / 4, "%zu", shared_lines());
    for (size_t i = 0; i < 2 * (size_t)OWN; i++)
        weir_deallocate(weir_cpu_allocator(), sets[i % 2][i / 2]);
}

/* -- misuse ---------------------------------------------------------------------------- */

static weir_misuse told;

static void tell(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)pointer, (void)line, (void)user;
    told = what;
}

static void *allocate_one(void *a)
{
    return weir_allocate(a, 64);
}

static void *block_of_another_thread(weir_allocator *a)
{
    pthread_t thread;
    void *block;
    cr_assert_eq(pthread_create(&thread, NULL, allocate_one, a), 0);
    pthread_join(thread, &block);
    return block;
}

/* The foreign bin of b is there, with room, and its window open: so it is the fast way that must
 * look whose block it is, and whether it lives. */
Test(homes, a_foreign_bin_takes_no_block_of_another_allocator)
{
    weir_allocator *a = weir_allocator_create(NULL), *b = weir_allocator_create(NULL);
    void *others = weir_allocate(a, 64);
    weir_deallocate(b, weir_allocate(b, 100000));
    for (int n = 0; n < 10000; n++) /* far below the peak, so that the window opens */
        weir_deallocate(b, weir_allocate(b, 64));
    void *first = block_of_another_thread(b), *second = block_of_another_thread(b);
    weir_deallocate(b, first); /* makes the bin */
    struct weir__heap *here = weir__heap_cached(b);
    unsigned at = weir__small_bin_number(here, weir__slab_of(others));
    const struct weir__bin *bin = weir__cache_bin(&here->cache, at);
    cr_assert_geq(at, WEIR__CLASSES, "its slab is foreign");
    cr_assert_lt(bin->top, bin->limit);
    cr_assert_geq(here->window.cap, weir__window_used(&here->window), "it is open");
    weir_set_misuse_handler(tell, NULL);
    weir_deallocate(b, others);
    cr_assert_eq(told, WEIR_MISUSE_OTHER_ALLOCATOR);
    weir_deallocate(b, first);
    cr_assert_eq(told, WEIR_MISUSE_DOUBLE_FREE);
    cr_assert_eq(weir_allocation_count(a), 1);
    cr_assert_eq(weir_allocation_count(b), 1);
    weir_set_misuse_handler(NULL, NULL);
    weir_deallocate(b, second);
    weir_deallocate(a, others);
    cr_assert_eq(weir_allocator_destroy(a) + weir_allocator_destroy(b), 0);
}
