/* track/shared.c - see shared.h. */
#include "track/shared.h"

#include "track/count.h"
#include "track/fences.h"
#include "track/meter.h"

#include "os/fence.h"

/* Read by every slow operation; written under the lock. */
uint32_t weir__meters_shared __attribute__((aligned(WEIR__LINE)));

/* Operations of a window between two looks at whether SHARED still pays, a power of two;
 * written under the lock. */
static uint32_t shared_spell = 1;

bool weir__meters_were_shared;

/* The children first: an operation comes to them after its root let it in. */
static void totals_hand_over(bool roots)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    for (struct weir__meter *m = weir__meter_first(); m; m = weir__meter_after(m, NULL))
        if (roots == !m->parent) {
            weir__relaxed_set(m->shared_peak, m->peak);
            __atomic_store_n(&m->shared_live, m->base, __ATOMIC_RELEASE);
        }
}

void weir__shared_begin(uint32_t spell)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(!weir__meters.constraints);
    weir__assert(weir__is_power_of_two(spell) || !spell);
    weir__meters_were_shared = true;
    totals_hand_over(false);
    totals_hand_over(true);
    if (spell)
        weir__relaxed_set(shared_spell, spell);
    __atomic_store_n(&weir__meters_shared, 1, __ATOMIC_RELEASE);
}

/* Moves the totals back into the bases. A root's exchange stands between the operations that it let
 * in, whose busy bits are visible then and which are waited for, and those that find it gated. */
bool weir__shared_end(void)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    if (!weir__relaxed_get(weir__meters_shared))
        return false;
    weir__relaxed_set(weir__meters_shared, 0);
    for (struct weir__meter *m = weir__meter_first(); m; m = weir__meter_of(m->link.next))
        m->base = __atomic_exchange_n(&m->shared_live, WEIR__SHARED_GATED, __ATOMIC_ACQ_REL);
    weir__windows_await(NULL);
    for (struct weir__meter *m = weir__meter_first(); m; m = weir__meter_after(m, NULL)) {
        if (m->parent)
            m->base = weir__relaxed_get(m->shared_live);
        m->level = m->base;
        weir__meter_raise(m, weir__relaxed_get(m->shared_peak));
    }
    return true;
}

/* Acquire and release: a thread that sees this addition also sees the busy bit of the thread that
 * made it, so that weir__meter_peak waits for it. */
static bool shared_add(struct weir__meter *m, int64_t delta)
{
    int64_t live = __atomic_add_fetch(&m->shared_live, delta, __ATOMIC_ACQ_REL);
    if (weir__unlikely(live < WEIR__SHARED_GATED / 2))
        return false;
    int64_t peak = weir__relaxed_get(m->shared_peak);
    while (live > peak && !__atomic_compare_exchange_n(&m->shared_peak, &peak, live, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    if (weir__unlikely(m->shown != NULL))
        weir__shown_shared_peak(m, live);
    return true;
}

/* Operations on shared atomics between two looks at whether windows pay again. */
static bool shared_is_due(const struct weir__window *w)
{
    uint32_t spell = weir__relaxed_get(shared_spell);
    /* One less than the spell: a thread that allocates and frees in turn looks at a free, which
     * leaves room for its next block. */
    return (weir__window_operations(w) & (spell - 1)) == spell - 1 && weir__os_fence_available();
}

/* Sets the busy bit. The store must come before the loads after it: by a fence of this thread's
 * own where no other thread can fence it. Fences may end between the first test and the store,
 * hence the second test (track/fences.c). */
static void window_say_inside(struct weir__window *w)
{
    if (weir__likely(weir__os_fence_available())) {
        weir__window_enter(&w->allocating);
        if (weir__likely(weir__os_fence_available()))
            return;
        weir__window_leave(&w->allocating, -1);
    }
    __atomic_exchange_n(&w->allocating, w->allocating + 1, __ATOMIC_SEQ_CST);
}

bool weir__shared_enter(struct weir__window *w)
{
    if (!weir__meters_are_shared() || shared_is_due(w))
        return false;
    window_say_inside(w);
    if (weir__likely(!__atomic_load_n(&w->held, __ATOMIC_SEQ_CST)))
        return true;
    weir__shared_undo(w);
    return false;
}

void weir__shared_undo(struct weir__window *w)
{
    weir__window_leave(&w->allocating, -1);
}

bool weir__shared_count(struct weir__window *w, int64_t delta)
{
    weir__assert(weir__window_is_inside(w));
    struct weir__meter *root = w->meter;
    while (root->parent)
        root = root->parent;
    if (weir__unlikely(!shared_add(root, delta)))
        return false;
    for (struct weir__meter *m = w->meter; m != root; m = m->parent)
        shared_add(m, delta);
    return true;
}

void weir__shared_leave(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    weir__assert(weir__window_is_inside(w));
    weir__shown_slow(w, delta, allocated, freed);
    weir__window_counts(w, 0, freed);
    weir__relaxed_set(w->shared_operations, w->shared_operations + 1);
    weir__window_leave(&w->allocating, 2 * (int64_t)allocated - 1);
}

bool weir__shared_change(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    if (!weir__shared_enter(w))
        return false;
    if (!weir__shared_count(w, delta)) {
        weir__shared_undo(w);
        return false;
    }
    weir__shared_leave(w, delta, allocated, freed);
    return true;
}
