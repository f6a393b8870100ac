/*
 * plan/search.c - is there an arrangement within a capacity? A depth-first search with
 * restarts over what stands on the floor of a section.
 */
#include "plan/problem.h"
#include "plan/search.h"

#include <errno.h>
#include <string.h>

#define SEARCH_WALL INT64_MAX /* floor of a section in which nothing is left */

/* An old value, to be put back. */
struct search_undo {
    int64_t *at;
    int64_t value;
};

struct search {
    const struct weir__problem *p;
    struct weir__plan_budget *budget;
    uint64_t random;
    int64_t capacity;
    int64_t *floor;    /* by section */
    int64_t *slack;    /* by section: capacity - floor - what is left to place */
    int64_t *left;     /* by section: items to place */
    int64_t *base;     /* by item: greatest floor over its sections; -1: placed */
    int64_t *offset;   /* by item */
    uint32_t *first;   /* by section: first item with lo >= section */
    uint32_t *cover_at, *cover; /* items over a section */
    uint8_t *dirty;
    uint32_t *queue;
    uint32_t nqueue;
    double *weight; /* by section: how often it was where a branch failed */
    double *noise;  /* by item */
    struct search_undo *trail;
    size_t ntrail, trail_room;
    uint64_t nodes, limit; /* of this run */
    bool stopped;
    uint32_t *count; /* by section: candidates at the floor */
    uint32_t *options; /* stack of candidates */
    uint32_t noptions, options_room;
    int mode;
};

static void search_save(struct search *s, int64_t *at)
{
    s->trail[s->ntrail++] = (struct search_undo){at, *at};
}

static void search_set(struct search *s, int64_t *at, int64_t value)
{
    search_save(s, at);
    *at = value;
}

static void search_undo(struct search *s, size_t mark)
{
    while (s->ntrail > mark) {
        s->ntrail--;
        *s->trail[s->ntrail].at = s->trail[s->ntrail].value;
    }
}

static void search_mark(struct search *s, uint32_t section)
{
    if (!s->dirty[section]) {
        s->dirty[section] = 1;
        s->queue[s->nqueue++] = section;
    }
}

static void search_clear(struct search *s)
{
    while (s->nqueue > 0)
        s->dirty[s->queue[--s->nqueue]] = 0;
}

/* The floor of a section rose: so do the bases of the items over it. */
static void search_rise(struct search *s, uint32_t section)
{
    int64_t floor = s->floor[section];
    for (uint32_t k = s->cover_at[section]; k < s->cover_at[section + 1]; k++) {
        uint32_t i = s->cover[k];
        if (s->base[i] < 0 || s->base[i] >= floor)
            continue;
        search_set(s, &s->base[i], floor);
        for (uint32_t t = s->p->lo[i]; t <= s->p->hi[i]; t++)
            search_mark(s, t);
    }
}

/* Raises floors to the least base above them until nothing moves. */
static bool search_infer(struct search *s)
{
    while (s->nqueue > 0) {
        uint32_t t = s->queue[--s->nqueue];
        s->dirty[t] = 0;
        if (s->left[t] == 0)
            continue;
        int64_t least = INT64_MAX;
        uint64_t work = 0;
        for (uint32_t k = s->cover_at[t]; k < s->cover_at[t + 1]; k++) {
            int64_t base = s->base[s->cover[k]];
            work++;
            if (base >= 0 && base < least) {
                least = base;
                if (least == s->floor[t])
                    break;
            }
        }
        s->budget->work -= s->budget->work > work ? work : s->budget->work;
        if (least <= s->floor[t])
            continue;
        int64_t rise = least - s->floor[t];
        if (rise > s->slack[t]) {
            s->weight[t] += 1;
            search_clear(s);
            return false;
        }
        search_set(s, &s->slack[t], s->slack[t] - rise);
        search_set(s, &s->floor[t], least);
        search_rise(s, t);
    }
    return true;
}

static bool search_put(struct search *s, uint32_t item)
{
    const struct weir__problem *p = s->p;
    int64_t at = s->base[item], top = at + (int64_t)p->size[item];
    search_set(s, &s->base[item], -1);
    s->offset[item] = at;
    for (uint32_t t = p->lo[item]; t <= p->hi[item]; t++) {
        search_set(s, &s->left[t], s->left[t] - 1);
        search_set(s, &s->floor[t], s->left[t] > 0 ? top : SEARCH_WALL);
    }
    for (uint32_t t = p->lo[item]; t <= p->hi[item]; t++)
        if (s->left[t] > 0) {
            search_rise(s, t);
            search_mark(s, t);
        }
    return search_infer(s);
}

/* Nothing that could stand on the floor at t will: raise it to the next support. */
static bool search_waste(struct search *s, uint32_t t, uint32_t left, uint32_t right)
{
    const struct weir__problem *p = s->p;
    int64_t floor = s->floor[t], next = INT64_MAX;
    for (uint32_t i = s->first[left]; i < s->first[right + 1]; i++) /* what may stand beside t */
        if (s->base[i] == floor && p->hi[i] <= right && (p->hi[i] < t || p->lo[i] > t) &&
            floor + (int64_t)p->size[i] < next)
            next = floor + (int64_t)p->size[i];
    for (uint32_t k = s->cover_at[t]; k < s->cover_at[t + 1]; k++) {
        int64_t base = s->base[s->cover[k]];
        if (base > floor && base < next)
            next = base;
    }
    if (next == INT64_MAX || next - floor > s->slack[t]) {
        s->weight[t] += 1;
        return false;
    }
    search_set(s, &s->slack[t], s->slack[t] - (next - floor));
    search_set(s, &s->floor[t], next);
    search_rise(s, t);
    search_mark(s, t);
    return search_infer(s);
}

/* A place to decide: what stands on the floor at section t of the flat stretch. */
struct search_place {
    uint32_t t, left, right, count;
    bool waste; /* nothing is possible, too */
    double score;
};

static void search_stretch(struct search *s, uint32_t left, uint32_t right,
                           struct search_place *best)
{
    const struct weir__problem *p = s->p;
    int64_t floor = s->floor[left];
    for (uint32_t t = left; t <= right + 1; t++)
        s->count[t] = 0;
    int64_t least = INT64_MAX;
    for (uint32_t i = s->first[left]; i < s->first[right + 1]; i++)
        if (s->base[i] == floor && p->hi[i] <= right) {
            s->count[p->lo[i]]++;
            s->count[p->hi[i] + 1]--;
            if ((int64_t)p->size[i] < least)
                least = (int64_t)p->size[i];
        }
    s->budget->work -= s->budget->work > 40 ? 40 : s->budget->work;
    uint32_t count = 0;
    for (uint32_t t = left; t <= right; t++) {
        count += s->count[t];
        bool waste = s->slack[t] >= least || count == 0 || (s->slack[t] > 0);
        double options = count + waste;
        double score = options / (1 + s->weight[t]);
        if (s->mode & 1)
            score = options + 0.9 * (double)floor / (double)s->capacity;
        if (options <= 1)
            score = 0;
        if (score < best->score)
            *best = (struct search_place){t, left, right, count, waste, score};
    }
}

static bool search_range(struct search *s, uint32_t from, uint32_t to);

static bool search_branch(struct search *s, uint32_t from, uint32_t to)
{
    const struct weir__problem *p = s->p;
    struct search_place place = {.score = 1e300};
    for (uint32_t left = from, right; left <= to; left = right + 1) {
        right = left;
        while (right < to && s->floor[right + 1] == s->floor[left])
            right++;
        bool low = (left == from || s->floor[left - 1] > s->floor[left]) &&
                   (right == to || s->floor[right + 1] > s->floor[left]);
        if (low)
            search_stretch(s, left, right, &place);
        if (place.score == 0)
            break;
    }
    uint32_t mark = s->noptions;
    int64_t floor = s->floor[place.t];
    for (uint32_t k = s->cover_at[place.t]; k < s->cover_at[place.t + 1]; k++) {
        uint32_t i = s->cover[k];
        if (s->base[i] != floor)
            continue;
        /* insertion by preference */
        double key = s->noise[i];
        uint32_t at = s->noptions++;
        while (at > mark && s->noise[s->options[at - 1]] < key) {
            s->options[at] = s->options[at - 1];
            at--;
        }
        s->options[at] = i;
    }
    uint32_t end = s->noptions;
    bool done = false;
    for (uint32_t k = mark; k < end && !done && !s->stopped; k++) {
        uint32_t i = s->options[k];
        bool twin = false;
        for (uint32_t j = mark; j < k; j++) {
            uint32_t o = s->options[j];
            twin |= p->lo[o] == p->lo[i] && p->hi[o] == p->hi[i] && p->size[o] == p->size[i];
        }
        if (twin)
            continue;
        size_t undo = s->ntrail;
        done = search_put(s, i) && search_range(s, from, to);
        if (!done)
            search_undo(s, undo);
    }
    s->noptions = mark;
    if (!done && !s->stopped && place.waste) {
        size_t undo = s->ntrail;
        done = search_waste(s, place.t, place.left, place.right) && search_range(s, from, to);
        if (!done)
            search_undo(s, undo);
    }
    return done;
}

/* Parts of [from, to] between walls share nothing: each is settled by itself. */
static bool search_range(struct search *s, uint32_t from, uint32_t to)
{
    if (++s->nodes > s->limit || !weir__plan_spend(s->budget, 20 + (to - from))) {
        s->stopped = true;
        return false;
    }
    for (uint32_t left = from; left <= to;) {
        if (s->floor[left] == SEARCH_WALL) {
            left++;
            continue;
        }
        uint32_t right = left;
        while (right < to && s->floor[right + 1] != SEARCH_WALL)
            right++;
        if (!search_branch(s, left, right))
            return false;
        left = right + 1;
    }
    return true;
}

static void search_reset(struct search *s)
{
    const struct weir__problem *p = s->p;
    for (uint32_t t = 0; t < p->sections; t++) {
        s->floor[t] = 0;
        s->left[t] = 0;
        s->slack[t] = s->capacity;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        s->base[i] = 0;
        for (uint32_t t = p->lo[i]; t <= p->hi[i]; t++) {
            s->left[t]++;
            s->slack[t] -= (int64_t)p->size[i];
        }
    }
    s->ntrail = 0;
    s->stopped = false;
    s->nodes = 0;
}

static int search_build(struct search *s, struct weir__plan_scratch *scratch)
{
    const struct weir__problem *p = s->p;
    size_t n = p->count, m = p->sections, covers = 0;
    for (uint32_t i = 0; i < n; i++)
        covers += p->hi[i] - p->lo[i] + 1;
    s->floor = weir__plan_take(scratch, m + 1, 8);
    s->slack = weir__plan_take(scratch, m + 1, 8);
    s->left = weir__plan_take(scratch, m + 1, 8);
    s->base = weir__plan_take(scratch, n + 1, 8);
    s->offset = weir__plan_take(scratch, n + 1, 8);
    s->first = weir__plan_take(scratch, m + 2, 4);
    s->cover_at = weir__plan_take(scratch, m + 2, 4);
    s->cover = weir__plan_take(scratch, covers + 1, 4);
    s->dirty = weir__plan_take(scratch, m + 1, 1);
    s->queue = weir__plan_take(scratch, m + 1, 4);
    s->weight = weir__plan_take(scratch, m + 1, 8);
    s->noise = weir__plan_take(scratch, n + 1, 8);
    s->trail_room = 4 * covers * 40 + 100000;
    s->trail = weir__plan_take(scratch, s->trail_room, sizeof *s->trail);
    s->count = weir__plan_take(scratch, m + 2, 4);
    s->options = weir__plan_take(scratch, n * 60 + 100, 4);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t t = p->lo[i]; t <= p->hi[i]; t++)
            s->cover_at[t + 1]++;
    for (size_t t = 0; t < m; t++)
        s->cover_at[t + 1] += s->cover_at[t];
    uint32_t *at = weir__plan_take(scratch, m + 1, 4);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t t = p->lo[i]; t <= p->hi[i]; t++)
            s->cover[s->cover_at[t] + at[t]++] = i;
    for (uint32_t t = 0, i = 0; t <= m; t++) {
        while (i < n && p->lo[i] < t)
            i++;
        s->first[t] = i;
    }
    return 0;
}

#include <stdio.h>
int weir__search(const struct weir__problem *p, struct weir__plan_scratch *scratch,
                 struct weir__plan_budget *budget, uint64_t seed, uint64_t capacity, bool *found,
                 uint64_t *offsets)
{
    struct search s = {.p = p, .budget = budget, .random = seed, .capacity = (int64_t)capacity};
    search_build(&s, scratch);
    *found = false;
    uint64_t total = 0;
    for (int run = 0; budget->work > 0 && !*found; run++) {
        s.limit = 500 + 100 * run;
        search_reset(&s);
        s.mode = run % 2;
        int rank = (int)weir__plan_below(&s.random, 3);
        for (uint32_t i = 0; i < p->count; i++) {
            double length = p->hi[i] - p->lo[i] + 1, size = (double)p->size[i];
            double noise = 0.5 + (weir__plan_random(&s.random) >> 11) * 0x1p-53;
            double r = rank == 0 ? length * size : rank == 1 ? size : length;
            s.noise[i] = r * noise;
        }
        for (uint32_t t = 0; t < p->sections; t++)
            s.weight[t] *= 0.9;
        *found = search_range(&s, 0, p->sections - 1);
        total += s.nodes;
        if (!*found && !s.stopped) {
            fprintf(stderr, "exhausted\n");
            break;
        }
        if (*found) fprintf(stderr, "found run %d mode %d rank %d nodes %lu\n", run, s.mode, rank, (long)total);
    }
    if (!*found) fprintf(stderr, "total nodes %lu\n", (long)total);
    if (*found)
        for (uint32_t i = 0; i < p->count; i++)
            offsets[i] = (uint64_t)s.offset[i];
    return 0;
}
