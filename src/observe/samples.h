/*
 * observe/samples.h - the sampled blocks that are live (track/sample.h), each with the stack that
 * allocated it, and the latest that were freed. Owns the table, the stacks and their lock. Knows
 * nothing of printing.
 *
 * A stack is kept once, for good: a pointer to it stays true without a lock. There are at most
 * WEIR__CALLS_MOST; a sample beyond that has one of no calls. Any thread; a signal handler that
 * interrupts its own thread in here adds no sample. errno is kept.
 */
#ifndef WEIR_OBSERVE_SAMPLES_H
#define WEIR_OBSERVE_SAMPLES_H

#include "base/bits.h"

#include <weir/allocator.h>

#define WEIR__CALLS_MOST 65536u

/* Where a block was freed is known in profiles of at most this mean: it costs a stack more. */
#define WEIR__FREED_MEAN 65536u

/* Return addresses, the innermost call first. */
struct weir__calls {
    struct weir__calls *next; /* of the same hash */
    uint64_t hash;
    uint32_t depth;
    bool cut; /* the outermost ones are missing */
    const void *address[];
};

struct weir__sampled {
    const void *block; /* the key */
    size_t requested;
    uint64_t mean; /* that it was sampled by */
    const struct weir__calls *calls;
    weir_allocator *allocator;
    weir_tag tag;
};

/* One that was freed. */
struct weir__sampled_freed {
    const struct weir__calls *allocated, *freed;
    size_t requested;
};

/* What is live and sampled is forgotten, and a block in `mean` bytes is from here on; 0: none. 0,
 * or ENOTSUP where the build counts nothing. */
int weir__samples_begin(uint64_t mean);

/* Of all that are live; *missed: of this profile, not kept because memory is short or by a signal.
 */
size_t weir__samples_number(uint64_t *missed);

/* Of a live one. False: it is not sampled. Takes the lock (os/lock.h: samples). */
bool weir__samples_find(const void *block, struct weir__sampled *sampled);

/* A copy of all that are live, in memory of weir's own: *capacity elements, which the caller gives
 * back. NULL: there is none, or no memory (*n > 0). */
struct weir__sampled *weir__samples_copy(size_t *n, size_t *capacity);

/* Without a lock, for a report of misuse: one that was freed of late at that address. */
bool weir__samples_freed(const void *block, struct weir__sampled_freed *freed);

#endif
