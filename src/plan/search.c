/*
 * plan/search.c - is there an arrangement within a capacity? A depth-first search over
 * what stands on the floor of a section, restarted with other preferences.
 *
 * A flat stretch with higher neighbors must be decided whatever else happens: for a
 * section t in it, either one of the items that fit into the stretch stands on the floor at
 * t, or nothing does and the floor rises there, which uses slack up. That is the whole
 * branching; it meets every arrangement that is let down as far as it goes once, so a tree
 * seen to its end is a proof. Where a section has nothing left it is a wall, and what lies
 * between two walls is settled by itself (Moffitt's decomposition).
 *
 * Which section first: the fewest choices (one choice: forced), with sections that failed
 * often before (TelaMalloc's contention), or the one with least slack. Which choice first:
 * by length, size or area with noise, less the waste that it forces elsewhere.
 */
#include "plan/search.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define SEARCH_DEPTH 5000 /* nested decisions; keeps the stack below 2 MiB */

enum search_place_rule {
    PLACE_FAILED, /* fewest choices, weighed by failures */
    PLACE_LOW,    /* fewest choices, then lowest */
    PLACE_TIGHT,  /* least slack */
};

static const struct weir__search_style search_styles[WEIR__SEARCH_STYLES] = {
    {PLACE_FAILED, 0, 1}, {PLACE_FAILED, 1, 1}, {PLACE_TIGHT, 1, 1},
    {PLACE_LOW, 0, 1},    {PLACE_FAILED, 5, 2}, {PLACE_TIGHT, 0, 1.5},
};

/* A place to decide: what stands on the floor at section t of the flat stretch. */
struct search_place {
    uint32_t t, left, right;
    bool waste; /* nothing is a choice, too */
    double score;
};

static double search_score(const struct weir__search *s, uint32_t t, uint32_t choices)
{
    const struct weir__floor *f = &s->floor;
    if (choices <= 1)
        return 0;
    switch (s->style->place) {
    case PLACE_FAILED:
        return choices / (1 + f->failed[t]);
    case PLACE_LOW:
        return choices + 0.9 * (double)f->floor[t] / (double)f->capacity;
    default:
        return 1e-9 + (double)f->slack[t] / (double)f->capacity + 1e-3 * choices;
    }
}

/* The sections of one flat stretch as places to decide. */
static void search_stretch(struct weir__search *s, uint32_t left, uint32_t right,
                           struct search_place *best)
{
    struct weir__floor *f = &s->floor;
    const struct weir__problem *p = f->p;
    int64_t floor = f->floor[left];
    memset(s->count + left, 0, (right - left + 2) * sizeof *s->count);
    for (uint32_t i = f->first[left]; i < f->first[right + 1]; i++)
        if (f->base[i] == floor && p->hi[i] <= right) {
            s->count[p->lo[i]]++;
            s->count[p->hi[i] + 1]--;
        }
    f->work += 2 * (uint64_t)(f->first[right + 1] - f->first[left]) + 4 * (right - left + 1);
    uint32_t count = 0;
    for (uint32_t t = left; t <= right; t++) {
        count += s->count[t];
        bool waste = f->slack[t] > 0;
        double score = search_score(s, t, count + waste);
        if (score < best->score)
            *best = (struct search_place){t, left, right, waste, score};
        if (score == 0)
            return;
    }
}

static struct search_place search_choose_place(struct weir__search *s, uint32_t from, uint32_t to)
{
    const int64_t *floor = s->floor.floor;
    struct search_place place = {.score = HUGE_VAL};
    s->floor.work += 2 * (uint64_t)(to - from + 1);
    for (uint32_t left = from, right; left <= to && place.score > 0; left = right + 1) {
        right = left;
        while (right < to && floor[right + 1] == floor[left])
            right++;
        if ((left == from || floor[left - 1] > floor[left]) &&
            (right == to || floor[right + 1] > floor[left]))
            search_stretch(s, left, right, &place);
    }
    return place;
}

/* How much item i is liked at this place; < 0: it is impossible there. */
static double search_key(struct weir__search *s, const struct search_place *place, uint32_t i)
{
    struct weir__floor *f = &s->floor;
    double key = s->liking[i];
    key *= f->p->lo[i] == place->left ? s->style->flush : 1;
    key *= f->p->hi[i] == place->right ? s->style->flush : 1;
    if (s->style->look <= 0)
        return key;
    size_t mark = f->ntrail;
    bool fits = weir__floor_put(f, i);
    if (fits)
        key /= 1 + s->style->look * weir__floor_waste_since(f, mark);
    weir__floor_undo(f, mark);
    return fits ? key : -1;
}

static bool search_push(struct weir__search *s, uint32_t item)
{
    if (s->noptions == s->room) {
        uint32_t *more = weir__plan_take(s->floor.scratch, 2 * (size_t)s->room, sizeof *more);
        if (!more) {
            s->floor.exhausted = true;
            return false;
        }
        memcpy(more, s->options, s->noptions * sizeof *more);
        s->options = more;
        s->room *= 2;
    }
    s->options[s->noptions++] = item;
    return true;
}

/* Pushes what can stand at the place, best liked first. */
static void search_choices(struct weir__search *s, const struct search_place *place)
{
    struct weir__floor *f = &s->floor;
    const struct weir__problem *p = f->p;
    uint32_t mark = s->noptions;
    int64_t floor = f->floor[place->t];
    for (uint32_t k = f->cover_at[place->t]; k < f->cover_at[place->t + 1]; k++) {
        uint32_t i = f->cover[k];
        if (f->base[i] != floor || p->lo[i] < place->left || p->hi[i] > place->right)
            continue;
        s->key[i] = search_key(s, place, i);
        if (s->key[i] < 0 || !search_push(s, i))
            continue;
        uint32_t at = s->noptions - 1;
        for (; at > mark && s->key[s->options[at - 1]] < s->key[i]; at--)
            s->options[at] = s->options[at - 1];
        s->options[at] = i;
    }
}

/* Was an item just like options[k] tried before it? */
static bool search_is_twin(const struct weir__search *s, uint32_t mark, uint32_t k)
{
    const struct weir__problem *p = s->floor.p;
    uint32_t i = s->options[k];
    for (uint32_t j = mark; j < k; j++) {
        uint32_t o = s->options[j];
        if (p->lo[o] == p->lo[i] && p->hi[o] == p->hi[i] && p->size[o] == p->size[i] &&
            (!p->align || p->align[o] == p->align[i]))
            return true;
    }
    return false;
}

static bool search_range(struct weir__search *s, uint32_t from, uint32_t to);

/* Decides one place of [from, to], a range without walls, and all that follows. */
static bool search_branch(struct weir__search *s, uint32_t from, uint32_t to)
{
    struct weir__floor *f = &s->floor;
    struct search_place place = search_choose_place(s, from, to);
    uint32_t mark = s->noptions;
    size_t undo = f->ntrail;
    search_choices(s, &place);
    uint32_t end = s->noptions;
    bool done = false;
    for (uint32_t k = mark; k < end && !done && !s->stopped; k++) {
        if (search_is_twin(s, mark, k))
            continue;
        done = weir__floor_put(f, s->options[k]) && search_range(s, from, to);
        if (!done)
            weir__floor_undo(f, undo);
    }
    s->noptions = mark;
    if (!done && !s->stopped && place.waste) {
        done = weir__floor_waste(f, place.t, place.left, place.right) && search_range(s, from, to);
        if (!done)
            weir__floor_undo(f, undo);
    }
    return done;
}

static bool search_may_go_on(struct weir__search *s)
{
    struct weir__floor *f = &s->floor;
    uint64_t work = (f->work - s->spent) / 2 + 20;
    s->spent = f->work;
    if (++s->nodes > s->limit || s->depth >= SEARCH_DEPTH || f->exhausted ||
        !weir__plan_spend(s->budget, work))
        s->stopped = true;
    return !s->stopped;
}

/* Parts of [from, to] between walls share nothing: each is settled by itself. */
static bool search_range(struct weir__search *s, uint32_t from, uint32_t to)
{
    const int64_t *floor = s->floor.floor;
    bool done = search_may_go_on(s);
    s->depth++;
    for (uint32_t left = from, right; left <= to && done; left = right + 1) {
        right = left;
        if (floor[left] == WEIR__FLOOR_WALL)
            continue;
        while (right < to && floor[right + 1] != WEIR__FLOOR_WALL)
            right++;
        done = search_branch(s, left, right);
    }
    s->depth--;
    return done;
}

/* Square root of x >= 1, by Newton's way: the library needs no libm. */
static double search_root(double x)
{
    double root = x;
    for (double next; (next = (root + x / root) / 2) < root;)
        root = next;
    return root;
}

/* The preferences of the last success, some of them changed. */
static void search_like_last(struct weir__search *s)
{
    const struct weir__problem *p = s->floor.p;
    uint32_t rate = 1u << (1 + weir__plan_below(&s->random, 6));
    for (uint32_t i = 0; i < p->count; i++) {
        s->liking[i] = s->liked[i];
        if (weir__plan_below(&s->random, rate) == 0)
            s->liking[i] *= 0.5 + 1.5 * (double)(weir__plan_random(&s->random) >> 11) * 0x1p-53;
    }
    s->floor.work += 10 * (uint64_t)p->count;
}

/* This run's preferences. */
static void search_like(struct weir__search *s)
{
    const struct weir__problem *p = s->floor.p;
    uint32_t kind = weir__plan_below(&s->random, 5);
    double calm = 0.5 * (1 << 2 * weir__plan_below(&s->random, 3));
    for (uint32_t i = 0; i < p->count; i++) {
        double length = p->hi[i] - p->lo[i] + 1, size = (double)p->size[i];
        double liking = kind == 0   ? length * size
                        : kind == 1 ? size
                        : kind == 2 ? length
                        : kind == 3 ? search_root(length) * size
                                    : length * search_root(size);
        double noise = (double)(weir__plan_random(&s->random) >> 11) * 0x1p-53;
        s->liking[i] = liking * (calm + noise);
    }
    for (uint32_t t = 0; t < p->sections; t++)
        s->floor.failed[t] *= 0.9;
    s->floor.work += 10 * (uint64_t)p->count;
}

/* A style by chance, the successful ones more often. */
static uint32_t search_pick_style(struct weir__search *s)
{
    uint32_t sum = 0, k = 0;
    for (uint32_t i = 0; i < WEIR__SEARCH_STYLES; i++)
        sum += 2 + (s->success[i] < 20 ? s->success[i] : 20);
    uint32_t at = weir__plan_below(&s->random, sum);
    for (;; k++) {
        uint32_t weight = 2 + (s->success[k] < 20 ? s->success[k] : 20);
        if (at < weight)
            return k;
        at -= weight;
    }
}

enum weir__search_answer weir__search_run(struct weir__search *s, uint64_t capacity, uint64_t limit)
{
    bool again = s->found && weir__plan_below(&s->random, 4) > 0;
    uint32_t style = again && weir__plan_below(&s->random, 4) > 0 ? s->last : search_pick_style(s);
    s->style = &search_styles[style];
    s->nodes = s->depth = s->noptions = 0;
    s->limit = limit;
    s->stopped = false;
    if (again)
        search_like_last(s);
    else
        search_like(s);
    if (!weir__floor_reset(&s->floor, (int64_t)capacity))
        return WEIR__SEARCH_NONE;
    bool found = search_range(s, 0, s->floor.p->sections - 1);
    s->success[style] += found;
    if (found) {
        memcpy(s->liked, s->liking, s->floor.p->count * sizeof *s->liked);
        s->last = style;
        s->found = true;
    }
    return found ? WEIR__SEARCH_FOUND : s->stopped ? WEIR__SEARCH_OPEN : WEIR__SEARCH_NONE;
}

int weir__search_open(struct weir__search *s, const struct weir__problem *p,
                      struct weir__plan_scratch *scratch, struct weir__plan_budget *budget,
                      uint64_t seed)
{
    *s = (struct weir__search){.budget = budget, .random = seed, .room = 4 * p->count + 64};
    s->liking = weir__plan_take(scratch, p->count, sizeof *s->liking);
    s->liked = weir__plan_take(scratch, p->count, sizeof *s->liked);
    s->key = weir__plan_take(scratch, p->count, sizeof *s->key);
    s->count = weir__plan_take(scratch, p->sections + 1, sizeof *s->count);
    s->options = weir__plan_take(scratch, s->room, sizeof *s->options);
    if (!s->liking || !s->liked || !s->key || !s->count || !s->options)
        return ENOMEM;
    return weir__floor_open(&s->floor, p, scratch);
}
