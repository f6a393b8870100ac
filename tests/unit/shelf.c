/*
 * Shelves: spans that a thread freed are taken again without a lock, within bounds; they are free
 * for every question, figure and walk; a second free is found in every order; and they go back when
 * the thread ends, its context goes, memory is trimmed, the process forks, or another thread needs
 * them.
 */
#include "pool/shelf.h"
#include "../helpers/promise.h"
#include "../helpers/suite.h"
#include "alloc/body.h"
#include "alloc/context.h"

#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

enum { MOST = 64 };

#define SIZE ((size_t)100000)

static struct ear ear;

/* The allocator that the tests use: its own pool, so that nobody else is there. */
static weir_allocator *a;

static void setup(void)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    cr_assert_not_null(pool);
    a = pool;
    weir_set_misuse_handler(ear_hear, &ear);
    /* A crest, below which windows are open. */
    weir_deallocate(a, weir_allocate(a, 64 * WEIR__MIB));
}
TestSuite(shelf, .init = setup);

static struct weir__shelf *shelf_of(weir_allocator *of)
{
    return weir__heap_cached(of)->shelf;
}

static struct weir__page_heap *page_heap(void)
{
    return a->body->page_heap;
}

static size_t shelved(void)
{
    weir__context_lock();
    size_t bytes = weir__heaps_shelved(a);
    weir__context_unlock();
    return bytes;
}

/* A block between two that live, so that it is alone when it is free. */
struct alone {
    void *left, *block, *right;
};

static struct alone alone_make(size_t size)
{
    struct alone made = {weir_allocate(a, 20000), weir_allocate(a, size), weir_allocate(a, 20000)};
    cr_assert(made.left && made.block && made.right);
    return made;
}

static void alone_end(struct alone *l)
{
    weir_deallocate(a, l->left);
    weir_deallocate(a, l->right);
}

/* Onto the shelf: the first free of a thread makes it. */
static struct alone alone_shelved(size_t size)
{
    struct alone l = alone_make(size);
    weir_deallocate(a, l.block);
    cr_assert_eq(shelved(), (size_t)weir__span_pages(size) << WEIR__GRANULE_SHIFT);
    cr_assert(weir__shelf_is_valid(shelf_of(a)));
    return l;
}

/* -- taken again ---------------------------------------------------------------------------- */

struct pairs {
    struct alone l;
    bool same;
};

static void *pairs_run(void *user)
{
    struct pairs *p = user;
    p->same = true;
    for (int i = 0; i < 1000; i++) {
        void *block = weir_allocate(a, SIZE);
        p->same &= block == p->l.block;
        weir_deallocate(a, block);
    }
    return NULL;
}

/* A thread warms its shelf up, then goes on while another one holds the page heap's lock. */
static void *pairs_thread(void *user)
{
    struct pairs *p = user;
    p->l = alone_shelved(SIZE);
    pthread_barrier_t *gates = *(pthread_barrier_t **)(p + 1);
    pthread_barrier_wait(&gates[0]);
    pairs_run(p);
    pthread_barrier_wait(&gates[1]);
    weir_deallocate(a, p->l.left);
    weir_deallocate(a, p->l.right);
    return NULL;
}

Test(shelf, a_pair_takes_no_lock)
{
    static pthread_barrier_t gates[2];
    static struct {
        struct pairs pairs;
        pthread_barrier_t *gates;
    } all = {.gates = gates};
    pthread_t thread;
    pthread_barrier_init(&gates[0], NULL, 2);
    pthread_barrier_init(&gates[1], NULL, 2);
    cr_assert_eq(pthread_create(&thread, NULL, pairs_thread, &all), 0);
    pthread_barrier_wait(&gates[0]);
    weir__lock_take(&page_heap()->lock);
    pthread_barrier_wait(&gates[1]);
    weir__lock_drop(&page_heap()->lock);
    pthread_join(thread, NULL);
    cr_assert(all.pairs.same, "the same block again and again");
    cr_assert_eq(stats_of(a).allocation_count, 0);
}

Test(shelf, what_is_taken_is_what_was_asked_for)
{
    static const size_t sizes[] = {99000, 98400, 100000, 102400, 99001};
    struct alone l = alone_shelved(SIZE);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *block = weir_allocate(a, sizes[i]);
        cr_assert_eq((uintptr_t)block / 4096, (uintptr_t)l.block / 4096, "size %zu", sizes[i]);
        cr_assert_eq((uintptr_t)block % 64, 0);
        cr_assert_eq(weir_requested_size(a, block), sizes[i]);
        cr_assert_geq(weir_usable_size(a, block), sizes[i]);
        memset(block, 0xff, weir_usable_size(a, block));
        cr_assert_eq(stats_of(a).total_allocated, 40000 + sizes[i]);
        weir_deallocate(a, block);
        unsigned char *zeroed = weir_allocate_zeroed(a, 1, sizes[i]);
        cr_assert(is_all_zero(zeroed, sizes[i]));
        weir_deallocate(a, zeroed);
    }
    void *strict = weir_allocate_aligned(a, SIZE, WEIR__MIB);
    cr_assert_eq((uintptr_t)strict % WEIR__MIB, 0);
    weir_deallocate(a, strict);
    alone_end(&l);
    expect_empty(a, "all was freed");
}

/* Best fit would join it with what is free beside it. */
Test(shelf, a_span_beside_a_free_one_is_not_taken)
{
    void *blocks[5];
    for (int i = 0; i < 5; i++)
        blocks[i] = weir_allocate(a, SIZE);
    weir_deallocate(a, blocks[2]);
    weir_deallocate(a, blocks[1]);
    cr_assert_eq(shelf_of(a)->count, 2);
    void *again = weir_allocate(a, SIZE);
    cr_assert_eq(shelved(), 0, "both went back and were joined");
    cr_assert_eq((uintptr_t)again / 4096, (uintptr_t)blocks[1] / 4096, "the lower one");
    weir_deallocate(a, again);
    weir_deallocate(a, blocks[0]);
    weir_deallocate(a, blocks[3]);
    weir_deallocate(a, blocks[4]);
    weir_trim(a);
    cr_assert_eq(page_heap()->span_live, 0);
}

/* -- bounds --------------------------------------------------------------------------------- */

static void bound_look(size_t size)
{
    void *blocks[MOST];
    for (int i = 0; i < MOST; i++)
        blocks[i] = weir_allocate(a, size);
    for (int i = 0; i < MOST; i++) {
        weir_deallocate(a, blocks[i]);
        cr_assert_leq(shelved(), (size_t)WEIR__SHELF_MOST << WEIR__GRANULE_SHIFT);
        cr_assert(weir__shelf_is_valid(shelf_of(a)));
        cr_assert(size <= WEIR__MIB || !shelved(), "%zu is too large", size);
    }
    weir_trim(a);
    cr_assert_eq(shelved(), 0);
    expect_empty(a, "all was freed");
}

Test(shelf, holds_a_little)
{
    static const size_t sizes[] = {20000, 65536, 300000, WEIR__MIB, WEIR__MIB + 1, 3000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        bound_look(sizes[i]);
}

/* One that is not used any more goes back when its thread has freed enough else. */
Test(shelf, what_is_stale_goes_back)
{
    struct alone stale = alone_shelved(SIZE), other = alone_make(50000);
    size_t before = shelved();
    weir_deallocate(a, other.block);
    for (int i = 0; i < 20000 && shelved() > before / 2; i++)
        weir_deallocate(a, weir_allocate(a, 50000));
    cr_assert_lt(shelved(), SIZE);
    alone_end(&stale);
    alone_end(&other);
}

/* -- it is free ------------------------------------------------------------------------------- */

static bool visit_count(const weir_block *block, void *user)
{
    (void)block;
    ++*(size_t *)user;
    return false;
}

static size_t walked(void)
{
    size_t count = 0;
    weir_allocator_walk(a, visit_count, &count);
    return count;
}

Test(shelf, what_lies_there_is_free)
{
    struct alone l = alone_make(SIZE);
    weir_stats live = stats_of(a);
    cr_assert_eq(walked(), 3);
    weir_deallocate(a, l.block);
    weir_stats free = stats_of(a);
    size_t pages = (size_t)weir__span_pages(SIZE) << WEIR__GRANULE_SHIFT;
    cr_assert_eq(shelved(), pages);
    cr_assert_eq(walked(), 2);
    cr_assert_not(weir_owns(a, l.block));
    cr_assert_eq(free.total_allocated, live.total_allocated - SIZE);
    cr_assert_eq(free.deallocations, live.deallocations + 1);
    cr_assert_eq(free.in_use, live.in_use - pages);
    cr_assert_eq(free.cached, live.cached + pages);
    cr_assert_eq(free.reserved, live.reserved);
    alone_end(&l);
}

static bool visit_young(const weir_block *block, void *user)
{
    *(size_t *)user += block->since_checkpoint;
    return false;
}

static size_t young(void)
{
    size_t count = 0;
    weir_allocator_walk(a, visit_young, &count);
    return count;
}

Test(shelf, a_checkpoint_tells_a_block_that_was_taken_again)
{
    struct alone l = alone_make(SIZE);
    cr_assert_gt(weir_checkpoint(a), 0);
    cr_assert_eq(young(), 0);
    weir_deallocate(a, l.block);
    void *again = weir_allocate(a, SIZE);
    cr_assert_eq(again, l.block);
    cr_assert_eq(young(), 1);
    cr_assert_gt(weir_checkpoint(a), 0);
    cr_assert_eq(young(), 0);
    weir_deallocate(a, again);
    alone_end(&l);
}

/* -- freed twice ------------------------------------------------------------------------------ */

static void heard(weir_misuse what, const void *block, const char *when)
{
    static unsigned long before;
    cr_assert_eq(atomic_load(&ear.calls), ++before, "%s", when);
    cr_assert_eq(atomic_exchange(&ear.kinds[what], 0), 1, "%s", when);
    cr_assert_eq(atomic_load(&ear.pointer), block, "%s", when);
}

static void twice_heard(const void *block, const char *when)
{
    heard(WEIR_MISUSE_DOUBLE_FREE, block, when);
}

static void *free_again(void *block)
{
    weir_deallocate(a, block);
    return NULL;
}

Test(shelf, a_second_free_is_found_in_every_order)
{
    struct alone l = alone_shelved(SIZE);
    pthread_t thread;
    weir_deallocate(a, l.block);
    twice_heard(l.block, "by the same thread");
    cr_assert_eq(pthread_create(&thread, NULL, free_again, l.block), 0);
    pthread_join(thread, NULL);
    twice_heard(l.block, "by another");
    weir_deallocate_sized(a, l.block, SIZE);
    twice_heard(l.block, "with its size");
    cr_assert_null(weir_reallocate(a, l.block, 2 * SIZE));
    twice_heard(l.block, "when it is resized");
    cr_assert_eq(weir_usable_size(a, l.block), 0);
    twice_heard(l.block, "when it is asked about");
    weir_trim(a);
    weir_deallocate(a, l.block);
    twice_heard(l.block, "after the shelf was emptied");
    weir_deallocate(a, (char *)l.left + 4096);
    heard(WEIR_MISUSE_INTERIOR_POINTER, (char *)l.left + 4096, "inside a live one");
    cr_assert_eq(stats_of(a).total_allocated, 40000);
    cr_assert_eq(stats_of(a).allocation_count, 2);
    alone_end(&l);
    expect_empty(a, "each block was freed once");
}

static struct {
    void *block;
    struct meeting both;
    bool quit;
} race;

static void *race_run(void *unused)
{
    for (;;) {
        meet(&race.both);
        if (race.quit)
            return unused;
        weir_deallocate(a, race.block);
        meet(&race.both);
    }
}

/* At one instant: one has it, the other is told, at once; the figures never know of it. */
Test(shelf, of_two_frees_at_one_instant_one_is_told)
{
    pthread_t thread;
    race.both.parties = 2;
    cr_assert_eq(pthread_create(&thread, NULL, race_run, NULL), 0);
    struct alone l = alone_make(SIZE);
    for (int i = 0; i < 3000; i++) {
        race.block = i ? weir_allocate(a, SIZE) : l.block;
        meet(&race.both);
        weir_deallocate(a, race.block);
        meet(&race.both);
        twice_heard(race.block, "of two at once");
        cr_assert_eq(weir_total_allocated(a), 40000);
    }
    race.quit = true;
    meet(&race.both);
    pthread_join(thread, NULL);
    alone_end(&l);
    expect_empty(a, "each was freed once");
    weir_trim(a);
    cr_assert_eq(page_heap()->span_live, 0);
}

/* -- it goes back ----------------------------------------------------------------------------- */

static void *leave_shelved(void *l)
{
    *(struct alone *)l = alone_shelved(SIZE);
    return NULL;
}

Test(shelf, it_goes_back_when_its_thread_ends)
{
    struct alone l;
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, leave_shelved, &l), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(shelved(), 0);
    cr_assert_eq(page_heap()->nshelves, weir__heap_cached(a)->shelf != &weir__no_shelf);
    alone_end(&l);
    weir_trim(a);
    cr_assert_eq(page_heap()->span_live, 0);
}

Test(shelf, it_goes_back_when_its_context_goes)
{
    weir_allocator *parent = a;
    a = weir_allocator_create(&(weir_allocator_options){.name = "child", .parent = parent});
    weir_deallocate(a, weir_allocate(a, 8 * WEIR__MIB));
    struct alone l = alone_shelved(SIZE);
    cr_assert_not_null(weir_allocate(a, SIZE), "one is live");
    weir_deallocate(a, weir_allocate(a, 50000));
    (void)l;
    size_t before = page_heap()->span_live;
    cr_assert_gt(before, 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    a = parent;
    cr_assert_eq(page_heap()->span_live, 0);
    cr_assert_eq(page_heap()->nshelves, weir__heap_cached(a)->shelf != &weir__no_shelf);
    cr_assert(weir__page_heap_is_valid(page_heap()));
}

static struct meeting halfway = {.parties = 2};

static void *wait_shelved(void *l)
{
    leave_shelved(l);
    meet(&halfway);
    meet(&halfway);
    alone_end(l);
    return NULL;
}

/* What another thread has on its shelf serves before the page heap grows. */
Test(shelf, all_are_emptied_before_memory_grows)
{
    struct alone l;
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, wait_shelved, &l), 0);
    meet(&halfway);
    struct weir__region *region = weir__region_first(page_heap());
    size_t left = (size_t)(region->touched - region->frontier) << WEIR__GRANULE_SHIFT;
    void *rest = left ? weir_allocate(a, left) : NULL;
    uint32_t touched = region->touched;
    cr_assert_eq(shelved() > 0, true);
    void *again = weir_allocate(a, SIZE);
    cr_assert_eq((uintptr_t)again / 4096, (uintptr_t)l.block / 4096);
    cr_assert_eq(region->touched, touched, "nothing new was touched");
    cr_assert_eq(shelved(), 0);
    weir_deallocate(a, again);
    weir_deallocate(a, rest);
    meet(&halfway);
    pthread_join(thread, NULL);
    expect_empty(a, "all was freed");
}

/* In the child the other thread's shelf is empty, and its spans are there. */
Test(shelf, a_forked_child_has_what_lay_on_others)
{
    struct alone l;
    pthread_t thread;
    int status = 1;
    cr_assert_eq(pthread_create(&thread, NULL, wait_shelved, &l), 0);
    meet(&halfway);
    pid_t child = fork();
    if (child == 0) {
        bool good = shelved() == 0 && weir__page_heap_is_valid(page_heap()) &&
                    stats_of(a).allocation_count == 2;
        weir_deallocate(a, l.left);
        weir_deallocate(a, l.right);
        weir_trim(a);
        _exit(good && page_heap()->span_live == 0 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
    meet(&halfway);
    pthread_join(thread, NULL);
}

/* A limit is what it says, with blocks on the shelf or without. */
Test(shelf, a_limit_refuses_what_the_shelf_has)
{
    struct alone l = alone_shelved(SIZE);
    cr_assert_eq(weir_set_limit(a, 40000 + SIZE - 1), 0);
    cr_assert_null(weir_allocate(a, SIZE));
    cr_assert_eq(weir_total_allocated(a), 40000);
    cr_assert_eq(weir_set_limit(a, 40000 + SIZE), 0);
    void *block = weir_allocate(a, SIZE);
    cr_assert_not_null(block);
    weir_deallocate(a, block);
    alone_end(&l);
}

/* -- the check of a shelf ------------------------------------------------------------------- */

#define WITH(field, wrong) EXPECT_FOUND(weir__shelf_is_valid(shelf), field, wrong)

Test(shelf, the_check_finds_any_wrong_field)
{
    struct alone l = alone_shelved(SIZE);
    struct weir__shelf *shelf = shelf_of(a);
    cr_assert_eq(shelf->count, 1);
    struct weir__span *span = shelf->slots[0].span;
    WITH(shelf->count, WEIR__SHELF_SLOTS + 1);
    WITH(shelf->count, 0);
    WITH(shelf->pages, shelf->pages + 1);
    WITH(shelf->npages[0], shelf->npages[0] + 1);
    WITH(shelf->slots[0].start, shelf->slots[0].start + 1);
    WITH(span->state, WEIR__PAGE_HOLE);
    WITH(span->u.live.direct, 1);

    /* The label of a live block. */
    uint64_t was = weir__span_label(span);
    weir__label_set(&span->u.live.label, was | WEIR__LABEL_LIVE);
    cr_expect_not(weir__shelf_is_valid(shelf));
    weir__label_set(&span->u.live.label, was);
    cr_expect(weir__shelf_is_valid(shelf));

    /* More pages than a shelf may hold, though all figures agree. */
    uint32_t npages = span->npages;
    span->npages = shelf->npages[0] = shelf->pages = WEIR__SHELF_MOST + 1;
    cr_expect_not(weir__shelf_is_valid(shelf));
    span->npages = shelf->npages[0] = shelf->pages = npages;
    cr_expect(weir__shelf_is_valid(shelf));
    alone_end(&l);
}
