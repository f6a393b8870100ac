#ifndef WEIR_PLAN_SEARCH_H
#define WEIR_PLAN_SEARCH_H
#include "plan/problem.h"
int weir__search(const struct weir__problem *p, struct weir__plan_scratch *scratch,
                 struct weir__plan_budget *budget, uint64_t seed, uint64_t capacity, bool *found,
                 uint64_t *offsets);
#endif
