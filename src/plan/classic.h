/*
 * plan/classic.h - the classical planners, for comparison and as starting points. Knows nothing of
 * the search. Owns no state. One thread.
 */
#ifndef WEIR_PLAN_CLASSIC_H
#define WEIR_PLAN_CLASSIC_H

#include "plan/fit.h"

/* Buffers in the order that the heuristic (a greedy one or first fit) places them;
 * `keys` has room for twice the buffers. 0 or ENOMEM. */
int weir__classic_order(const struct weir_plan *plan, weir_plan_heuristic heuristic,
                        struct weir__plan_scratch *scratch, struct weir__plan_key *keys);

/* First fit in that order, with every constraint. 0, EINVAL (pins contradict), EOVERFLOW. */
int weir__classic_first_fit(struct weir__fit *fit, const struct weir__plan_key *keys,
                            size_t *arena);

/* A plan without constraints by any heuristic but the skyline: offsets by buffer. 0, ENOMEM,
 * EOVERFLOW. */
int weir__classic_solve(const struct weir_plan *plan, weir_plan_heuristic heuristic,
                        struct weir__plan_scratch *scratch, size_t *offsets);

#endif
