/*
 * plan/descend.c - how small a capacity has an arrangement? First the goal itself is
 * tried (there inference is strongest, and if it works nothing is left to do); then
 * capacities between the goal and the best arrangement known, by chance in steps of the
 * whole gap, a half, a quarter ...: a lucky run ends within as many nodes as there are
 * items, so many short runs beat few long ones. Runs get longer while none succeeds, and
 * start from other preferences now and then.
 */
#include "plan/search.h"

#include <errno.h>

/* One part in so many of the work goes to the goal first; less for many items, where
 * meeting it is unlikely. */
#define DESCEND_GOAL      10
#define DESCEND_GOAL_MANY 20
#define DESCEND_MANY      500
#define DESCEND_FORGET                                                                             \
    40 /* runs without a success, then the last one's preferences are dropped                      \
        */

/* One descent. */
struct descent {
    struct weir__search search;
    struct weir__plan_budget *budget;
    uint64_t goal, best, proven; /* units; proven: nothing is below */
    uint64_t *offsets;
};

/* Keeps the arrangement that was found; its height is at most the capacity. */
static void descend_keep(struct descent *d)
{
    const struct weir__floor *f = &d->search.floor;
    uint64_t arena = 0;
    for (uint32_t i = 0; i < f->p->count; i++) {
        uint64_t top = (uint64_t)f->offset[i] + f->p->size[i];
        d->offsets[i] = (uint64_t)f->offset[i];
        arena = top > arena ? top : arena;
    }
    d->best = arena;
}

static uint64_t descend_floor(const struct descent *d)
{
    return d->goal > d->proven ? d->goal : d->proven;
}

/* One run below this capacity. */
static void descend_try(struct descent *d, uint64_t capacity, uint64_t patience)
{
    uint64_t n = d->search.floor.p->count, limit = n + n / 4 + 60 + patience;
    enum weir__search_answer answer = weir__search_run(&d->search, capacity, limit);
    if (answer == WEIR__SEARCH_FOUND)
        descend_keep(d);
    if (answer == WEIR__SEARCH_NONE && capacity + 1 > d->proven)
        d->proven = capacity + 1;
}

static bool descend_is_open(const struct descent *d)
{
    return d->best > descend_floor(d) && d->budget->work > 0 && !d->search.floor.exhausted;
}

static void descend_run(struct descent *d)
{
    bool many = d->search.floor.p->count > DESCEND_MANY;
    uint64_t share = d->budget->work / (many ? DESCEND_GOAL_MANY : DESCEND_GOAL);
    uint64_t until = d->budget->work - share;
    for (uint64_t run = 0; descend_is_open(d) && d->budget->work > until; run++)
        descend_try(d, descend_floor(d), 100 * run);
    uint64_t random = d->search.random;
    for (uint64_t failed = 0; descend_is_open(d);) {
        uint64_t best = d->best, gap = best - descend_floor(d);
        uint32_t kind = weir__plan_below(&random, 8);
        uint64_t step = kind < 2 ? gap : gap >> (kind - 1);
        descend_try(d, best - (step ? step : 1), (random & 1024 ? 60 : 10) * failed);
        failed = d->best < best ? 0 : failed + 1;
        if (failed % DESCEND_FORGET == DESCEND_FORGET - 1)
            d->search.found = false;
    }
}

int weir__descend(const struct weir__problem *p, struct weir__plan_scratch *scratch,
                  struct weir__plan_budget *budget, uint64_t seed, uint64_t goal, uint64_t *arena,
                  uint64_t *offsets, uint64_t *proven)
{
    struct descent d = {
        .budget = budget, .goal = goal, .best = *arena, .offsets = offsets, .proven = p->bound};
    int error = weir__search_open(&d.search, p, scratch, budget, seed);
    if (error)
        return error;
    descend_run(&d);
    *arena = d.best;
    *proven = d.proven > d.best ? d.best : d.proven;
    return d.search.floor.exhausted ? ENOMEM : 0;
}
