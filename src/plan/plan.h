/*
 * plan/plan.h - the plan itself and the small tools that the planner's files share:
 * scratch memory that goes away at once, sorting, random numbers. Knows nothing of
 * how an arrangement is found (plan/problem.h) nor of memory made from it.
 */
#ifndef WEIR_PLAN_PLAN_H
#define WEIR_PLAN_PLAN_H

#include "base/bits.h"
#include "base/handle.h"

#include <weir/plan.h>

#define WEIR__PLAN_NONE UINT32_MAX

/* One buffer as added. */
struct weir__plan_buffer {
    size_t size;
    int64_t first, last;
    size_t offset; /* valid while the plan is solved */
    uint32_t next; /* ring of aliases; itself: none */
    uint8_t shift; /* alignment == 1 << shift */
    bool pinned;   /* its offset is in the plan's pins */
    bool placed;   /* nothing was changed that its offset of the last arrangement is against */
};

struct weir__plan_pair {
    uint32_t a, b;
};

struct weir__plan_pin {
    size_t offset;
    uint32_t buffer;
};

/* The sizes under one shape, of the buffers there were when it was added. */
struct weir__plan_profile {
    size_t *sizes;
    size_t count;
};

/* Invariant: solved implies that every offset obeys every constraint, and arena ==
 * the greatest offset + size. */
struct weir_plan {
    struct weir__handle handle; /* first */
    struct weir__plan_buffer *buffers;
    size_t count, room;
    struct weir__plan_pair *disjoint;
    size_t ndisjoint, disjoint_room;
    struct weir__plan_pin *pins;
    size_t npins, pin_room;
    size_t naliases; /* calls that joined two rings */
    struct weir__plan_profile *profiles;
    size_t nprofiles, profile_room;
    bool solved;
    bool arranged;               /* was solved once: offsets of what is placed agree */
    size_t arena, bound, proven; /* bound == SIZE_MAX: not known to fit a size_t */
    bool bound_known;            /* `bound` belongs to these buffers */
    uint64_t work;
    const char *method;
    size_t last_arena, last_bound; /* of the last weir_plan_solve, and what it spent */
    uint64_t last_work;
};

/* -- scratch memory -------------------------------------------------------------- */

struct weir__plan_block {
    struct weir__plan_block *next;
    size_t size;
};

/* Blocks taken during one call; peak counts the bytes for the memory test. */
struct weir__plan_scratch {
    struct weir__plan_block *blocks; /* LIFO */
    size_t held, peak;
};

/* Zeroed, 64-byte aligned; NULL with ENOMEM. */
void *weir__plan_take(struct weir__plan_scratch *scratch, size_t count, size_t size);

/* Frees all that was taken since `mark` was scratch->blocks (NULL: everything). */
void weir__plan_drop(struct weir__plan_scratch *scratch, struct weir__plan_block *mark);

/* -- sorting, randomness ----------------------------------------------------------- */

struct weir__plan_key {
    uint64_t key;
    uint32_t index;
};

/* Ascending by key, stable; `spare` is as long as `keys`. */
void weir__plan_sort(struct weir__plan_key *keys, struct weir__plan_key *spare, size_t count);

/* An int64_t's order as that of a uint64_t. */
WEIR__INLINE uint64_t weir__plan_time_key(int64_t time)
{
    return (uint64_t)time ^ ((uint64_t)1 << 63);
}

/* splitmix64: the next number, the same on every machine. */
WEIR__INLINE uint64_t weir__plan_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* In [0, n), n > 0. */
WEIR__INLINE uint32_t weir__plan_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(((weir__plan_random(state) >> 32) * n) >> 32);
}

/* -- checks -------------------------------------------------------------------------- */

/* plan->bound; SIZE_MAX when what is live at one time exceeds PTRDIFF_MAX, 0 with
 * *error == ENOMEM when there was no memory to find out. */
size_t weir__plan_bound(struct weir_plan *plan, int *error);

/* The same figure under a profile; nothing is kept. SIZE_MAX: too great. 0 or ENOMEM. */
int weir__plan_bound_of(const struct weir_plan *plan, const struct weir__plan_profile *profile,
                        size_t *bound);

/* Size of a buffer under a profile (NULL: in the plan). */
WEIR__INLINE size_t weir__plan_size(const struct weir_plan *plan,
                                    const struct weir__plan_profile *profile, size_t index)
{
    return profile && index < profile->count ? profile->sizes[index] : plan->buffers[index].size;
}

/* Greatest alignment, at least 1. */
size_t weir__plan_alignment(const struct weir_plan *plan);

/* The program's options, NULL for the defaults; false where they are not valid. */
bool weir__plan_options_take(weir_plan_options *to, const weir_plan_options *options);

/* Room for `wanted` elements of `size` bytes in *array, of which `count` are used. 0 or ENOMEM. */
int weir__plan_grow(void **array, size_t *room, size_t count, size_t wanted, size_t size);

/* Something about the buffer and its aliases no longer is what it was when they got their offsets.
 */
void weir__plan_displace(struct weir_plan *plan, size_t index);

/* The plan is solved: these offsets, found by `method` (static text) with so much work. */
void weir__plan_keep(struct weir_plan *plan, const size_t *offsets, uint64_t work,
                     const char *method);

/* The checker that every arrangement passes: offsets[i] of buffer i. 0, EILSEQ, ENOMEM. */
int weir__plan_verify_offsets(const struct weir_plan *plan, const size_t *offsets);

/* The same where only buffers with moved[i] may be wrong, by looking at all next to each of them.
 */
int weir__plan_verify_moved(const struct weir_plan *plan, const size_t *offsets, const bool *moved);

/* The second one, pair by pair and sharing no code with the first; for debug builds
 * and tests. Null: fine; else what is wrong. */
const char *weir__plan_second_opinion(const struct weir_plan *plan, const size_t *offsets);

#endif
