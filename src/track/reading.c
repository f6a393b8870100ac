/* track/reading.c - see reading.h. */
#include "track/reading.h"

#include "os/thread.h"
#include "track/meter.h"
#include "track/shared.h"
#include "track/shown.h"
#include "track/spell.h"

struct counting {
    int64_t total;
    uint64_t allocations, frees, slow, failures, bytes;
};

static void meter_count(const struct weir__meter *m, struct counting *c)
{
    c->total = m->base;
    c->allocations = weir__relaxed_get(m->gone_allocations);
    c->frees = weir__relaxed_get(m->gone_frees);
    c->slow = weir__relaxed_get(m->slow_operations);
    c->failures = weir__relaxed_get(m->failures);
    c->bytes = weir__relaxed_get(m->gone_bytes);
    for (const struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w)) {
        c->total += weir__window_unfolded(w);
        c->allocations += weir__window_allocations(w);
        c->frees += weir__window_frees(w);
        c->bytes += weir__window_bytes(w);
        c->slow += weir__relaxed_get(w->shared_operations);
    }
}

int64_t weir__meter_peak_now(const struct weir__meter *m, int64_t recorded)
{
    if (!m->solo)
        return recorded;
    int64_t high = m->base + weir__relaxed_get(m->solo->hi) - m->solo->origin;
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
                                            .failures = c.failures,
                                            .crossings = m->crossings,
                                            .bytes = c.bytes};
}

void weir__meter_read(struct weir__meter *m, struct weir__meter_reading *reading)
{
    weir__lock_take(&weir__meters.lock);
    bool shared = weir__shared_end();
    struct weir__shutting shutting = weir__windows_shut(m, weir__thread_self());
    weir__meter_read_locked(m, reading);
    weir__windows_reopen(&shutting);
    weir__exact_end(shared);
}

/* While SHARED, the recorded one. */
static int64_t shared_peak_of(const struct weir__meter *m)
{
    return weir__spell_has_meter(m) ? weir__relaxed_get(m->shared_peak) : m->peak;
}

/*
 * SHARED is not left for a peak: its flag changes only under the lock. An operation that has
 * added to the total may not have raised the peak yet, while other threads have seen the total;
 * so it is waited for.
 */
size_t weir__meter_peak(struct weir__meter *m)
{
    weir__lock_take(&weir__meters.lock);
    int64_t recorded = m->peak;
    if (weir__meters_are_shared()) {
        weir__spell_await(m);
        recorded = shared_peak_of(m);
    }
    int64_t peak = weir__meter_peak_now(m, recorded);
    weir__lock_drop(&weir__meters.lock);
    return (size_t)peak;
}

/* True: nothing changed since `seen` that can be read without the lock. */
static bool peak_is_seen(const struct weir__meter *m, const struct weir__window *own, int64_t high,
                         const struct weir__peak_seen *seen)
{
    return own && high == seen->high && weir__relaxed_get(m->peak) == seen->recorded &&
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
                    weir__relaxed_get(w->hi_blocks);
    return blocks - (size_t)(twice / 2);
}

/* Of the meter whose peak was looked at last: how many blocks were live at a peak that a lone
 * window made before it went. One a process, so that no other meter is larger for it. Under the
 * lock. */
static struct {
    const struct weir__meter *meter;
    int64_t peak;
    size_t blocks;
} noted;

void weir__meter_blocks_note(struct weir__meter *m, int64_t high)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock) && m->solo);
    if (m != noted.meter && !m->shown)
        return;
    size_t blocks = blocks_at_peak(m, true);
    if (m->shown)
        weir__shown_peak_blocks(m, high, blocks);
    if (m == noted.meter) {
        noted.peak = high;
        noted.blocks = blocks;
    }
}

static bool peak_rose_locked(struct weir__meter *m, struct weir__peak_seen *seen)
{
    int64_t recorded = m->peak;
    if (noted.meter != m) {
        noted.meter = m;
        noted.peak = 0;
    }
    if (weir__meters_are_shared())
        recorded = shared_peak_of(m);
    int64_t peak = weir__meter_peak_now(m, recorded);
    seen->recorded = m->peak;
    if ((size_t)peak <= seen->peak)
        return false;
    seen->peak = (size_t)peak;
    bool known = peak == recorded && peak == noted.peak;
    seen->blocks = known ? noted.blocks : blocks_at_peak(m, peak > recorded);
    return true;
}

bool weir__meter_peak_rose(struct weir__meter *m, const struct weir__window *own,
                           struct weir__peak_seen *seen)
{
    bool alone = own && weir__relaxed_get(m->solo) == own;
    int64_t high = alone ? weir__relaxed_get(own->hi) : seen->high;
    if (peak_is_seen(m, own, high, seen))
        return false;
    weir__lock_take(&weir__meters.lock);
    seen->high = high;
    bool rose = peak_rose_locked(m, seen);
    weir__lock_drop(&weir__meters.lock);
    return rose;
}
