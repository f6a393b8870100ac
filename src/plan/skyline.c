/*
 * plan/skyline.c - best-fit skyline (Burke et al. 2004; for lifetimes, Sekiyama et al.
 * 2018): fast and good, always run. Time is the floor's length, memory its height. A flat
 * stretch between higher neighbors gets the best-ranked item that fits into it entirely;
 * when none does it is raised to its lower neighbor and joined to it. Which of several such
 * stretches comes first makes no difference: what fits into one fits into no other. So
 * there is no heap of heights, only a walk downhill from where the last item was put.
 *
 * An item is placed once and a stretch is joined away once; which item is the best of a stretch
 * is plan/ranges.c's answer, so that the whole is near n log n whatever the lifetimes.
 */
#include "plan/skyline.h"

#include <errno.h>

/* A stretch is named by its left section; its right end finds the left one again. */
struct skyline {
    const struct weir__problem *p;
    uint64_t *height;            /* by left section */
    uint32_t *right;             /* by left section: last section */
    uint32_t *left;              /* by right section: first section */
    uint32_t *ranked;            /* by rank: the item */
    struct weir__ranges *ranges; /* what is left to be placed */
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

/* The items in the order of their rank. */
static int skyline_order(struct skyline *s, struct weir__plan_scratch *scratch,
                         enum weir__skyline_rank rank)
{
    uint32_t n = s->p->count;
    struct weir__plan_block *mark = scratch->blocks;
    struct weir__plan_key *keys = weir__plan_take(scratch, 2 * (size_t)n, sizeof *keys);
    if (!keys)
        return ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        keys[i] = (struct weir__plan_key){skyline_key(s->p, i, rank), i};
    weir__plan_sort(keys, keys + n, n);
    for (uint32_t r = 0; r < n; r++)
        s->ranked[r] = keys[r].index;
    weir__plan_drop(scratch, mark);
    return 0;
}

static int skyline_build(struct skyline *s, struct weir__plan_scratch *scratch,
                         enum weir__skyline_rank rank)
{
    uint32_t n = s->p->count, m = s->p->sections;
    s->height = weir__plan_take(scratch, m, sizeof *s->height);
    s->right = weir__plan_take(scratch, 2 * (size_t)m, sizeof *s->right);
    s->ranked = weir__plan_take(scratch, n, sizeof *s->ranked);
    if (!s->height || !s->right || !s->ranked || skyline_order(s, scratch, rank))
        return ENOMEM;
    s->left = s->right + m;
    weir__ranges_fill(s->ranges, s->ranked);
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
    for (;; s->ranges->steps++) {
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
        uint32_t best = weir__ranges_best(s->ranges, at, s->right[at]);
        if (best == WEIR__PLAN_NONE) {
            at = skyline_raise(s, at);
            if (at == WEIR__PLAN_NONE)
                return WEIR__PLAN_FAR;
            continue;
        }
        uint32_t item = s->ranked[best];
        uint64_t align = p->align ? p->align[item] : 1, offset, top;
        if (__builtin_add_overflow(s->height[at], align - 1, &offset))
            return WEIR__PLAN_FAR;
        offset &= ~(align - 1);
        if (__builtin_add_overflow(offset, p->size[item], &top) || top >= limit)
            return WEIR__PLAN_FAR;
        offsets[item] = offset;
        arena = top > arena ? top : arena;
        weir__ranges_remove(s->ranges, item);
        at = skyline_put(s, at, item, top);
        left_over--;
    }
    return arena;
}

uint64_t weir__skyline(const struct weir__problem *problem, struct weir__ranges *ranges,
                       struct weir__plan_scratch *scratch, enum weir__skyline_rank rank,
                       uint64_t limit, uint64_t *offsets, int *error)
{
    if (!problem->count)
        return 0;
    struct weir__plan_block *mark = scratch->blocks;
    struct skyline s = {.p = problem, .ranges = ranges};
    *error = skyline_build(&s, scratch, rank);
    uint64_t arena = *error ? 0 : skyline_run(&s, limit, offsets);
    weir__plan_drop(scratch, mark);
    return arena;
}
