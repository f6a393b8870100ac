/*
 * The class centers by themselves: what is taken comes back, batches travel as they are
 * or into the slabs, also those of other centers, also by the list that needs no lock; the
 * figures say so and the structure stays whole.
 */
#include "pool/center.h"
#include "../helpers/core.h"
#include "../helpers/suite.h"
#include "backing/meta.h"
#include "base/error.h"
#include "base/fault.h"
#include "pool/chunk.h"
#include "pool/late_misuse.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <weir/weir.h>

enum { CENTERS = 3, CLASS = 15 /* 256 bytes, batches of 31 */, MANY = 4096 };

static struct weir__page_heap heap;
static struct weir__center centers[CENTERS];
static char owner; /* its address is what counts */
static size_t metadata;

static void centers_make(unsigned sizeclass)
{
    metadata = weir__meta_in_use();
    weir__page_heap_init(&heap, &weir__backing_system, weir__policy_get());
    for (int i = 0; i < CENTERS; i++)
        weir__center_init(&centers[i], sizeclass, &heap, weir__home_of(&owner, 0));
}

static void setup(void)
{
    centers_make(CLASS);
}

static void centers_unmake(void)
{
    for (int i = 0; i < CENTERS; i++) {
        cr_assert(weir__center_is_valid(&centers[i]));
        weir__center_destroy(&centers[i]);
    }
    weir__page_heap_destroy(&heap);
    cr_assert_eq(weir__meta_in_use(), metadata, "book-keeping was lost");
}

TestSuite(center, .init = setup, .fini = centers_unmake);

static struct weir__center_figures figures_of(int i)
{
    struct weir__center_figures f;
    weir__center_figures(&centers[i], &f);
    cr_assert(weir__center_is_valid(&centers[i]));
    return f;
}

static void flush_all(void)
{
    for (int i = 0; i < CENTERS; i++)
        weir__center_flush(&centers[i]);
}

static void expect_empty(void)
{
    flush_all();
    for (int i = 0; i < CENTERS; i++) {
        struct weir__center_figures f = figures_of(i);
        cr_assert_eq(f.out, 0);
        cr_assert_eq(f.batched, 0);
        cr_assert_eq(f.slabs, 0);
        cr_assert(weir__center_is_empty(&centers[i]));
    }
}

/* Exactly `count` (a multiple of a batch, or what a slab gives). */
static size_t take_many(int i, struct weir__cached *blocks, size_t least)
{
    size_t count = 0;
    while (count < least) {
        unsigned taken = weir__center_take(&centers[i], blocks + count);
        cr_assert(taken > 0 && taken <= centers[i].batch);
        count += taken;
    }
    return count;
}

static void give_many(const struct weir__cached *blocks, size_t count, unsigned at_a_time)
{
    for (size_t n = 0; n < count; n += at_a_time)
        weir__center_give(&centers[0], blocks + n,
                          (unsigned)weir__min(count - n, (size_t)at_a_time));
}

static int by_block(const void *a, const void *b)
{
    const struct weir__cached *x = a, *y = b;
    return (x->block > y->block) - (x->block < y->block);
}

Test(center, hands_out_every_block_once)
{
    static struct weir__cached blocks[MANY + WEIR__BATCH_MAX];
    size_t count = take_many(0, blocks, MANY);
    cr_assert_eq(figures_of(0).out, count);
    cr_assert_eq(figures_of(0).slabs, (count * 256 + WEIR__SLAB) / WEIR__SLAB);
    for (size_t i = 0; i < count; i++) {
        struct weir__slab *slab = weir__slab_of(blocks[i].block);
        cr_assert_eq(weir__slab_owner(slab), &owner);
        cr_assert_eq(slab->center, &centers[0]);
        cr_assert_eq(blocks[i].entry, weir__slab_entry(slab, blocks[i].block));
        cr_assert(weir__entry_is_cached(*blocks[i].entry));
    }
    qsort(blocks, count, sizeof *blocks, by_block);
    for (size_t i = 1; i < count; i++)
        cr_assert_geq((char *)blocks[i].block - (char *)blocks[i - 1].block, 256);
    give_many(blocks, count, centers[0].batch);
    expect_empty();
}

Test(center, keeps_full_batches_as_they_are)
{
    struct weir__cached one[WEIR__BATCH_MAX], two[WEIR__BATCH_MAX];
    unsigned batch = centers[0].batch;
    cr_assert_eq(weir__center_take(&centers[0], one), batch);
    weir__center_give(&centers[0], one, batch);
    struct weir__center_figures f = figures_of(0);
    cr_assert_eq(f.out, batch);
    cr_assert_eq(f.batched, batch);
    cr_assert_eq(f.returned, 0);
    cr_assert_eq(weir__center_take(&centers[0], two), batch);
    cr_assert_eq(memcmp(one, two, batch * sizeof *one), 0);
    weir__center_give(&centers[0], two, batch - 1);
    f = figures_of(0);
    cr_assert_eq(f.out, 1, "less than a batch goes to the slabs");
    cr_assert_eq(f.batched, 0);
    cr_assert_eq(f.returned, batch - 1);
    weir__center_give(&centers[0], two + batch - 1, 1);
    expect_empty();
}

Test(center, keeps_no_more_than_its_share)
{
    static struct weir__cached blocks[MANY + WEIR__BATCH_MAX];
    size_t count = take_many(0, blocks, MANY);
    give_many(blocks, count, centers[0].batch);
    cr_assert_leq(figures_of(0).batched, centers[0].depot.most);
    cr_assert_leq(centers[0].depot.most * (size_t)256, 256 * WEIR__KIB + 2 * 31 * 256);
    cr_assert_lt(figures_of(0).slabs, 4 * MANY * 256 / WEIR__SLAB, "slabs went back");
    expect_empty();
}

Test(center, strays_are_carried_home)
{
    struct weir__cached mixed[WEIR__BATCH_MAX], blocks[CENTERS][WEIR__BATCH_MAX];
    unsigned batch = centers[0].batch;
    for (int i = 0; i < CENTERS; i++)
        cr_assert_eq(weir__center_take(&centers[i], blocks[i]), batch);
    for (unsigned n = 0; n < batch; n++)
        mixed[n] = blocks[n % CENTERS][n];
    weir__center_give(&centers[0], mixed, batch);
    cr_assert_eq(figures_of(0).batched, batch, "where the first belongs");
    unsigned own = (batch + CENTERS - 1) / CENTERS;
    weir__center_flush(&centers[0]);
    cr_assert_eq(figures_of(0).out, batch - own);
    for (int i = 1; i < CENTERS; i++) {
        struct weir__center_figures f = figures_of(i);
        cr_assert_eq(f.batched, 0, "each went into its slab");
        cr_assert_eq(f.returned + f.out, batch);
    }
    for (unsigned n = 0; n < batch; n++)
        for (unsigned i = 0; i < CENTERS; i++)
            if (n % CENTERS != i)
                weir__center_give(&centers[0], &blocks[i][n], 1);
    expect_empty();
}

/* A give that finds the lock taken, as from another thread. */
static bool give_contended(int i, const struct weir__cached *blocks, unsigned count)
{
    weir__lock_take(&centers[i].lock);
    bool left = weir__returns_put(centers[i].returns, blocks, count);
    weir__lock_drop(&centers[i].lock);
    return left;
}

static void returns_make(int i)
{
    cr_assert_null(centers[i].returns, "made when first wanted");
    centers[i].returns = weir__returns_make();
    cr_assert_not_null(centers[i].returns);
}

Test(center, a_taken_lock_does_not_stop_a_giver)
{
    struct weir__cached blocks[2][WEIR__BATCH_MAX], again[2 * WEIR__BATCH_MAX];
    unsigned batch = centers[0].batch;
    cr_assert_eq(weir__center_take(&centers[0], blocks[0]), batch);
    cr_assert_eq(weir__center_take(&centers[0], blocks[1]), batch);
    returns_make(0);
    weir__lock_take(&centers[0].lock);
    cr_assert_not(weir__center_give(&centers[0], blocks[0], batch));
    cr_assert_not(weir__center_give(&centers[0], blocks[1], 5));
    cr_assert_eq(centers[0].depot.count, 0);
    cr_assert_eq(weir__returns_count(centers[0].returns), batch + 5);
    weir__lock_drop(&centers[0].lock);
    cr_assert_eq(figures_of(0).batched, batch + 5);
    size_t taken = weir__center_take(&centers[0], again);
    cr_assert_eq(weir__returns_count(centers[0].returns), 0);
    taken += weir__center_take(&centers[0], again + taken);
    cr_assert_eq(taken, batch + 5);
    weir__center_give(&centers[0], blocks[0], batch);
    weir__center_give(&centers[0], blocks[1], batch);
    expect_empty();
}

static void *give_argument(void *blocks)
{
    weir__center_give(&centers[0], blocks, centers[0].batch);
    return NULL;
}

/* The first that waits makes the returns, so that the next need not wait. */
Test(center, a_giver_that_had_to_wait_makes_returns)
{
    struct weir__cached blocks[WEIR__BATCH_MAX];
    pthread_t thread;
    cr_assert_eq(weir__center_take(&centers[0], blocks), centers[0].batch);
    weir__lock_take(&centers[0].lock);
    cr_assert_eq(pthread_create(&thread, NULL, give_argument, blocks), 0);
    while (__atomic_load_n(&centers[0].lock.state, __ATOMIC_RELAXED) != 2)
        sched_yield(); /* it sleeps */
    weir__lock_drop(&centers[0].lock);
    pthread_join(thread, NULL);
    cr_assert_not_null(centers[0].returns);
    expect_empty();
}

static size_t bookkeeping(void)
{
    return weir__meta_in_use() - metadata;
}

/* Failed before "pool: a depot and returns": a batch object a contended give. */
Test(center, contended_gives_stay_within_the_bound)
{
    static struct weir__cached blocks[MANY + WEIR__BATCH_MAX];
    unsigned batch = centers[0].batch;
    returns_make(0);
    for (size_t round = 0; round < 20; round++) {
        size_t count = take_many(0, blocks, MANY), left = 0;
        for (size_t n = 0; n < count; n += batch) {
            unsigned part = (unsigned)weir__min(count - n, (size_t)batch);
            if (give_contended(0, blocks + n, part))
                left++;
            else
                weir__center_give(&centers[0], blocks + n, part);
            cr_assert_leq(bookkeeping(), WEIR__CENTER_BYTES, "round %zu", round);
        }
        cr_assert_geq(left, WEIR__RETURNS);
        cr_assert_leq(weir__returns_count(centers[0].returns), WEIR__RETURNS * batch);
        cr_assert_leq(figures_of(0).batched, centers[0].depot.most + WEIR__RETURNS * batch);
    }
    expect_empty();
    cr_assert_leq(bookkeeping(), 4096, "a flush frees the depot");
}

/* Of every class: what the center keeps, all returns and a batch fit. */
Test(center, depots_of_all_classes_are_within_the_bound, .init = NULL, .fini = NULL)
{
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++) {
        struct weir__center center;
        weir__center_init(&center, sizeclass, &heap, weir__home_of(&owner, 0));
        cr_assert_leq(center.depot.room_most * sizeof(struct weir__cached), WEIR__DEPOT_BYTES);
        cr_assert_geq(center.depot.room_most,
                      center.depot.most + (WEIR__RETURNS + 1) * center.batch);
        cr_assert_eq(center.depot.most % center.batch, 0, "%u", sizeclass);
    }
}

Test(center, gives_without_memory_for_the_depot)
{
    struct weir__cached mixed[WEIR__BATCH_MAX], other[WEIR__BATCH_MAX];
    unsigned batch = centers[0].batch;
    cr_assert_eq(weir__center_take(&centers[0], mixed), batch);
    cr_assert_eq(weir__center_take(&centers[1], other), batch);
    struct weir__cached kept = mixed[3];
    mixed[3] = other[3];
    other[3] = kept;
    weir__fault_after(0);
    weir__fault_persistent(true);
    weir__center_give(&centers[0], mixed, batch);
    weir__center_give(&centers[0], other, batch);
    weir__fault_persistent(false);
    weir__fault_after(-1);
    cr_assert_eq(figures_of(0).out + figures_of(1).out, 0, "one by one, each to its own");
    expect_empty();
}

Test(center, has_none_without_memory)
{
    struct weir__cached blocks[WEIR__BATCH_MAX];
    weir__fault_after(0);
    cr_assert_eq(weir__center_take(&centers[0], blocks), 0);
    weir__fault_after(-1);
    expect_empty();
}

static int count_live(void *block, uint32_t *entry, struct weir__slab *slab, void *user)
{
    cr_assert_eq(weir__slab_entry(slab, block), entry);
    return ++*(size_t *)user == 7 ? 77 : 0;
}

Test(center, walks_what_is_live)
{
    struct weir__cached blocks[WEIR__BATCH_MAX];
    size_t seen = 0;
    unsigned batch = weir__center_take(&centers[0], blocks);
    for (unsigned i = 0; i < 5; i++)
        weir__entry_set(blocks[2 * i].entry, WEIR__ENTRY_LIVE | 200);
    cr_assert_eq(weir__center_each_live(&centers[0], count_live, &seen), 0);
    cr_assert_eq(seen, 5, "cached ones are not live");
    seen = 5;
    cr_assert_eq(weir__center_each_live(&centers[0], count_live, &seen), 77);
    cr_assert_eq(seen, 7);
    for (unsigned i = 0; i < 5; i++)
        weir__entry_set(blocks[2 * i].entry, blocks[2 * i].mark);
    weir__center_give(&centers[0], blocks, batch);
    expect_empty();
}

/* -- misuse -------------------------------------------------------------------- */

struct told {
    size_t times;
    const void *pointer;
    weir_allocator *a; /* NULL: the centers alone */
    char line[128];
    bool locked;
};

/* A handler may do what it likes with weir. */
static void tell(weir_misuse what, const void *pointer, const char *line, void *user)
{
    struct told *told = user;
    cr_assert_eq(what, WEIR_MISUSE_DOUBLE_FREE);
    snprintf(told->line, sizeof told->line, "%s", line);
    told->times++;
    told->pointer = pointer;
    for (int i = 0; i < CENTERS; i++)
        told->locked |= __atomic_load_n(&centers[i].lock.state, __ATOMIC_RELAXED) != 0;
    if (told->a) {
        weir_deallocate(told->a, weir_allocate(told->a, 256));
        weir_trim(told->a);
    }
}

static void expect_noted(const void *block, size_t requested)
{
    struct weir__late_misuse late;
    cr_assert(weir__late_misuse_take(&late));
    cr_assert_eq(late.what, WEIR_MISUSE_DOUBLE_FREE);
    cr_assert_eq(late.block, block);
    cr_assert_eq(late.owner, &owner);
    cr_assert_eq(late.requested, requested);
}

static void expect_none_noted(void)
{
    struct weir__late_misuse late;
    cr_assert_not(weir__late_misuse_take(&late));
    cr_assert_not(weir__late_misuses_kept);
}

/* As after a life in which `requested` bytes were asked for. */
static void was_live(struct weir__cached *cached, uint32_t requested)
{
    cached->mark = WEIR__ENTRY_CACHED | 9;
    cached->former = requested;
    weir__entry_set(cached->entry, cached->mark);
}

Test(center, a_block_given_twice_is_noted_once)
{
    struct weir__cached blocks[WEIR__BATCH_MAX];
    unsigned batch = weir__center_take(&centers[0], blocks);
    was_live(&blocks[0], 201);
    was_live(&blocks[1], 0);
    weir__center_give(&centers[0], blocks, 2);
    expect_none_noted();
    weir__center_give(&centers[0], blocks, 1);
    weir__center_give(&centers[0], blocks + 1, 1);
    cr_assert_eq(figures_of(0).out, batch - 2, "put back once each");
    expect_noted(blocks[0].block, 201);
    expect_noted(blocks[1].block, 0);
    expect_none_noted();
    weir__center_give(&centers[0], blocks + 2, batch - 2);
    expect_empty();
}

/* Both copies go through depots and are found by the flush. */
Test(center, a_block_in_two_batches_is_noted_by_a_flush)
{
    struct weir__cached one[WEIR__BATCH_MAX], two[WEIR__BATCH_MAX];
    unsigned batch = weir__center_take(&centers[0], one);
    cr_assert_eq(weir__center_take(&centers[0], two), batch);
    struct weir__cached kept = two[7];
    was_live(&one[3], 200);
    two[7] = one[3];
    weir__center_give(&centers[0], one, batch);
    weir__center_give(&centers[0], two, batch);
    expect_none_noted();
    weir__center_flush(&centers[0]);
    expect_noted(one[3].block, 200);
    expect_none_noted();
    cr_assert_eq(figures_of(0).out, 1, "the one that was left out");
    weir__center_give(&centers[0], &kept, 1);
    expect_empty();
}

/* The other copy was made live: this one may not go into the slab. */
Test(center, a_copy_of_a_live_block_is_noted)
{
    struct weir__cached blocks[WEIR__BATCH_MAX];
    unsigned batch = weir__center_take(&centers[0], blocks);
    was_live(&blocks[0], 123);
    weir__entry_set(blocks[0].entry, WEIR__ENTRY_LIVE | 255);
    weir__center_give(&centers[0], blocks, 1);
    expect_noted(blocks[0].block, 123);
    cr_assert_eq(figures_of(0).out, batch);
    was_live(&blocks[0], 123);
    weir__center_give(&centers[0], blocks, batch);
    expect_empty();
    expect_none_noted();
}

/* The slab went back with the other copy: into no slab of anybody's. */
Test(center, a_copy_of_a_block_whose_slab_went_is_noted)
{
    struct weir__cached blocks[WEIR__BATCH_MAX], later[WEIR__BATCH_MAX];
    struct weir__center other;
    unsigned batch = weir__center_take(&centers[0], blocks);
    weir__center_give(&centers[0], blocks, batch);
    expect_empty();
    weir__center_give(&centers[0], blocks + 3, 1);
    expect_noted(blocks[3].block, 0);
    weir__center_init(&other, CLASS + 1, &heap, weir__home_of(&owner, 0));
    cr_assert_gt(weir__center_take(&other, later), 0);
    cr_assert_eq(weir__slab_of(later[0].block), weir__slab_of(blocks[0].block));
    weir__center_give(&centers[0], blocks, batch);
    weir__center_flush(&centers[0]);
    for (unsigned i = 0; i < batch; i++)
        expect_noted(blocks[i].block, 0);
    expect_none_noted();
    cr_assert(weir__center_is_valid(&other));
    weir__center_destroy(&other);
}

/* -- corruption ------------------------------------------------------------------- */

static void expect_corrupt(const void *block)
{
    struct weir__late_misuse late;
    cr_assert(weir__late_misuse_take(&late));
    cr_assert_eq(late.what, WEIR_MISUSE_CORRUPTION);
    cr_assert_eq(late.block, block);
    cr_assert_eq(late.owner, &owner);
}

Test(center, a_walk_notes_an_overwritten_entry)
{
    struct weir__cached blocks[WEIR__BATCH_MAX];
    size_t seen = 0;
    unsigned batch = weir__center_take(&centers[0], blocks);
    weir__entry_set(blocks[1].entry, WEIR__ENTRY_LIVE | 256);
    weir__entry_set(blocks[2].entry, WEIR__ENTRY_LIVE | 257);
    cr_assert_eq(weir__center_each_live(&centers[0], count_live, &seen), 0);
    cr_assert_eq(weir__center_each_live(&centers[0], count_live, &seen), 0);
    cr_assert_eq(seen, 2, "the other one, twice");
    expect_corrupt(blocks[2].block);
    expect_none_noted();
    cr_assert_not(weir__center_is_valid(&centers[0]));
    was_live(&blocks[1], 256);
    was_live(&blocks[2], 0);
    weir__center_give(&centers[0], blocks, batch);
    expect_empty();
}

/* Two threads that free a block at one instant both find it live: its entry is made so
 * again between two frees. */
Test(center, a_racing_double_free_is_found_by_a_trim)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.name = "twice"});
    struct told told = {.a = a};
    void *other = weir_allocate(a, 200), *block = weir_allocate(a, 200);
    uint32_t *entry = weir__slab_entry(weir__slab_of(block), block), live = weir__entry_get(entry);
    weir_set_misuse_handler(tell, &told);
    weir_deallocate(a, block);
    weir__entry_set(entry, live);
    weir_deallocate(a, block);
    cr_assert_eq(told.times, 0);
    weir_trim(a);
    cr_assert_eq(told.times, 1);
    cr_assert_not(told.locked);
    cr_assert_not_null(strstr(told.line, "\"twice\""), "%s", told.line);
    cr_assert_eq(told.pointer, block);
    weir_set_misuse_handler(NULL, NULL);
    weir_deallocate(a, other);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    metadata = weir__meta_in_use();
}

/* -- threads ------------------------------------------------------------------- */

enum { THREADS = 4, HAND = 64 };

static struct weir__cached exchange[HAND][WEIR__BATCH_MAX];
static unsigned counts[HAND];
static bool busy[HAND];

/* Batches taken at any center, their blocks mixed through a shared table with those of
 * others, given in pieces. */
static void *thread_mixes(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    for (size_t n = 0; n < scaled(20000); n++) {
        size_t at = random_below(&random, HAND);
        if (__atomic_exchange_n(&busy[at], true, __ATOMIC_ACQUIRE))
            continue;
        if (counts[at]) {
            unsigned some = 1 + (unsigned)random_below(&random, counts[at]);
            if (random_below(&random, 2))
                some = counts[at];
            weir__center_give(&centers[0], exchange[at] + counts[at] - some, some);
            counts[at] -= some;
        } else {
            counts[at] = weir__center_take(&centers[random_below(&random, CENTERS)], exchange[at]);
            cr_assert_gt(counts[at], 0);
        }
        for (unsigned i = 0; i < counts[at]; i++) /* nobody else has it */
            cr_assert(weir__entry_is_cached(*exchange[at][i].entry));
        __atomic_store_n(&busy[at], false, __ATOMIC_RELEASE);
        if (n % 1000 == 0)
            weir__center_flush(&centers[random_below(&random, CENTERS)]);
    }
    return NULL;
}

Test(center, threads_share_them)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, thread_mixes, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    size_t held = 0, out = 0;
    flush_all();
    for (int i = 0; i < HAND; i++)
        held += counts[i];
    for (int i = 0; i < CENTERS; i++)
        out += figures_of(i).out;
    cr_assert_eq(out, held);
    for (int i = 0; i < HAND; i++)
        if (counts[i])
            weir__center_give(&centers[0], exchange[i], counts[i]);
    expect_empty();
}

/* -- checking ---------------------------------------------------------------------- */

#define WITH(field, wrong) EXPECT_FOUND(weir__center_is_valid(&centers[0]), field, wrong)

Test(center, any_wrong_field_is_found)
{
    static struct weir__cached blocks[MANY + WEIR__BATCH_MAX], others[WEIR__BATCH_MAX];
    size_t count = take_many(0, blocks, 600);
    unsigned nothers = weir__center_take(&centers[1], others);
    struct weir__center *c = &centers[0];
    weir__center_give(c, blocks, c->batch);
    cr_assert(c->full && c->full->next && c->partial);
    cr_assert_gt(c->depot.count, 0);
    WITH(c->nout, c->nout + 1);
    WITH(c->nslabs, c->nslabs + 1);
    WITH(c->depot.count, c->depot.room + 1);
    WITH(c->depot.room, c->depot.room_most + 1);
    WITH(c->full->home, c->full->home + 64);
    WITH(c->full->prev, c->full->next);
    WITH(c->full->next->prev, NULL);
    WITH(c->full->nout, 0);
    WITH(c->full->nout, c->full->nout - 1);
    WITH(c->full->bin, c->full->bin + (1 << WEIR__BIN_SHIFT));
    WITH(c->partial->prev, c->partial);
    WITH(c->partial->nout, c->partial->nout + 1);
    struct weir__cached *first = &c->depot.blocks[0];
    WITH(first->entry, first->entry + 1);
    WITH(first->mark, first->mark + 4);
    uint32_t mark = first->mark;
    first->mark += 4;
    cr_expect(weir__center_is_sound(c), "its thread may be about to give it to another");
    first->mark = mark;
    weir__center_give(c, blocks + c->batch, 1);
    for (size_t i = c->batch + 1u; i < count; i++)
        weir__center_give(c, blocks + i, 1);
    weir__center_give(&centers[1], others, nothers);
    expect_empty();
}
