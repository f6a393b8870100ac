/*
 * plan/skyline.h - best-fit skyline: the heuristic that is always run. Owns no state. One thread.
 */
#ifndef WEIR_PLAN_SKYLINE_H
#define WEIR_PLAN_SKYLINE_H

#include "plan/ranges.h"

enum weir__skyline_rank {
    WEIR__RANK_LENGTH, /* longest lifetime, then size */
    WEIR__RANK_AREA,   /* length times size */
    WEIR__RANK_SIZE,   /* largest, then lifetime */
    WEIR__RANK_FIRST,  /* earliest start, then longest */
    WEIR__RANK_LAST,   /* latest end, then longest */
    WEIR__RANK_ENDS,   /* latest end, then largest */
    WEIR__RANKS
};

/*
 * Best-fit skyline: the lowest, leftmost flat stretch gets the best-ranked item that
 * fits into it, or is raised to its lower neighbor. Stops early (WEIR__PLAN_FAR) once the
 * arena would reach `limit`. `ranges` is the problem's, opened by the caller. The arena in units; 0
 * with *error == ENOMEM.
 */
uint64_t weir__skyline(const struct weir__problem *problem, struct weir__ranges *ranges,
                       struct weir__plan_scratch *scratch, enum weir__skyline_rank rank,
                       uint64_t limit, uint64_t *offsets, int *error);

#endif
