/*
 * plan/floor.h - a half-built arrangement below a capacity, with inference and undo: the
 * state that the search (plan/search.c) moves through. One thread; memory from scratch.
 *
 * Every section has a floor: nothing that is still to be placed can be lower. The invariant:
 *     slack[t] == capacity - floor[t] - (sizes still to be placed over t) >= 0,
 * because what is placed stands on the floor, so only waste uses slack up.
 */
#ifndef WEIR_PLAN_FLOOR_H
#define WEIR_PLAN_FLOOR_H

#include "plan/problem.h"

#define WEIR__FLOOR_WALL INT64_MAX /* floor of a section where nothing is left */

/* An old value, to be put back. */
struct weir__floor_change {
    int64_t *at;
    int64_t value;
};

struct weir__floor {
    const struct weir__problem *p;
    struct weir__plan_scratch *scratch;
    int64_t capacity;
    int64_t *floor, *slack, *left; /* by section; left: items still to be placed */
    int64_t *base;                 /* by item: lowest offset it may still have; -1: placed */
    int64_t *offset;               /* by item, once placed */
    uint32_t *first;               /* by section: first item with lo >= section */
    uint32_t *cover_at, *cover;    /* by section: the items over it */
    uint32_t *support;             /* by section: the item over it last seen with the least base */
    double *failed;                /* by section: how often it ended a branch, lately */
    uint8_t *dirty;                /* by section: is in the queue */
    uint32_t *queue, nqueue;       /* LIFO of sections whose floor may rise */
    struct weir__floor_change *trail;
    size_t ntrail, room;
    uint64_t work;
    bool exhausted; /* no memory for the trail: the state is of no use any more */
};

/* 0 or ENOMEM. */
int weir__floor_open(struct weir__floor *f, const struct weir__problem *p,
                     struct weir__plan_scratch *scratch);

/* Nothing placed. False: a section's sum exceeds the capacity. */
bool weir__floor_reset(struct weir__floor *f, int64_t capacity);

/* The item is put at its base, which is the floor of its sections. False: something
 * else no longer fits; the caller undoes. */
bool weir__floor_put(struct weir__floor *f, uint32_t item);

/*
 * Nothing stands on the floor at section t of the flat stretch [left, right], whose
 * neighbors are higher: its floor rises to the lowest place that something over t could
 * have then. False: there is none below the capacity.
 */
bool weir__floor_waste(struct weir__floor *f, uint32_t t, uint32_t left, uint32_t right);

/* Back to when ntrail was `mark`. */
void weir__floor_undo(struct weir__floor *f, size_t mark);

/* Slack used since `mark`, each piece weighed by what is left where it was used. */
double weir__floor_waste_since(const struct weir__floor *f, size_t mark);

#endif
