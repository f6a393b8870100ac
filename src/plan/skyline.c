/*
 * plan/skyline.c - best-fit skyline (Burke et al. 2004; for lifetimes, Sekiyama et al.
 * 2018): fast and good, always run. Time is the floor's length, memory its height. A flat
 * stretch between higher neighbors gets the best-ranked item that fits into it entirely;
 * when none does it is raised to its lower neighbor and joined to it. Which of several such
 * stretches comes first makes no difference: what fits into one fits into no other. So
 * there is no heap of heights, only a walk downhill from where the last item was put.
 *
 * An item is placed once and a stretch is joined away once; the best item of a stretch is found
 * in a tree over the items by lo, whose nodes know the least hi and the best rank below them.
 * Measured: n log n where lifetimes are short; where a quarter of all items is live at once the
 * tree prunes little, and twice the items take four times as long.
 */
#include "plan/problem.h"

#include <errno.h>

/* A stretch is named by its left section; its right end finds the left one again. */
struct skyline {
    const struct weir__problem *p;
    uint64_t *height; /* by left section */
    uint32_t *right;  /* by left section: last section */
    uint32_t *left;   /* by right section: first section */
    uint32_t *first;  /* by section: the first item with lo >= section */
    uint32_t leaves;  /* a power of two */
    uint32_t *least;  /* by tree node: least hi of what is left below */
    uint32_t *best;   /* by tree node: best (least) rank below, NONE: empty */
    uint32_t *ranked; /* by rank: the item */
};

/* The ranks as keys: smaller is better. Lexicographic pairs in 64 bits, sizes cut to
 * their leading bits where they must be. */
static uint64_t skyline_key(const struct weir__problem *p, uint32_t i, enum weir__skyline_rank rank)
{
    uint64_t length = p->hi[i] - p->lo[i] + 1u, size = p->size[i];
    switch (rank) {
    case WEIR__RANK_LENGTH:
        return ~(length << 32 | (size >> 31 ? UINT32_MAX : size));
    case WEIR__RANK_SIZE:
        return ~size;
    case WEIR__RANK_AREA: {
        uint64_t area;
        return __builtin_mul_overflow(length, size, &area) ? 0 : ~area;
    }
    case WEIR__RANK_FIRST:
        return (uint64_t)p->lo[i] << 32 | (UINT32_MAX - length);
    case WEIR__RANK_LAST:
        return (uint64_t)(UINT32_MAX - p->hi[i]) << 32 | (UINT32_MAX - length);
    default:
        return (uint64_t)(UINT32_MAX - p->hi[i]) << 32 | (UINT32_MAX - weir__min(size, UINT32_MAX));
    }
}

static void skyline_set(struct skyline *s, uint32_t left, uint32_t right, uint64_t height)
{
    s->height[left] = height;
    s->right[left] = right;
    s->left[right] = left;
}

static void skyline_node(struct skyline *s, uint32_t node)
{
    uint32_t a = 2 * node, b = a + 1;
    s->least[node] = s->least[a] < s->least[b] ? s->least[a] : s->least[b];
    s->best[node] = s->best[a] < s->best[b] ? s->best[a] : s->best[b];
}

static void skyline_remove(struct skyline *s, uint32_t item)
{
    uint32_t node = s->leaves + item;
    s->least[node] = s->best[node] = WEIR__PLAN_NONE;
    while (node /= 2)
        skyline_node(s, node);
}

/* Best rank among the leaves of `node` with hi <= right, if better than `best`. */
static uint32_t skyline_below(const struct skyline *s, uint32_t node, uint32_t right, uint32_t best)
{
    while (s->least[node] <= right && s->best[node] < best) {
        if (node >= s->leaves)
            return s->best[node];
        uint32_t a = 2 * node, b = a + 1;
        if (s->best[b] < s->best[a]) {
            uint32_t swap = a;
            a = b;
            b = swap;
        }
        best = skyline_below(s, a, right, best);
        node = b;
    }
    return best;
}

/* The best item within sections [left, right]; NONE: none fits. */
static uint32_t skyline_best(const struct skyline *s, uint32_t left, uint32_t right)
{
    uint32_t best = WEIR__PLAN_NONE;
    uint32_t a = s->leaves + s->first[left], b = s->leaves + s->first[right + 1];
    for (; a < b; a /= 2, b /= 2) {
        if (a & 1)
            best = skyline_below(s, a++, right, best);
        if (b & 1)
            best = skyline_below(s, --b, right, best);
    }
    return best == WEIR__PLAN_NONE ? best : s->ranked[best];
}

static int skyline_build(struct skyline *s, struct weir__plan_scratch *scratch,
                         enum weir__skyline_rank rank)
{
    const struct weir__problem *p = s->p;
    uint32_t n = p->count, m = p->sections;
    s->leaves = 1;
    while (s->leaves < n)
        s->leaves *= 2;
    s->height = weir__plan_take(scratch, m, sizeof *s->height);
    s->right = weir__plan_take(scratch, 3 * (size_t)m + 1, sizeof *s->right);
    s->least = weir__plan_take(scratch, 4 * (size_t)s->leaves, sizeof *s->least);
    s->ranked = weir__plan_take(scratch, n, sizeof *s->ranked);
    if (!s->height || !s->right || !s->least || !s->ranked)
        return ENOMEM;
    s->left = s->right + m;
    s->first = s->left + m;
    s->best = s->least + 2 * (size_t)s->leaves;
    struct weir__plan_block *mark = scratch->blocks;
    struct weir__plan_key *keys = weir__plan_take(scratch, 2 * (size_t)n, sizeof *keys);
    if (!keys)
        return ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        keys[i] = (struct weir__plan_key){skyline_key(p, i, rank), i};
    weir__plan_sort(keys, keys + n, n);
    for (uint32_t i = 0; i < 2 * s->leaves; i++)
        s->least[i] = s->best[i] = WEIR__PLAN_NONE;
    for (uint32_t r = 0; r < n; r++) {
        s->ranked[r] = keys[r].index;
        s->best[s->leaves + keys[r].index] = r;
        s->least[s->leaves + keys[r].index] = p->hi[keys[r].index];
    }
    weir__plan_drop(scratch, mark);
    for (uint32_t node = s->leaves; --node > 0;)
        skyline_node(s, node);
    for (uint32_t section = 0, i = 0; section <= m; section++) {
        while (i < n && p->lo[i] < section)
            i++;
        s->first[section] = i;
    }
    return 0;
}

/* Heights of the stretches before and after; FAR at the ends. */
static uint64_t skyline_before(const struct skyline *s, uint32_t left)
{
    return left > 0 ? s->height[s->left[left - 1]] : WEIR__PLAN_FAR;
}

static uint64_t skyline_after(const struct skyline *s, uint32_t left)
{
    uint32_t right = s->right[left];
    return right + 1 < s->p->sections ? s->height[right + 1] : WEIR__PLAN_FAR;
}

/* Raises the stretch at `left` to its lower neighbor and joins them. Returns the joined
 * one's left; NONE: it has no neighbor. */
static uint32_t skyline_raise(struct skyline *s, uint32_t left)
{
    uint64_t before = skyline_before(s, left), after = skyline_after(s, left);
    uint64_t height = before < after ? before : after;
    uint32_t right = s->right[left];
    if (height == WEIR__PLAN_FAR)
        return WEIR__PLAN_NONE;
    if (before == height)
        left = s->left[left - 1];
    if (after == height)
        right = s->right[right + 1];
    skyline_set(s, left, right, height);
    return left;
}

/* Splits the stretch around what was put onto it; returns where to go on. */
static uint32_t skyline_put(struct skyline *s, uint32_t left, uint32_t item, uint64_t top)
{
    uint32_t right = s->right[left], lo = s->p->lo[item], hi = s->p->hi[item];
    uint64_t height = s->height[left];
    if (left < lo)
        skyline_set(s, left, lo - 1, height);
    if (hi < right)
        skyline_set(s, hi + 1, right, height);
    skyline_set(s, lo, hi, top);
    return left < lo ? left : hi < right ? hi + 1 : lo;
}

/* From a stretch down to one that has no lower neighbor, joined with equal ones. */
static uint32_t skyline_descend(struct skyline *s, uint32_t left)
{
    for (;;) {
        uint64_t before = skyline_before(s, left), after = skyline_after(s, left);
        uint64_t height = s->height[left];
        if (before < height && before <= after)
            left = s->left[left - 1];
        else if (after < height)
            left = s->right[left] + 1;
        else if (before == height || after == height)
            left = skyline_raise(s, left);
        else
            return left;
    }
}

static uint64_t skyline_run(struct skyline *s, uint64_t limit, uint64_t *offsets)
{
    const struct weir__problem *p = s->p;
    uint64_t arena = 0;
    uint32_t at = 0;
    skyline_set(s, 0, p->sections - 1, 0);
    for (uint32_t left_over = p->count; left_over > 0;) {
        at = skyline_descend(s, at);
        uint32_t item = skyline_best(s, at, s->right[at]);
        if (item == WEIR__PLAN_NONE) {
            at = skyline_raise(s, at);
            if (at == WEIR__PLAN_NONE)
                return WEIR__PLAN_FAR;
            continue;
        }
        uint64_t align = p->align ? p->align[item] : 1, offset, top;
        if (__builtin_add_overflow(s->height[at], align - 1, &offset))
            return WEIR__PLAN_FAR;
        offset &= ~(align - 1);
        if (__builtin_add_overflow(offset, p->size[item], &top) || top >= limit)
            return WEIR__PLAN_FAR;
        offsets[item] = offset;
        arena = top > arena ? top : arena;
        skyline_remove(s, item);
        at = skyline_put(s, at, item, top);
        left_over--;
    }
    return arena;
}

uint64_t weir__skyline(const struct weir__problem *problem, struct weir__plan_scratch *scratch,
                       enum weir__skyline_rank rank, uint64_t limit, uint64_t *offsets, int *error)
{
    if (!problem->count)
        return 0;
    struct weir__plan_block *mark = scratch->blocks;
    struct skyline s = {.p = problem};
    *error = skyline_build(&s, scratch, rank);
    uint64_t arena = *error ? 0 : skyline_run(&s, limit, offsets);
    weir__plan_drop(scratch, mark);
    return arena;
}
