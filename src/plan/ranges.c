/*
 * plan/ranges.c - the best-ranked range within a window, by a k-d tree (Bentley 1975) over
 * (lo, hi). "Within [left, right]" is the quadrant lo >= left, hi <= right. A node wholly in it
 * answers with its best rank, one wholly outside or of no better rank than the answer so far is
 * left closed; only those that one of the quadrant's two edges cuts are opened, at most in the
 * order of the root of n, and mostly few because the better half is opened first.
 */
#include "plan/ranges.h"

#include <errno.h>

/* First slot of a leaf; of one past the last: the count. */
static uint32_t ranges_from(const struct weir__ranges *r, uint32_t leaf)
{
    return (uint32_t)((uint64_t)r->count * leaf / r->leaves);
}

/* -- building ------------------------------------------------------------------------------ */

/* The items of [from, to) whose `right` is not set come first, in their order. */
static void ranges_part(uint32_t *items, uint32_t *spare, const uint8_t *right, uint32_t from,
                        uint32_t to)
{
    uint32_t left = from, rest = 0;
    for (uint32_t k = from; k < to; k++)
        if (right[items[k]])
            spare[rest++] = items[k];
        else
            items[left++] = items[k];
    for (uint32_t k = 0; k < rest; k++)
        items[left + k] = spare[k];
}

/* Two orders of the same items, by lo and by hi, cut level by level at the median of one and
 * then of the other, until the leaves are reached. */
static void ranges_cut(struct weir__ranges *r, uint32_t *by[2], uint32_t *spare, uint8_t *right)
{
    for (uint32_t width = r->leaves, axis = 0; width > 1; width /= 2, axis = !axis)
        for (uint32_t leaf = 0; leaf < r->leaves; leaf += width) {
            uint32_t from = ranges_from(r, leaf), to = ranges_from(r, leaf + width);
            uint32_t middle = ranges_from(r, leaf + width / 2);
            for (uint32_t k = from; k < to; k++)
                right[by[axis][k]] = k >= middle;
            ranges_part(by[!axis], spare, right, from, to);
        }
}

static void ranges_bounds(struct weir__ranges *r)
{
    for (uint32_t leaf = 0; leaf < r->leaves; leaf++) {
        struct weir__ranges_node *n = &r->nodes[r->leaves + leaf];
        n->least_lo = WEIR__PLAN_NONE;
        for (uint32_t k = ranges_from(r, leaf); k < ranges_from(r, leaf + 1); k++) {
            n->least_lo = r->slots[k].lo < n->least_lo ? r->slots[k].lo : n->least_lo;
            n->most_hi = r->slots[k].hi > n->most_hi ? r->slots[k].hi : n->most_hi;
        }
    }
    for (uint32_t node = r->leaves; --node > 0;) {
        const struct weir__ranges_node *a = &r->nodes[2 * node], *b = a + 1;
        r->nodes[node].least_lo = a->least_lo < b->least_lo ? a->least_lo : b->least_lo;
        r->nodes[node].most_hi = a->most_hi > b->most_hi ? a->most_hi : b->most_hi;
    }
}

static int ranges_sort(struct weir__ranges *r, const struct weir__problem *p,
                       struct weir__plan_scratch *scratch)
{
    uint32_t n = p->count;
    struct weir__plan_key *keys = weir__plan_take(scratch, 2 * (size_t)n, sizeof *keys);
    uint32_t *orders = weir__plan_take(scratch, 3 * (size_t)n, sizeof *orders);
    uint8_t *right = weir__plan_take(scratch, n, sizeof *right);
    if (!keys || !orders || !right)
        return ENOMEM;
    uint32_t *by[2] = {orders, orders + n};
    for (uint32_t i = 0; i < n; i++)
        keys[i] = (struct weir__plan_key){p->hi[i], i};
    weir__plan_sort(keys, keys + n, n);
    for (uint32_t i = 0; i < n; i++) {
        by[0][i] = i; /* items stand in the order of lo */
        by[1][i] = keys[i].index;
    }
    ranges_cut(r, by, orders + 2 * (size_t)n, right);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t item = by[0][k];
        r->slot[item] = k;
        r->slots[k].lo = p->lo[item];
        r->slots[k].hi = p->hi[item];
    }
    return 0;
}

int weir__ranges_open(struct weir__ranges *r, const struct weir__problem *p,
                      struct weir__plan_scratch *scratch)
{
    uint32_t n = p->count;
    *r = (struct weir__ranges){.count = n, .leaves = 1};
    while (n / WEIR__RANGES_LEAF > r->leaves)
        r->leaves *= 2;
    r->slots = weir__plan_take(scratch, n, sizeof *r->slots);
    r->slot = weir__plan_take(scratch, n, sizeof *r->slot);
    r->nodes = weir__plan_take(scratch, 2 * (size_t)r->leaves, sizeof *r->nodes);
    if (!r->slots || !r->slot || !r->nodes)
        return ENOMEM;
    struct weir__plan_block *mark = scratch->blocks;
    int error = ranges_sort(r, p, scratch);
    weir__plan_drop(scratch, mark);
    if (!error)
        ranges_bounds(r);
    return error;
}

/* -- what is left -------------------------------------------------------------------------- */

static void ranges_leaf(struct weir__ranges *r, uint32_t leaf)
{
    struct weir__ranges_node *n = &r->nodes[r->leaves + leaf];
    uint32_t most_lo = 0, least_hi = WEIR__PLAN_NONE, best = WEIR__PLAN_NONE;
    for (uint32_t k = ranges_from(r, leaf); k < ranges_from(r, leaf + 1); k++)
        if (r->slots[k].rank != WEIR__PLAN_NONE) {
            most_lo = r->slots[k].lo > most_lo ? r->slots[k].lo : most_lo;
            least_hi = r->slots[k].hi < least_hi ? r->slots[k].hi : least_hi;
            best = r->slots[k].rank < best ? r->slots[k].rank : best;
        }
    n->most_lo = most_lo;
    n->least_hi = least_hi;
    n->best = best;
}

/* From the two nodes below; false: nothing changed. */
static bool ranges_join(struct weir__ranges *r, uint32_t node)
{
    struct weir__ranges_node *n = &r->nodes[node];
    const struct weir__ranges_node *a = &r->nodes[2 * node], *b = a + 1;
    uint32_t most_lo = a->most_lo > b->most_lo ? a->most_lo : b->most_lo;
    uint32_t least_hi = a->least_hi < b->least_hi ? a->least_hi : b->least_hi;
    uint32_t best = a->best < b->best ? a->best : b->best;
    if (n->most_lo == most_lo && n->least_hi == least_hi && n->best == best)
        return false;
    n->most_lo = most_lo;
    n->least_hi = least_hi;
    n->best = best;
    return true;
}

void weir__ranges_fill(struct weir__ranges *r, const uint32_t *ranked)
{
    for (uint32_t rank = 0; rank < r->count; rank++)
        r->slots[r->slot[ranked[rank]]].rank = rank;
    for (uint32_t leaf = 0; leaf < r->leaves; leaf++)
        ranges_leaf(r, leaf);
    for (uint32_t node = r->leaves; --node > 0;)
        ranges_join(r, node);
}

void weir__ranges_remove(struct weir__ranges *r, uint32_t item)
{
    uint32_t slot = r->slot[item];
    uint32_t leaf = (uint32_t)(((uint64_t)slot * r->leaves) / r->count);
    while (ranges_from(r, leaf + 1) <= slot)
        leaf++;
    r->slots[slot].rank = WEIR__PLAN_NONE;
    ranges_leaf(r, leaf);
    r->steps += WEIR__RANGES_LEAF;
    for (uint32_t node = (r->leaves + leaf) / 2; node > 0 && ranges_join(r, node); node /= 2)
        r->steps++;
}

/* -- the question -------------------------------------------------------------------------- */

struct ranges_window {
    uint32_t left, right, best;
};

static void ranges_scan(struct weir__ranges *r, uint32_t leaf, struct ranges_window *w)
{
    uint32_t from = ranges_from(r, leaf), to = ranges_from(r, leaf + 1);
    r->steps += to - from;
    for (uint32_t k = from; k < to; k++)
        if (r->slots[k].rank < w->best && r->slots[k].lo >= w->left && r->slots[k].hi <= w->right)
            w->best = r->slots[k].rank;
}

/* May something below the node be better than the answer so far? */
static bool ranges_may(const struct weir__ranges_node *n, const struct ranges_window *w)
{
    return n->best < w->best && n->most_lo >= w->left && n->least_hi <= w->right;
}

static void ranges_ask(struct weir__ranges *r, uint32_t node, struct ranges_window *w)
{
    for (;;) {
        const struct weir__ranges_node *n = &r->nodes[node];
        if (n->least_lo >= w->left && n->most_hi <= w->right) {
            w->best = n->best;
            return;
        }
        if (node >= r->leaves) {
            ranges_scan(r, node - r->leaves, w);
            return;
        }
        r->steps++;
        uint32_t first = 2 * node;
        first += r->nodes[first + 1].best < r->nodes[first].best;
        bool second = ranges_may(&r->nodes[first ^ 1], w);
        if (ranges_may(&r->nodes[first], w)) {
            if (second)
                ranges_ask(r, first, w);
            else
                first ^= 1;
            second = !second || ranges_may(&r->nodes[first ^ 1], w);
        }
        if (!second)
            return;
        node = first ^ 1;
    }
}

uint32_t weir__ranges_best(struct weir__ranges *r, uint32_t left, uint32_t right)
{
    struct ranges_window w = {left, right, WEIR__PLAN_NONE};
    if (ranges_may(&r->nodes[1], &w))
        ranges_ask(r, 1, &w);
    return w.best;
}
