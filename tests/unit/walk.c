/* Walking: every live block once, with what is known of it. */
#include "alloc/walk.h"
#include "../helpers/core.h"
#include "../helpers/suite.h"
#include "alloc/inspect.h"

#include <pthread.h>
#include <weir/weir.h>

enum { N = 4000 };

struct known {
    char *block;
    size_t size;
    weir_tag tag;
    bool seen;
};

struct walk {
    struct known *known;
    size_t count, visits, since, stop_at;
    const weir_allocator *a;
};

static int by_address(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    return (x->block > y->block) - (x->block < y->block);
}

static bool visit(const weir_block *block, void *user)
{
    struct walk *w = user;
    struct known key = {.block = (char *)(uintptr_t)block->address};
    struct known *known = bsearch(&key, w->known, w->count, sizeof key, by_address);
    cr_assert_not_null(known, "%p is no live block", block->address);
    cr_assert_not(known->seen, "%p twice", block->address);
    known->seen = true;
    cr_assert_eq(block->requested, known->size);
    cr_assert_geq(block->usable, known->size);
    cr_assert_eq(block->tag, known->tag);
    w->since += block->since_checkpoint;
    return ++w->visits == w->stop_at;
}

/* A random population of `a`, some of it freed again; sorted by address. */
static size_t populate(weir_allocator *a, struct known *known, uint64_t *random)
{
    size_t n = 0;
    weir_tag tags[3] = {0, weir_tag_intern("one"), weir_tag_intern("two")};
    for (int i = 0; i < N; i++) {
        size_t size = random_size(random, i % 50 ? 20000 : MIB);
        weir_tag tag = tags[i % 3];
        weir_tag_set(tag);
        char *block = weir_allocate_aligned(a, size, i % 2 ? 16 : 64);
        if (random_below(random, 3))
            known[n++] = (struct known){block, size, tag, false};
        else
            weir_deallocate(a, block);
    }
    qsort(known, n, sizeof *known, by_address);
    return n;
}

static void walk_expect_all(weir_allocator *a)
{
    static struct known known[N];
    uint64_t random = 12;
    struct walk w = {.known = known, .count = populate(a, known, &random)};
    cr_assert_eq(weir_allocator_walk(a, visit, &w), 0);
    cr_assert_eq(w.visits, w.count);
    for (size_t i = 0; i < w.count; i++)
        cr_assert(known[i].seen);
}

Test(walk, sees_every_live_block_once)
{
    walk_expect_all(weir_cpu_allocator());
}

Test(walk, sees_a_contexts_own_blocks_alone)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_allocator *child = weir_allocator_create(&(weir_allocator_options){.parent = a});
    weir_allocate(child, 100);
    weir_allocate(weir_cpu_allocator(), 100);
    walk_expect_all(a);
}

Test(walk, sees_blocks_of_functions)
{
    walk_expect_all(weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_MALLOC}));
    walk_expect_all(
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_BACKING}));
}

Test(walk, stops_when_told)
{
    static struct known known[N];
    uint64_t random = 12;
    weir_allocator *a = weir_cpu_allocator();
    struct walk w = {.known = known, .count = populate(a, known, &random), .stop_at = 10};
    cr_assert_eq(weir_allocator_walk(a, visit, &w), 0);
    cr_assert_eq(w.visits, 10);
}

static bool count(const weir_block *block, void *user)
{
    struct walk *w = user;
    w->visits++;
    w->since += block->since_checkpoint;
    return false;
}

static void generations(weir_allocator *a)
{
    static const size_t sizes[] = {10, 3000, 100000};
    void *old[3], *young[3];
    for (int i = 0; i < 3; i++)
        old[i] = weir_allocate(a, sizes[i]);
    struct walk w = {0};
    cr_assert_eq(weir__allocator_mark_old(a, count, &w), 0);
    cr_assert_eq(w.visits, 3, "all were young");
    for (int i = 0; i < 3; i++)
        young[i] = weir_allocate(a, sizes[i]);
    w = (struct walk){0};
    weir_allocator_walk(a, count, &w);
    cr_assert_eq(w.visits, 6);
    cr_assert_eq(w.since, 3);
    /* In place it stays old. */
    cr_assert_not_null(weir_reallocate(a, old[0], 12));
    weir_deallocate(a, young[0]);
    weir_deallocate(a, young[1]);
    w = (struct walk){0};
    weir__allocator_mark_old(a, count, &w);
    cr_assert_eq(w.visits, a == weir_cpu_allocator() ? 1 : w.visits);
    w = (struct walk){0};
    weir__allocator_mark_old(a, count, &w);
    cr_assert_eq(w.visits, 0, "all are old");
}

Test(walk, tells_generations_apart)
{
    generations(weir_cpu_allocator());
    generations(weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_MALLOC}));
}

/* -- beside running threads ------------------------------------------------------------------ */

static bool stop;

static void *churn(void *seed)
{
    void *held[64] = {NULL};
    uint64_t random = (uintptr_t)seed;
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        size_t at = random_below(&random, 64);
        weir_deallocate(weir_cpu_allocator(), held[at]);
        held[at] = weir_allocate(weir_cpu_allocator(), random_size(&random, 300000));
    }
    for (int i = 0; i < 64; i++)
        weir_deallocate(weir_cpu_allocator(), held[i]);
    return NULL;
}

struct survey {
    size_t mine;
    const weir_allocator *a;
};

static bool survey_visit(const weir_block *block, void *user)
{
    struct survey *s = user;
    cr_assert_leq(block->requested, block->usable);
    s->mine += block->requested == 12345;
    return false;
}

/* What lives all along is seen every time, with and without marking. */
Test(walk, beside_threads_sees_what_stays)
{
    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    for (int i = 0; i < 20; i++)
        weir_allocate(weir_cpu_allocator(), 12345);
    for (size_t round = 0; round < scaled(300); round++) {
        struct survey s = {0};
        weir_allocator_walk(weir_cpu_allocator(), survey_visit, &s);
        cr_assert_eq(s.mine, 20);
        weir__allocator_mark_old(weir_cpu_allocator(), NULL, NULL);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(weir_total_allocated(weir_cpu_allocator()), 20 * 12345);
}

static bool visit_asking(const weir_block *block, void *user)
{
    cr_assert_str_eq(weir_tag_name(block->tag), "asked");
    cr_assert_not_null(weir_last_error());
    ++*(size_t *)user;
    return false;
}

/* The calls that the header lets a visitor make, for small, large and foreign blocks. */
Test(walk, a_visitor_may_ask_for_names)
{
    weir_allocator *contexts[] = {
        weir_allocator_create(NULL),
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_MALLOC})};
    weir_tag before = weir_tag_set(weir_tag_intern("asked"));
    for (int i = 0; i < 2; i++) {
        size_t seen = 0;
        cr_assert(weir_allocate(contexts[i], 10) && weir_allocate(contexts[i], MIB));
        cr_assert_eq(weir_allocator_walk(contexts[i], visit_asking, &seen), 0);
        cr_assert_eq(seen, 2);
    }
    weir_tag_set(before);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(weir_allocator_destroy(contexts[i]), 0);
}

/* -- the tree ------------------------------------------------------------------------------- */

struct beside {
    weir_allocator *made[3];
    pthread_barrier_t turn; /* the two take turns */
    bool over;
    size_t visits, failures;
};

static size_t use_all(struct beside *b)
{
    static const size_t sizes[] = {1, 100, 5000, 40000, MIB};
    size_t failures = 0;
    for (size_t i = 0; i < sizeof b->made / sizeof *b->made; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            char *block = weir_allocate(b->made[i], sizes[k]);
            block = block ? weir_reallocate(b->made[i], block, sizes[k] * 3) : NULL;
            failures += block == NULL;
            weir_deallocate(b->made[i], block);
        }
    return failures;
}

/* It has allocated in each before. */
static void *beside_run(void *user)
{
    struct beside *b = user;
    b->failures += use_all(b);
    for (;;) {
        pthread_barrier_wait(&b->turn);
        if (b->over)
            return NULL;
        b->failures += use_all(b);
        pthread_barrier_wait(&b->turn);
    }
}

static int visit_beside(weir_allocator *a, unsigned depth, void *user)
{
    struct beside *b = user;
    (void)a, (void)depth;
    pthread_barrier_wait(&b->turn);
    pthread_barrier_wait(&b->turn); /* it has allocated: else nothing comes after this */
    b->visits++;
    return 0;
}

/* What is held while the tree is gone through, for figures that are printed, is waited for by who
 * makes and destroys contexts, and by a thread's first call in one; by no other allocation. */
Test(walk, a_tree_stops_no_allocation, .timeout = 120)
{
    struct beside b = {.made = {weir_allocator_create(NULL), NULL, weir_cpu_allocator()}};
    pthread_t other;
    b.made[1] =
        weir_allocator_create(&(weir_allocator_options){.parent = b.made[0], .limit = 8 * MIB});
    cr_assert_eq(pthread_barrier_init(&b.turn, NULL, 2), 0);
    cr_assert_eq(pthread_create(&other, NULL, beside_run, &b), 0);
    pthread_barrier_wait(&b.turn);
    pthread_barrier_wait(&b.turn);
    cr_assert_eq(weir__allocator_tree(NULL, visit_beside, &b), 0);
    b.over = true;
    pthread_barrier_wait(&b.turn);
    cr_assert_eq(pthread_join(other, NULL), 0);
    cr_assert_geq(b.visits, 3);
    cr_assert_eq(b.failures, 0);
    cr_assert_eq(weir_allocator_destroy(b.made[1]), 0);
    cr_assert_eq(weir_allocator_destroy(b.made[0]), 0);
}
