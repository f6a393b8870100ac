/*
 * track/shown.c - keeps the words of track/shown.h true. Each is one store, in an order
 * in which no moment between two of them shows a peak that never was; with the meter lock
 * held but for what says otherwise. Owns nothing.
 */
#include "track/shown.h"

#include "track/level.h"

static void other_add(struct weir__shown *s, int64_t bytes, uint64_t allocated, uint64_t freed)
{
    __atomic_add_fetch(&s->other_bytes, bytes, __ATOMIC_RELAXED);
    if (allocated)
        __atomic_add_fetch(&s->other_allocated, allocated, __ATOMIC_RELAXED);
    if (freed)
        __atomic_add_fetch(&s->other_freed, freed, __ATOMIC_RELAXED);
}

/* While SHARED by any thread, of its own window. The blocks of a shown window are in its sequence
 * counters. */
void weir__shown_slow(struct weir__level at, int64_t delta, int allocated, int freed)
{
    if (weir__likely(!at.meter->shown))
        return;
    if (at.window && at.window->number)
        weir__relaxed_set(at.window->slow, at.window->slow + delta);
    else
        other_add(at.meter->shown, delta, (uint64_t)(int64_t)allocated, (uint64_t)(int64_t)freed);
}

void weir__shown_mend(struct weir__meter *m, int64_t delta)
{
    if (m->shown)
        other_add(m->shown, delta, 0, (uint64_t)-1);
}

void weir__shown_retire(struct weir__meter *m, int64_t bytes, uint64_t blocks)
{
    if (m->shown)
        other_add(m->shown, -bytes, 0, blocks);
}

bool weir__shown_admits(const struct weir__window *w)
{
    return w->number || !w->meter->shown;
}

void weir__shown_detach(struct weir__window *w)
{
    struct weir__shown *s = w->meter->shown;
    if (!w->number || !s)
        return;
    __atomic_store_n(&s->moving, 1, __ATOMIC_SEQ_CST);
    other_add(s, weir__window_used(w) + w->slow, weir__window_allocations(w),
              weir__window_frees(w));
}

void weir__shown_solo_begin(struct weir__meter *m, const struct weir__window *w)
{
    if (!m->shown)
        return;
    weir__relaxed_set(m->shown->solo_offset, m->base - w->origin);
    __atomic_store_n(&m->shown->solo, w->number, __ATOMIC_RELEASE);
}

void weir__shown_solo_end(struct weir__meter *m)
{
    if (m->shown)
        weir__relaxed_set(m->shown->solo, 0);
}

void weir__shown_peak_blocks(struct weir__meter *m, int64_t peak, uint64_t blocks)
{
    struct weir__shown *s = m->shown;
    __atomic_store_n(&s->peak_blocks_of, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&s->peak_blocks, blocks, __ATOMIC_RELEASE);
    __atomic_store_n(&s->peak_blocks_of, peak, __ATOMIC_RELEASE);
}

void weir__shown_peak(struct weir__meter *m)
{
    if (m->shown)
        __atomic_store_n(&m->shown->peak, m->peak, __ATOMIC_RELEASE);
}

void weir__shown_shared_peak(struct weir__meter *m, int64_t live)
{
    int64_t peak = weir__relaxed_get(m->shown->shared_peak);
    while (live > peak && !__atomic_compare_exchange_n(&m->shown->shared_peak, &peak, live, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

/* What windows with a number have counted is in their tallies, all else is `other`. */
static void shown_start(struct weir__meter *m, struct weir__shown *s)
{
    uint64_t allocated = m->gone_allocations, freed = m->gone_frees;
    int64_t bytes = m->base;
    for (const struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w)) {
        if (w->number) {
            bytes -= weir__window_used(w) + w->slow;
            continue;
        }
        allocated += weir__window_allocations(w);
        freed += weir__window_frees(w);
    }
    *s = (struct weir__shown){.peak = m->peak,
                              .shared_peak = m->peak,
                              .other_bytes = bytes,
                              .other_allocated = allocated,
                              .other_freed = freed,
                              .failures = weir__relaxed_get(m->failures)};
}

void weir__shown_forked(struct weir__meter *m, struct weir__shown *shown)
{
    for (struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w))
        w->origin = w->slow = 0, w->came = 0;
    m->gone_bytes = m->fork_bytes;
    m->gone_allocations = m->fork_allocations;
    m->gone_frees = m->fork_frees;
    if (shown)
        shown_start(m, shown);
    m->shown = shown;
}

void weir__shown_begin(struct weir__meter *m, struct weir__shown *shown)
{
    bool shared = weir__exact_begin(m);
    if (shown)
        shown_start(m, shown);
    m->shown = shown;
    weir__exact_end(shared);
}
