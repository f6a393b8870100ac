/*
 * plan/planarity.h - can a graph be drawn without crossings, and in which order do the edges then
 * leave each vertex? Owns the arrays of one graph at a time, taken from scratch. One thread.
 */
#ifndef WEIR_PLAN_PLANARITY_H
#define WEIR_PLAN_PLANARITY_H

#include "plan/plan.h"

/* Two sets of edges that must lie on different sides, each by its lowest and highest edge. */
struct weir__planarity_pair {
    uint32_t low[2], high[2]; /* left, right; NONE: empty */
};

struct weir__planarity {
    uint32_t vertices, edges;
    uint32_t *at, *half;                              /* by vertex: its edges half[at[v] ..) */
    uint32_t *next_at;                                /* by vertex: where a walk goes on */
    uint32_t *stack;                                  /* of vertices */
    uint32_t *height, *parent, *first, *left, *right; /* by vertex */
    uint32_t *ends;                                   /* by half-edge: where it starts */
    uint32_t *low, *low2, *nesting, *ref, *low_edge, *bottom; /* by edge */
    int8_t *side;                                             /* by edge */
    bool *oriented, *entered;                                 /* by edge */
    struct weir__planarity_pair *pairs;                       /* LIFO */
    uint32_t npairs;
    uint32_t *next, *previous; /* by half-edge: clockwise around its vertex */
    struct weir__plan_key *keys;
};

/* Room for graphs of so many vertices and edges. 0 or ENOMEM. */
int weir__planarity_open(struct weir__planarity *g, uint32_t vertices, uint32_t edges,
                         struct weir__plan_scratch *scratch);

/* An empty graph of so many vertices. */
void weir__planarity_reset(struct weir__planarity *g, uint32_t vertices);

/* Adds an edge between two vertices that have none yet; the nth has the half-edges 2 * n and
 * 2 * n + 1. Which of the two starts at which end is `ends`, and a test may change it. */
void weir__planarity_add(struct weir__planarity *g, uint32_t a, uint32_t b);

/* Is the graph planar? */
bool weir__planarity_test(struct weir__planarity *g);

/* After a test that said yes: first[v] and next[h], the half-edges around each vertex clockwise. */
void weir__planarity_embed(struct weir__planarity *g);

#endif
