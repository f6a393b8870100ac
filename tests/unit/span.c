/*
 * Spans and holes against a model: random takes, gives and resizes for several owners,
 * walks that free all of one owner, trims; nothing overlaps, what is said to be zero is,
 * and the structure is whole after every step that matters.
 */
#include "../helpers/core.h"
#include "../helpers/suite.h"
#include "base/fault.h"
#include "pool/resize.h"
#include "pool/shelf.h"

enum { MOST = 400, OWNERS = 3, PAGE = 4096 };

struct model {
    struct weir__page_heap heap;
    struct live {
        struct weir__span *span;
        char *block;
        size_t size, alignment;
        int owner;
    } live[MOST];
    size_t nlive, bytes[OWNERS];
    uint64_t random;
};

static char owners[OWNERS]; /* their addresses are what counts */

static void touch(const struct live *l)
{
    for (size_t at = 0; at < l->size; at += PAGE)
        l->block[at] = (char)(l->owner + 1);
    if (l->size)
        l->block[l->size - 1] = (char)(l->owner + 1);
}

static bool untouched(const char *block, size_t size)
{
    for (size_t at = 0; at < size; at += 64)
        if (block[at])
            return false;
    return true;
}

static void still_touched(const struct live *l)
{
    for (size_t at = 0; at < l->size; at += PAGE)
        cr_assert_eq(l->block[at], l->owner + 1, "byte %zu of %zu", at, l->size);
}

static size_t a_size(uint64_t *random)
{
    size_t pages = random_below(random, 3) ? random_below(random, 8) : random_below(random, 300);
    return pages * PAGE + random_below(random, PAGE) + 1;
}

static void op_take(struct model *m)
{
    int owner = (int)random_below(&m->random, OWNERS);
    size_t size = a_size(&m->random),
           shift = random_below(&m->random, 8) ? 6 : random_below(&m->random, 22);
    struct weir__claim claim = {
        .owner = &owners[owner], .bytes = &m->bytes[owner], .shelf = &weir__no_shelf};
    struct weir__span *span = weir__span_take(&m->heap, size, (size_t)1 << shift, &claim);
    cr_assert_not_null(span);
    struct live l = {span, weir__span_block(span), size, (size_t)1 << shift, owner};
    cr_assert_eq((uintptr_t)l.block % l.alignment, 0);
    cr_assert_geq(weir__span_usable(span), size);
    cr_assert(!claim.zeroed || untouched(l.block, weir__span_usable(span)), "not zero as told");
    touch(&l);
    m->live[m->nlive++] = l;
}

/* False: it is not live. */
static bool span_end(struct model *m, struct weir__span *span, int owner)
{
    uint64_t label = weir__span_label(span);
    if (!weir__label_is_live(label) || !weir__label_claim(&span->u.live.label, &label))
        return false;
    weir__span_fill_freed(span);
    weir__span_give(&m->heap, span, &m->bytes[owner]);
    return true;
}

static void op_give(struct model *m)
{
    size_t i = random_below(&m->random, m->nlive);
    struct live l = m->live[i];
    still_touched(&l);
    cr_assert(span_end(m, l.span, l.owner));
    if (l.size < 100 * PAGE)
        cr_assert_not(span_end(m, l.span, l.owner), "given twice");
    m->live[i] = m->live[--m->nlive];
}

static void op_resize(struct model *m)
{
    struct live *l = &m->live[random_below(&m->random, m->nlive)];
    size_t size = a_size(&m->random);
    if (!weir__span_resize(&m->heap, l->span, size, &m->bytes[l->owner]))
        return;
    struct live kept = *l;
    kept.size = size < l->size ? size : l->size;
    still_touched(&kept);
    l->size = size;
    cr_assert_geq(weir__span_usable(l->span), size);
    touch(l);
}

static int free_owned(struct weir__span *span, void *user)
{
    struct model *m = user;
    int owner = (int)((const char *)span->u.live.owner - owners);
    cr_assert(owner >= 0 && owner < OWNERS);
    if (owner == 1) {
        m->bytes[1] -= (size_t)span->npages * PAGE;
        weir__span_give_locked(&m->heap, span);
    }
    return 0;
}

/* As destroying an allocator does it. */
static void op_free_owner(struct model *m)
{
    weir__lock_take(&m->heap.lock);
    cr_assert_eq(weir__span_each_locked(&m->heap, free_owned, m), 0);
    weir__lock_drop(&m->heap.lock);
    for (size_t i = m->nlive; i-- > 0;)
        if (m->live[i].owner == 1)
            m->live[i] = m->live[--m->nlive];
}

static int count_span(struct weir__span *span, void *user)
{
    (void)span;
    ++*(size_t *)user;
    return 0;
}

static void model_check(struct model *m)
{
    size_t count = 0, bytes[OWNERS] = {0}, all = 0;
    cr_assert(weir__page_heap_is_valid(&m->heap));
    weir__lock_take(&m->heap.lock);
    weir__span_each_locked(&m->heap, count_span, &count);
    weir__lock_drop(&m->heap.lock);
    cr_assert_eq(count, m->nlive);
    for (size_t i = 0; i < m->nlive; i++) {
        bytes[m->live[i].owner] += (size_t)m->live[i].span->npages * PAGE;
        all += (size_t)m->live[i].span->npages * PAGE;
    }
    for (int i = 0; i < OWNERS; i++)
        cr_assert_eq(m->bytes[i], bytes[i]);
    cr_assert_eq(m->heap.span_live, all);
}

static void model_run(struct model *m, size_t operations)
{
    for (size_t i = 0; i < operations; i++) {
        uint64_t dice = random_below(&m->random, 100);
        if (m->nlive && (dice < 45 || m->nlive == MOST))
            op_give(m);
        else if (m->nlive && dice < 55)
            op_resize(m);
        else
            op_take(m);
        if (random_below(&m->random, 300) == 0)
            op_free_owner(m);
        if (random_below(&m->random, 500) == 0)
            weir__page_heap_trim(&m->heap, false);
        if (random_below(&m->random, 20) == 0)
            model_check(m);
    }
}

Test(span, agrees_with_a_model_over_random_operations)
{
    static struct model m;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        m = (struct model){.random = seed};
        weir__page_heap_init(&m.heap, weir__backing_get(), weir__policy_get());
        model_run(&m, scaled(20000));
        while (m.nlive)
            op_give(&m);
        model_check(&m);
        weir__page_heap_trim(&m.heap, false);
        cr_assert_eq(m.heap.reserved, 0);
        weir__page_heap_destroy(&m.heap);
    }
}

/* A walk that frees a span between a hole and a hole of one page. Before: the walk took
 * the length of all three for that of the last, and went astray. */
Test(span, a_walk_that_frees_goes_on_behind_the_joined_holes)
{
    static struct model m;
    weir__page_heap_init(&m.heap, weir__backing_get(), weir__policy_get());
    struct weir__span *spans[6];
    static const size_t pages[] = {3, 5, 1, 2, 4, 6};
    for (int i = 0; i < 6; i++) {
        struct weir__claim claim = {
            .owner = &owners[i == 1], .bytes = &m.bytes[i == 1], .shelf = &weir__no_shelf};
        spans[i] = weir__span_take(&m.heap, pages[i] * PAGE, 64, &claim);
    }
    span_end(&m, spans[2], 0);
    span_end(&m, spans[0], 0);
    span_end(&m, spans[4], 0); /* no idle span beside the others */
    weir__lock_take(&m.heap.lock);
    weir__span_each_locked(&m.heap, free_owned, &m);
    size_t count = 0;
    weir__span_each_locked(&m.heap, count_span, &count);
    weir__lock_drop(&m.heap.lock);
    cr_assert_eq(count, 2);
    cr_assert(weir__page_heap_is_valid(&m.heap));
}

Test(span, impossible_requests_are_refused)
{
    static struct model m;
    weir__page_heap_init(&m.heap, weir__backing_get(), weir__policy_get());
    struct weir__claim claim = {.owner = owners, .bytes = &m.bytes[0], .shelf = &weir__no_shelf};
    static const size_t bad[] = {SIZE_MAX, SIZE_MAX - PAGE, (size_t)1 << 62, ((size_t)1 << 43) + 1};
    for (size_t i = 0; i < 4; i++) {
        cr_assert_null(weir__span_take(&m.heap, bad[i], 64, &claim));
        cr_assert_null(weir__span_take(&m.heap, PAGE, (size_t)1 << (44 + 4 * i), &claim));
    }
    cr_assert_eq(m.bytes[0], 0);
}

/* -- checking --------------------------------------------------------------------- */

#define WITH(field, wrong) EXPECT_FOUND(weir__span_is_valid(heap), field, wrong)

Test(span, any_wrong_field_is_found)
{
    static struct model m = {.random = 3};
    struct weir__page_heap *heap = &m.heap;
    weir__page_heap_init(heap, &weir__backing_system, weir__policy_get());
    struct weir__span *spans[6];
    for (int i = 0; i < 6; i++) {
        struct weir__claim claim = {
            .owner = &owners[0], .bytes = &m.bytes[0], .shelf = &weir__no_shelf};
        spans[i] = weir__span_take(heap, (size_t)(i + 2) * PAGE, 64, &claim);
        cr_assert_not_null(spans[i]);
    }
    weir__span_give(heap, spans[2], &m.bytes[0]);
    cr_assert(weir__span_is_valid(heap));
    struct weir__region *r = weir__span_region(spans[0]);
    WITH(heap->span_live, heap->span_live + 1);
    WITH(heap->reserved, heap->reserved + PAGE);
    WITH(r->heap, NULL);
    WITH(r->first, r->frontier + 1);
    WITH(r->frontier, r->touched + 1);
    WITH(r->touched, r->opened + 1);
    WITH(r->npages, r->npages - 1);
    WITH(r->index, (uint16_t)(r->index + 1));
    struct weir__span *end = spans[1] + spans[1]->npages - 1, *hole = spans[2];
    WITH(spans[1]->npages, 0);
    WITH(spans[1]->npages, r->npages + 1);
    WITH(spans[1]->npages, spans[1]->npages + 1);
    WITH(spans[1]->region, (uint16_t)(spans[1]->region + 1));
    WITH(spans[1]->state, WEIR__PAGE_SPAN_END);
    WITH(end->state, WEIR__PAGE_HOLE_END);
    WITH(hole->state, WEIR__PAGE_SPAN);
    WITH(hole->npages, hole->npages - 1);
    for (int i = 0; i < 6; i++)
        if (i != 2)
            weir__span_give(heap, spans[i], &m.bytes[0]);
    cr_assert(weir__span_is_valid(heap));
    weir__page_heap_destroy(heap);
}
