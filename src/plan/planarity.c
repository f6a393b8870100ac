/*
 * plan/planarity.c - the left-right planarity test (de Fraysseix and Rosenstiehl 1982; in the form
 * of Brandes, "The left-right planarity test", 2009). A depth-first search orients the graph;
 * what is left besides its tree are back edges, and the graph is planar iff each of these
 * can be put on the left or on the right so that none that must differ are on one side. Linear but
 * for one sort; walks keep their own stack, so that no thread's is at risk.
 */
#include "plan/planarity.h"

#include <errno.h>
#include <string.h>

#define NONE WEIR__PLAN_NONE

enum { LEFT, RIGHT };

int weir__planarity_open(struct weir__planarity *g, uint32_t vertices, uint32_t edges,
                         struct weir__plan_scratch *scratch)
{
    size_t n = vertices, m = edges;
    *g = (struct weir__planarity){0};
    g->at = weir__plan_take(scratch, 8 * n + 2, sizeof *g->at);
    g->half = weir__plan_take(scratch, 8 * m, sizeof *g->half);
    g->low = weir__plan_take(scratch, 6 * m, sizeof *g->low);
    g->side = weir__plan_take(scratch, m, sizeof *g->side);
    g->oriented = weir__plan_take(scratch, 2 * m, sizeof *g->oriented);
    g->pairs = weir__plan_take(scratch, m + 1, sizeof *g->pairs);
    g->keys = weir__plan_take(scratch, 2 * m, sizeof *g->keys);
    if (!g->at || !g->half || !g->low || !g->side || !g->oriented || !g->pairs || !g->keys)
        return ENOMEM;
    uint32_t **by_vertex[] = {&g->next_at, &g->stack, &g->height, &g->parent,
                              &g->first,   &g->left,  &g->right};
    for (size_t k = 0; k < sizeof by_vertex / sizeof *by_vertex; k++)
        *by_vertex[k] = g->at + (k + 1) * n + 2;
    g->ends = g->half + 2 * m;
    g->next = g->half + 4 * m;
    g->previous = g->half + 6 * m;
    uint32_t **by_edge[] = {&g->low2, &g->nesting, &g->ref, &g->low_edge, &g->bottom};
    for (size_t k = 0; k < sizeof by_edge / sizeof *by_edge; k++)
        *by_edge[k] = g->low + (k + 1) * m;
    g->entered = g->oriented + m;
    return 0;
}

void weir__planarity_reset(struct weir__planarity *g, uint32_t vertices)
{
    g->vertices = vertices;
    g->edges = 0;
}

void weir__planarity_add(struct weir__planarity *g, uint32_t a, uint32_t b)
{
    g->ends[2 * (size_t)g->edges] = a;
    g->ends[2 * (size_t)g->edges + 1] = b;
    g->edges++;
}

/* Oriented edges run from their tail; orientation swaps the ends of an edge to say so. */
static uint32_t planarity_tail(const struct weir__planarity *g, uint32_t e)
{
    return g->ends[2 * (size_t)e];
}

static uint32_t planarity_head(const struct weir__planarity *g, uint32_t e)
{
    return g->ends[2 * (size_t)e + 1];
}

/* -- first walk: orientation ----------------------------------------------------------------- */

/* half[at[v] .. at[v + 1]) are the edges at v (at both of an edge's vertices, or at its tail
 * alone), in the order of keys. */
static void planarity_list(struct weir__planarity *g, bool tails)
{
    memset(g->at, 0, (g->vertices + 2) * sizeof *g->at);
    uint32_t *at = g->at + 1;
    for (uint32_t e = 0; e < g->edges; e++) {
        at[planarity_tail(g, e) + 1]++;
        at[planarity_head(g, e) + 1] += !tails;
    }
    for (uint32_t v = 0; v < g->vertices; v++)
        at[v + 1] += at[v];
    for (uint32_t k = 0; k < g->edges; k++) { /* each start moves to its end */
        uint32_t e = g->keys[k].index;
        g->half[at[planarity_tail(g, e)]++] = e;
        if (!tails)
            g->half[at[planarity_head(g, e)]++] = e;
    }
}

static uint32_t planarity_begin(const struct weir__planarity *g, uint32_t v)
{
    return g->at[v];
}

static uint32_t planarity_end(const struct weir__planarity *g, uint32_t v)
{
    return g->at[v + 1];
}

/* Edge e of v is done: its lowpoints count for the tree edge into v. */
static void planarity_raise(struct weir__planarity *g, uint32_t v, uint32_t e)
{
    uint32_t p = g->parent[v];
    g->nesting[e] = 2 * g->low[e] + (g->low2[e] < g->height[v]);
    if (p == NONE)
        return;
    if (g->low[e] < g->low[p]) {
        g->low2[p] = weir__min(g->low[p], g->low2[e]);
        g->low[p] = g->low[e];
    } else if (g->low[e] > g->low[p]) {
        g->low2[p] = weir__min(g->low2[p], g->low[e]);
    } else {
        g->low2[p] = weir__min(g->low2[p], g->low2[e]);
    }
}

static void planarity_direct(struct weir__planarity *g, uint32_t e, uint32_t v)
{
    uint32_t w = planarity_tail(g, e) == v ? planarity_head(g, e) : planarity_tail(g, e);
    g->ends[2 * (size_t)e] = v;
    g->ends[2 * (size_t)e + 1] = w;
    g->oriented[e] = true;
    g->low[e] = g->low2[e] = g->height[v];
}

/* Goes on from v until a tree edge leads away (true: the child is pushed) or v is done. */
static bool planarity_orient_from(struct weir__planarity *g, uint32_t v, uint32_t *depth)
{
    for (; g->next_at[v] < planarity_end(g, v); g->next_at[v]++) {
        uint32_t e = g->half[g->next_at[v]];
        if (g->entered[e] && g->parent[planarity_head(g, e)] == e && planarity_tail(g, e) == v) {
            planarity_raise(g, v, e); /* back from the child */
            continue;
        }
        if (g->oriented[e])
            continue;
        planarity_direct(g, e, v);
        uint32_t w = planarity_head(g, e);
        if (g->height[w] == NONE) {
            g->entered[e] = true;
            g->parent[w] = e;
            g->height[w] = g->height[v] + 1;
            g->stack[(*depth)++] = w;
            return true;
        }
        g->low[e] = g->height[w];
        planarity_raise(g, v, e);
    }
    return false;
}

static void planarity_orient(struct weir__planarity *g)
{
    memset(g->height, 255, g->vertices * sizeof *g->height);
    memset(g->parent, 255, g->vertices * sizeof *g->parent);
    memset(g->oriented, 0, g->edges * sizeof *g->oriented);
    memset(g->entered, 0, g->edges * sizeof *g->entered);
    for (uint32_t v = 0; v < g->vertices; v++)
        g->next_at[v] = planarity_begin(g, v);
    for (uint32_t root = 0; root < g->vertices; root++) {
        if (g->height[root] != NONE)
            continue;
        uint32_t depth = 1;
        g->height[root] = 0;
        g->stack[0] = root;
        while (depth > 0)
            if (!planarity_orient_from(g, g->stack[depth - 1], &depth))
                depth--;
    }
}

/* -- second walk: sides ------------------------------------------------------------------------ */

static bool planarity_is_empty(const struct weir__planarity_pair *p, int side)
{
    return p->low[side] == NONE && p->high[side] == NONE;
}

static void planarity_swap(struct weir__planarity_pair *p)
{
    *p = (struct weir__planarity_pair){{p->low[RIGHT], p->low[LEFT]},
                                       {p->high[RIGHT], p->high[LEFT]}};
}

static bool planarity_conflicts(const struct weir__planarity *g,
                                const struct weir__planarity_pair *p, int side, uint32_t e)
{
    return !planarity_is_empty(p, side) && g->low[p->high[side]] > g->low[e];
}

static uint32_t planarity_lowest(const struct weir__planarity *g,
                                 const struct weir__planarity_pair *p)
{
    if (planarity_is_empty(p, LEFT))
        return g->low[p->low[RIGHT]];
    if (planarity_is_empty(p, RIGHT))
        return g->low[p->low[LEFT]];
    return weir__min(g->low[p->low[LEFT]], g->low[p->low[RIGHT]]);
}

/* The return edges of e, all to one side: those above the lowest of the tree edge `up`. */
static bool planarity_merge_own(struct weir__planarity *g, uint32_t e, uint32_t up,
                                struct weir__planarity_pair *p)
{
    do {
        struct weir__planarity_pair q = g->pairs[--g->npairs];
        if (!planarity_is_empty(&q, LEFT))
            planarity_swap(&q);
        if (!planarity_is_empty(&q, LEFT))
            return false;
        if (g->low[q.low[RIGHT]] > g->low[up]) {
            if (planarity_is_empty(p, RIGHT))
                p->high[RIGHT] = q.high[RIGHT];
            else
                g->ref[p->low[RIGHT]] = q.high[RIGHT];
            p->low[RIGHT] = q.low[RIGHT];
        } else {
            g->ref[q.low[RIGHT]] = g->low_edge[up];
        }
    } while (g->npairs > g->bottom[e]);
    return true;
}

/* The return edges of e's elder siblings that cannot lie on its side. */
static bool planarity_merge_elder(struct weir__planarity *g, uint32_t e,
                                  struct weir__planarity_pair *p)
{
    while (g->npairs > 0 && (planarity_conflicts(g, &g->pairs[g->npairs - 1], LEFT, e) ||
                             planarity_conflicts(g, &g->pairs[g->npairs - 1], RIGHT, e))) {
        struct weir__planarity_pair q = g->pairs[--g->npairs];
        if (planarity_conflicts(g, &q, RIGHT, e))
            planarity_swap(&q);
        if (planarity_conflicts(g, &q, RIGHT, e))
            return false;
        if (p->low[RIGHT] != NONE)
            g->ref[p->low[RIGHT]] = q.high[RIGHT];
        if (q.low[RIGHT] != NONE)
            p->low[RIGHT] = q.low[RIGHT];
        if (planarity_is_empty(p, LEFT))
            p->high[LEFT] = q.high[LEFT];
        else
            g->ref[p->low[LEFT]] = q.high[LEFT];
        p->low[LEFT] = q.low[LEFT];
    }
    return true;
}

static bool planarity_constrain(struct weir__planarity *g, uint32_t e, uint32_t up)
{
    struct weir__planarity_pair p = {{NONE, NONE}, {NONE, NONE}};
    if (!planarity_merge_own(g, e, up, &p) || !planarity_merge_elder(g, e, &p))
        return false;
    if (!planarity_is_empty(&p, LEFT) || !planarity_is_empty(&p, RIGHT))
        g->pairs[g->npairs++] = p;
    return true;
}

/* Back edges that end at u leave one side of a pair; an emptied side follows the other. */
static void planarity_trim(struct weir__planarity *g, struct weir__planarity_pair *p, int side,
                           uint32_t u)
{
    while (p->high[side] != NONE && planarity_head(g, p->high[side]) == u)
        p->high[side] = g->ref[p->high[side]];
    if (p->high[side] == NONE && p->low[side] != NONE) {
        g->ref[p->low[side]] = p->low[!side];
        g->side[p->low[side]] = -1;
        p->low[side] = NONE;
    }
}

/* The tree edge e is done: back edges to its tail no longer matter. */
static void planarity_leave(struct weir__planarity *g, uint32_t e)
{
    uint32_t u = planarity_tail(g, e);
    while (g->npairs > 0 && planarity_lowest(g, &g->pairs[g->npairs - 1]) == g->height[u]) {
        struct weir__planarity_pair *p = &g->pairs[--g->npairs];
        if (p->low[LEFT] != NONE)
            g->side[p->low[LEFT]] = -1;
    }
    if (g->npairs > 0) {
        planarity_trim(g, &g->pairs[g->npairs - 1], LEFT, u);
        planarity_trim(g, &g->pairs[g->npairs - 1], RIGHT, u);
    }
    if (g->low[e] < g->height[u] && g->npairs > 0) {
        const struct weir__planarity_pair *p = &g->pairs[g->npairs - 1];
        uint32_t l = p->high[LEFT], r = p->high[RIGHT];
        g->ref[e] = l != NONE && (r == NONE || g->low[l] > g->low[r]) ? l : r;
    }
}

/* Edge e of v and all behind it was seen. */
static bool planarity_integrate(struct weir__planarity *g, uint32_t v, uint32_t e)
{
    if (g->low[e] >= g->height[v])
        return true;
    uint32_t up = g->parent[v];
    if (e == g->half[planarity_begin(g, v)])
        g->low_edge[up] = g->low_edge[e];
    else
        return planarity_constrain(g, e, up);
    return true;
}

/* 1: a child was pushed; 0: v is done; -1: not planar. */
static int planarity_side_from(struct weir__planarity *g, uint32_t v, uint32_t *depth)
{
    for (; g->next_at[v] < planarity_end(g, v); g->next_at[v]++) {
        uint32_t e = g->half[g->next_at[v]], w = planarity_head(g, e);
        if (!g->entered[e]) {
            g->entered[e] = true;
            g->bottom[e] = g->npairs;
            if (g->parent[w] == e) {
                g->stack[(*depth)++] = w;
                return 1;
            }
            g->low_edge[e] = e;
            g->pairs[g->npairs++] = (struct weir__planarity_pair){{NONE, e}, {NONE, e}};
        }
        if (!planarity_integrate(g, v, e))
            return -1;
    }
    return 0;
}

static bool planarity_sides(struct weir__planarity *g)
{
    memset(g->ref, 255, g->edges * sizeof *g->ref);
    memset(g->low_edge, 255, g->edges * sizeof *g->low_edge);
    memset(g->side, 1, g->edges * sizeof *g->side);
    memset(g->entered, 0, g->edges * sizeof *g->entered);
    for (uint32_t v = 0; v < g->vertices; v++)
        g->next_at[v] = planarity_begin(g, v);
    for (uint32_t root = 0; root < g->vertices; root++) {
        uint32_t depth = g->parent[root] == NONE;
        g->stack[0] = root;
        g->npairs = 0;
        while (depth > 0) {
            uint32_t v = g->stack[depth - 1];
            int state = planarity_side_from(g, v, &depth);
            if (state < 0)
                return false;
            if (state > 0)
                continue;
            depth--;
            if (g->parent[v] != NONE)
                planarity_leave(g, g->parent[v]);
        }
    }
    return true;
}

static void planarity_sort(struct weir__planarity *g)
{
    for (uint32_t e = 0; e < g->edges; e++) /* sides are 1 or -1 */
        g->keys[e] = (struct weir__plan_key){
            (uint64_t)((int64_t)g->side[e] * (int64_t)g->nesting[e] + UINT32_MAX), e};
    weir__plan_sort(g->keys, g->keys + g->edges, g->edges);
    planarity_list(g, true);
}

bool weir__planarity_test(struct weir__planarity *g)
{
    uint32_t n = g->vertices, m = g->edges;
    if (n > 2 && m > 3 * (uint64_t)n - 6)
        return false;
    for (uint32_t e = 0; e < m; e++)
        g->keys[e] = (struct weir__plan_key){0, e};
    planarity_list(g, false);
    planarity_orient(g);
    memset(g->side, 1, m * sizeof *g->side);
    planarity_sort(g);
    return planarity_sides(g);
}

/* -- third walk: the embedding ----------------------------------------------------------------- */

/* The side of e as its references say, which are followed once. */
static void planarity_sign(struct weir__planarity *g, uint32_t e)
{
    uint32_t depth = 0;
    for (uint32_t at = e; at != NONE; at = g->ref[at])
        g->half[depth++] = at; /* the lists are made anew afterwards */
    for (uint32_t k = depth - 1; k-- > 0;) {
        g->side[g->half[k]] = (int8_t)(g->side[g->half[k]] * g->side[g->half[k + 1]]);
        g->ref[g->half[k]] = NONE;
    }
}

/* Half-edge h comes clockwise after `after`. */
static void planarity_insert(struct weir__planarity *g, uint32_t h, uint32_t after)
{
    g->next[h] = g->next[after];
    g->previous[h] = after;
    g->previous[g->next[after]] = h;
    g->next[after] = h;
}

/* Half-edge h comes before the first at v; the only one: it is the circle. */
static void planarity_prepend(struct weir__planarity *g, uint32_t v, uint32_t h, bool first)
{
    if (g->first[v] == NONE) {
        g->next[h] = g->previous[h] = h;
        g->first[v] = h;
        return;
    }
    planarity_insert(g, h, g->previous[g->first[v]]);
    if (first)
        g->first[v] = h;
}

static bool planarity_embed_from(struct weir__planarity *g, uint32_t v, uint32_t *depth)
{
    while (g->next_at[v] < planarity_end(g, v)) {
        uint32_t e = g->half[g->next_at[v]++], w = planarity_head(g, e), h = 2 * e + 1;
        if (g->parent[w] == e) {
            planarity_prepend(g, w, h, true);
            g->left[v] = g->right[v] = 2 * e;
            g->stack[(*depth)++] = w;
            return true;
        }
        if (g->side[e] == 1) {
            planarity_insert(g, h, g->right[w]);
        } else {
            planarity_insert(g, h, g->previous[g->left[w]]);
            g->left[w] = h;
        }
    }
    return false;
}

void weir__planarity_embed(struct weir__planarity *g)
{
    for (uint32_t e = 0; e < g->edges; e++)
        planarity_sign(g, e);
    planarity_sort(g);
    for (uint32_t v = 0; v < g->vertices; v++) {
        g->first[v] = NONE;
        g->next_at[v] = planarity_begin(g, v);
        for (uint32_t k = planarity_begin(g, v); k < planarity_end(g, v); k++)
            planarity_prepend(g, v, 2 * g->half[k], false);
    }
    for (uint32_t root = 0; root < g->vertices; root++) {
        uint32_t depth = g->parent[root] == NONE;
        g->stack[0] = root;
        while (depth > 0)
            if (!planarity_embed_from(g, g->stack[depth - 1], &depth))
                depth--;
    }
}
