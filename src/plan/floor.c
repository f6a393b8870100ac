/*
 * plan/floor.c - floors, bases and what follows from them: a floor is at least the least
 * base above it (Moffitt 2023 calls it section inference), a base at least the greatest
 * floor below it; whichever rises makes others rise until nothing moves, or a section's
 * slack is used up. All changes are on a trail and can be undone.
 *
 * A section is looked at only when its support, an item whose base was its floor when it was last
 * looked at, no longer has that base. The support is a guess that any state may be wrong about, so
 * it is not undone: a wrong one costs a look.
 */
#include "plan/floor.h"

#include <errno.h>
#include <string.h>

WEIR__INLINE void floor_set(struct weir__floor *f, int64_t *at, int64_t value)
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

/* May the floor of the section stay, since the base of an item over it is no higher? */
static bool floor_is_held(const struct weir__floor *f, uint32_t t)
{
    return f->left[t] == 0 || f->base[f->support[t]] == f->floor[t];
}

struct floor_span {
    uint32_t from, to;
};

/* The base of the item is at least `floor`; if that is news, the span takes its sections in. */
WEIR__INLINE void floor_raise(struct weir__floor *f, uint32_t i, int64_t floor,
                              struct floor_span *span)
{
    const struct weir__problem *p = f->p;
    if (f->base[i] < 0 || f->base[i] >= floor)
        return;
    int64_t align = p->align ? p->align[i] : 1;
    floor_set(f, &f->base[i], (floor + align - 1) & ~(align - 1));
    span->from = p->lo[i] < span->from ? p->lo[i] : span->from;
    span->to = p->hi[i] > span->to ? p->hi[i] : span->to;
}

/* The floor of sections [lo, hi] rose to `floor`: so do the bases of the items over them, which are
 * those over lo and those that start after it. */
static void floor_rise(struct weir__floor *f, uint32_t lo, uint32_t hi, int64_t floor)
{
    struct floor_span span = {lo, hi};
    for (uint32_t k = f->cover_at[lo]; k < f->cover_at[lo + 1]; k++)
        floor_raise(f, f->cover[k], floor, &span);
    for (uint32_t i = f->first[lo + 1]; i < f->first[hi + 1]; i++)
        floor_raise(f, i, floor, &span);
    f->work += 2 * (uint64_t)(f->cover_at[lo + 1] - f->cover_at[lo]);
    f->work += 2 * (uint64_t)(f->first[hi + 1] - f->first[lo + 1]);
    for (uint32_t t = span.from; t <= span.to; t++)
        if (!floor_is_held(f, t))
            floor_mark(f, t);
    f->work += span.to - span.from + 1;
}

/* Raises the floor at t; false: beyond its slack. */
WEIR__INLINE bool floor_lift(struct weir__floor *f, uint32_t t, int64_t to)
{
    int64_t rise = to - f->floor[t];
    if (rise > f->slack[t]) {
        f->failed[t] += 1;
        return false;
    }
    floor_set(f, &f->slack[t], f->slack[t] - rise);
    floor_set(f, &f->floor[t], to);
    floor_rise(f, t, t, to);
    return true;
}

/* The least base over t, or one that is not above the floor; its item becomes the support. */
WEIR__INLINE int64_t floor_least_base(struct weir__floor *f, uint32_t t)
{
    int64_t least = INT64_MAX;
    uint32_t k = f->cover_at[t];
    for (; k < f->cover_at[t + 1] && least > f->floor[t]; k++) {
        int64_t base = f->base[f->cover[k]];
        if (base >= 0 && base < least) {
            least = base;
            f->support[t] = f->cover[k];
        }
    }
    f->work += 2 * (uint64_t)(k - f->cover_at[t]);
    return least;
}

static bool floor_infer(struct weir__floor *f)
{
    bool fits = !f->exhausted;
    while (f->nqueue > 0) {
        uint32_t t = f->queue[--f->nqueue];
        f->dirty[t] = 0;
        if (!fits || floor_is_held(f, t))
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
    floor_rise(f, p->lo[item], p->hi[item], top);
    return floor_infer(f);
}

/*
 * What could carry something over t, if nothing stands on the floor there: an item next to
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
    for (uint32_t t = 0; t < p->sections; t++)
        f->support[t] = f->cover[f->cover_at[t]]; /* a section has an item */
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
    f->support = weir__plan_take(scratch, m, sizeof *f->support);
    f->dirty = weir__plan_take(scratch, m, sizeof *f->dirty);
    f->queue = weir__plan_take(scratch, m, sizeof *f->queue);
    f->trail = weir__plan_take(scratch, f->room, sizeof *f->trail);
    if (!f->floor || !f->slack || !f->left || !f->failed || !f->base || !f->offset || !f->first ||
        !f->cover_at || !f->cover || !f->support || !f->dirty || !f->queue || !f->trail)
        return ENOMEM;
    floor_cover(f);
    return 0;
}
