/*
 * pool/depot.h - a depot: the free blocks that a center keeps outside its slabs, as one
 * stack in an array. Whole batches go in and out (Bonwick and Adams 2001), so that moving a
 * block between two threads costs a tenth of returning it to its slab and taking it out
 * again. Owns the array; knows nothing of slabs.
 *
 * The center's lock covers it. The array grows by doubling, up to room_most, and goes when
 * the center is flushed: its book-keeping is at most WEIR__DEPOT_BYTES.
 */
#ifndef WEIR_POOL_DEPOT_H
#define WEIR_POOL_DEPOT_H

#include "pool/cached.h"

struct weir__depot {
    struct weir__cached *blocks; /* `room` of them; NULL: none */
    uint32_t count;              /* in use, the last come out first; atomic: read by any thread */
    uint32_t room;
    uint32_t most;      /* where the center keeps the count at, once it is done */
    uint32_t room_most; /* what it may need meanwhile */
};

#define WEIR__DEPOT_ROOM  ((size_t)8192)
#define WEIR__DEPOT_BYTES (WEIR__DEPOT_ROOM * sizeof(struct weir__cached))

void weir__depot_init(struct weir__depot *depot, unsigned most, unsigned room_most);

/* False: no room, or no memory for it. Nothing is taken then. */
bool weir__depot_put(struct weir__depot *depot, const struct weir__cached *blocks, unsigned count);

/* Up to `most` of the latest; how many. */
unsigned weir__depot_take(struct weir__depot *depot, struct weir__cached *blocks, unsigned most);

/* The latest `count`, which are out of it then; valid until something is put. */
const struct weir__cached *weir__depot_top(struct weir__depot *depot, unsigned count);

/* Frees the array, which holds nothing or nothing that counts any more. */
void weir__depot_clear(struct weir__depot *depot);

#endif
