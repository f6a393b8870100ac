/*
 * A million random operations over a tree of allocators, against an independent
 * model: after every one total, peak and count of every allocator it touched are
 * equal to the model's, and contents, alignment, zeroes and places are right.
 */
#include "../helpers/core.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <weir/weir.h>

#define MOST_LIVE  3000
#define MOST_BYTES ((size_t)4 << 20)

/* What the model knows of one allocator: written only by model_change. */
struct model {
    weir_allocator *allocator;
    struct model *parent;
    size_t total, peak, count, limit;
    size_t allocations, frees, failures, bytes;
};

struct live {
    unsigned char *block;
    size_t size, alignment;
    uint64_t id;
    struct model *model;
};

struct world {
    struct model models[8];
    size_t nmodels;
    struct live live[MOST_LIVE];
    size_t nlive, bytes;
    uint64_t random, next_id;
    bool always; /* look at the figures after every operation */
};

static bool model_fits(const struct model *m, size_t more)
{
    for (; m; m = m->parent)
        if (m->limit && m->total + more > m->limit)
            return false;
    return true;
}

static void model_change(struct model *m, size_t plus, size_t minus, int blocks)
{
    for (; m; m = m->parent) {
        m->total += plus - minus;
        m->bytes += plus > minus ? plus - minus : 0;
        m->count += (size_t)(ptrdiff_t)blocks;
        m->allocations += blocks > 0;
        m->frees += blocks < 0;
        if (m->total > m->peak)
            m->peak = m->total;
    }
}

static void model_fail(struct model *m)
{
    for (; m; m = m->parent)
        m->failures++;
}

static void figures_expect(const struct model *m)
{
    for (; m; m = m->parent) {
        size_t total = weir_total_allocated(m->allocator);
        size_t peak = weir_peak_allocated(m->allocator);
        size_t count = weir_allocation_count(m->allocator);
        const char *name = weir_allocator_name(m->allocator);
        cr_assert_eq(total, m->total, "%s: total %zu, should be %zu", name, total, m->total);
        cr_assert_eq(peak, m->peak, "%s: peak %zu, should be %zu", name, peak, m->peak);
        cr_assert_eq(count, m->count, "%s: count %zu, should be %zu", name, count, m->count);
    }
}

static void stats_expect(const struct model *m)
{
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(m->allocator, &s), 0);
    cr_assert_eq(s.total_allocated, m->total);
    cr_assert_eq(s.peak_allocated, m->peak);
    cr_assert_eq(s.allocation_count, m->count);
    cr_assert_eq(s.allocations, m->allocations);
    cr_assert_eq(s.deallocations, m->frees);
    cr_assert_eq(s.failures, m->failures);
    cr_assert_eq(s.bytes_allocated, m->bytes);
    cr_assert_eq(s.limit, m->limit);
    cr_assert_geq(s.in_use, s.total_allocated);
    cr_assert_geq(s.reserved, s.in_use);
}

static struct model *world_add(struct world *w, struct model *parent,
                               const weir_allocator_options *options)
{
    struct model *m = &w->models[w->nmodels++];
    weir_allocator_options o = *options;
    o.parent = parent->allocator;
    *m = (struct model){.allocator = weir_allocator_create(&o), .parent = parent, .limit = o.limit};
    cr_assert_not_null(m->allocator);
    return m;
}

/* The CPU allocator with children and grandchildren, some limited, some not pooled, some hardened.
 */
static void world_make(struct world *w, uint64_t seed)
{
    *w = (struct world){.random = seed};
    struct model *cpu = &w->models[w->nmodels++];
    *cpu = (struct model){.allocator = weir_cpu_allocator()};
    struct model *a = world_add(w, cpu, &(weir_allocator_options){.name = "a"});
    world_add(w, a, &(weir_allocator_options){.name = "a-small", .limit = 300000});
    struct model *b = world_add(w, cpu, &(weir_allocator_options){.name = "b", .limit = 40 << 20});
    world_add(w, b, &(weir_allocator_options){.name = "b-raw", .source = WEIR_SOURCE_BACKING});
    world_add(w, b, &(weir_allocator_options){.name = "b-malloc", .source = WEIR_SOURCE_MALLOC});
    struct model *hard = world_add(w, cpu,
                                   &(weir_allocator_options){.size = sizeof(weir_allocator_options),
                                                             .name = "h",
                                                             .hardened = WEIR_HARDENED_ON});
    world_add(w, hard,
              &(weir_allocator_options){.size = sizeof(weir_allocator_options),
                                        .name = "h-moves",
                                        .limit = 3 << 20,
                                        .hardened = WEIR_HARDENED_MOVES});
}

static size_t random_alignment(uint64_t *random)
{
    static const size_t usual[] = {64, 64, 64, 64, 16, 16, 8, 1, 32, 128};
    uint64_t dice = random_below(random, 40);
    return dice < 39 ? usual[dice % 10] : (size_t)1 << random_below(random, 17);
}

/* The request went through, or the model says that it had to fail. */
static void allocated_expect(struct world *w, struct model *m, unsigned char *block, size_t size,
                             size_t alignment)
{
    if (!block) {
        cr_assert_not(model_fits(m, size), "%zu bytes were refused but fit", size);
        cr_assert_eq(errno, ENOMEM);
        model_fail(m);
        return;
    }
    cr_assert(model_fits(m, size), "%zu bytes were given over the limit", size);
    cr_assert_eq((uintptr_t)block % alignment, 0, "%zu bytes at %zu: %p", size, alignment,
                 (void *)block);
    cr_assert_geq(weir_usable_size(m->allocator, block), size);
    model_change(m, size, 0, 1);
    pattern_write(block, size, w->next_id);
    w->live[w->nlive++] = (struct live){block, size, alignment, w->next_id++, m};
    w->bytes += size;
}

static struct model *op_allocate(struct world *w)
{
    struct model *m = &w->models[random_below(&w->random, w->nmodels)];
    size_t size = random_size(&w->random, MOST_BYTES), alignment = WEIR_DEFAULT_ALIGNMENT;
    unsigned char *block;
    errno = 0;
    switch (random_below(&w->random, 4)) {
    case 0:
        alignment = random_alignment(&w->random);
        block = weir_allocate_aligned(m->allocator, size, alignment);
        break;
    case 1:
        size = size % 100000;
        block = weir_allocate_zeroed(m->allocator, size, 1);
        cr_assert(!block || is_all_zero(block, size), "%zu zeroed bytes are not zero", size);
        break;
    default:
        block = weir_allocate(m->allocator, size);
    }
    allocated_expect(w, m, block, size, alignment);
    return m;
}

static struct model *op_free(struct world *w)
{
    size_t i = random_below(&w->random, w->nlive);
    struct live l = w->live[i];
    cr_assert(pattern_holds(l.block, l.size, l.size, l.id), "%zu bytes were overwritten", l.size);
    if (random_below(&w->random, 2))
        weir_deallocate(l.model->allocator, l.block);
    else
        weir_deallocate_sized(l.model->allocator, l.block, l.size);
    model_change(l.model, 0, l.size, -1);
    w->bytes -= l.size;
    w->live[i] = w->live[--w->nlive];
    return l.model;
}

/* In place or moved, the total goes from the old size to the new in one step. */
static struct model *op_reallocate(struct world *w)
{
    struct live *l = &w->live[random_below(&w->random, w->nlive)];
    size_t size = random_below(&w->random, 3) ? l->size + random_below(&w->random, 64)
                                              : random_size(&w->random, MOST_BYTES);
    errno = 0;
    unsigned char *block = weir_reallocate(l->model->allocator, l->block, size);
    if (!block) {
        cr_assert(size > l->size && !model_fits(l->model, size - l->size),
                  "%zu bytes instead of %zu were refused but fit", size, l->size);
        cr_assert_eq(errno, ENOMEM);
        model_fail(l->model);
        return l->model;
    }
    cr_assert_eq((uintptr_t)block % l->alignment, 0);
    cr_assert(pattern_holds(block, size < l->size ? size : l->size, l->size, l->id));
    model_change(l->model, size, l->size, 0);
    w->bytes += size - l->size;
    l->block = block;
    l->size = size;
    pattern_write(block, size, l->id = w->next_id++);
    return l->model;
}

static struct model *op_limit(struct world *w)
{
    struct model *m = &w->models[1 + random_below(&w->random, w->nmodels - 1)];
    size_t limit = random_below(&w->random, 4) * m->total / 2 + random_below(&w->random, 50000);
    int expected = limit && limit < m->total ? EBUSY : 0;
    cr_assert_eq(weir_set_limit(m->allocator, limit), expected);
    if (!expected)
        m->limit = limit;
    return m;
}

static struct model *op_rare(struct world *w)
{
    struct model *m = &w->models[random_below(&w->random, w->nmodels)];
    switch (random_below(&w->random, 8)) {
    case 0:
        weir_reset_peak(m->allocator);
        m->peak = m->total;
        return m;
    case 1:
        weir_trim(m->allocator);
        return m;
    case 2:
        return op_limit(w);
    default:
        stats_expect(m);
        return m;
    }
}

static int by_address(const void *a, const void *b)
{
    const struct live *x = a, *y = b;
    return (x->block > y->block) - (x->block < y->block);
}

static void overlap_expect_none(struct world *w)
{
    qsort(w->live, w->nlive, sizeof *w->live, by_address);
    for (size_t i = 1; i < w->nlive; i++)
        cr_assert_geq(w->live[i].block,
                      w->live[i - 1].block + w->live[i - 1].size + !w->live[i - 1].size);
}

static void world_run(struct world *w, size_t operations)
{
    for (size_t i = 0; i < operations; i++) {
        uint64_t dice = random_below(&w->random, 1000);
        bool full = w->nlive == MOST_LIVE || w->bytes > 64 * MOST_BYTES;
        struct model *m;
        if (dice < 2)
            m = op_rare(w);
        else if (w->nlive && dice < 100)
            m = op_reallocate(w);
        else if (w->nlive && (full || dice < 540))
            m = op_free(w);
        else
            m = op_allocate(w);
        if (w->always || random_below(&w->random, 300) == 0)
            figures_expect(m);
        if (i % 50000 == 0)
            overlap_expect_none(w);
    }
}

static void world_end(struct world *w)
{
    for (size_t i = 0; i < w->nmodels; i++)
        cr_assert_eq(weir_check(w->models[i].allocator), 0);
    while (w->nlive)
        figures_expect(op_free(w));
    for (size_t i = w->nmodels; i-- > 0;) {
        stats_expect(&w->models[i]);
        cr_assert_eq(w->models[i].total, 0);
        if (i)
            cr_assert_eq(weir_allocator_destroy(w->models[i].allocator), 0);
    }
}

Test(oracle, agrees_after_every_one_of_a_million_operations)
{
    static struct world w;
    world_make(&w, 1);
    w.always = true;
    world_run(&w, scaled(1000000));
    world_end(&w);
}

/* Reading closes windows for a moment; unread, they live longer. */
Test(oracle, agrees_now_and_then_of_a_million_operations)
{
    static struct world w;
    world_make(&w, 2);
    world_run(&w, scaled(1000000));
    world_end(&w);
}

Test(oracle, agrees_for_many_seeds_of_short_lives)
{
    static struct world w;
    for (uint64_t seed = 3; seed < 3 + scaled(40); seed++) {
        weir_reset_peak(weir_cpu_allocator());
        world_make(&w, seed);
        weir_stats s = {.size = sizeof s};
        weir_stats_get(weir_cpu_allocator(), &s);
        w.models[0].allocations = s.allocations;
        w.models[0].frees = s.deallocations;
        w.models[0].failures = s.failures;
        w.models[0].bytes = s.bytes_allocated;
        w.always = true;
        world_run(&w, 2000);
        world_end(&w);
    }
}
