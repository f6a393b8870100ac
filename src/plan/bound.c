/*
 * plan/bound.c - the lower bound: the greatest sum of what is live at one time, in
 * bytes, where a ring of aliases counts its greatest live member. Owns no state but the
 * figure kept in the plan.
 */
#include "base/error.h"
#include "plan/plan.h"

#include <errno.h>
#include <stddef.h>

/* Starts and ends in the order of time, ends first at equal times. */
struct bound_sweep {
    struct weir__plan_key *starts, *ends;
    size_t s, e, count;
};

static int bound_sort(const struct weir_plan *plan, struct weir__plan_scratch *scratch,
                      struct bound_sweep *sweep)
{
    size_t n = plan->count;
    struct weir__plan_key *keys = weir__plan_take(scratch, 3 * n + 1, sizeof *keys);
    if (!keys)
        return ENOMEM;
    *sweep = (struct bound_sweep){.starts = keys, .ends = keys + n, .count = n};
    for (size_t i = 0; i < n; i++) {
        sweep->starts[i] =
            (struct weir__plan_key){weir__plan_time_key(plan->buffers[i].first), (uint32_t)i};
        sweep->ends[i] =
            (struct weir__plan_key){weir__plan_time_key(plan->buffers[i].last), (uint32_t)i};
    }
    weir__plan_sort(sweep->starts, keys + 2 * n, n);
    weir__plan_sort(sweep->ends, keys + 2 * n, n);
    return 0;
}

/* The greatest size among the live members of i's ring. Rings are short. */
static size_t bound_ring(const struct weir_plan *plan, const struct weir__plan_profile *profile,
                         const bool *live, uint32_t i)
{
    size_t most = live[i] ? weir__plan_size(plan, profile, i) : 0;
    for (uint32_t j = plan->buffers[i].next; j != i; j = plan->buffers[j].next)
        if (live[j])
            most = weir__max(most, weir__plan_size(plan, profile, j));
    return most;
}

static size_t bound_run(const struct weir_plan *plan, const struct weir__plan_profile *profile,
                        struct bound_sweep *w, bool *live)
{
    size_t sum = 0, most = 0;
    while (w->e < w->count) {
        bool start = w->s < w->count && w->starts[w->s].key < w->ends[w->e].key;
        uint32_t i = start ? w->starts[w->s++].index : w->ends[w->e++].index;
        sum -= bound_ring(plan, profile, live, i);
        live[i] = start;
        sum += bound_ring(plan, profile, live, i);
        if (sum > PTRDIFF_MAX)
            return SIZE_MAX;
        most = weir__max(most, sum);
    }
    return most;
}

int weir__plan_bound_of(const struct weir_plan *plan, const struct weir__plan_profile *profile,
                        size_t *bound)
{
    struct weir__plan_scratch scratch = {0};
    struct bound_sweep sweep;
    bool *live = weir__plan_take(&scratch, plan->count + 1, sizeof *live);
    int error = live ? bound_sort(plan, &scratch, &sweep) : ENOMEM;
    *bound = error ? 0 : bound_run(plan, profile, &sweep, live);
    weir__plan_drop(&scratch, NULL);
    return error;
}

size_t weir__plan_bound(struct weir_plan *plan, int *error)
{
    size_t bound = plan->bound;
    *error = plan->bound_known ? 0 : weir__plan_bound_of(plan, NULL, &bound);
    if (*error)
        return 0;
    plan->bound = bound;
    plan->bound_known = true;
    return bound;
}

size_t weir_plan_lower_bound(const weir_plan *plan)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return 0;
    /* The figure is kept with the plan: the one thing a reader may write, and only
     * before the plan is solved. */
    int error;
    size_t bound = weir__plan_bound((struct weir_plan *)(uintptr_t)plan, &error);
    if (error)
        errno = error;
    return bound;
}
