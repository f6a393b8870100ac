/*
 * plan/perfect.h - a part that is full at all times can only be arranged without any waste; what
 * follows from that decides most of it. Owns no state between calls. One thread.
 */
#ifndef WEIR_PLAN_PERFECT_H
#define WEIR_PLAN_PERFECT_H

#include "plan/problem.h"

/* Is every section of the part as full as its fullest one? */
bool weir__perfect_is_full(const struct weir__problem *problem, struct weir__plan_scratch *scratch,
                           int *error);

/*
 * Looks for an arrangement of a full part at its bound, within the budget; *found says whether
 * `offsets` (units, by item) has it. It does not prove anything where none is found. 0 or ENOMEM.
 */
int weir__perfect(const struct weir__problem *problem, struct weir__plan_scratch *scratch,
                  struct weir__plan_budget *budget, uint64_t *offsets, bool *found);

#endif
