/* plan/orders.h - plans with constraints, see plan/orders.c. */
#ifndef WEIR_PLAN_ORDERS_H
#define WEIR_PLAN_ORDERS_H

#include "plan/problem.h"

#define WEIR__ORDERS_FEW 9 /* so many rings may take the whole budget to be settled */

/*
 * Improves on *arena (bytes; SIZE_MAX: nothing known) down to `target`; offsets by buffer
 * are set when *arena was improved. *complete: nothing below *arena exists. 0, ENOMEM,
 * EINVAL (constraints contradict each other). `quick`: first fit in the classical orders
 * alone.
 */
int weir__plan_orders(const struct weir_plan *plan, struct weir__plan_scratch *scratch,
                      struct weir__plan_budget *budget, uint64_t seed, bool quick, size_t target,
                      size_t *arena, size_t *offsets, bool *complete);

#endif
