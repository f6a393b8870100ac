/*
 * alloc/guarded.h - guarded blocks (pool/trap.h) as blocks of an allocator: taken, given back, and
 * how often. Owns the pace: a call in so many is guarded (track/sample.h), and where calls are
 * frequent, fewer, so that guarding costs no more than WEIR__GUARD_PERIOD has room for. Knows
 * nothing of signals. Any thread, no lock held.
 */
#ifndef WEIR_ALLOC_GUARDED_H
#define WEIR_ALLOC_GUARDED_H

#include "alloc/block.h"
#include "pool/trap.h"

/* Nanoseconds for each guarded block on average, where the pace adapts: one costs about 10 us. */
#define WEIR__GUARD_PERIOD UINT64_C(4000000)

/* A mean below this is what it is: for tests and for a search. */
#define WEIR__GUARD_ADAPTS 1000u

/* One call in `calls` (0: none), and one tensor or buffer in `objects` (0: as all others) from here
 * on. 0; ENOTSUP: this build, backing or machine cannot. */
int weir__guarded_begin(uint64_t calls, uint64_t objects);

/*
 * The same by turns, for a process that did not ask: one block is guarded, the first that is due by
 * the rate, and then none for a while in which nothing is counted down: WEIR__GUARD_REST, and twice
 * as long each time up to WEIR__GUARD_REST_MOST. A turn begins where a thread's slow operations
 * lead by, so a program that has none for long has none. Ended by either of the other two.
 *
 * The first such block costs a process some twenty page faults, once. So one that has had fewer
 * than WEIR__GUARD_FAULTS has one by chance alone: as often as its faults are of these. Over many
 * processes the cost is one in a hundred, however short they are.
 */
#define WEIR__GUARD_REST      UINT64_C(100000000)
#define WEIR__GUARD_REST_MOST UINT64_C(1000000000)
#define WEIR__GUARD_FAULTS    2000
int weir__guarded_begin_turns(uint64_t calls);

/* Called now and then: is it time for the next turn, or is one over? No lock held, in no
 * operation. */
void weir__guarded_turn_slow(uint32_t turn);
extern uint32_t weir__guarded_turns; /* atomic */
WEIR__INLINE void weir__guarded_turn(void)
{
    uint32_t turn = weir__relaxed_get(weir__guarded_turns);
    if (weir__unlikely(turn != 0))
        weir__guarded_turn_slow(turn);
}

/* Called before the first guarded block of turns; 0, or why there can be none. Set before them. */
extern int (*weir__guarded_prepare)(void);

/* No block is guarded from here on; those that are stay so. For a signal handler, and where the
 * system refuses. */
void weir__guarded_off(void);

/* Blocks that were guarded, and that were to be and had no place. */
void weir__guarded_count(uint64_t *guarded, uint64_t *missed);

/* The mean of objects; that of calls is weir__guard_mean. */
uint64_t weir__guarded_objects(void);

/* Could such a block be guarded now? */
bool weir__guarded_fits(const weir_allocator *a, size_t size, size_t alignment);

/* As weir__span_take. NULL: not to be had. */
struct weir__span *weir__guarded_take(weir_allocator *a, size_t size, size_t alignment,
                                      struct weir__claim *claim);

/* Gives back what the caller claimed, whose label said that. What was written next to it is
 * reported. */
void weir__guarded_give(weir_allocator *a, struct weir__span *span, uint64_t label);

/* Gives back all that `a` has, which is being destroyed. */
void weir__guarded_release(weir_allocator *a);

/* Memory for a tensor or buffer, zeroed or not, as weir_allocate says. */
void *weir__guarded_object(weir_allocator *a, size_t bytes, bool zeroed);

/* Called with what was written next to a block that is freed (weir__trap_written). NULL: nobody
 * prints it. Atomic. */
extern void (*weir__guarded_written)(const void *block, ptrdiff_t written);

#endif
