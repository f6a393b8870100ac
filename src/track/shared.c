/* track/shared.c - see shared.h. */
#include "track/shared.h"

#include "track/count.h"
#include "track/level.h"
#include "track/spell.h"

#include "os/fence.h"
#include "os/thread.h"

/* Read by every slow operation; written under the lock. */
uint64_t weir__meters_shared __attribute__((aligned(WEIR__LINE)));

/* Operations of a thread between two looks at whether SHARED still pays, a power of two;
 * written under the lock. */
static uint32_t shared_spell = 1;

/* Of the calling thread: where it works in many contexts, no window of its may do so many. */
static WEIR__TLS uint32_t shared_done;

void weir__shared_begin(uint32_t spell)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(!weir__meters.constraints);
    weir__assert(weir__is_power_of_two(spell) || !spell);
    weir__spell_begin();
    if (spell)
        weir__relaxed_set(shared_spell, spell);
    __atomic_store_n(&weir__meters_shared, weir__meters.spell, __ATOMIC_SEQ_CST);
}

/* Moves the totals back into the bases. Operations that saw the spell's number are waited for: each
 * set its busy bit before it read that (weir__shared_enter). */
bool weir__shared_end(void)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    if (!weir__meters_are_shared())
        return false;
    __atomic_store_n(&weir__meters_shared, 0, __ATOMIC_SEQ_CST);
    weir__spell_await(NULL);
    for (struct weir__link *at = weir__meters.spell_meters.first; at; at = at->next) {
        struct weir__meter *m = weir__spell_meter(at);
        m->base = m->level = weir__relaxed_get(m->shared_live);
        weir__meter_raise(m, weir__relaxed_get(m->shared_peak));
    }
    shared_done++;
    return true;
}

/* Acquire and release: a thread that sees this addition also sees the busy bit of the thread that
 * made it, so that weir__meter_peak waits for it. */
static void shared_add(struct weir__meter *m, int64_t delta)
{
    int64_t live = __atomic_add_fetch(&m->shared_live, delta, __ATOMIC_ACQ_REL);
    int64_t peak = weir__relaxed_get(m->shared_peak);
    while (live > peak && !__atomic_compare_exchange_n(&m->shared_peak, &peak, live, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    if (weir__unlikely(m->shown != NULL))
        weir__shown_shared_peak(m, live);
}

/* Is it time for the thread to look whether windows pay again? At one of two operations: rather
 * where it freed as often as it allocated but once, so that a thread that does so in turn looks at
 * a free, which leaves room for its next block. */
static bool shared_is_due(const struct weir__window *w)
{
    uint32_t spell = weir__relaxed_get(shared_spell), left = ~shared_done & (spell - 1);
    return (left == 0 || (left == 1 && weir__window_operations(w) % 2)) &&
           weir__os_fence_available();
}

/* The busy bit is set by an exchange, which is a fence: so the thread that ends the spell, or takes
 * hold of the window, needs none. */
bool weir__shared_enter(struct weir__window *w)
{
    if (!weir__shared_has(w) || shared_is_due(w))
        return false;
    __atomic_exchange_n(&w->allocating, w->allocating + 1, __ATOMIC_SEQ_CST);
    if (weir__likely(__atomic_load_n(&weir__meters_shared, __ATOMIC_SEQ_CST) == w->spell &&
                     !__atomic_load_n(&w->held, __ATOMIC_SEQ_CST)))
        return true;
    weir__window_leave(&w->allocating, -1);
    return false;
}

void weir__shared_leave(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    weir__assert(weir__window_is_inside(w));
    for (struct weir__level at = weir__level_of(w); at.meter; at = weir__level_above(at)) {
        shared_add(at.meter, delta);
        weir__shown_slow(at, delta, allocated, freed);
        weir__level_counts(at, at.window == w ? 0 : allocated, freed);
        weir__level_came(at, delta);
        weir__level_slow(at);
    }
    shared_done++;
    weir__window_leave(&w->allocating, 2 * (int64_t)allocated - 1);
}

bool weir__shared_change(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    if (!weir__shared_enter(w))
        return false;
    weir__shared_leave(w, delta, allocated, freed);
    return true;
}
