/*
 * plan/fit.h - placing buffers one by one at the lowest offset that is free, in an order
 * that the caller gives; with every constraint exactly as the plan states it. Slower
 * than the skyline (as many steps as there are pairs live together), and general.
 */
#ifndef WEIR_PLAN_FIT_H
#define WEIR_PLAN_FIT_H

#include "plan/problem.h"

struct weir__fit {
    const struct weir_plan *plan;
    size_t *offsets; /* by buffer; SIZE_MAX: not placed */
    /* The buffers by first, and a tree over them with the greatest last below. */
    uint32_t *sorted, *rank;
    int64_t *latest;
    uint32_t leaves;
    /* Disjoint pairs by buffer: pair_at[b] .. pair_at[b + 1] of `pairs`. */
    uint32_t *pair_at, *pairs;
    size_t *pinned; /* by buffer, where the plan has pins */
    /* What blocks the placement going on: first base that is blocked, and the one that
     * clears it. */
    struct weir__plan_key *spans;
    size_t *clear;
    size_t nspans, room;
    uint64_t work; /* units spent so far */
};

/* 0 or ENOMEM. Arrays are taken from scratch. */
int weir__fit_prepare(struct weir__fit *fit, const struct weir_plan *plan,
                      struct weir__plan_scratch *scratch);

/* Nothing placed but what is pinned. 0, or EINVAL: the pins contradict something. */
int weir__fit_reset(struct weir__fit *fit);

/* Lowest offset that the ring of `buffer` may have next to what is placed, at least
 * `floor`; SIZE_MAX: none below PTRDIFF_MAX. Places nothing. */
size_t weir__fit_lowest(struct weir__fit *fit, uint32_t buffer, size_t floor);

/* Sets the offset of the whole ring; SIZE_MAX takes it away. */
void weir__fit_place(struct weir__fit *fit, uint32_t buffer, size_t offset);

/* Does the ring hold a pinned buffer (its place is given)? */
bool weir__fit_is_pinned(const struct weir__fit *fit, uint32_t buffer);

/* Smallest index of the ring. */
uint32_t weir__fit_leader(const struct weir_plan *plan, uint32_t buffer);

#endif
