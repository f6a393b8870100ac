/* track/reading.c - see reading.h. */
#include "track/reading.h"

#include "os/thread.h"
#include "track/meter.h"
#include "track/shared.h"

struct counting {
    int64_t total;
    uint64_t allocations, frees, slow, failures;
};

static void meter_count(struct weir__meter *top, struct counting *c)
{
    c->total = top->base;
    for (struct weir__meter *m = top; m; m = weir__meter_after(m, top)) {
        c->allocations += m->gone_allocations;
        c->frees += m->gone_frees;
        c->slow += m->slow_operations;
        c->failures += __atomic_load_n(&m->failures, __ATOMIC_RELAXED);
        for (struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w)) {
            c->total += weir__window_unfolded(w);
            c->allocations += weir__window_allocations(w);
            c->frees += weir__window_frees(w);
            c->slow += __atomic_load_n(&w->shared_operations, __ATOMIC_RELAXED);
        }
    }
}

int64_t weir__meter_peak_now(const struct weir__meter *m, int64_t recorded)
{
    if (!m->solo)
        return recorded;
    int64_t high = m->base + weir__window_load(&m->solo->hi) - m->solo->origin;
    return high > recorded ? high : recorded;
}

void weir__meter_read_locked(struct weir__meter *m, struct weir__meter_reading *reading)
{
    struct counting c = {0};
    meter_count(m, &c);
    int64_t peak = weir__meter_peak_now(m, m->peak);
    *reading = (struct weir__meter_reading){.total = (size_t)c.total,
                                            .peak = (size_t)peak,
                                            .count = (size_t)(c.allocations - c.frees),
                                            .allocations = c.allocations,
                                            .frees = c.frees,
                                            .slow_operations = c.slow,
                                            .failures = c.failures};
}

void weir__meter_read(struct weir__meter *m, struct weir__meter_reading *reading)
{
    weir__lock_take(&weir__meters.lock);
    bool shared = weir__shared_end();
    weir__windows_shut(m, weir__thread_self());
    weir__meter_read_locked(m, reading);
    weir__windows_reopen(m);
    weir__exact_end(shared);
}

/*
 * The flag of SHARED changes only under the lock: no need to leave it for a peak. But an
 * operation that has changed the total may not have raised the peak yet; others may
 * have seen the total since, so it is waited for.
 */
size_t weir__meter_peak(struct weir__meter *m)
{
    weir__lock_take(&weir__meters.lock);
    int64_t recorded = m->peak;
    if (weir__meters_are_shared()) {
        weir__windows_await(m);
        recorded = __atomic_load_n(&m->shared_peak, __ATOMIC_RELAXED);
    }
    int64_t peak = weir__meter_peak_now(m, recorded);
    weir__lock_drop(&weir__meters.lock);
    return (size_t)peak;
}

/* Nothing new that can be seen without the lock. */
static bool note_is_current(const struct weir__meter *m, const struct weir__window *own,
                            int64_t high, const struct weir__meter_note *note)
{
    return own && high == note->high && weir__window_load(&m->peak) == note->recorded &&
           !weir__meters_are_shared();
}

/* Blocks now, less those that came since the lone window's highest mark. */
static size_t blocks_at_peak(struct weir__meter *m, bool by_window)
{
    struct counting c = {0};
    meter_count(m, &c);
    size_t blocks = (size_t)(c.allocations - c.frees);
    const struct weir__window *w = by_window ? m->solo : NULL;
    if (!w)
        return blocks;
    int64_t twice = (int64_t)(2 * (weir__window_allocations(w) - weir__window_frees(w))) -
                    weir__window_load(&w->hi_blocks);
    return blocks - (size_t)(twice / 2);
}

static bool note_locked(struct weir__meter *m, struct weir__meter_note *note)
{
    int64_t recorded = m->peak;
    if (weir__meters_are_shared())
        recorded = __atomic_load_n(&m->shared_peak, __ATOMIC_RELAXED);
    int64_t peak = weir__meter_peak_now(m, recorded);
    note->recorded = m->peak;
    if ((size_t)peak <= note->peak)
        return false;
    note->peak = (size_t)peak;
    note->blocks = blocks_at_peak(m, peak > recorded);
    return true;
}

bool weir__meter_note(struct weir__meter *m, const struct weir__window *own,
                      struct weir__meter_note *note)
{
    bool alone = own && __atomic_load_n(&m->solo, __ATOMIC_RELAXED) == own;
    int64_t high = alone ? weir__window_load(&own->hi) : note->high;
    if (note_is_current(m, own, high, note))
        return false;
    weir__lock_take(&weir__meters.lock);
    note->high = high;
    bool rose = note_locked(m, note);
    weir__lock_drop(&weir__meters.lock);
    return rose;
}
