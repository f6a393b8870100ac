/*
 * plan/replay.c - runs a recorded inference out of its plan's arena. The n-th allocation of a
 * pass gets the n-th buffer's place if it is what was planned and the place is free now;
 * all else comes from the allocator beneath and is counted. Correct whatever the program
 * does: a place is only given while nothing live overlaps it, which is looked up, not assumed.
 * One lock, never held while memory beneath is taken or given back.
 */
#include "alloc/allocator.h"
#include "backing/meta.h"
#include "base/error.h"
#include "base/sized.h"
#include "os/locks.h"
#include "plan/plan.h"

#include <errno.h>

#define REPLAY_AHEAD 16 /* planned buffers skipped at most, when some were not asked for */

struct replay_buffer {
    size_t offset, size, alignment;
    uint32_t place; /* in `live`; NONE: not live */
};

struct weir_plan_replay {
    struct weir__handle handle; /* first */
    weir__lock lock;
    struct weir__lock_entry known;
    weir_allocator *under, *facade; /* never change, as the next three */
    weir_plan_memory *arena;
    char *data;
    size_t count;
    struct replay_buffer *buffers; /* the rest: under the lock */
    uint32_t *live;                /* live buffers, in no order */
    size_t nlive, next;            /* next: buffer planned for the next allocation */
    size_t passes, served, fallbacks;
};

static bool replay_matches(const struct replay_buffer *b, size_t size, size_t alignment)
{
    return b->size == size && b->alignment >= alignment && b->place == WEIR__PLAN_NONE;
}

/* Does anything live overlap buffer b's place? */
static bool replay_is_taken(const weir_plan_replay *r, const struct replay_buffer *b)
{
    for (size_t k = 0; k < r->nlive; k++) {
        const struct replay_buffer *o = &r->buffers[r->live[k]];
        if (o->offset < b->offset + b->size && b->offset < o->offset + o->size)
            return true;
    }
    return false;
}

static void *replay_place_locked(weir_plan_replay *r, size_t size, size_t alignment)
{
    for (size_t i = r->next; i < r->count && i < r->next + REPLAY_AHEAD; i++) {
        struct replay_buffer *b = &r->buffers[i];
        if (!replay_matches(b, size, alignment))
            continue;
        r->next = i + 1;
        if (replay_is_taken(r, b))
            break;
        b->place = (uint32_t)r->nlive;
        r->live[r->nlive++] = (uint32_t)i;
        r->served++;
        return r->data + b->offset;
    }
    r->fallbacks++;
    return NULL;
}

static void *replay_allocate(void *user, size_t size, size_t alignment)
{
    weir_plan_replay *r = user;
    weir__lock_take(&r->lock);
    void *block = replay_place_locked(r, size, alignment);
    weir__lock_drop(&r->lock);
    return block ? block : weir_allocate_aligned(r->under, size, alignment);
}

/* The block is in the arena: its place is free again. */
static void replay_free_locked(weir_plan_replay *r, const char *block)
{
    for (size_t k = r->nlive; k-- > 0;) {
        struct replay_buffer *b = &r->buffers[r->live[k]];
        if (r->data + b->offset != block)
            continue;
        uint32_t last = r->live[--r->nlive];
        r->live[k] = last;
        r->buffers[last].place = (uint32_t)k;
        b->place = WEIR__PLAN_NONE;
        return;
    }
}

static void replay_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    weir_plan_replay *r = user;
    (void)size, (void)alignment;
    uintptr_t at = (uintptr_t)block - (uintptr_t)r->data;
    if (at >= weir_plan_memory_size_in_bytes(r->arena)) {
        weir_deallocate(r->under, block);
        return;
    }
    weir__lock_take(&r->lock);
    replay_free_locked(r, block);
    weir__lock_drop(&r->lock);
}

/* Where the host cannot touch the memory beneath, its own functions do. */
static int replay_zero(void *user, void *block, size_t size)
{
    return weir__allocator_zero(((weir_plan_replay *)user)->under, block, size);
}

static int replay_copy(void *user, void *to, const void *from, size_t size)
{
    return weir__allocator_copy(((weir_plan_replay *)user)->under, to, from, size);
}

/* What asks `under` for memory comes last: a call that fails has moved none of its figures. */
static int replay_open(weir_plan_replay *r, const weir_plan *plan)
{
    bool host = weir__allocator_host_accessible(r->under);
    weir_allocator_functions functions = {.allocate = replay_allocate,
                                          .deallocate = replay_deallocate,
                                          .zero = host ? NULL : replay_zero,
                                          .copy = host ? NULL : replay_copy};
    weir_allocator_options options = {.name = "plan-replay",
                                      .parent = WEIR_NO_PARENT, /* `under` counts the blocks */
                                      .source = WEIR_SOURCE_FUNCTIONS,
                                      .functions = &functions,
                                      .user = r,
                                      .backing = "plan"};
    r->buffers = weir__meta_allocate((plan->count + 1) * sizeof *r->buffers);
    r->live = weir__meta_allocate((plan->count + 1) * sizeof *r->live);
    if (!r->buffers || !r->live)
        return weir__fail(ENOMEM, "no memory for a replay");
    for (size_t i = 0; i < plan->count; i++) {
        const struct weir__plan_buffer *b = &plan->buffers[i];
        r->buffers[i] =
            (struct replay_buffer){b->offset, b->size, (size_t)1 << b->shift, WEIR__PLAN_NONE};
    }
    r->facade = weir__allocator_fill(weir_allocator_create(&options));
    r->arena = r->facade ? weir_plan_memory_create(plan, r->under) : NULL;
    if (!r->arena)
        return errno;
    r->data = weir_plan_memory_data(r->arena);
    return 0;
}

weir_plan_replay *weir_plan_replay_create(const weir_plan *plan, weir_allocator *a)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return NULL;
    if (!plan->solved)
        return weir__fail_null(EINVAL, "the plan is not solved");
    weir_plan_replay *r = weir__meta_allocate(sizeof *r);
    if (!r)
        return weir__fail_null(ENOMEM, "no memory for a replay");
    weir__handle_begin(&r->handle, WEIR__HANDLE_PLAN_REPLAY);
    weir__locks_make(WEIR__RANK_OBJECT, &r->lock, &r->known);
    r->under = a ? a : weir_cpu_allocator();
    r->count = plan->count;
    int error = replay_open(r, plan);
    if (!error)
        return r;
    weir_plan_replay_destroy(r);
    errno = error;
    return NULL;
}

weir_allocator *weir_plan_replay_allocator(weir_plan_replay *replay)
{
    return weir__handle_is_live(replay, WEIR__HANDLE_PLAN_REPLAY) ? replay->facade : NULL;
}

void weir_plan_replay_begin(weir_plan_replay *replay)
{
    if (!weir__handle_is_live(replay, WEIR__HANDLE_PLAN_REPLAY))
        return;
    weir__lock_take(&replay->lock);
    replay->next = 0;
    replay->passes++;
    weir__lock_drop(&replay->lock);
}

int weir_plan_replay_stats_get(const weir_plan_replay *replay, weir_plan_replay_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_plan_replay_stats, arena) };
    if (!weir__handle_check(replay, WEIR__HANDLE_PLAN_REPLAY))
        return EINVAL;
    if (!stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "no statistics, or of no known size");
    weir__lock *lock = (weir__lock *)(uintptr_t)&replay->lock;
    weir__lock_take(lock);
    weir_plan_replay_stats made = {.passes = replay->passes,
                                   .served = replay->served,
                                   .fallbacks = replay->fallbacks,
                                   .arena = weir_plan_memory_size_in_bytes(replay->arena)};
    weir__lock_drop(lock);
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}

void weir_plan_replay_destroy(weir_plan_replay *replay)
{
    if (!weir__handle_end(replay, WEIR__HANDLE_PLAN_REPLAY))
        return;
    if (replay->facade)
        weir_allocator_destroy(replay->facade);
    weir_plan_memory_release(replay->arena);
    weir__meta_free(replay->buffers, (replay->count + 1) * sizeof *replay->buffers);
    weir__meta_free(replay->live, (replay->count + 1) * sizeof *replay->live);
    weir__locks_remove(WEIR__RANK_OBJECT, &replay->known);
    weir__meta_free(replay, sizeof *replay);
}
