/*
 * tools/report/icicle.h - the functions on the way to the allocations, as a tree from the root
 * down: what each and all below it held at the peak, left, and allocated in all. Paths of one
 * function each are one node. Owns the tree.
 */
#ifndef WEIR_TOOLS_REPORT_ICICLE_H
#define WEIR_TOOLS_REPORT_ICICLE_H

#include "tools/report/analysis.h"

enum { ICICLE_PEAK, ICICLE_LEFT, ICICLE_BYTES, ICICLE_BLOCKS, ICICLE_MEASURES };

#define ICICLE_MOST 6000 /* nodes */

struct icicle_node {
    uint32_t parent, function, depth; /* parent: index below its own; of the root: 0 */
    uint64_t weight[ICICLE_MEASURES]; /* of itself and all below */
};

struct icicle {
    struct icicle_node *nodes; /* 0 is the root: everything */
    size_t n, left_out;        /* nodes below 0.1 % of every measure, or beyond the most */
};

void icicle_make(struct icicle *icicle, const struct report *report);
void icicle_free(struct icicle *icicle);

#endif
