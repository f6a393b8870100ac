/* track/meter.c - the tree of meters and the slow operation; see meter.h. */
#include "track/meter.h"

#include "os/locks.h"
#include "os/thread.h"
#include "track/observer.h"
#include "track/phase.h"
#include "track/shared.h"
#include "track/shown.h"
#include "track/spell.h"
#include "track/traced.h"

struct weir__meters weir__meters = {.lock = WEIR__LOCK(METER), .spell = 1};
WEIR__LOCKS_KNOW(METER, &weir__meters.lock);

static bool forest_is_valid_locked(void);

/* -- peaks -------------------------------------------------------------------------- */

void weir__meter_ceiling_update(struct weir__meter *m)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    m->ceiling = m->peak;
    for (struct weir__peak_observer *o = m->observers; o; o = o->next)
        if (o->peak < m->ceiling)
            m->ceiling = o->peak;
}

void weir__meter_raise(struct weir__meter *m, int64_t live)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    if (live <= m->ceiling)
        return;
    if (live > m->peak) {
        weir__relaxed_set(m->peak, live);
        weir__shown_peak(m);
    }
    for (struct weir__peak_observer *o = m->observers; o; o = o->next)
        if (live > o->peak)
            o->peak = live;
    weir__meter_ceiling_update(m);
}

static struct weir__meter *meter_root(struct weir__meter *m)
{
    while (m->parent)
        m = m->parent;
    return m;
}

/* -- the slow operation ----------------------------------------------------------- */

/*
 * The highest meter that must be frozen before delta may be applied, or NULL: one
 * whose bound leaves no room, or whose base must not move because a lone window
 * notes its maximum relative to it.
 */
static struct weir__meter *meter_lacking(struct weir__meter *m, int64_t delta)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    struct weir__meter *lacking = NULL;
    for (; m; m = m->parent)
        if (m->solo || (delta > 0 && weir__meter_room(m) < delta))
            lacking = m;
    return lacking;
}

static bool meter_within_limits(const struct weir__meter *m, int64_t delta)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(delta > 0);
    for (; m; m = m->parent)
        if (m->base > m->limit - delta)
            return false;
    return true;
}

struct weir__shutting weir__meter_freeze(struct weir__meter *top)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    top->crowd = top->nopen;
    struct weir__shutting s = weir__windows_shut(top, weir__thread_self());
    weir__windows_fold(&s);
    return s;
}

static void bases_add(struct weir__meter *m, int64_t delta)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    for (; m; m = m->parent) {
        m->base += delta;
        m->level += delta;
        if (m->base > m->ceiling)
            weir__meter_raise(m, m->base);
    }
}

bool weir__meter_apply(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(allocated >= 0 && freed >= 0);
    if (delta > 0 && !meter_within_limits(w->meter, delta))
        return false;
    bases_add(w->meter, delta);
    weir__window_counts(w, allocated, freed);
    weir__shown_slow(w, delta, allocated, freed);
    return true;
}

static void meter_freeze_for(struct weir__meter *lacking, bool was_shared, uint64_t own_ops)
{
    /* One that has only what lies below the root to itself lives on credit there. */
    struct weir__window *solo = meter_root(lacking)->solo;
    unsigned counted = was_shared ? lacking->crowd : 0;
    struct weir__shutting shutting = weir__meter_freeze(lacking);
    lacking->crowd = (unsigned)weir__max(lacking->crowd + 1, counted);
    unsigned shares =
        (unsigned)weir__max(lacking->crowd, shutting.only_free + 1) - shutting.only_free;
    lacking->shares = shares + shares / 4; /* many are soon more: contexts */
    weir__phase_ended(&shutting, solo, own_ops);
}

/* Lock held. Limits hold without a freeze where there is room below them. */
static bool change_locked(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    bool was_shared = weir__shared_end();
    if (was_shared)
        weir__phase_shared_ended();
    uint64_t own_ops = 0;
    if (w->open) {
        own_ops = weir__window_operations(w) - w->ops_at_open;
        weir__relaxed_set(w->cap, WEIR__WINDOW_CLOSED);
        weir__window_fold(w);
    }
    struct weir__meter *lacking = meter_lacking(w->meter, delta);
    if (lacking)
        meter_freeze_for(lacking, was_shared, own_ops);
    bool fits = weir__meter_apply(w, delta, allocated, freed);
    weir__phase_choose(w, delta < 0 ? -delta : delta);
    return fits;
}

/* Takes the lock for a slow operation, once the turn of another thread is over. The window is
 * closed before, so that a signal handler that allocates meanwhile finds it so. */
static void change_begin(struct weir__window *w)
{
    weir__relaxed_set(w->cap, WEIR__WINDOW_CLOSED);
    weir__relaxed_set(w->numbered_cap, WEIR__WINDOW_CLOSED);
    __atomic_store_n(&w->away, true, __ATOMIC_RELEASE);
    weir__lock_take(&weir__meters.lock);
    while (weir__phase_is_anothers_turn(w)) {
        weir__lock_drop(&weir__meters.lock);
        weir__phase_pause();
        weir__lock_take(&weir__meters.lock);
    }
    weir__relaxed_set(w->away, false);
}

bool weir__meter_change(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    weir__assert(w->meter && !weir__window_is_inside(w));
    if (weir__shared_change(w, delta, allocated, freed))
        return true;
    bool took_part = weir__shared_has(w); /* then it is time to see whether that pays */
    change_begin(w);
    if (!took_part && weir__meters_are_shared()) {
        weir__spell_join(w);
        weir__lock_drop(&weir__meters.lock);
        if (weir__shared_change(w, delta, allocated, freed))
            return true;
        change_begin(w);
    }
    w->meter->slow_operations++;
    bool fits = weir__unlikely(weir__meter_is_traced(w->meter))
                    ? weir__traced_change(w, delta, allocated, freed)
                    : change_locked(w, delta, allocated, freed);
    weir__assert_walk(forest_is_valid_locked());
    weir__lock_drop(&weir__meters.lock);
    return fits;
}

/* Counted at the meter and not in the window, whose counts cannot fall. */
void weir__meter_mend(struct weir__window *w, int64_t delta)
{
    weir__assert(delta >= 0);
    bool shared = weir__exact_begin(meter_root(w->meter));
    bases_add(w->meter, delta);
    w->meter->gone_frees--;
    weir__shown_mend(w->meter, delta);
    weir__traced_stamp(w, delta, 1);
    weir__exact_end(shared);
}

/* -- making and unmaking ---------------------------------------------------------- */

bool weir__exact_begin(struct weir__meter *m)
{
    weir__lock_take(&weir__meters.lock);
    bool shared = weir__shared_end();
    if (m)
        weir__meter_freeze(m);
    return shared;
}

void weir__exact_end(bool shared)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    if (shared && weir__meters.constraints == 0)
        weir__shared_begin(0);
    weir__assert_walk(forest_is_valid_locked());
    weir__lock_drop(&weir__meters.lock);
}

static struct weir__list *meter_siblings(struct weir__meter *m)
{
    return m->parent ? &m->parent->children : &weir__meters.roots;
}

static int64_t limit_from(size_t limit)
{
    return limit && limit < (size_t)WEIR__NO_LIMIT ? (int64_t)limit : WEIR__NO_LIMIT;
}

void weir__meter_init(struct weir__meter *m, struct weir__meter *parent, size_t limit)
{
    *m = (struct weir__meter){.parent = parent, .limit = limit_from(limit)};
    bool shared = weir__exact_begin(NULL);
    weir__list_append(meter_siblings(m), &m->link);
    weir__meters.constraints += m->limit != WEIR__NO_LIMIT;
    weir__exact_end(shared);
}

uint64_t weir__meter_retire(struct weir__meter *m, size_t live_bytes, size_t live_blocks)
{
    weir__assert(!m->children.first && !m->windows.first);
    /* Who numbers its events by itself does so without the lock: not beside this one. */
    bool shared = weir__exact_begin(weir__meter_is_traced(m) ? meter_root(m) : NULL);
    int64_t live = m->base;
    struct weir__meter *lacking = live ? meter_lacking(m, -live) : NULL;
    if (lacking)
        weir__meter_freeze(lacking);
    for (struct weir__meter *up = m; up; up = up->parent) {
        up->base -= live;
        up->level -= live;
    }
    m->gone_frees += live_blocks;
    uint64_t sequence = weir__traced_number(m, -(int64_t)live_bytes, -(int64_t)live_blocks);
    weir__exact_end(shared);
    return sequence;
}

void weir__meter_destroy(struct weir__meter *m)
{
    weir__assert(!m->children.first && !m->windows.first);
    bool shared = weir__exact_begin(NULL);
    if (m->parent) {
        m->parent->gone_allocations += m->gone_allocations;
        m->parent->gone_frees += m->gone_frees;
        __atomic_add_fetch(&m->parent->failures, m->failures, __ATOMIC_RELAXED);
        m->parent->slow_operations += m->slow_operations;
    }
    weir__list_remove(meter_siblings(m), &m->link);
    weir__spell_forget_meter(m);
    weir__meters.constraints -= (m->limit != WEIR__NO_LIMIT);
    weir__exact_end(shared);
}

/* -- limits and the peak ---------------------------------------------------------------- */

bool weir__meter_never_fits(const struct weir__meter *m, size_t size)
{
    for (; m; m = m->parent)
        if (size > (size_t)weir__relaxed_get(m->limit))
            return true;
    return false;
}

void weir__meter_failed(struct weir__meter *m)
{
    __atomic_add_fetch(&m->failures, 1, __ATOMIC_RELAXED);
    if (m->shown)
        __atomic_add_fetch(&m->shown->failures, 1, __ATOMIC_RELAXED);
}

void weir__meter_reset_peak(struct weir__meter *m)
{
    bool shared = weir__exact_begin(m);
    weir__relaxed_set(m->peak, m->base);
    weir__meter_ceiling_update(m);
    if (m->shown) {
        weir__relaxed_set(m->shown->shared_peak, m->peak);
        weir__shown_peak(m);
    }
    weir__exact_end(shared);
}

bool weir__meter_set_limit(struct weir__meter *m, size_t limit)
{
    int64_t bound = limit_from(limit);
    bool shared = weir__exact_begin(m);
    bool fits = m->base <= bound;
    if (fits) {
        weir__meters.constraints -= (m->limit != WEIR__NO_LIMIT);
        weir__meters.constraints += (bound != WEIR__NO_LIMIT);
        weir__relaxed_set(m->limit, bound);
    }
    weir__exact_end(shared);
    return fits;
}

size_t weir__meter_limit(struct weir__meter *m)
{
    int64_t limit = weir__relaxed_get(m->limit);
    return limit == WEIR__NO_LIMIT ? 0 : (size_t)limit;
}

/* -- fork and checking ------------------------------------------------------------ */

static void fork_counts_keep(struct weir__meter *m)
{
    m->fork_allocations = m->gone_allocations;
    m->fork_frees = m->gone_frees;
    for (const struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w)) {
        m->fork_allocations += weir__window_allocations(w);
        m->fork_frees += weir__window_frees(w);
    }
}

void weir__meter_fork_prepare(void)
{
    weir__meters.constraints++;
    weir__shared_end();
    for (struct weir__meter *m = weir__meter_first(); m; m = weir__meter_of(m->link.next)) {
        weir__meter_freeze(m);
        fork_counts_keep(m);
    }
}

void weir__meter_fork_done(void)
{
    weir__meters.constraints--;
}

/* Its own links. */
static bool meter_is_linked(const struct weir__meter *m)
{
    if (!weir__list_is_valid(&m->children) || !weir__list_is_valid(&m->windows) ||
        !weir__list_is_valid(&m->active))
        return false;
    for (const struct weir__link *link = m->active.first; link; link = link->next)
        if (!weir__list_of(link, struct weir__meter, active_link)->nopen)
            return false;
    for (const struct weir__link *link = m->children.first; link; link = link->next)
        if (weir__meter_of(link)->parent != m)
            return false;
    for (const struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w))
        if (w->meter != m)
            return false;
    return true;
}

static bool meter_check(struct weir__meter *top)
{
    int64_t level = top->base;
    unsigned nopen = 0;
    if (!meter_is_linked(top))
        return false;
    for (struct weir__meter *m = top; m; m = weir__meter_after(m, top))
        for (struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w))
            if (w->open) {
                level += w->granted - w->origin;
                nopen++;
            }
    return level == top->level && nopen == top->nopen && level <= top->limit &&
           top->ceiling <= top->peak && (top->level <= top->ceiling || (top->solo && nopen == 1));
}

static bool forest_is_valid_locked(void)
{
    bool valid = weir__list_is_valid(&weir__meters.roots);
    if (!weir__meters_are_shared())
        for (struct weir__meter *m = weir__meter_first(); m && valid;
             m = weir__meter_after(m, NULL))
            valid = meter_check(m);
    return valid;
}

bool weir__meter_is_valid(void)
{
    weir__lock_take(&weir__meters.lock);
    bool valid = forest_is_valid_locked();
    weir__lock_drop(&weir__meters.lock);
    return valid;
}
