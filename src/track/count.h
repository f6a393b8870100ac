/*
 * track/count.h - how the owner of a window counts: an operation of plain stores, in which it
 * may work on its bins (pool/cache.h). Owns nothing; track/window.h has the protocol.
 * By the owner of the window alone, without a lock.
 *
 *   if (weir__allocating_enter(w, reach, size, &to))   the window is open and has room, and so
 *                                                      are those above it
 *       take a block; none: weir__allocating_undo(w, reach, size)
 *       weir__allocating_leave(w, reach, size, to)     counted: one block, `size` bytes
 *
 * `reach` says what is known of the windows above; it is constant and folds away.
 *
 * A free asks only whether the window is open (weir__freeing_*). A change of size, or of
 * several blocks, is weir__window_count; one that moves a block from bin to bin is
 * weir__allocating_enter and weir__resizing_leave. Each changes bytes by one store, so that
 * the figures are true between any two stores (track/shown.h).
 *
 * A build that counts nothing (--disable-accounting, for measuring) has track/uncounted.h.
 */
#ifndef WEIR_TRACK_COUNT_H
#define WEIR_TRACK_COUNT_H

#include "track/sample.h"
#include "track/window.h"

/* The window is a root's, with none above it; a child's of a root, or else an operation is not
 * admitted; anyone's. */
enum weir__reach { WEIR__REACH_ROOT, WEIR__REACH_CHILD, WEIR__REACH_ANY };

/* Sets the busy bit of a sequence counter: an operation of its kind begins. The store must come
 * before any load of the operation: for the compiler here, for the processor by membarrier. */
WEIR__INLINE void weir__window_enter(uint64_t *word)
{
    weir__own_set(*word, weir__own_get(*word) + 1);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * Clears the busy bit and adds the blocks; what was stored takes effect. `step` is 1 for a block
 * counted, -1 for nothing done, 2n - 1 for n blocks. One instruction in memory on x86-64, where
 * every store releases.
 */
WEIR__INLINE void weir__window_leave(uint64_t *word, int64_t step)
{
#if defined(__x86_64__) && !defined(WEIR__ATOMIC_OWN)
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *word += (uint64_t)step;
#else
    __atomic_store_n(word, weir__own_get(*word) + (uint64_t)step, __ATOMIC_RELEASE);
#endif
}

/* A free needs only to know whether the window is closed. No other cap has INT32_MIN in its
 * upper half, so a 32-bit compare with memory suffices. */
WEIR__INLINE bool weir__window_is_closed(const struct weir__window *w)
{
    return weir__own_get(w->cap_half[1]) == INT32_MIN;
}

/* May `used` become `to`? */
WEIR__INLINE bool weir__window_admits(const struct weir__window *w, int64_t to)
{
    return weir__likely(to <= weir__own_get(w->cap));
}

/* Raises the high-water mark to `to`, and the blocks at it where they are asked for. The caller
 * has the block and is sure to count it: a mark raised for an operation that is undone would be a
 * peak that never was. `change` is what the two sequence counters lack (twice the blocks, and the
 * busy bit). */
WEIR__INLINE void weir__window_record_high(struct weir__window *w, int64_t to, int64_t change)
{
    if (weir__unlikely(to > weir__own_get(w->hi))) {
        weir__own_set(w->hi, to);
        if (weir__unlikely(weir__own_get(weir__window_records_blocks)))
            weir__own_set(w->hi_blocks,
                          (int64_t)(weir__own_get(w->allocating) - weir__own_get(w->freeing)) +
                              change);
    }
}

/* `used` after `delta` bytes more. */
WEIR__INLINE int64_t weir__window_after(const struct weir__window *w, int64_t delta)
{
    return delta + weir__own_get(w->taken) - weir__own_get(w->given);
}

/* Has each window above w room for `size` bytes more? */
WEIR__INLINE bool weir__windows_above_admit(const struct weir__window *w, int64_t size)
{
    while ((w = weir__own_get(w->up)))
        if (weir__unlikely(!weir__window_admits(w, weir__window_after(w, size))))
            return false;
    return true;
}

/* Has it, and each above it? A moment's answer. */
WEIR__INLINE bool weir__windows_admit(const struct weir__window *w, int64_t size)
{
    return weir__window_admits(w, weir__window_after(w, size)) &&
           weir__windows_above_admit(w, size);
}

/* Counts a change in one window but for the blocks that came: with them the operation takes effect,
 * or ends. `to`: what is used afterwards. `busy`: 1 where its counter of allocations is odd. */
WEIR__INLINE void weir__window_add(struct weir__window *w, int64_t delta, int64_t to, int allocated,
                                   int freed, int busy)
{
    weir__window_record_high(w, to, 2 * (int64_t)allocated - 2 * (int64_t)freed - busy);
    if (freed)
        weir__own_set(w->freeing, weir__own_get(w->freeing) + (uint64_t)(2 * (int64_t)freed));
    if (delta >= 0)
        weir__own_set(w->taken, weir__own_get(w->taken) + delta);
    else
        weir__own_set(w->given, weir__own_get(w->given) - delta);
}

WEIR__INLINE void weir__window_came(struct weir__window *w, int allocated)
{
    if (allocated)
        weir__own_set(w->allocating,
                      weir__own_get(w->allocating) + (uint64_t)(2 * (int64_t)allocated));
}

/* The same for an operation outside, with the meter lock held: the window is open but for its
 * thread, and admits it. */
WEIR__INLINE void weir__window_change(struct weir__window *w, int64_t delta, int allocated,
                                      int freed)
{
    weir__window_add(w, delta, weir__window_after(w, delta), allocated, freed, 0);
    weir__window_came(w, allocated);
}

#ifdef WEIR_NO_ACCOUNTING
#include "track/uncounted.h"
#else

/* WEIR__REACH_ROOT will do: there is none above it. */
WEIR__INLINE bool weir__window_is_last(const struct weir__window *w)
{
    return weir__likely(!weir__own_get(w->up));
}

/* Where the busy bits of its operations are. */
WEIR__INLINE struct weir__window *weir__window_top(struct weir__window *w, enum weir__reach reach)
{
    weir__assert(reach != WEIR__REACH_ROOT || w->top == w);
    return reach == WEIR__REACH_ROOT ? w : weir__own_get(w->top);
}

/* Do those above w, whose top one that is, admit so much more? */
WEIR__INLINE bool weir__window_top_admits(const struct weir__window *w,
                                          const struct weir__window *top, enum weir__reach reach,
                                          int64_t size)
{
    if (reach == WEIR__REACH_CHILD)
        return weir__likely(weir__own_get(w->up) == top) &&
               weir__likely(weir__window_admits(top, weir__window_after(top, size)));
    return reach == WEIR__REACH_ROOT || weir__windows_above_admit(w, size);
}

/* While calls are counted (track/sample.h): has the window room, and is neither the call due nor a
 * point in the bytes? Then they are passed. */
WEIR__INLINE bool weir__window_passes_guards(struct weir__window *w, int64_t size, int64_t to)
{
    if (to > weir__own_get(w->guarded_cap))
        return false;
    weir__own_set(w->countdown, weir__own_get(w->countdown) - size);
    weir__own_set(w->calls_left, weir__own_get(w->calls_left) - 1);
    if (weir__likely(weir__own_get(w->calls_left) >= 0) &&
        weir__likely(weir__own_get(w->countdown) >= 0))
        return true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* read anew: else it takes two instructions more */
    weir__own_set(w->countdown, weir__own_get(w->countdown) + size);
    weir__own_set(w->calls_left, weir__own_get(w->calls_left) + 1);
    return false;
}

/* While allocations are sampled (track/sample.h): has the window room, and does no point lie in the
 * bytes? Then they are passed. Four instructions; the window is closed here otherwise. */
WEIR__INLINE bool weir__window_passes(struct weir__window *w, int64_t size, int64_t to)
{
    size = weir__sample_bytes(size);
    if (weir__unlikely(to > weir__own_get(w->sampled_cap)))
        return weir__window_passes_guards(w, size, to);
    weir__own_set(w->countdown, weir__own_get(w->countdown) - size);
    if (weir__likely(weir__own_get(w->countdown) >= 0))
        return true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* read anew: else it takes two instructions more */
    weir__own_set(w->countdown, weir__own_get(w->countdown) + size);
    return false;
}

/* Adding `size` bytes (negative: a block that shrinks). *to: `used` afterwards. While allocations
 * are sampled, below a root only weir__sampled_enter admits. */
WEIR__INLINE bool weir__allocating_enter(struct weir__window *w, enum weir__reach reach,
                                         int64_t size, int64_t *to)
{
    struct weir__window *top = weir__window_top(w, reach);
    weir__window_enter(&top->allocating);
    *to = weir__window_after(w, size);
    if (weir__likely(weir__window_admits(w, *to)) && weir__window_top_admits(w, top, reach, size))
        return true;
    if (reach == WEIR__REACH_ROOT && weir__window_passes(w, size, *to))
        return true;
    weir__window_leave(&top->allocating, -1);
    return false;
}

/* The same for ways out of line, whatever the window is. */
WEIR__INLINE bool weir__allocating_enter_any(struct weir__window *w, enum weir__reach reach,
                                             int64_t size, int64_t *to)
{
    return weir__allocating_enter(w, reach, size, to) ||
           (reach != WEIR__REACH_ROOT && weir__sample_is_on() && weir__sampled_enter(w, size, to));
}

/* Nothing was done with `size` bytes that were admitted: the slow way counts them down, and the
 * call, if there is anything to. */
WEIR__INLINE void weir__allocating_undo(struct weir__window *w, enum weir__reach reach,
                                        int64_t size)
{
    weir__own_set(w->countdown, weir__own_get(w->countdown) + weir__sample_bytes(size));
    weir__own_set(w->calls_left, weir__own_get(w->calls_left) + 1);
    weir__window_leave(&weir__window_top(w, reach)->allocating, -1);
}

/* The same of one that was not counted down. */
WEIR__INLINE void weir__allocating_undo_passed(struct weir__window *w, enum weir__reach reach)
{
    weir__window_leave(&weir__window_top(w, reach)->allocating, -1);
}

/* The next that an operation which was admitted counts in; NULL: w was the top one. */
WEIR__INLINE struct weir__window *weir__window_above(struct weir__window *w, enum weir__reach reach)
{
    if (reach == WEIR__REACH_ROOT)
        return NULL;
    if (reach == WEIR__REACH_ANY)
        return weir__own_get(w->up);
    weir__assert(w->up == w->top);
    struct weir__window *top = weir__own_get(w->top);
    if (!top)
        __builtin_unreachable();
    return top;
}

/* Out of an operation that may have changed several blocks. Counts from below to the top, where it
 * is left. */
WEIR__INLINE void weir__counting_leave(struct weir__window *w, enum weir__reach reach,
                                       int64_t delta, int64_t to, int allocated, int freed)
{
    for (struct weir__window *up; (up = weir__window_above(w, reach)); w = up) {
        weir__window_add(w, delta, to, allocated, freed, 0);
        weir__window_came(w, allocated);
        to = weir__window_after(up, delta);
        reach = reach == WEIR__REACH_CHILD ? WEIR__REACH_ROOT : reach;
    }
    weir__window_add(w, delta, to, allocated, freed, 1);
    weir__window_leave(&w->allocating, 2 * (int64_t)allocated - 1);
}

/* The same for one block. */
WEIR__INLINE void weir__allocating_leave(struct weir__window *w, enum weir__reach reach,
                                         int64_t size, int64_t to)
{
    if (size < 0)
        __builtin_unreachable();
    weir__counting_leave(w, reach, size, to, 1, 0);
}

/* No block came or went. */
WEIR__INLINE void weir__resizing_leave(struct weir__window *w, enum weir__reach reach,
                                       int64_t delta, int64_t to)
{
    weir__counting_leave(w, reach, delta, to, 0, 0);
}

WEIR__INLINE bool weir__windows_above_are_open(const struct weir__window *w)
{
    while ((w = weir__own_get(w->up)))
        if (weir__unlikely(weir__window_is_closed(w)))
            return false;
    return true;
}

WEIR__INLINE bool weir__window_top_is_open(const struct weir__window *w,
                                           const struct weir__window *top, enum weir__reach reach)
{
    if (reach == WEIR__REACH_CHILD)
        return weir__likely(weir__own_get(w->up) == top) &&
               weir__likely(!weir__window_is_closed(top));
    return reach == WEIR__REACH_ROOT || weir__windows_above_are_open(w);
}

WEIR__INLINE bool weir__freeing_enter(struct weir__window *w, enum weir__reach reach)
{
    struct weir__window *top = weir__window_top(w, reach);
    weir__window_enter(&top->freeing);
    if (weir__likely(!weir__window_is_closed(w)) && weir__window_top_is_open(w, top, reach))
        return true;
    weir__window_leave(&top->freeing, -1);
    return false;
}

WEIR__INLINE void weir__freeing_leave(struct weir__window *w, enum weir__reach reach, int64_t size)
{
    for (struct weir__window *up; (up = weir__window_above(w, reach)); w = up) {
        weir__own_set(w->given, weir__own_get(w->given) + size);
        weir__own_set(w->freeing, weir__own_get(w->freeing) + 2);
        reach = reach == WEIR__REACH_CHILD ? WEIR__REACH_ROOT : reach;
    }
    weir__own_set(w->given, weir__own_get(w->given) + size);
    weir__window_leave(&w->freeing, 1);
}

WEIR__INLINE void weir__freeing_undo(struct weir__window *w, enum weir__reach reach)
{
    weir__window_leave(&weir__window_top(w, reach)->freeing, -1);
}

/* An operation without bins. False: a window does not admit it, nothing happened. */
WEIR__INLINE bool weir__window_count(struct weir__window *w, int64_t delta, int allocated,
                                     int freed)
{
    int64_t to;
    if (weir__unlikely(!weir__allocating_enter(w, WEIR__REACH_ANY, delta, &to)))
        return false;
    weir__counting_leave(w, WEIR__REACH_ANY, delta, to, allocated, freed);
    return true;
}

/* Did the window's thread do nothing since *seen was set? Sets it. */
WEIR__INLINE bool weir__window_is_idle(const struct weir__window *w, uint64_t *seen)
{
    uint64_t now = weir__window_operations(w);
    bool idle = now == *seen;
    *seen = now;
    return idle;
}

#endif
#endif
