/* track/meter.c - the tree of meters and the slow operation; see meter.h. */
#include "track/meter.h"

#include "os/locks.h"
#include "os/thread.h"
#include "track/count.h"
#include "track/level.h"
#include "track/observer.h"
#include "track/phase.h"
#include "track/shared.h"
#include "track/shown.h"
#include "track/soft.h"
#include "track/spell.h"
#include "track/traced.h"

struct weir__meters weir__meters = {.lock = WEIR__LOCK(METER), .spell = 1};
WEIR__LOCKS_KNOW(METER, &weir__meters.lock);

WEIR__TLS const struct weir__meter *weir__meter_refused;

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

/* -- the slow operation ----------------------------------------------------------- */

/* The thread's own window there is open, and the operation is within its grant. */
static bool level_admits(struct weir__level at, int64_t delta)
{
    return at.window && at.window->open &&
           weir__window_used(at.window) + delta <= at.window->granted;
}

/* Must the meter be frozen before delta may be applied to its base? Its bound leaves no room, or a
 * lone window notes its maximum relative to the base. */
static bool meter_is_lacking(const struct weir__meter *m, int64_t delta)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    return m->solo || (delta > 0 && weir__meter_room(m) < delta);
}

struct weir__shutting weir__meter_freeze(struct weir__meter *m)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    m->crowd = m->nopen;
    struct weir__shutting s = weir__windows_shut(m, weir__thread_self());
    weir__windows_fold(&s);
    return s;
}

void weir__meters_freeze(void)
{
    for (struct weir__meter *root = weir__meter_first(); root;
         root = weir__meter_of(root->link.next))
        weir__meter_freeze(root);
    for (struct weir__meter *m = weir__meter_first(); m; m = weir__meter_after(m, NULL))
        weir__windows_fold_quiet(m);
}

static void meter_freeze_for(struct weir__meter *m, bool was_shared, uint64_t own_ops)
{
    struct weir__window *solo = m->solo;
    unsigned counted = was_shared ? m->crowd : 0;
    struct weir__shutting shutting = weir__meter_freeze(m);
    m->crowd = (unsigned)weir__max(m->crowd + 1, counted);
    m->shares = (unsigned)weir__max(m->crowd, shutting.only_free + 1) - shutting.only_free;
    weir__phase_ended(m, &shutting, solo, own_ops);
}

/* Makes the meter ready for an operation that the thread's own window there does not admit. */
static void level_ready(struct weir__level at, int64_t delta, bool was_shared)
{
    uint64_t own_ops = 0;
    if (at.window && at.window->open) {
        own_ops = weir__window_operations(at.window) - at.window->ops_at_open;
        weir__window_fold(at.window);
    }
    if (meter_is_lacking(at.meter, delta))
        meter_freeze_for(at.meter, was_shared, own_ops);
}

static void base_add(struct weir__meter *m, int64_t delta)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    m->base += delta;
    m->level += delta;
    if (m->base > m->ceiling)
        weir__meter_raise(m, m->base);
    if (weir__unlikely(m->soft != WEIR__NO_LIMIT))
        weir__soft_look(m);
}

static void level_add(struct weir__level at, int64_t delta, int allocated, int freed)
{
    if (level_admits(at, delta)) {
        weir__window_change(at.window, delta, allocated, freed);
        return;
    }
    base_add(at.meter, delta);
    weir__level_counts(at, allocated, freed);
    weir__level_came(at, delta);
    weir__shown_slow(at, delta, allocated, freed);
}

bool weir__meter_apply(struct weir__window *w, int64_t delta, int allocated, int freed,
                       struct weir__step *step, bool was_shared)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(allocated >= 0 && freed >= 0);
    for (struct weir__level at = weir__level_of(w); at.meter; at = weir__level_above(at)) {
        if (level_admits(at, delta))
            continue;
        level_ready(at, delta, was_shared);
        if (delta > 0 && at.meter->base > at.meter->limit - delta) {
            weir__meter_refused = at.meter;
            return false;
        }
    }
    if (step && !weir__step_take(step))
        return false;
    for (struct weir__level at = weir__level_of(w); at.meter; at = weir__level_above(at))
        level_add(at, delta, allocated, freed);
    return true;
}

/* Lock held. Limits hold without a freeze where there is room below them. */
static bool change_locked(struct weir__window *w, int64_t delta, int allocated, int freed,
                          struct weir__step *step)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    bool was_shared = weir__shared_end();
    if (was_shared)
        weir__phase_shared_ended(w->meter);
    bool fits = weir__meter_apply(w, delta, allocated, freed, step, was_shared);
    weir__phase_choose(w, delta < 0 ? -delta : delta);
    return fits;
}

static void windows_close(struct weir__window *w)
{
    for (; w; w = w->up) {
        weir__relaxed_set(w->cap, WEIR__WINDOW_CLOSED);
        weir__relaxed_set(w->numbered_cap, WEIR__WINDOW_CLOSED);
        weir__relaxed_set(w->sampled_cap, WEIR__WINDOW_CLOSED);
        weir__relaxed_set(w->guarded_cap, WEIR__WINDOW_CLOSED);
    }
}

/* Those that stayed open let operations in again. */
static void windows_admit(struct weir__window *w)
{
    for (; w; w = w->up)
        if (w->open)
            weir__window_admit(w);
}

/* Takes the lock for a slow operation, once the turn of another thread is over. The windows are
 * closed before, so that a signal handler that allocates meanwhile finds them so. */
static void change_begin(struct weir__window *w)
{
    windows_close(w);
    __atomic_store_n(&w->top->away, true, __ATOMIC_RELEASE);
    weir__lock_take(&weir__meters.lock);
    while (weir__phase_is_anothers_turn(w)) {
        weir__lock_drop(&weir__meters.lock);
        weir__phase_pause();
        weir__lock_take(&weir__meters.lock);
    }
    weir__relaxed_set(w->top->away, false);
}

/* With the lock, which is dropped. */
static bool change_end(struct weir__window *w, int64_t delta, int allocated, int freed,
                       struct weir__step *step)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    for (struct weir__meter *m = w->meter; m; m = m->parent)
        __atomic_add_fetch(&m->slow_operations, 1, __ATOMIC_RELAXED);
    bool fits = weir__unlikely(weir__meter_is_traced(w->meter))
                    ? weir__traced_change(w, delta, allocated, freed, step)
                    : change_locked(w, delta, allocated, freed, step);
    windows_admit(w);
    weir__assert_walk(forest_is_valid_locked());
    weir__lock_drop(&weir__meters.lock);
    return fits;
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
    return change_end(w, delta, allocated, freed, NULL);
}

bool weir__meter_change_after(struct weir__window *w, int64_t delta, struct weir__step *step)
{
    weir__assert(w->meter && !weir__window_is_inside(w));
    change_begin(w);
    return change_end(w, delta, 0, 0, step);
}

/* Counted at the meters and not in windows, whose counts cannot fall. */
void weir__meter_mend(struct weir__window *w, int64_t delta)
{
    weir__assert(delta >= 0);
    bool shared = weir__exact_begin(NULL);
    for (struct weir__meter *m = w->meter; m; m = m->parent) {
        weir__meter_freeze(m);
        base_add(m, delta);
        weir__meter_counts(m, 0, (uint64_t)-1);
        weir__shown_mend(m, delta);
    }
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

int64_t weir__meter_limit_from(size_t limit)
{
    return limit && limit < (size_t)WEIR__NO_LIMIT ? (int64_t)limit : WEIR__NO_LIMIT;
}

void weir__meter_init(struct weir__meter *m, struct weir__meter *parent, size_t limit)
{
    weir__assert(!m->level && !m->windows.first && !m->observers);
    m->parent = parent;
    m->limit = m->bound = weir__meter_limit_from(limit);
    m->soft = WEIR__NO_LIMIT;
    m->phases.turns.in = 1;
    bool shared = weir__exact_begin(NULL);
    weir__list_append(meter_siblings(m), &m->link);
    weir__meters.constraints += m->limit != WEIR__NO_LIMIT;
    weir__exact_end(shared);
}

uint64_t weir__meter_retire(struct weir__meter *m, size_t live_bytes, size_t live_blocks)
{
    weir__assert(!m->children.first && !m->windows.first);
    bool shared = weir__exact_begin(NULL);
    /* Who numbers its events by itself does so without the lock: not at the same time as this one.
     */
    bool traced = weir__meter_is_traced(m);
    int64_t live = m->base;
    for (struct weir__meter *up = m; up; up = up->parent) {
        if (traced || (live && meter_is_lacking(up, -live)))
            weir__meter_freeze(up);
        base_add(up, -live);
        weir__meter_counts(up, 0, live_blocks);
        weir__shown_retire(up, live, live_blocks);
    }
    uint64_t sequence = weir__traced_number(m, -(int64_t)live_bytes, -(int64_t)live_blocks);
    weir__exact_end(shared);
    return sequence;
}

void weir__meter_destroy(struct weir__meter *m)
{
    weir__assert(!m->children.first && !m->windows.first);
    bool shared = weir__exact_begin(NULL);
    weir__list_remove(meter_siblings(m), &m->link);
    weir__spell_forget_meter(m);
    weir__meters.constraints -= (m->limit != WEIR__NO_LIMIT) + (m->soft != WEIR__NO_LIMIT);
    weir__soft_take(m);
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
    for (; m; m = m->parent) {
        __atomic_add_fetch(&m->failures, 1, __ATOMIC_RELAXED);
        if (m->shown)
            __atomic_add_fetch(&m->shown->failures, 1, __ATOMIC_RELAXED);
    }
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
    int64_t bound = weir__meter_limit_from(limit);
    bool shared = weir__exact_begin(m);
    bool fits = m->base <= bound;
    if (fits) {
        weir__meters.constraints -= (m->limit != WEIR__NO_LIMIT);
        weir__meters.constraints += (bound != WEIR__NO_LIMIT);
        weir__relaxed_set(m->limit, bound);
        weir__soft_bound_update(m);
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
    m->fork_bytes = m->gone_bytes;
    for (const struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w)) {
        m->fork_allocations += weir__window_allocations(w);
        m->fork_frees += weir__window_frees(w);
        m->fork_bytes += weir__window_bytes(w);
    }
}

void weir__meter_fork_prepare(void)
{
    weir__meters.constraints++;
    weir__shared_end();
    weir__meters_freeze();
    for (struct weir__meter *m = weir__meter_first(); m; m = weir__meter_of(m->link.next))
        fork_counts_keep(m);
}

void weir__meter_fork_done(void)
{
    weir__meters.constraints--;
}

/* Its own links. */
static bool meter_is_linked(const struct weir__meter *m)
{
    if (!weir__list_is_valid(&m->children) || !weir__list_is_valid(&m->windows))
        return false;
    for (const struct weir__link *link = m->children.first; link; link = link->next)
        if (weir__meter_of(link)->parent != m)
            return false;
    for (const struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w))
        if (w->meter != m || (w->up ? w->up->meter != m->parent : w->top != w))
            return false;
    return true;
}

static bool meter_check(struct weir__meter *m)
{
    int64_t level = m->base;
    unsigned nopen = 0;
    if (!meter_is_linked(m))
        return false;
    for (struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w))
        if (w->open) {
            level += w->granted - w->origin;
            nopen++;
        }
    return level == m->level && nopen == m->nopen && level <= m->bound && m->ceiling <= m->peak &&
           weir__soft_is_valid(m) && (m->level <= m->ceiling || (m->solo && nopen == 1));
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
