/*
 * plan/perfect.c - arrangements without waste. Where a part is full before and after a boundary of
 * two sections, what ends there and what starts there fill the same places: both fall into groups
 * of equal sums, each group one piece of the boundary, filled from both sides. Take these pieces
 * for vertices and the items for edges, each from the piece where it starts to the one where it
 * ends: an arrangement is a drawing of that graph without crossings (as a squared rectangle is:
 * Brooks, Smith, Stone and Tutte 1940), and any such drawing is an arrangement. So planarity
 * (plan/planarity.c), not a search for offsets, finds the order.
 *
 * Left to decide is how a boundary falls into groups where sums agree by chance. Boundaries with
 * one way are taken as they are; for the others the ways are tried, the likeliest first, and kept
 * while the graph is planar. Where none is left, another decision that is in the way is undone.
 */
#include "plan/perfect.h"

#include "plan/planarity.h"

#include <errno.h>
#include <string.h>

#define NONE WEIR__PLAN_NONE

#define PERFECT_SIDE    16  /* items that end (or start) together; more are taken as one group */
#define PERFECT_MATCHES 400 /* groups of equal sums at a boundary */
#define PERFECT_WAYS    250 /* ways in which a boundary falls into groups */
#define PERFECT_TRIES   6   /* ways for which room is made */

/* A group: bits of what ends and of what starts at a boundary. */
struct perfect_group {
    uint32_t ends, starts;
};

struct perfect_way {
    struct perfect_group groups[PERFECT_SIDE];
    uint32_t count;
    int32_t score; /* how likely it is */
};

/* What lies between a section and the next. No ways: it is one group. */
struct perfect_boundary {
    struct perfect_way *ways;
    uint32_t count, chosen, failed; /* chosen: NONE while it is not decided */
    uint32_t barred;                /* the way that it had when it was opened again */
};

struct perfect {
    const struct weir__problem *p;
    struct weir__plan_scratch *scratch;
    struct weir__plan_budget *budget;
    uint32_t *ends_at, *ends; /* by section: the items that end in it */
    uint32_t *starts_at;      /* by section: the first item that starts in it */
    struct perfect_boundary *boundaries;
    uint32_t *open, nopen; /* boundaries with more than one way */
    uint32_t *order;       /* of those that are decided, by doubt */
    struct weir__planarity graph;
    uint64_t random;
};

/* -- the ways of one boundary ----------------------------------------------------------- */

/* One boundary while its ways are looked for. */
struct perfect_split {
    uint64_t sizes[2][PERFECT_SIDE]; /* of what ends, of what starts */
    uint32_t count[2];
    struct weir__plan_key *sums; /* 2^PERFECT_SIDE, twice */
    struct perfect_group matches[PERFECT_MATCHES];
    uint32_t nmatches, nways, depth;
    struct perfect_group chosen[PERFECT_SIDE];
    struct perfect_way *ways; /* PERFECT_WAYS */
    uint32_t range;           /* bits of the greatest sum */
};

static uint32_t perfect_bits(uint64_t value)
{
    return value ? 64u - (uint32_t)__builtin_clzll(value) : 0;
}

static uint64_t perfect_sum(const uint64_t *sizes, uint32_t mask)
{
    uint64_t sum = 0;
    for (; mask; mask &= mask - 1)
        sum += sizes[__builtin_ctz(mask)];
    return sum;
}

/* How many ways there are to take k of n: in bits, rounded up. */
static uint32_t perfect_choices(uint32_t n, uint32_t k)
{
    uint64_t ways = 1;
    for (uint32_t i = 0; i < k; i++)
        ways = ways * (n - i) / (i + 1);
    return perfect_bits(ways - 1);
}

/* Groups of equal sums; those of few items first, which are least likely there by chance. */
static void perfect_match(struct perfect_split *s)
{
    uint32_t n = 1u << s->count[1];
    for (uint32_t mask = 0; mask < n; mask++)
        s->sums[mask] = (struct weir__plan_key){perfect_sum(s->sizes[1], mask), mask};
    weir__plan_sort(s->sums, s->sums + n, n);
    s->nmatches = 0;
    for (uint32_t few = 1; few <= s->count[0]; few++)
        for (uint32_t mask = 1; mask < 1u << s->count[0]; mask++) {
            if ((uint32_t)__builtin_popcount(mask) != few)
                continue;
            uint64_t sum = perfect_sum(s->sizes[0], mask);
            uint32_t at = 0;
            for (uint32_t step = n; step > 0; step /= 2)
                if (at + step <= n && s->sums[at + step - 1].key < sum)
                    at += step;
            for (; at < n && s->sums[at].key == sum && s->nmatches < PERFECT_MATCHES; at++)
                s->matches[s->nmatches++] = (struct perfect_group){mask, s->sums[at].index};
        }
}

/* Bits of evidence: how much less likely each group but the largest is by chance. */
static int32_t perfect_score(const struct perfect_split *s, const struct perfect_group *groups,
                             uint32_t count)
{
    int32_t score = 0, least = INT32_MAX;
    for (uint32_t g = 0; g < count; g++) {
        uint32_t a = (uint32_t)__builtin_popcount(groups[g].ends);
        uint32_t b = (uint32_t)__builtin_popcount(groups[g].starts);
        int32_t bits = (int32_t)s->range - 4 - (int32_t)perfect_choices(s->count[0], a) -
                       (int32_t)perfect_choices(s->count[1], b);
        score += bits;
        least = bits < least ? bits : least;
    }
    return score - least;
}

static void perfect_keep(struct perfect_split *s)
{
    struct perfect_way way = {.count = s->depth};
    memcpy(way.groups, s->chosen, s->depth * sizeof *s->chosen);
    way.score = perfect_score(s, s->chosen, s->depth);
    uint32_t at = s->nways++;
    for (; at > 0 && s->ways[at - 1].score < way.score; at--)
        s->ways[at] = s->ways[at - 1];
    s->ways[at] = way;
}

/* All ways to divide what is left, the group of the first that ends first. */
static void perfect_divide(struct perfect_split *s, uint32_t ends, uint32_t starts)
{
    if (!ends && !starts)
        perfect_keep(s);
    for (uint32_t k = 0; ends && k < s->nmatches && s->nways < PERFECT_WAYS; k++) {
        struct perfect_group g = s->matches[k];
        if (!(g.ends & (ends & -ends)) || (g.ends & ~ends) || (g.starts & ~starts))
            continue;
        s->chosen[s->depth++] = g;
        perfect_divide(s, ends & ~g.ends, starts & ~g.starts);
        s->depth--;
    }
}

static int perfect_boundary(struct perfect *f, struct perfect_split *s, uint32_t b)
{
    const struct weir__problem *p = f->p;
    const uint32_t *ends = f->ends + f->ends_at[b];
    uint32_t starts = f->starts_at[b + 1];
    s->count[0] = f->ends_at[b + 1] - f->ends_at[b];
    s->count[1] = f->starts_at[b + 2] - starts;
    f->boundaries[b] = (struct perfect_boundary){.chosen = 0};
    if (s->count[0] < 2 || s->count[1] < 2 || s->count[0] > PERFECT_SIDE ||
        s->count[1] > PERFECT_SIDE)
        return 0;
    for (uint32_t k = 0; k < s->count[0]; k++)
        s->sizes[0][k] = p->size[ends[k]];
    for (uint32_t k = 0; k < s->count[1]; k++)
        s->sizes[1][k] = p->size[starts + k];
    s->nways = s->depth = 0;
    perfect_match(s);
    perfect_divide(s, (1u << s->count[0]) - 1, (1u << s->count[1]) - 1);
    weir__plan_spend(f->budget, (8u << s->count[0]) + (8u << s->count[1]));
    if (s->nways < 2)
        return 0;
    struct perfect_way *ways = weir__plan_take(f->scratch, s->nways, sizeof *ways);
    if (!ways)
        return ENOMEM;
    memcpy(ways, s->ways, s->nways * sizeof *ways);
    f->boundaries[b] = (struct perfect_boundary){ways, s->nways, NONE, 0, NONE};
    f->open[f->nopen++] = b;
    return 0;
}

static int perfect_boundaries(struct perfect *f)
{
    struct weir__plan_scratch own = {0};
    struct perfect_split *s = weir__plan_take(&own, 1, sizeof *s);
    int error = s ? 0 : ENOMEM;
    if (s) {
        s->range = perfect_bits(f->p->bound);
        s->sums = weir__plan_take(&own, (size_t)2 << PERFECT_SIDE, sizeof *s->sums);
        s->ways = weir__plan_take(&own, PERFECT_WAYS, sizeof *s->ways);
        error = s->sums && s->ways ? 0 : ENOMEM;
    }
    for (uint32_t b = 0; b + 1 < f->p->sections && !error; b++)
        error = perfect_boundary(f, s, b);
    weir__plan_drop(&own, NULL);
    return error;
}

/* -- the graph -------------------------------------------------------------------------- */

/* Vertices: 0 where everything starts, 1 where it ends, one in the middle of each item (two may
 * join the same pieces), then the pieces. */
enum { PERFECT_SOURCE, PERFECT_SINK, PERFECT_ITEM };

/* A piece of boundary b: its items are the bits of `group` among those that end and start there. */
static void perfect_add_piece(struct perfect *f, uint32_t b, const struct perfect_group *group)
{
    struct weir__planarity *g = &f->graph;
    const uint32_t *ends = f->ends + f->ends_at[b];
    uint32_t piece = g->vertices++, nends = f->ends_at[b + 1] - f->ends_at[b];
    uint32_t starts = f->starts_at[b + 1], nstarts = f->starts_at[b + 2] - starts;
    for (uint32_t k = 0; k < nends; k++)
        if (!group || group->ends >> k & 1)
            weir__planarity_add(g, PERFECT_ITEM + ends[k], piece);
    for (uint32_t k = 0; k < nstarts; k++)
        if (!group || group->starts >> k & 1)
            weir__planarity_add(g, piece, PERFECT_ITEM + starts + k);
}

/* All pieces that are decided. */
static void perfect_draw(struct perfect *f)
{
    const struct weir__problem *p = f->p;
    struct weir__planarity *g = &f->graph;
    weir__planarity_reset(g, PERFECT_ITEM + p->count);
    weir__planarity_add(g, PERFECT_SOURCE, PERFECT_SINK);
    for (uint32_t i = 0; i < f->starts_at[1]; i++)
        weir__planarity_add(g, PERFECT_SOURCE, PERFECT_ITEM + i);
    for (uint32_t k = f->ends_at[p->sections - 1]; k < f->ends_at[p->sections]; k++)
        weir__planarity_add(g, PERFECT_ITEM + f->ends[k], PERFECT_SINK);
    for (uint32_t b = 0; b + 1 < p->sections; b++) {
        const struct perfect_boundary *boundary = &f->boundaries[b];
        if (!boundary->count)
            perfect_add_piece(f, b, NULL);
        else if (boundary->chosen != NONE)
            for (uint32_t k = 0; k < boundary->ways[boundary->chosen].count; k++)
                perfect_add_piece(f, b, &boundary->ways[boundary->chosen].groups[k]);
    }
}

static bool perfect_is_planar(struct perfect *f)
{
    perfect_draw(f);
    weir__plan_spend(f->budget, 100 * (uint64_t)f->graph.edges);
    return weir__planarity_test(&f->graph);
}

/* -- deciding --------------------------------------------------------------------------- */

/* How much likelier the way chosen is than the best of the others. */
static int32_t perfect_margin(const struct perfect_boundary *b)
{
    return b->ways[b->chosen].score - b->ways[b->chosen == 0].score;
}

/* A way of the boundary that leaves the graph planar and is not the one barred: the likeliest, or
 * by chance a later one where this boundary has failed before. */
static bool perfect_choose(struct perfect *f, struct perfect_boundary *b)
{
    uint32_t passed = NONE;
    for (b->chosen = 0; b->chosen < b->count; b->chosen++) {
        if (b->chosen == b->barred || !perfect_is_planar(f))
            continue;
        if (!b->failed || weir__plan_below(&f->random, 3))
            return true;
        passed = passed == NONE ? b->chosen : passed;
    }
    b->chosen = passed;
    return passed != NONE;
}

/* Is b to be doubted before o? */
static bool perfect_doubts(const struct perfect_boundary *b, const struct perfect_boundary *o)
{
    if (b->failed != o->failed)
        return b->failed < o->failed;
    return perfect_margin(b) < perfect_margin(o);
}

/* Boundaries that are decided, those most in doubt first. */
static uint32_t perfect_order(struct perfect *f)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < f->nopen; k++) {
        const struct perfect_boundary *b = &f->boundaries[f->open[k]];
        if (b->chosen == NONE)
            continue;
        uint32_t at = n++;
        for (; at > 0 && perfect_doubts(b, &f->boundaries[f->order[at - 1]]); at--)
            f->order[at] = f->order[at - 1];
        f->order[at] = f->open[k];
    }
    return n;
}

/* Boundary `at` has no way around the others: one that is in its way is opened again and must be
 * decided otherwise. */
static bool perfect_eject(struct perfect *f, uint32_t at)
{
    struct perfect_boundary *b = &f->boundaries[at];
    uint32_t n = perfect_order(f);
    for (uint32_t way = 0; way < b->count && way < PERFECT_TRIES; way++)
        for (uint32_t k = 0; k < n && f->budget->work > 0; k++) {
            struct perfect_boundary *o = &f->boundaries[f->order[k]];
            uint32_t was = o->chosen;
            b->chosen = way;
            o->chosen = NONE;
            if (perfect_is_planar(f)) {
                o->barred = was;
                o->failed++;
                return true;
            }
            o->chosen = was;
        }
    b->chosen = NONE;
    return false;
}

/* Nothing else helped: those around it are opened by chance, more of them the more often it failed,
 * and no way is barred. */
static void perfect_shake(struct perfect *f, uint32_t at)
{
    uint32_t reach = 8 * f->boundaries[at].failed;
    for (uint32_t k = 0; k < f->nopen; k++) {
        struct perfect_boundary *b = &f->boundaries[f->open[k]];
        uint32_t away = f->open[k] > at ? f->open[k] - at : at - f->open[k];
        b->barred = NONE;
        if (away <= reach && weir__plan_below(&f->random, 2))
            b->chosen = NONE;
    }
}

/* The open boundary that failed most, of these the one with the fewest ways; NONE: there is none.
 */
static uint32_t perfect_next(const struct perfect *f)
{
    uint32_t next = NONE;
    for (uint32_t k = 0; k < f->nopen; k++) {
        const struct perfect_boundary *b = &f->boundaries[f->open[k]];
        const struct perfect_boundary *o = next == NONE ? b : &f->boundaries[next];
        if (b->chosen == NONE && (next == NONE || b->failed > o->failed ||
                                  (b->failed == o->failed && b->count < o->count)))
            next = f->open[k];
    }
    return next;
}

static bool perfect_search(struct perfect *f)
{
    if (!perfect_is_planar(f))
        return false;
    for (uint32_t at; (at = perfect_next(f)) != NONE;) {
        if (!f->budget->work)
            return false;
        if (perfect_choose(f, &f->boundaries[at]))
            continue;
        if (++f->boundaries[at].failed % 3 == 0 || !perfect_eject(f, at))
            perfect_shake(f, at);
    }
    return true;
}

/* -- offsets ---------------------------------------------------------------------------- */

/* The half-edge with which the items that start at v begin, clockwise. */
static uint32_t perfect_first_start(const struct perfect *f, uint32_t v, uint32_t section)
{
    const struct weir__planarity *g = &f->graph;
    uint32_t h = g->first[v];
    for (uint32_t n = 0; n < g->edges; n++, h = g->next[h]) {
        uint32_t before = g->ends[g->previous[h] ^ 1], at = g->ends[h ^ 1];
        bool starts = at >= PERFECT_ITEM && f->p->lo[at - PERFECT_ITEM] == section;
        bool follows = before < PERFECT_ITEM || f->p->lo[before - PERFECT_ITEM] != section;
        if (starts && follows)
            break;
    }
    return h;
}

/* Items that start at v are stacked in the order in which they leave it; false: they do not all
 * leave it side by side. */
static bool perfect_stack(struct perfect *f, uint32_t v, uint32_t section, uint64_t at,
                          uint64_t *offsets)
{
    const struct weir__planarity *g = &f->graph;
    uint64_t top = at;
    for (uint32_t h = perfect_first_start(f, v, section);; h = g->next[h]) {
        uint32_t to = g->ends[h ^ 1];
        if (to < PERFECT_ITEM || f->p->lo[to - PERFECT_ITEM] != section)
            return true;
        if (offsets[to - PERFECT_ITEM] != WEIR__PLAN_FAR)
            return true;
        offsets[to - PERFECT_ITEM] = top;
        top += f->p->size[to - PERFECT_ITEM];
    }
}

/* Where the piece v begins: the lowest of what ends there. */
static uint64_t perfect_base(const struct perfect *f, uint32_t v, uint32_t b,
                             const uint64_t *offsets)
{
    const struct weir__planarity *g = &f->graph;
    uint64_t base = WEIR__PLAN_FAR;
    uint32_t h = g->first[v];
    do {
        uint32_t item = g->ends[h ^ 1] - PERFECT_ITEM;
        if (f->p->hi[item] == b && offsets[item] < base)
            base = offsets[item];
        h = g->next[h];
    } while (h != g->first[v]);
    return base;
}

static bool perfect_offsets(struct perfect *f, uint64_t *offsets)
{
    const struct weir__problem *p = f->p;
    uint32_t piece = PERFECT_ITEM + p->count;
    for (uint32_t i = 0; i < p->count; i++)
        offsets[i] = WEIR__PLAN_FAR;
    bool fine = perfect_stack(f, PERFECT_SOURCE, 0, 0, offsets);
    for (uint32_t b = 0; b + 1 < p->sections && fine; b++) {
        const struct perfect_boundary *boundary = &f->boundaries[b];
        uint32_t pieces = boundary->count ? boundary->ways[boundary->chosen].count : 1;
        for (uint32_t k = 0; k < pieces && fine; k++, piece++) {
            uint64_t base = perfect_base(f, piece, b, offsets);
            fine = base != WEIR__PLAN_FAR && perfect_stack(f, piece, b + 1, base, offsets);
        }
    }
    return fine;
}

/* Does each section's stack have neither gap nor overlap? */
static int perfect_check(struct perfect *f, const uint64_t *offsets, bool *fine)
{
    const struct weir__problem *p = f->p;
    struct weir__plan_block *mark = f->scratch->blocks;
    struct weir__plan_key *keys = weir__plan_take(f->scratch, 2 * (size_t)p->count, sizeof *keys);
    uint64_t *tops = weir__plan_take(f->scratch, p->sections, sizeof *tops);
    if (!keys || !tops)
        return ENOMEM;
    *fine = true;
    for (uint32_t i = 0; i < p->count; i++)
        keys[i] = (struct weir__plan_key){offsets[i], i};
    weir__plan_sort(keys, keys + p->count, p->count);
    for (uint32_t k = 0; k < p->count; k++) {
        uint32_t i = keys[k].index;
        for (uint32_t t = p->lo[i]; t <= p->hi[i]; t++) {
            *fine &= tops[t] == offsets[i];
            tops[t] = offsets[i] + p->size[i];
        }
    }
    weir__plan_drop(f->scratch, mark);
    return 0;
}

/* -- all of it -------------------------------------------------------------------------- */

static int perfect_open(struct perfect *f)
{
    const struct weir__problem *p = f->p;
    uint32_t n = p->count, m = p->sections;
    f->ends_at = weir__plan_take(f->scratch, 2 * (size_t)m + 4, sizeof *f->ends_at);
    f->ends = weir__plan_take(f->scratch, n, sizeof *f->ends);
    f->boundaries = weir__plan_take(f->scratch, m, sizeof *f->boundaries);
    f->open = weir__plan_take(f->scratch, 2 * (size_t)m, sizeof *f->open);
    if (!f->ends_at || !f->ends || !f->boundaries || !f->open)
        return ENOMEM;
    f->order = f->open + m;
    f->starts_at = f->ends_at + m + 2;
    for (uint32_t i = 0; i < n; i++)
        f->ends_at[p->hi[i] + 1]++;
    for (uint32_t t = 0; t < m; t++)
        f->ends_at[t + 1] += f->ends_at[t];
    for (uint32_t i = n; i-- > 0;) /* each range is filled from its end */
        f->ends[--f->ends_at[p->hi[i] + 1]] = i;
    for (uint32_t t = 0; t < m; t++)
        f->ends_at[t] = f->ends_at[t + 1];
    f->ends_at[m] = n;
    for (uint32_t t = 0, i = 0; t <= m; t++) {
        while (i < n && p->lo[i] < t)
            i++;
        f->starts_at[t] = i;
    }
    return weir__planarity_open(&f->graph, 2 * n + PERFECT_ITEM + m, 2 * n + 1, f->scratch);
}

bool weir__perfect_is_full(const struct weir__problem *p, struct weir__plan_scratch *scratch,
                           int *error)
{
    struct weir__plan_block *mark = scratch->blocks;
    uint64_t *ending = weir__plan_take(scratch, p->sections + 1, sizeof *ending);
    uint64_t live = 0;
    bool full = ending != NULL;
    *error = ending ? 0 : ENOMEM;
    for (uint32_t t = 0, i = 0; full && t < p->sections; t++) {
        for (; i < p->count && p->lo[i] == t; i++) {
            live += p->size[i];
            ending[p->hi[i]] += p->size[i];
        }
        full = live == p->bound;
        live -= ending[t];
    }
    weir__plan_drop(scratch, mark);
    return full;
}

int weir__perfect(const struct weir__problem *p, struct weir__plan_scratch *scratch,
                  struct weir__plan_budget *budget, uint64_t *offsets, bool *found)
{
    struct perfect f = {.p = p, .scratch = scratch, .budget = budget};
    struct weir__plan_block *mark = scratch->blocks;
    *found = false;
    int error = perfect_open(&f);
    if (!error)
        error = perfect_boundaries(&f);
    uint64_t *trial = error ? NULL : weir__plan_take(scratch, p->count, sizeof *trial);
    if (!error && !trial)
        error = ENOMEM;
    if (!error && perfect_search(&f)) {
        perfect_draw(&f);
        weir__planarity_test(&f.graph);
        weir__planarity_embed(&f.graph);
        if (perfect_offsets(&f, trial))
            error = perfect_check(&f, trial, found);
    }
    if (!error && *found)
        memcpy(offsets, trial, p->count * sizeof *offsets);
    weir__plan_drop(scratch, mark);
    return error;
}
