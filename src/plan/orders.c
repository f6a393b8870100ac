/*
 * plan/orders.c - plans with fixed offsets, disjoint pairs and shaped aliases: first fit
 * in classical orders, then a branch and bound over the orders (complete for few
 * buffers), or where that is out of reach a walk from order to order that pulls forward
 * what ended too high. Owns nothing beyond one call.
 */
#include "plan/orders.h"

#include "plan/classic.h"

#include <errno.h>
#include <stddef.h>

/* The best so far and what is being tried. */
struct orders {
    struct weir__fit fit;
    struct weir__plan_budget *budget;
    uint64_t spent; /* fit.work already taken off the budget */
    size_t target;  /* good enough */
    size_t best;
    size_t *offsets;   /* of the best, by buffer */
    uint32_t *leaders; /* one buffer of each ring that is not pinned and has a size */
    uint32_t count;
    size_t floor; /* what the pins alone take */
};

static bool orders_spend(struct orders *o)
{
    uint64_t work = o->fit.work - o->spent;
    o->spent = o->fit.work;
    return weir__plan_spend(o->budget, work);
}

static void orders_keep(struct orders *o, size_t arena)
{
    if (arena >= o->best)
        return;
    o->best = arena;
    for (size_t i = 0; i < o->fit.plan->count; i++)
        o->offsets[i] = o->fit.offsets[i] == SIZE_MAX ? 0 : o->fit.offsets[i];
}

/* Where the ring would end at this offset. */
static size_t orders_top(const struct orders *o, uint32_t ring, size_t offset)
{
    const struct weir__plan_buffer *buffers = o->fit.plan->buffers;
    size_t size = buffers[ring].size;
    for (uint32_t i = buffers[ring].next; i != ring; i = buffers[i].next)
        size = weir__max(size, buffers[i].size);
    return offset > PTRDIFF_MAX - size ? SIZE_MAX : offset + size;
}

static int orders_classical(struct orders *o, struct weir__plan_scratch *scratch)
{
    static const weir_plan_heuristic tried[] = {WEIR_PLAN_GREEDY_BY_SIZE,
                                                WEIR_PLAN_GREEDY_BY_BREADTH, WEIR_PLAN_FIRST_FIT};
    struct weir__plan_key *keys =
        weir__plan_take(scratch, 2 * o->fit.plan->count + 1, sizeof *keys);
    if (!keys)
        return ENOMEM;
    for (size_t i = 0; i < sizeof tried / sizeof *tried && o->best > o->target; i++) {
        struct weir__plan_block *mark = scratch->blocks;
        int error = weir__classic_order(o->fit.plan, tried[i], scratch, keys);
        size_t arena;
        if (!error)
            error = weir__classic_first_fit(&o->fit, keys, &arena);
        weir__plan_drop(scratch, mark);
        if (error == ENOMEM || error == EINVAL)
            return error;
        if (!error)
            orders_keep(o, arena);
        if (!orders_spend(o) && o->best != SIZE_MAX)
            break;
    }
    return 0;
}

/*
 * Every arrangement worth looking at is first fit in the order of its offsets, so a
 * ring whose place is below the one put before it needs no look: it was tried earlier.
 * `depth` rings are placed, up to `arena`, the last at `last`. False: out of budget.
 */
static bool orders_branch(struct orders *o, uint32_t depth, size_t arena, size_t last)
{
    if (depth == o->count)
        orders_keep(o, arena);
    if (depth == o->count || o->best <= o->target)
        return true;
    for (uint32_t k = 0; k < o->count; k++) {
        uint32_t ring = o->leaders[k];
        if (o->fit.offsets[ring] != SIZE_MAX)
            continue;
        size_t offset = weir__fit_lowest(&o->fit, ring, 0);
        size_t top = offset == SIZE_MAX ? SIZE_MAX : orders_top(o, ring, offset);
        if (!orders_spend(o))
            return false;
        if (offset < last || top >= o->best)
            continue;
        weir__fit_place(&o->fit, ring, offset);
        bool more = orders_branch(o, depth + 1, weir__max(arena, top), offset);
        weir__fit_place(&o->fit, ring, SIZE_MAX);
        if (!more || o->best <= o->target)
            return more;
    }
    return true;
}

/* First fit in the order of leaders; stops when it cannot beat `limit`. */
static size_t orders_decode(struct orders *o, size_t limit, uint32_t *worst)
{
    size_t arena = o->floor;
    *worst = 0;
    if (weir__fit_reset(&o->fit))
        return SIZE_MAX;
    for (uint32_t k = 0; k < o->count; k++) {
        size_t offset = weir__fit_lowest(&o->fit, o->leaders[k], 0);
        size_t top = offset == SIZE_MAX ? SIZE_MAX : orders_top(o, o->leaders[k], offset);
        if (top > arena) {
            arena = top;
            *worst = k;
        }
        if (top >= limit)
            return SIZE_MAX;
        weir__fit_place(&o->fit, o->leaders[k], offset);
    }
    return arena;
}

static void orders_move(uint32_t *order, uint32_t from, uint32_t to)
{
    uint32_t moved = order[from];
    for (; from > to; from--)
        order[from] = order[from - 1];
    for (; from < to; from++)
        order[from] = order[from + 1];
    order[from] = moved;
}

/* What ends highest is moved forward to a random place; kept unless it made things
 * worse. A walk of equals is allowed: plateaus are wide. */
static void orders_walk(struct orders *o, uint64_t seed)
{
    uint32_t worst;
    size_t now = orders_decode(o, SIZE_MAX, &worst);
    while (o->best > o->target && o->count > 1 && orders_spend(o)) {
        bool pull = worst > 0 && weir__plan_below(&seed, 4) > 0;
        uint32_t from = pull ? worst : weir__plan_below(&seed, o->count);
        uint32_t to = weir__plan_below(&seed, pull ? from : o->count), trial;
        orders_move(o->leaders, from, to);
        size_t limit = now == SIZE_MAX ? now : now + 1;
        size_t arena = orders_decode(o, limit, &trial);
        o->fit.work += 100; /* so that the smallest plans come to an end, too */
        if (arena > now || arena == SIZE_MAX) {
            orders_move(o->leaders, to, from);
            continue;
        }
        now = arena;
        worst = trial;
        orders_keep(o, arena);
    }
}

/* Rings that can be placed, largest first: good first choices prune the most. */
static int orders_leaders(struct orders *o, struct weir__plan_scratch *scratch)
{
    const struct weir_plan *plan = o->fit.plan;
    struct weir__plan_key *keys = weir__plan_take(scratch, 2 * plan->count + 1, sizeof *keys);
    o->leaders = weir__plan_take(scratch, plan->count + 1, sizeof *o->leaders);
    if (!keys || !o->leaders)
        return ENOMEM;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (weir__fit_is_pinned(&o->fit, i))
            o->floor = weir__max(o->floor, o->fit.offsets[i] + plan->buffers[i].size);
        else if (weir__fit_leader(plan, i) == i && orders_top(o, i, 0) > 0)
            keys[o->count++] = (struct weir__plan_key){~orders_top(o, i, 0), i};
    }
    weir__plan_sort(keys, keys + o->count, o->count);
    for (uint32_t k = 0; k < o->count; k++)
        o->leaders[k] = keys[k].index;
    return 0;
}

/* Branch and bound, which takes the whole budget where it can come to an end; else a walk with
 * what it leaves. True: nothing below the best exists. */
static bool orders_search(struct orders *o, uint64_t seed, size_t target)
{
    struct weir__plan_budget *budget = o->budget, all = *budget;
    struct weir__plan_budget part = {.work = all.work / 2, .deadline = all.deadline};
    bool few = o->count <= WEIR__ORDERS_FEW;
    o->budget = few ? budget : &part;
    weir__fit_reset(&o->fit);
    bool complete = orders_branch(o, 0, o->floor, 0) && o->best > target;
    if (!few)
        budget->work = all.work - (all.work / 2 - part.work);
    o->budget = budget;
    if (!complete)
        orders_walk(o, seed);
    return complete;
}

int weir__plan_orders(const struct weir_plan *plan, struct weir__plan_scratch *scratch,
                      struct weir__plan_budget *budget, uint64_t seed, bool quick, size_t target,
                      size_t *arena, size_t *offsets, bool *complete)
{
    struct orders o = {.budget = budget, .target = target, .best = *arena, .offsets = offsets};
    *complete = false;
    int error = weir__fit_prepare(&o.fit, plan, scratch);
    if (!error)
        error = weir__fit_reset(&o.fit);
    if (!error)
        error = orders_leaders(&o, scratch);
    if (!error)
        error = orders_classical(&o, scratch);
    if (error)
        return error;
    o.target = weir__max(o.target, o.floor);
    if (o.best > o.target && orders_spend(&o) && !quick)
        *complete = orders_search(&o, seed, target);
    *complete |= o.best <= o.floor;
    *arena = o.best;
    return 0;
}
