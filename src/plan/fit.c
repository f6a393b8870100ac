/*
 * plan/fit.c - first fit in a given order, exact for every constraint: rings of aliases
 * keep their shape, pins their place, disjoint pairs keep apart. Owns nothing beyond
 * the arrays of one call.
 *
 * Why orders suffice: in a best arrangement take what is not pinned by increasing
 * offset and put each as low as it goes; by induction nothing ends higher than it was.
 */
#include "plan/fit.h"

#include "base/error.h"

#include <errno.h>
#include <stddef.h>

uint32_t weir__fit_leader(const struct weir_plan *plan, uint32_t buffer)
{
    uint32_t least = buffer;
    for (uint32_t i = plan->buffers[buffer].next; i != buffer; i = plan->buffers[i].next)
        least = i < least ? i : least;
    return least;
}

static void fit_link_pairs(struct weir__fit *fit)
{
    const struct weir_plan *plan = fit->plan;
    for (size_t i = 0; i < plan->ndisjoint; i++) {
        fit->pair_at[plan->disjoint[i].a + 1]++;
        fit->pair_at[plan->disjoint[i].b + 1]++;
    }
    for (size_t i = 0; i < plan->count; i++)
        fit->pair_at[i + 1] += fit->pair_at[i];
    for (size_t i = plan->ndisjoint; i-- > 0;) { /* fills each range from its start */
        uint32_t a = plan->disjoint[i].a, b = plan->disjoint[i].b;
        fit->pairs[fit->pair_at[a]++] = b;
        fit->pairs[fit->pair_at[b]++] = a;
    }
    for (size_t i = plan->count; i > 0; i--) /* each start was moved to its end */
        fit->pair_at[i] = fit->pair_at[i - 1];
    fit->pair_at[0] = 0;
}

static void fit_build_tree(struct weir__fit *fit, const struct weir__plan_key *keys)
{
    size_t n = fit->plan->count;
    for (size_t i = 0; i < 2 * (size_t)fit->leaves; i++)
        fit->latest[i] = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        fit->sorted[i] = keys[i].index;
        fit->rank[keys[i].index] = (uint32_t)i;
    }
}

int weir__fit_prepare(struct weir__fit *fit, const struct weir_plan *plan,
                      struct weir__plan_scratch *scratch)
{
    size_t n = plan->count;
    *fit = (struct weir__fit){.plan = plan, .leaves = 1};
    while (fit->leaves < n)
        fit->leaves *= 2;
    fit->offsets = weir__plan_take(scratch, n + 1, sizeof *fit->offsets);
    fit->sorted = weir__plan_take(scratch, n + 1, sizeof *fit->sorted);
    fit->rank = weir__plan_take(scratch, n + 1, sizeof *fit->rank);
    fit->latest = weir__plan_take(scratch, 2 * (size_t)fit->leaves, sizeof *fit->latest);
    fit->pair_at = weir__plan_take(scratch, n + 2, sizeof *fit->pair_at);
    fit->pairs = weir__plan_take(scratch, 2 * plan->ndisjoint + 1, sizeof *fit->pairs);
    fit->room = n + 2 * plan->ndisjoint + 1; /* each neighbor and each pair, once */
    fit->spans = weir__plan_take(scratch, 2 * fit->room, sizeof *fit->spans);
    fit->clear = weir__plan_take(scratch, fit->room, sizeof *fit->clear);
    fit->pinned = weir__plan_take(scratch, plan->npins ? n : 1, sizeof *fit->pinned);
    if (!fit->offsets || !fit->sorted || !fit->rank || !fit->latest || !fit->pair_at ||
        !fit->pairs || !fit->spans || !fit->clear || !fit->pinned)
        return ENOMEM;
    struct weir__plan_block *mark = scratch->blocks;
    struct weir__plan_key *keys = weir__plan_take(scratch, 2 * n + 1, sizeof *keys);
    if (!keys)
        return ENOMEM;
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct weir__plan_key){weir__plan_time_key(plan->buffers[i].first), (uint32_t)i};
    weir__plan_sort(keys, keys + n, n);
    fit_build_tree(fit, keys);
    weir__plan_drop(scratch, mark);
    fit_link_pairs(fit);
    return 0;
}

bool weir__fit_is_pinned(const struct weir__fit *fit, uint32_t buffer)
{
    uint32_t i = buffer;
    do {
        if (fit->plan->buffers[i].pinned)
            return true;
        i = fit->plan->buffers[i].next;
    } while (i != buffer);
    return false;
}

void weir__fit_place(struct weir__fit *fit, uint32_t buffer, size_t offset)
{
    const struct weir__plan_buffer *buffers = fit->plan->buffers;
    uint32_t i = buffer;
    do {
        fit->offsets[i] = offset;
        uint32_t node = fit->leaves + fit->rank[i];
        fit->latest[node] = offset == SIZE_MAX || !buffers[i].size ? INT64_MIN : buffers[i].last;
        while (node /= 2) {
            int64_t a = fit->latest[2 * node], b = fit->latest[2 * node + 1];
            fit->latest[node] = a > b ? a : b;
        }
        i = buffers[i].next;
    } while (i != buffer);
}

/* Buffer `by` is placed and keeps bases out: from the one that would just touch it from
 * below up to the one that just clears it. */
static void fit_block(struct weir__fit *fit, uint32_t buffer, uint32_t by)
{
    size_t size = fit->plan->buffers[buffer].size, offset = fit->offsets[by];
    size_t first = offset >= size ? offset - size + 1 : 0;
    fit->clear[fit->nspans] = offset + fit->plan->buffers[by].size;
    fit->spans[fit->nspans] = (struct weir__plan_key){first, (uint32_t)fit->nspans};
    fit->nspans++;
}

/* All placed buffers below `node` that start before `last` and end after `first`. */
static void fit_gather(struct weir__fit *fit, uint32_t node, uint32_t buffer)
{
    const struct weir__plan_buffer *buffers = fit->plan->buffers, *b = &buffers[buffer];
    while (fit->latest[node] > b->first) {
        if (node >= fit->leaves) {
            uint32_t by = fit->sorted[node - fit->leaves];
            if (buffers[by].first < b->last)
                fit_block(fit, buffer, by);
            return;
        }
        uint32_t start = 2 * node + 1; /* leftmost leaf of the right half */
        while (start < fit->leaves)
            start *= 2;
        bool right = start - fit->leaves < fit->plan->count &&
                     buffers[fit->sorted[start - fit->leaves]].first < b->last;
        if (right)
            fit_gather(fit, 2 * node + 1, buffer);
        node = 2 * node;
    }
}

static size_t fit_lowest_one(struct weir__fit *fit, uint32_t buffer, size_t align, size_t at)
{
    const struct weir__plan_buffer *b = &fit->plan->buffers[buffer];
    if (!b->size)
        return at;
    fit->nspans = 0;
    fit_gather(fit, 1, buffer);
    for (uint32_t i = fit->pair_at[buffer]; i < fit->pair_at[buffer + 1]; i++) {
        uint32_t by = fit->pairs[i];
        if (fit->offsets[by] != SIZE_MAX && fit->plan->buffers[by].size)
            fit_block(fit, buffer, by);
    }
    fit->work += 8 * (uint64_t)fit->nspans + 20;
    weir__plan_sort(fit->spans, fit->spans + fit->room, fit->nspans);
    for (size_t i = 0; i < fit->nspans && fit->spans[i].key <= at; i++) {
        size_t clear = fit->clear[fit->spans[i].index];
        at = weir__max(at, (clear + align - 1) & ~(align - 1));
    }
    return at;
}

size_t weir__fit_lowest(struct weir__fit *fit, uint32_t buffer, size_t floor)
{
    const struct weir__plan_buffer *buffers = fit->plan->buffers;
    size_t align = 1, most = 0, before, at;
    uint32_t i = buffer;
    do {
        align = weir__max(align, (size_t)1 << buffers[i].shift);
        most = weir__max(most, buffers[i].size);
        i = buffers[i].next;
    } while (i != buffer);
    at = (floor + align - 1) & ~(align - 1);
    do { /* members push each other up until one place suits all */
        before = at;
        do {
            at = fit_lowest_one(fit, i, align, at);
            i = buffers[i].next;
        } while (i != buffer);
    } while (at != before && buffers[buffer].next != buffer && at < PTRDIFF_MAX);
    return at > PTRDIFF_MAX - most ? SIZE_MAX : at;
}

/* The offset that the ring's pins ask for; SIZE_MAX: none. Two that differ: EINVAL. */
static int fit_pin(const struct weir__fit *fit, uint32_t buffer, const size_t *pinned, size_t *at)
{
    uint32_t i = buffer;
    *at = SIZE_MAX;
    do {
        if (fit->plan->buffers[i].pinned) {
            if (*at != SIZE_MAX && *at != pinned[i])
                return weir__fail(EINVAL, "buffer %u: aliases are fixed at two offsets",
                                  (unsigned)i);
            *at = pinned[i];
        }
        i = fit->plan->buffers[i].next;
    } while (i != buffer);
    return 0;
}

int weir__fit_reset(struct weir__fit *fit)
{
    const struct weir_plan *plan = fit->plan;
    for (size_t i = 0; i < 2 * (size_t)fit->leaves; i++)
        fit->latest[i] = INT64_MIN;
    for (uint32_t i = 0; i < plan->count; i++)
        fit->offsets[i] = SIZE_MAX;
    for (size_t i = 0; i < plan->npins; i++)
        fit->pinned[plan->pins[i].buffer] = plan->pins[i].offset;
    for (size_t i = 0; i < plan->npins; i++) {
        uint32_t buffer = plan->pins[i].buffer;
        size_t at;
        int error = fit_pin(fit, buffer, fit->pinned, &at);
        if (error)
            return error;
        if (fit->offsets[buffer] == at)
            continue;
        if (weir__fit_lowest(fit, buffer, at) != at)
            return weir__fail(EINVAL, "buffer %u: its fixed offset %zu is taken or misaligned",
                              (unsigned)buffer, at);
        weir__fit_place(fit, buffer, at);
    }
    for (size_t i = 0; i < plan->ndisjoint; i++) {
        uint32_t a = plan->disjoint[i].a, b = plan->disjoint[i].b;
        if (plan->buffers[a].size && plan->buffers[b].size &&
            weir__fit_leader(plan, a) == weir__fit_leader(plan, b))
            return weir__fail(EINVAL, "buffers %u and %u are both aliases and disjoint",
                              (unsigned)a, (unsigned)b);
    }
    return 0;
}
