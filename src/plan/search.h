/*
 * plan/search.h - is there an arrangement within a capacity, and how small a capacity has
 * one? See plan/search.c and plan/descend.c.
 */
#ifndef WEIR_PLAN_SEARCH_H
#define WEIR_PLAN_SEARCH_H

#include "plan/floor.h"

#define WEIR__SEARCH_STYLES 6

/* How a run decides; what changes from run to run. */
struct weir__search_style {
    uint8_t place; /* enum search_place_rule */
    double look;   /* weight of the waste that a choice forces; 0: not looked at */
    double flush;  /* preference for items that end where the stretch ends */
};

struct weir__search {
    struct weir__floor floor;
    struct weir__plan_budget *budget;
    uint64_t random;
    const struct weir__search_style *style;
    double *liked;                     /* by item: the preferences of the last success */
    bool found;                        /* there was one */
    uint32_t last;                     /* its style */
    double *liking, *key;              /* by item: this run's preference; at the place decided */
    uint32_t *count;                   /* by section: what could stand on its floor */
    uint32_t *options, noptions, room; /* stack of choices on the way down */
    uint64_t nodes, limit, spent;      /* of this run; floor.work already paid for */
    uint32_t depth;
    bool stopped;                          /* out of nodes or budget: the answer is open */
    uint32_t success[WEIR__SEARCH_STYLES]; /* runs of each style that found something */
};

enum weir__search_answer { WEIR__SEARCH_OPEN, WEIR__SEARCH_FOUND, WEIR__SEARCH_NONE };

/* 0 or ENOMEM. */
int weir__search_open(struct weir__search *s, const struct weir__problem *p,
                      struct weir__plan_scratch *scratch, struct weir__plan_budget *budget,
                      uint64_t seed);

/*
 * One run of at most `limit` nodes. FOUND: floor.offset has the arrangement. NONE: the
 * whole tree was seen, nothing fits in `capacity`.
 */
enum weir__search_answer weir__search_run(struct weir__search *s, uint64_t capacity,
                                          uint64_t limit);

/*
 * Improves the arrangement of a part (offsets in units, *arena its height) down to `goal`,
 * within the budget. *proven is raised where something smaller was proved impossible.
 * 0 or ENOMEM.
 */
int weir__descend(const struct weir__problem *p, struct weir__plan_scratch *scratch,
                  struct weir__plan_budget *budget, uint64_t seed, uint64_t goal, uint64_t *arena,
                  uint64_t *offsets, uint64_t *proven);

#endif
