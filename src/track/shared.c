/* track/shared.c - see shared.h. */
#include "track/shared.h"

#include "track/count.h"
#include "track/fences.h"
#include "track/meter.h"

#include "os/fence.h"
#include "os/thread.h"

/* Read by every slow operation; written under the lock. */
uint64_t weir__meters_shared __attribute__((aligned(WEIR__LINE)));

/* Written under the lock. */
static struct {
    uint64_t phases;           /* that there were */
    struct weir__list windows; /* that take part */
    struct weir__list meters;
    uint32_t spell; /* operations of a thread between two looks at whether it still pays, a power of
                     * two; atomic */
} shared = {.spell = 1};

/* Operations of the calling thread. */
static WEIR__TLS uint32_t shared_done;

void weir__shared_begin(uint32_t spell)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(!weir__meters.constraints && !shared.windows.first && !shared.meters.first);
    weir__assert(weir__is_power_of_two(spell) || !spell);
    if (spell)
        weir__relaxed_set(shared.spell, spell);
    __atomic_store_n(&weir__meters_shared, ++shared.phases, __ATOMIC_SEQ_CST);
}

void weir__shared_join(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(weir__meters_are_shared() && !weir__shared_is_in(w));
    for (struct weir__meter *m = w->meter; m && m->shared_in != shared.phases; m = m->parent) {
        weir__relaxed_set(m->shared_live, m->base);
        weir__relaxed_set(m->shared_peak, m->peak);
        m->shared_in = shared.phases;
        weir__list_push(&shared.meters, &m->shared_link);
    }
    w->shared_in = shared.phases;
    weir__list_push(&shared.windows, &w->shared_link);
}

void weir__shared_quit(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    if (weir__shared_is_in(w))
        weir__list_remove(&shared.windows, &w->shared_link);
    w->shared_in = 0;
}

int64_t weir__shared_peak(const struct weir__meter *m)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    return m->shared_in == shared.phases ? weir__relaxed_get(m->shared_peak) : m->peak;
}

/* Waits for the thread of every window that takes part. */
static void windows_await(void)
{
    for (struct weir__link *at = shared.windows.first; at; at = at->next)
        weir__window_await(weir__list_of(at, struct weir__window, shared_link));
    shared.windows.first = NULL;
}

/* Moves the totals back into the bases. Operations that saw the flag are waited for: each set its
 * busy bit before it read the flag (weir__shared_enter). */
bool weir__shared_end(void)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    if (!weir__relaxed_get(weir__meters_shared))
        return false;
    __atomic_store_n(&weir__meters_shared, 0, __ATOMIC_SEQ_CST);
    if (weir__os_fence_available())
        weir__meters_fence();
    windows_await();
    for (struct weir__link *at = shared.meters.first; at; at = at->next) {
        struct weir__meter *m = weir__list_of(at, struct weir__meter, shared_link);
        m->base = m->level = weir__relaxed_get(m->shared_live);
        weir__meter_raise(m, weir__relaxed_get(m->shared_peak));
    }
    shared.meters.first = NULL;
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
    uint32_t spell = weir__relaxed_get(shared.spell), left = ~shared_done & (spell - 1);
    return (left == 0 || (left == 1 && weir__window_operations(w) % 2)) &&
           weir__os_fence_available();
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
    if (!weir__shared_is_in(w) || shared_is_due(w))
        return false; /* so w->shared_in is not 0 */
    window_say_inside(w);
    if (weir__likely(__atomic_load_n(&weir__meters_shared, __ATOMIC_SEQ_CST) == w->shared_in &&
                     !__atomic_load_n(&w->held, __ATOMIC_SEQ_CST)))
        return true;
    weir__window_leave(&w->allocating, -1);
    return false;
}

void weir__shared_leave(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    weir__assert(weir__window_is_inside(w));
    for (struct weir__meter *m = w->meter; m; m = m->parent)
        shared_add(m, delta);
    weir__shown_slow(w, delta, allocated, freed);
    weir__window_counts(w, 0, freed);
    weir__relaxed_set(w->shared_operations, w->shared_operations + 1);
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
