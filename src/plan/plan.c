/*
 * plan/plan.c - the plan as an object: adding buffers and constraints, reading the
 * figures. Knows nothing of how it is solved. One thread at a time for each plan.
 */
#include "plan/plan.h"
#include "base/sized.h"

#include "backing/meta.h"
#include "base/error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

weir_plan *weir_plan_create(void)
{
    weir_plan *plan = weir__meta_allocate(sizeof *plan);
    if (!plan)
        return weir__fail_null(ENOMEM, "no memory for a plan");
    weir__handle_begin(&plan->handle, WEIR__HANDLE_PLAN);
    return plan;
}

static size_t plan_profile_bytes(const struct weir__plan_profile *profile)
{
    return (profile->count + 1) * sizeof *profile->sizes;
}

void weir_plan_destroy(weir_plan *plan)
{
    if (!weir__handle_end(plan, WEIR__HANDLE_PLAN))
        return;
    weir__meta_free(plan->buffers, plan->room * sizeof *plan->buffers);
    weir__meta_free(plan->disjoint, plan->disjoint_room * sizeof *plan->disjoint);
    weir__meta_free(plan->pins, plan->pin_room * sizeof *plan->pins);
    for (size_t k = 0; k < plan->nprofiles; k++)
        weir__meta_free(plan->profiles[k].sizes, plan_profile_bytes(&plan->profiles[k]));
    weir__meta_free(plan->profiles, plan->profile_room * sizeof *plan->profiles);
    weir__meta_free(plan, sizeof *plan);
}

int weir__plan_grow(void **array, size_t *room, size_t count, size_t wanted, size_t size)
{
    if (wanted <= *room)
        return 0;
    size_t bytes;
    if (wanted >= WEIR__PLAN_NONE || __builtin_mul_overflow(wanted, size, &bytes))
        return weir__fail(ENOMEM, "a plan holds at most %u buffers", WEIR__PLAN_NONE - 1);
    void *more = weir__meta_allocate(bytes);
    if (!more)
        return weir__fail(ENOMEM, "no memory for %zu more of the plan", wanted - count);
    if (count)
        memcpy(more, *array, count * size);
    weir__meta_free(*array, *room * size);
    *array = more;
    *room = wanted;
    return 0;
}

int weir_plan_reserve(weir_plan *plan, size_t count)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return EINVAL;
    void *array = plan->buffers;
    int error = weir__plan_grow(&array, &plan->room, plan->count, count, sizeof *plan->buffers);
    plan->buffers = array;
    return error;
}

/* Whatever was known of the arrangement no longer holds. */
static void plan_changed(weir_plan *plan)
{
    plan->solved = false;
    plan->bound_known = false;
}

void weir__plan_displace(weir_plan *plan, size_t index)
{
    size_t i = index;
    do {
        plan->buffers[i].placed = false;
        i = plan->buffers[i].next;
    } while (i != index);
    plan_changed(plan);
}

/* Is what a caller says of a buffer valid? *alignment: 0 becomes 1. */
static int plan_check_buffer(size_t size, size_t *alignment, int64_t first, int64_t last)
{
    *alignment += !*alignment;
    if (!weir__is_power_of_two(*alignment))
        return weir__fail(EINVAL, "alignment %zu is no power of two", *alignment);
    if (first >= last)
        return weir__fail(EINVAL, "lifetime [%lld, %lld) is empty", (long long)first,
                          (long long)last);
    if (size > PTRDIFF_MAX || *alignment > PTRDIFF_MAX - size)
        return weir__fail(EOVERFLOW, "size %zu with alignment %zu is too great", size, *alignment);
    return 0;
}

int weir_plan_add(weir_plan *plan, size_t size, size_t alignment, int64_t first, int64_t last)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return EINVAL;
    int error = plan_check_buffer(size, &alignment, first, last);
    if (!error && plan->count == plan->room)
        error = weir_plan_reserve(plan, plan->room ? plan->room + plan->room / 2 : 16);
    if (error)
        return error;
    uint32_t index = (uint32_t)plan->count++;
    plan->buffers[index] = (struct weir__plan_buffer){.size = size,
                                                      .first = first,
                                                      .last = last,
                                                      .next = index,
                                                      .shift = (uint8_t)weir__log2(alignment)};
    plan_changed(plan);
    return 0;
}

size_t weir_plan_count(const weir_plan *plan)
{
    return weir__handle_is_live(plan, WEIR__HANDLE_PLAN) ? plan->count : 0;
}

static int plan_check(const weir_plan *plan, size_t index)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return EINVAL;
    if (index >= plan->count)
        return weir__fail(EINVAL, "the plan has no buffer %zu", index);
    return 0;
}

static struct weir__plan_pin *plan_pin_of(weir_plan *plan, size_t index)
{
    for (size_t i = 0; i < plan->npins; i++)
        if (plan->pins[i].buffer == index)
            return &plan->pins[i];
    return NULL;
}

int weir_plan_fix(weir_plan *plan, size_t index, size_t offset)
{
    if (plan_check(plan, index))
        return EINVAL;
    struct weir__plan_buffer *b = &plan->buffers[index];
    if (offset & (((size_t)1 << b->shift) - 1))
        return weir__fail(EINVAL, "buffer %zu: offset %zu is against its alignment", index, offset);
    if (offset > PTRDIFF_MAX - b->size)
        return weir__fail(EOVERFLOW, "buffer %zu: offset %zu is too great", index, offset);
    if (b->pinned) {
        plan_pin_of(plan, index)->offset = offset;
    } else {
        void *array = plan->pins;
        size_t room = plan->npins == plan->pin_room ? 2 * plan->npins + 4 : plan->npins;
        int error = weir__plan_grow(&array, &plan->pin_room, plan->npins, room, sizeof *plan->pins);
        plan->pins = array;
        if (error)
            return error;
        plan->pins[plan->npins++] = (struct weir__plan_pin){offset, (uint32_t)index};
        b->pinned = true;
    }
    weir__plan_displace(plan, index);
    return 0;
}

int weir_plan_change(weir_plan *plan, size_t index, size_t size, size_t alignment, int64_t first,
                     int64_t last)
{
    if (plan_check(plan, index))
        return EINVAL;
    int error = plan_check_buffer(size, &alignment, first, last);
    if (error)
        return error;
    struct weir__plan_buffer *b = &plan->buffers[index];
    size_t pin = b->pinned ? plan_pin_of(plan, index)->offset : 0;
    if (pin & (alignment - 1))
        return weir__fail(EINVAL, "buffer %zu: its fixed offset %zu is against alignment %zu",
                          index, pin, alignment);
    if (pin > PTRDIFF_MAX - size)
        return weir__fail(EOVERFLOW, "buffer %zu: its fixed offset %zu is too great", index, pin);
    uint8_t shift = (uint8_t)weir__log2(alignment);
    bool within =
        size <= b->size && shift <= b->shift && first >= b->first && last <= b->last && size > 0;
    b->size = size;
    b->shift = shift;
    b->first = first;
    b->last = last;
    for (size_t k = 0; k < plan->nprofiles; k++)
        if (index < plan->profiles[k].count)
            plan->profiles[k].sizes[index] = size;
    if (within)
        plan_changed(plan);
    else
        weir__plan_displace(plan, index);
    return 0;
}

int weir_plan_alias(weir_plan *plan, size_t a, size_t b)
{
    if (plan_check(plan, a) || plan_check(plan, b))
        return EINVAL;
    uint32_t at = (uint32_t)a;
    do {
        if (at == b)
            return 0;
        at = plan->buffers[at].next;
    } while (at != a);
    uint32_t swap = plan->buffers[a].next; /* joins two rings */
    plan->buffers[a].next = plan->buffers[b].next;
    plan->buffers[b].next = swap;
    plan->naliases++;
    weir__plan_displace(plan, a);
    return 0;
}

int weir_plan_disjoint(weir_plan *plan, size_t a, size_t b)
{
    if (plan_check(plan, a) || plan_check(plan, b))
        return EINVAL;
    if (a == b)
        return weir__fail(EINVAL, "buffer %zu cannot be disjoint from itself", a);
    void *array = plan->disjoint;
    size_t room =
        plan->ndisjoint == plan->disjoint_room ? 2 * plan->ndisjoint + 4 : plan->ndisjoint;
    int error = weir__plan_grow(&array, &plan->disjoint_room, plan->ndisjoint, room,
                                sizeof *plan->disjoint);
    plan->disjoint = array;
    if (error)
        return error;
    plan->disjoint[plan->ndisjoint++] = (struct weir__plan_pair){(uint32_t)a, (uint32_t)b};
    weir__plan_displace(plan, a);
    weir__plan_displace(plan, b);
    return 0;
}

size_t weir_plan_offset(const weir_plan *plan, size_t index)
{
    if (plan_check(plan, index) || !plan->solved) {
        errno = EINVAL;
        return SIZE_MAX;
    }
    return plan->buffers[index].offset;
}

size_t weir_plan_arena_size(const weir_plan *plan)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN) || !plan->solved) {
        errno = EINVAL;
        return 0;
    }
    return plan->arena;
}

void weir__plan_keep(weir_plan *plan, const size_t *offsets, uint64_t work, const char *method)
{
    plan->arena = 0;
    for (size_t i = 0; i < plan->count; i++) {
        plan->buffers[i].offset = offsets[i];
        plan->buffers[i].placed = true;
        plan->arena = weir__max(plan->arena, offsets[i] + plan->buffers[i].size);
    }
    plan->work = work;
    plan->method = method;
    plan->solved = plan->arranged = true;
}

size_t weir__plan_alignment(const struct weir_plan *plan)
{
    unsigned shift = 0;
    for (size_t i = 0; i < plan->count; i++)
        shift = plan->buffers[i].shift > shift ? plan->buffers[i].shift : shift;
    return (size_t)1 << shift;
}

static size_t plan_total(const weir_plan *plan)
{
    size_t total = 0;
    for (size_t i = 0; i < plan->count; i++)
        if (__builtin_add_overflow(total, plan->buffers[i].size, &total))
            return SIZE_MAX;
    return total;
}

bool weir__plan_options_take(weir_plan_options *to, const weir_plan_options *options)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_plan_options, heuristic_only) };
    return weir__options_take(to, sizeof *to, FIRST, options) && to->threads <= 1;
}

int weir_plan_stats_get(const weir_plan *plan, weir_plan_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_plan_stats, method) };
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return EINVAL;
    if (!stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "no statistics, or of no known size");
    size_t bound = weir_plan_lower_bound(plan);
    weir_plan_stats made = {
        .count = plan->count,
        .arena = plan->solved ? plan->arena : 0,
        .lower_bound = bound,
        .proven_bound = plan->solved ? weir__max(plan->proven, bound) : bound,
        .total = plan_total(plan),
        .alignment = weir__plan_alignment(plan),
        .work = plan->solved ? plan->work : 0,
        .method = plan->solved ? plan->method : "none",
    };
    made.optimal = plan->solved && made.arena == made.proven_bound;
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}
