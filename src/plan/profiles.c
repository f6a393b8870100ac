/*
 * plan/profiles.c - one plan for many shapes. Two buffers that live together lie in one order
 * under all shapes, because their offsets are the same; so the offsets hold under several
 * profiles iff they hold for the greatest size that each buffer has in one. The plan keeps that
 * greatest size, and the profiles for what each of them needs. One thread at a time.
 */
#include "backing/meta.h"
#include "base/error.h"
#include "base/sized.h"
#include "plan/plan.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static int profiles_check(const weir_plan *plan, const size_t *sizes, size_t count)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return EINVAL;
    if (!sizes || count != plan->count)
        return weir__fail(EINVAL, "no sizes, or not one for each buffer");
    for (size_t i = 0; i < count; i++) {
        const struct weir__plan_buffer *b = &plan->buffers[i];
        if (sizes[i] > PTRDIFF_MAX || (size_t)1 << b->shift > PTRDIFF_MAX - sizes[i])
            return weir__fail(EOVERFLOW, "buffer %zu: size %zu is too great", i, sizes[i]);
    }
    for (size_t k = 0; k < plan->npins; k++)
        if (plan->pins[k].offset > PTRDIFF_MAX - sizes[plan->pins[k].buffer])
            return weir__fail(EOVERFLOW, "buffer %u: its fixed offset is too great",
                              (unsigned)plan->pins[k].buffer);
    return 0;
}

/* Buffers that the profile makes larger. */
static void profiles_enlarge(weir_plan *plan, const size_t *sizes)
{
    for (size_t i = 0; i < plan->count; i++)
        if (sizes[i] > plan->buffers[i].size) {
            plan->buffers[i].size = sizes[i];
            weir__plan_displace(plan, i);
        }
}

int weir_plan_add_profile(weir_plan *plan, const size_t *sizes, size_t count)
{
    int error = profiles_check(plan, sizes, count);
    if (error)
        return error;
    void *array = plan->profiles;
    size_t room = plan->nprofiles == plan->profile_room ? 2 * plan->nprofiles + 4 : 0;
    error =
        weir__plan_grow(&array, &plan->profile_room, plan->nprofiles, room, sizeof *plan->profiles);
    plan->profiles = array;
    size_t *copy = error ? NULL : weir__meta_allocate((count + 1) * sizeof *copy);
    if (!copy)
        return weir__fail(ENOMEM, "no memory for a profile of %zu buffers", count);
    memcpy(copy, sizes, count * sizeof *copy);
    plan->profiles[plan->nprofiles++] = (struct weir__plan_profile){copy, count};
    profiles_enlarge(plan, sizes);
    return 0;
}

size_t weir_plan_profile_count(const weir_plan *plan)
{
    return weir__handle_is_live(plan, WEIR__HANDLE_PLAN) ? plan->nprofiles : 0;
}

static size_t profiles_total(const weir_plan *plan, const struct weir__plan_profile *profile)
{
    size_t total = 0;
    for (size_t i = 0; i < plan->count; i++)
        if (__builtin_add_overflow(total, weir__plan_size(plan, profile, i), &total))
            return SIZE_MAX;
    return total;
}

/* Greatest end; of what has no size the offset does not count. */
static size_t profiles_arena(const weir_plan *plan, const struct weir__plan_profile *profile)
{
    size_t arena = 0;
    for (size_t i = 0; i < plan->count; i++) {
        size_t size = weir__plan_size(plan, profile, i);
        if (size)
            arena = weir__max(arena, plan->buffers[i].offset + size);
    }
    return arena;
}

int weir_plan_profile_stats_get(const weir_plan *plan, size_t profile,
                                weir_plan_profile_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_plan_profile_stats, total) };
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return EINVAL;
    if (profile >= plan->nprofiles || !stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "no such profile, or statistics of no known size");
    const struct weir__plan_profile *p = &plan->profiles[profile];
    size_t bound;
    int error = weir__plan_bound_of(plan, p, &bound);
    if (error)
        return weir__fail(error, "no memory for the bound of a profile");
    weir_plan_profile_stats made = {.arena = plan->solved ? profiles_arena(plan, p) : 0,
                                    .lower_bound = bound,
                                    .total = profiles_total(plan, p)};
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}

size_t weir_plan_arena_size_for(const weir_plan *plan, const size_t *sizes, size_t count)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return SIZE_MAX;
    if (!plan->solved || !sizes || count != plan->count) {
        weir__fail_null(EINVAL, "an unsolved plan, or not one size for each buffer");
        return SIZE_MAX;
    }
    for (size_t i = 0; i < count; i++)
        if (sizes[i] > plan->buffers[i].size) {
            weir__fail_null(EINVAL, "buffer %zu: size %zu is greater than the plan's %zu", i,
                            sizes[i], plan->buffers[i].size);
            return SIZE_MAX;
        }
    struct weir__plan_profile profile = {(size_t *)(uintptr_t)sizes, count};
    return profiles_arena(plan, &profile);
}
