/*
 * plan/execute.h - the planners that allocate and free in the order of execution, from a list of
 * free memory. Knows nothing of the search. Owns no state. One thread.
 */
#ifndef WEIR_PLAN_EXECUTE_H
#define WEIR_PLAN_EXECUTE_H

#include "plan/plan.h"

/* Naive, best fit or linear scan: offsets by buffer. 0, ENOMEM, EOVERFLOW. */
int weir__execute(const struct weir_plan *plan, weir_plan_heuristic heuristic,
                  struct weir__plan_scratch *scratch, size_t *offsets);

#endif
