/*
 * plan/ranges.h - which of a set of ranges [lo, hi] lie within a window, and which of these has
 * the best rank? Owns a tree over the ranges as points (lo, hi), cut by lo and by hi in turn
 * (Bentley's k-d tree), built once for a problem and filled anew for each ranking. One thread.
 */
#ifndef WEIR_PLAN_RANGES_H
#define WEIR_PLAN_RANGES_H

#include "plan/problem.h"

#define WEIR__RANGES_LEAF 8 /* most ranges of one leaf */

/* What is left below a node. A node that `inside` says lies in the window is not opened. */
struct weir__ranges_node {
    uint32_t most_lo, least_hi; /* of what is left; 0 and NONE: nothing */
    uint32_t least_lo, most_hi; /* of all that was there */
    uint32_t best;              /* best (least) rank of what is left; NONE: nothing */
    uint32_t unused[3];         /* so that the two below a node share a line */
};

/* One range, next to others of its leaf. */
struct weir__ranges_slot {
    uint32_t lo, hi, rank; /* rank NONE: taken out */
};

struct weir__ranges {
    uint32_t count, leaves; /* leaf k of a power of two has slots [count * k / leaves, ...) */
    struct weir__ranges_slot *slots;
    uint32_t *slot; /* by item */
    struct weir__ranges_node *nodes;
    uint64_t steps; /* nodes and slots looked at */
};

/* The tree over the problem's items; nothing is in it yet. 0 or ENOMEM. */
int weir__ranges_open(struct weir__ranges *r, const struct weir__problem *problem,
                      struct weir__plan_scratch *scratch);

/* All items are there; ranked[k] is the item of rank k. */
void weir__ranges_fill(struct weir__ranges *r, const uint32_t *ranked);

/* Best rank of the ranges within [left, right]; NONE: there is none. */
uint32_t weir__ranges_best(struct weir__ranges *r, uint32_t left, uint32_t right);

/* Takes the item out. */
void weir__ranges_remove(struct weir__ranges *r, uint32_t item);

#endif
