/*
 * plan/floor.c - floors, bases and what follows from them: a floor is at least the least
 * base above it (Moffitt 2023 calls it section inference), a base at least the greatest
 * floor below it; whichever rises makes others rise until nothing moves, or a section's
 * slack is used up. All changes are on a trail and can be undone.
 */
#include "plan/floor.h"

#include <errno.h>
#include <string.h>

static void floor_set(struct weir__floor *f, int64_t *at, int64_t value)
{
    if (f->ntrail == f->room) {
        struct weir__floor_change *more = weir__plan_take(f->scratch, 2 * f->room, sizeof *more);
        if (!more) {
            f->exhausted = true;
            f->ntrail = 0;
        } else {
            memcpy(more, f->trail, f->ntrail * sizeof *more);
            f->trail = more;
            f->room *= 2;
        }
    }
    f->trail[f->ntrail++] = (struct weir__floor_change){at, *at};
    *at = value;
}

void weir__floor_undo(struct weir__floor *f, size_t mark)
{
    while (f->ntrail > mark) {
        f->ntrail--;
        *f->trail[f->ntrail].at = f->trail[f->ntrail].value;
    }
}

double weir__floor_waste_since(const struct weir__floor *f, size_t mark)
{
    double sum = 0, soft = 0.02 * (double)f->capacity;
    for (size_t k = mark; k < f->ntrail; k++) {
        const int64_t *at = f->trail[k].at;
        if (at >= f->slack && at < f->slack + f->p->sections)
            sum += (double)(f->trail[k].value - *at) / ((double)*at + soft);
    }
    return sum;
}

static void floor_mark(struct weir__floor *f, uint32_t section)
{
    if (!f->dirty[section]) {
        f->dirty[section] = 1;
        f->queue[f->nqueue++] = section;
    }
}

/* The floor of a section rose: so do the bases of the items over it. */
static void floor_rise(struct weir__floor *f, uint32_t section)
{
    const struct weir__problem *p = f->p;
    int64_t floor = f->floor[section];
    f->work += 4 * (uint64_t)(f->cover_at[section + 1] - f->cover_at[section]);
    for (uint32_t k = f->cover_at[section]; k < f->cover_at[section + 1]; k++) {
        uint32_t i = f->cover[k];
        if (f->base[i] < 0 || f->base[i] >= floor)
            continue;
        int64_t align = p->align ? p->align[i] : 1;
        floor_set(f, &f->base[i], (floor + align - 1) & ~(align - 1));
        for (uint32_t t = p->lo[i]; t <= p->hi[i]; t++)
            floor_mark(f, t);
    }
}

/* Raises the floor at t; false: beyond its slack. */
static bool floor_lift(struct weir__floor *f, uint32_t t, int64_t to)
{
    int64_t rise = to - f->floor[t];
    if (rise > f->slack[t]) {
        f->failed[t] += 1;
        return false;
    }
    floor_set(f, &f->slack[t], f->slack[t] - rise);
    floor_set(f, &f->floor[t], to);
    floor_rise(f, t);
    return true;
}

static int64_t floor_least_base(struct weir__floor *f, uint32_t t)
{
    int64_t least = INT64_MAX;
    uint32_t k = f->cover_at[t];
    for (; k < f->cover_at[t + 1] && least > f->floor[t]; k++) {
        int64_t base = f->base[f->cover[k]];
        least = base >= 0 && base < least ? base : least;
    }
    f->work += 4 * (uint64_t)(k - f->cover_at[t]);
    return least;
}

static bool floor_infer(struct weir__floor *f)
{
    bool fits = !f->exhausted;
    while (f->nqueue > 0) {
        uint32_t t = f->queue[--f->nqueue];
        f->dirty[t] = 0;
        if (!fits || f->left[t] == 0)
            continue;
        int64_t least = floor_least_base(f, t);
        if (least > f->floor[t])
            fits = floor_lift(f, t, least) && !f->exhausted;
    }
    return fits;
}

bool weir__floor_put(struct weir__floor *f, uint32_t item)
{
    const struct weir__problem *p = f->p;
    int64_t at = f->base[item], top = at + (int64_t)p->size[item];
    floor_set(f, &f->base[item], -1);
    f->offset[item] = at;
    for (uint32_t t = p->lo[item]; t <= p->hi[item]; t++) {
        floor_set(f, &f->left[t], f->left[t] - 1);
        floor_set(f, &f->floor[t], f->left[t] > 0 ? top : WEIR__FLOOR_WALL);
    }
    for (uint32_t t = p->lo[item]; t <= p->hi[item]; t++)
        if (f->left[t] > 0) {
            floor_rise(f, t);
            floor_mark(f, t);
        }
    return floor_infer(f);
}

/*
 * What could carry something over t, if nothing stands on the floor there: an item beside
 * t, within the stretch on its floor or across its edge on the base that it has. What
 * rests on neither can be let down onto the floor at t, which is another branch.
 */
static int64_t floor_next_support(const struct weir__floor *f, uint32_t t, uint32_t left,
                                  uint32_t right)
{
    const struct weir__problem *p = f->p;
    int64_t floor = f->floor[t], next = INT64_MAX;
    for (uint32_t i = f->first[left]; i < f->first[right + 1]; i++)
        if (f->base[i] >= floor && (p->hi[i] < t || p->lo[i] > t)) {
            int64_t top = f->base[i] + (int64_t)p->size[i];
            next = top < next ? top : next;
        }
    for (uint32_t k = f->cover_at[left]; k < f->cover_at[left + 1]; k++) {
        uint32_t i = f->cover[k];
        if (f->base[i] >= 0 && p->hi[i] < t) {
            int64_t top = f->base[i] + (int64_t)p->size[i];
            next = top < next ? top : next;
        }
    }
    for (uint32_t k = f->cover_at[t]; k < f->cover_at[t + 1]; k++) {
        int64_t base = f->base[f->cover[k]];
        next = base > floor && base < next ? base : next;
    }
    return next;
}

bool weir__floor_waste(struct weir__floor *f, uint32_t t, uint32_t left, uint32_t right)
{
    int64_t next = floor_next_support(f, t, left, right);
    f->work += 8 * (uint64_t)(f->first[right + 1] - f->first[left]) + 20;
    if (next == INT64_MAX) {
        f->failed[t] += 1;
        return false;
    }
    if (!floor_lift(f, t, next)) {
        floor_infer(f); /* leaves the queue empty */
        return false;
    }
    floor_mark(f, t);
    return floor_infer(f);
}

bool weir__floor_reset(struct weir__floor *f, int64_t capacity)
{
    const struct weir__problem *p = f->p;
    f->capacity = capacity;
    f->ntrail = 0;
    memset(f->floor, 0, p->sections * sizeof *f->floor);
    memset(f->left, 0, p->sections * sizeof *f->left);
    memset(f->base, 0, p->count * sizeof *f->base);
    for (uint32_t t = 0; t < p->sections; t++)
        f->slack[t] = capacity;
    for (uint32_t i = 0; i < p->count; i++)
        for (uint32_t t = p->lo[i]; t <= p->hi[i]; t++) {
            f->left[t]++;
            f->slack[t] -= (int64_t)p->size[i];
        }
    f->work += 2 * (uint64_t)f->cover_at[p->sections];
    bool fits = true;
    for (uint32_t t = 0; t < p->sections; t++)
        fits &= f->slack[t] >= 0;
    return fits;
}

static void floor_cover(struct weir__floor *f)
{
    const struct weir__problem *p = f->p;
    for (uint32_t i = 0; i < p->count; i++)
        for (uint32_t t = p->lo[i]; t <= p->hi[i]; t++)
            f->cover_at[t + 1]++;
    for (uint32_t t = 0; t < p->sections; t++)
        f->cover_at[t + 1] += f->cover_at[t];
    for (uint32_t i = p->count; i-- > 0;) /* fills each range from its end */
        for (uint32_t t = p->lo[i]; t <= p->hi[i]; t++)
            f->cover[--f->cover_at[t + 1]] = i;
    for (uint32_t t = 0; t < p->sections; t++) /* each end was moved to its start */
        f->cover_at[t] = f->cover_at[t + 1];
    f->cover_at[p->sections] = 0;
    for (uint32_t i = 0; i < p->count; i++)
        f->cover_at[p->sections] += p->hi[i] - p->lo[i] + 1;
    for (uint32_t t = 0, i = 0; t <= p->sections; t++) {
        while (i < p->count && p->lo[i] < t)
            i++;
        f->first[t] = i;
    }
}

int weir__floor_open(struct weir__floor *f, const struct weir__problem *p,
                     struct weir__plan_scratch *scratch)
{
    size_t n = p->count, m = p->sections, covers = 0;
    for (uint32_t i = 0; i < n; i++)
        covers += p->hi[i] - p->lo[i] + 1u;
    *f = (struct weir__floor){.p = p, .scratch = scratch, .room = covers + 4096};
    f->floor = weir__plan_take(scratch, m, sizeof *f->floor);
    f->slack = weir__plan_take(scratch, m, sizeof *f->slack);
    f->left = weir__plan_take(scratch, m, sizeof *f->left);
    f->failed = weir__plan_take(scratch, m, sizeof *f->failed);
    f->base = weir__plan_take(scratch, n, sizeof *f->base);
    f->offset = weir__plan_take(scratch, n, sizeof *f->offset);
    f->first = weir__plan_take(scratch, m + 1, sizeof *f->first);
    f->cover_at = weir__plan_take(scratch, m + 1, sizeof *f->cover_at);
    f->cover = weir__plan_take(scratch, covers, sizeof *f->cover);
    f->dirty = weir__plan_take(scratch, m, sizeof *f->dirty);
    f->queue = weir__plan_take(scratch, m, sizeof *f->queue);
    f->trail = weir__plan_take(scratch, f->room, sizeof *f->trail);
    if (!f->floor || !f->slack || !f->left || !f->failed || !f->base || !f->offset || !f->first ||
        !f->cover_at || !f->cover || !f->dirty || !f->queue || !f->trail)
        return ENOMEM;
    floor_cover(f);
    return 0;
}
