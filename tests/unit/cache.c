/*
 * Thread caches by themselves: a bin takes and gives whole batches, grows for who takes and
 * frees in turn, and not for who only frees; what it holds is valid, and comes back.
 */
#include "pool/cache.h"
#include "../helpers/suite.h"
#include "backing/meta.h"
#include "base/fault.h"
#include "pool/chunk.h"
#include "pool/late_misuse.h"

enum { CLASS = 15 /* 256 bytes, batches of 31 */ };

static struct weir__page_heap heap;
static struct weir__family family;
static struct weir__shard shard;
static struct weir__cache cache;
static struct weir__bin bins[WEIR__CLASSES],
    *own_bins = bins; /* NULL: they are made with the first */
static char owner;    /* its address is what counts */
static size_t metadata;

static void setup(void)
{
    metadata = weir__meta_in_use();
    weir__page_heap_init(&heap, &weir__backing_system, weir__policy_get());
    weir__family_init(&family);
    weir__shard_init(&shard, &heap, &family, &owner);
    weir__cache_init(&cache, &shard, own_bins);
    weir__lock_take(&cache.lock); /* its thread is in a slow operation throughout */
}

static void setup_without(void)
{
    own_bins = NULL;
    setup();
}

static void unmake(void)
{
    for (struct weir__center *at = NULL; (at = weir__shard_after(&shard, at));)
        cr_assert(weir__center_is_valid(at), "class %u", at->sizeclass);
    weir__shard_unmake(&shard);
    weir__page_heap_destroy(&heap);
    cr_assert_eq(weir__meta_in_use(), metadata, "a bin was lost");
}

TestSuite(cache, .init = setup, .fini = unmake);
TestSuite(cache_without_bins, .init = setup_without, .fini = unmake);

static struct weir__cached pop(unsigned sizeclass)
{
    if (!cache.bins[sizeclass].top[-1].block)
        cr_assert(weir__cache_refill(&cache, sizeclass));
    struct weir__bin *bin = &cache.bins[sizeclass];
    weir__bin_set_top(bin, bin->top - 1);
    weir__entry_set(bin->top->entry, WEIR__ENTRY_LIVE | weir__class_bytes[sizeclass]);
    return *bin->top;
}

static void push(unsigned sizeclass, struct weir__cached cached)
{
    if (cache.bins[sizeclass].top == cache.bins[sizeclass].limit)
        cr_assert(weir__cache_drain(&cache, sizeclass));
    struct weir__bin *bin = &cache.bins[sizeclass];
    static uint32_t number;
    cached.mark = WEIR__ENTRY_CACHED | ++number;
    cached.former = (uint32_t)weir__entry_size(weir__entry_get(cached.entry));
    weir__entry_set(cached.entry, cached.mark);
    *bin->top = cached;
    weir__bin_set_top(bin, bin->top + 1);
}

static void expect_all_back(void)
{
    cr_assert(weir__cache_is_valid(&cache));
    weir__cache_empty(&cache, true);
    cr_assert(weir__cache_is_valid(&cache));
    cr_assert_eq(cache.grown, 0);
    for (struct weir__center *at = NULL; (at = weir__shard_after(&shard, at));) {
        struct weir__center_figures f;
        weir__center_flush(at);
        weir__center_figures(at, &f);
        cr_assert_eq(f.out, 0, "class %u: %zu", at->sizeclass, f.out);
        cr_assert_eq(f.slabs, 0);
    }
}

Test(cache, an_unused_bin_is_empty_and_full)
{
    cr_assert(weir__cache_is_valid(&cache));
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++) {
        const struct weir__bin *bin = weir__bin_at(cache.bins, sizeclass << WEIR__BIN_SHIFT);
        cr_assert_eq(bin, &cache.bins[sizeclass]);
        cr_assert_null(bin->top[-1].block);
        cr_assert_eq(bin->top, bin->limit);
        cr_assert_eq(weir__cache_count(&cache, sizeclass), 0);
    }
}

static void every_class_takes_and_gives(void)
{
    static struct weir__cached blocks[1000];
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++) {
        for (size_t i = 0; i < 1000; i++)
            blocks[i] = pop(sizeclass);
        cr_assert(weir__cache_is_valid(&cache));
        for (size_t i = 0; i < 1000; i++)
            push(sizeclass, blocks[i]);
        cr_assert(weir__cache_is_valid(&cache));
        cr_assert_leq(weir__cache_count(&cache, sizeclass), weir__bin_room(&cache.bins[sizeclass]));
    }
    expect_all_back();
}

Test(cache, every_class_takes_and_gives)
{
    every_class_takes_and_gives();
    cr_assert_eq(cache.bins, bins);
}

Test(cache_without_bins, every_class_takes_and_gives)
{
    cr_assert_eq(cache.bins, weir__no_bins);
    every_class_takes_and_gives();
    cr_assert_eq(cache.bins, weir__no_bins, "empty, and has bins");
}

Test(cache, a_bin_grows_for_who_takes_and_frees_in_turn)
{
    static struct weir__cached blocks[400];
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < 400; i++)
            blocks[i] = pop(CLASS);
        for (size_t i = 0; i < 400; i++)
            push(CLASS, blocks[i]);
        cr_assert(weir__cache_is_valid(&cache));
    }
    cr_assert_geq(weir__bin_room(&cache.bins[CLASS]), 400);
    cr_assert_eq(cache.grown, cache.bins[CLASS].grown);
    cr_assert_eq(cache.grown, (weir__bin_room(&cache.bins[CLASS]) - 2 * 31) * 256);
    expect_all_back();
}

/* Its blocks come from elsewhere: it never runs empty. */
Test(cache, a_bin_does_not_grow_for_who_only_frees)
{
    struct weir__cached blocks[WEIR__BATCH_MAX];
    for (int round = 0; round < 100; round++) {
        unsigned count = weir__center_take(weir__shard_center(&shard, CLASS), blocks);
        for (unsigned i = 0; i < count; i++)
            push(CLASS, blocks[i]);
    }
    cr_assert_eq(weir__bin_room(&cache.bins[CLASS]), 2 * 31);
    cr_assert_not(cache.bins[CLASS].refilled);
    expect_all_back();
}

Test(cache, a_bin_that_cannot_grow_gives_instead)
{
    static struct weir__cached blocks[100];
    for (size_t i = 0; i < 100; i++)
        blocks[i] = pop(CLASS);
    size_t room = weir__bin_room(&cache.bins[CLASS]);
    weir__fault_after(0);
    weir__fault_persistent(true);
    for (size_t i = 0; i < 100; i++)
        push(CLASS, blocks[i]);
    weir__fault_persistent(false);
    weir__fault_after(-1);
    cr_assert_eq(weir__bin_room(&cache.bins[CLASS]), room);
    expect_all_back();
}

Test(cache, a_bin_that_cannot_be_made_says_so)
{
    weir__fault_after(0);
    weir__fault_persistent(true);
    cr_assert_not(weir__cache_refill(&cache, CLASS));
    cr_assert_not(weir__cache_drain(&cache, CLASS));
    weir__fault_persistent(false);
    weir__fault_after(-1);
    cr_assert(weir__cache_is_valid(&cache));
    expect_all_back();
}

/* The same block twice, as two threads that free it at one instant leave it: one way out. */
Test(cache, a_block_that_came_twice_goes_back_once)
{
    struct weir__late_misuse late;
    struct weir__cached block = pop(CLASS), other = pop(CLASS), out = pop(CLASS);
    uint32_t live = weir__entry_get(block.entry);
    push(CLASS, block);
    push(CLASS, other);
    weir__entry_set(block.entry, live);
    push(CLASS, block);
    weir__cache_empty(&cache, true);
    weir__center_flush(weir__shard_center(&shard, CLASS));
    cr_assert(weir__late_misuse_take(&late));
    cr_assert_eq(late.what, WEIR_MISUSE_DOUBLE_FREE);
    cr_assert_eq(late.block, block.block);
    cr_assert_eq(late.requested, weir__class_bytes[CLASS]);
    cr_assert_not(weir__late_misuse_take(&late), "once");
    push(CLASS, out); /* its slab stayed so far */
    expect_all_back();
}

Test(cache, what_is_not_cached_is_not_valid)
{
    struct weir__cached block = pop(CLASS);
    push(CLASS, block);
    uint32_t kept = weir__entry_get(block.entry);
    weir__entry_set(block.entry, WEIR__ENTRY_LIVE | 16);
    cr_assert_not(weir__cache_is_valid(&cache), "live");
    weir__entry_set(block.entry, kept);
    cache.bins[CLASS].top[-1].entry++;
    cr_assert_not(weir__cache_is_valid(&cache), "another's entry");
    cache.bins[CLASS].top[-1].entry--;
    cache.grown++;
    cr_assert_not(weir__cache_is_valid(&cache), "grown");
    cache.grown--;
    expect_all_back();
}
