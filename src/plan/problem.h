/*
 * plan/problem.h - the problem as the algorithms see it, and one function for each of
 * them. Items are what must be placed: a buffer, or a ring of aliases taken as one box.
 * Time is compressed to the maximal sets of items live together ("sections", at most one
 * for each item): two items are live together iff their ranges [lo, hi] share a section.
 * Sizes and offsets are in units (the greatest common divisor); `align` is 1 throughout
 * unless alignments do not divide sizes. Items stand in the order of lo, then hi.
 */
#ifndef WEIR_PLAN_PROBLEM_H
#define WEIR_PLAN_PROBLEM_H

#include "plan/plan.h"

#define WEIR__PLAN_FAR UINT64_MAX /* a height that nothing reaches: failure, or a wall */

struct weir__problem {
    uint32_t count, sections;
    uint32_t *lo, *hi;
    uint64_t *size;
    uint32_t *align;  /* units, a power of two; NULL: all 1 */
    uint32_t *buffer; /* one buffer of the item */
    uint64_t unit;    /* bytes */
    uint64_t bound;   /* units: greatest sum over a section */
    uint64_t pad;     /* bytes: the most that rounding to units added to one item */
};

/* Part of a problem that shares no section with the rest: items [first, first + count). */
struct weir__problem_part {
    uint32_t first, count;
    uint64_t bound;
};

/* 0, ENOMEM, EOVERFLOW (what is live exceeds PTRDIFF_MAX). Sizes 0 make no item. */
int weir__problem_reduce(const struct weir_plan *plan, struct weir__plan_scratch *scratch,
                         struct weir__problem *problem);

/* The parts, hardest (greatest bound) first. *nparts of them; NULL with ENOMEM. */
struct weir__problem_part *weir__problem_split(const struct weir__problem *problem,
                                               struct weir__plan_scratch *scratch, size_t *nparts);

/* One part as its own problem, sections from 0; arrays are taken from scratch. */
int weir__problem_extract(const struct weir__problem *problem,
                          const struct weir__problem_part *part, struct weir__plan_scratch *scratch,
                          struct weir__problem *out);

/* What is left to spend. `work` counts down; `deadline` (ns of CLOCK_MONOTONIC, 0: none) is
 * looked at now and then. */
struct weir__plan_budget {
    uint64_t work;
    uint64_t deadline;
    uint64_t since; /* work since the clock was looked at */
};

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t weir__plan_now(void);

/* Takes `work` off; false: it is used up. */
bool weir__plan_spend(struct weir__plan_budget *budget, uint64_t work);

#endif
