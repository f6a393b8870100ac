/*
 * track/sample.h - which allocations are sampled: for a profile about one in so many bytes, by a
 * Poisson process along the bytes that are allocated; to be guarded one in so many calls that
 * allocate or resize, geometrically. Owns the means, the numbers that are drawn, and the table of
 * functions that is told. Knows nothing of stacks or blocks.
 *
 * Both are counted down at the same time, and either may be off: then its countdown is out of
 * reach. What follows is said of the profile; of guards it is the same with 1 a call for bytes.
 *
 * The gaps between two points are exponential, so a block of n bytes has one in it with probability
 * 1 - exp(-n / mean), whatever came before it and independently of all others. A window has the
 * bytes that are left to its thread's next point (`countdown`); a thread without a window of its
 * own has them in thread-local storage.
 *
 * While there is a mean, an open window has WEIR__WINDOW_SAMPLED in place of its cap: frees find it
 * open, allocations look at `sampled_cap` and count down (track/count.h), and one that a
 * point lies in goes the slow way, which asks weir__sample_is_due. Without a mean no fast way has
 * an instruction more.
 *
 * A point decides once. What the fast way counted down for an allocation that then went the slow
 * way is given back (weir__allocating_undo): else that block had two chances. Bytes of requests
 * that fail are passed over, which changes no chance of others.
 *
 * A block that grows by n bytes is as if it were allocated anew for these n; a sampled one that
 * shrinks stays sampled with the probability that makes it 1 - exp(-size / mean) again (who keeps
 * the samples sees to that).
 */
#ifndef WEIR_TRACK_SAMPLE_H
#define WEIR_TRACK_SAMPLE_H

#include "track/window.h"

#include <weir/allocator.h>

/* Called with no lock held but `destroyed` (the context lock). They keep errno and call no
 * allocator. `weir__sample_hooks` is NULL until the first profile, and never after it. */
struct weir__sample_hooks {
    /* A block that is due, which nobody else knows yet. */
    void (*taken)(weir_allocator *a, const void *block, size_t requested, weir_tag tag);
    void (*freed)(const void *block); /* before it can be another's */
    /* Around a change of size: out, and in again, where it is then. NULL: it is not known. */
    void *(*lift)(const void *block);
    void (*place)(void *sample, const void *block, size_t requested);
    void (*destroyed)(weir_allocator *a); /* with all its blocks */
};
extern const struct weir__sample_hooks *weir__sample_hooks;

WEIR__INLINE const struct weir__sample_hooks *weir__sample_told(void)
{
    return __atomic_load_n(&weir__sample_hooks, __ATOMIC_ACQUIRE);
}

/* What an allocation is due for: bits. */
#define WEIR__DUE_SAMPLE 1u
#define WEIR__DUE_GUARD  2u

/* Which of them are on: bits. Changes while every window is closed and folded. */
extern uint32_t weir__sample_kinds;

/* Bytes; 0: nothing is sampled. Changes with the former. */
extern uint64_t weir__sample_mean;

/* Calls; 0: none is guarded. Atomic: it may change at any time, and is used at the next draw. */
extern uint64_t weir__guard_mean;

/* Is anything counted down? */
WEIR__INLINE bool weir__sample_is_on(void)
{
    return weir__unlikely(weir__relaxed_get(weir__sample_kinds) != 0);
}

/* Is there a profile? */
WEIR__INLINE bool weir__sample_has_profile(void)
{
    return weir__relaxed_get(weir__sample_mean) != 0;
}

/* Samples by that mean from here on; all countdowns begin anew. ENOTSUP: this build cannot. */
int weir__sample_begin(uint64_t mean, const struct weir__sample_hooks *hooks);

/* Guards one call in so many from here on; 0: none. All countdowns begin anew. ENOTSUP as above. */
int weir__sample_guard(uint64_t mean);

/* For tests: the numbers drawn from here on. */
void weir__sample_seed(uint64_t seed);

/* A gap: exponential with that mean, in whole bytes. */
int64_t weir__sample_draw(uint64_t mean);

/* Calls that pass before one of so many on average is due; 0: never. */
int64_t weir__sample_draw_calls(uint64_t mean);

/* Uniform below 1. */
double weir__sample_uniform(void);

/* Of a change by so many bytes, those that are counted down. */
WEIR__INLINE int64_t weir__sample_bytes(int64_t size)
{
    return size > 0 ? size : 0;
}

/* What is a call due for that allocates `bytes` more (negative: fewer)? By the owner of the window
 * outside an operation; NULL: the thread has none. */
unsigned weir__sample_look(struct weir__window *own, int64_t bytes);

WEIR__INLINE unsigned weir__sample_due(struct weir__window *own, int64_t bytes)
{
    return weir__sample_is_on() ? weir__sample_look(own, bytes) : 0;
}

/* Is `to` within a cap of the window's? By its owner, in an operation. */
WEIR__INLINE bool weir__cap_admits(const struct weir__window *w, int64_t cap, int64_t to)
{
    return to <= (cap == WEIR__WINDOW_SAMPLED ? weir__own_get(w->granted) : cap);
}

/* Have all from w up room for so much? By its owner, in an operation. */
bool weir__sampled_admit(const struct weir__window *w, int64_t size);

/* The two that follow: while there is a mean. Into an operation, as weir__allocating_enter of a
 * window that is not known to be a root's (track/count.h). False: not within what was granted, or a
 * point lies in it. */
bool weir__sampled_enter(struct weir__window *w, int64_t size, int64_t *to);

/* The whole of an operation without bins, which passes no bytes: who calls has looked. False: it
 * is not admitted, nothing happened. */
bool weir__sampled_count(struct weir__window *w, int64_t delta, int allocated, int freed);

#endif
