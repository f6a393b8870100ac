/*
 * track/figures.c - what callers see of a meter, and set: readings, peaks, limits,
 * observers, the beginning and the end of a trace. Each call takes the meter lock.
 */
#include "track/meter_internal.h"

#include "os/thread.h"

#include <errno.h>

/* -- reading ---------------------------------------------------------------------- */

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
        for (struct weir__window *w = m->windows; w; w = w->next) {
            c->total += weir__window_unfolded(w);
            c->allocations += weir__window_allocations(w);
            c->frees += weir__window_frees(w);
            c->slow += __atomic_load_n(&w->shared_operations, __ATOMIC_RELAXED);
        }
    }
}

static int64_t meter_peak_now(const struct weir__meter *m, int64_t recorded)
{
    if (!m->solo)
        return recorded;
    int64_t high = m->base + weir__window_load(&m->solo->hi) - m->solo->origin;
    return high > recorded ? high : recorded;
}

/* Every window below m is shut; SHARED is left. */
static void meter_read_locked(struct weir__meter *m, struct weir__meter_reading *reading)
{
    struct counting c = {0};
    meter_count(m, &c);
    int64_t peak = meter_peak_now(m, m->peak);
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
    meter_read_locked(m, reading);
    weir__windows_reopen(m);
    weir__exact_end(shared);
}

/* Operations below m that began before this call are done when it returns. */
static void shared_settle(struct weir__meter *top)
{
    for (struct weir__meter *m = top; m; m = weir__meter_after(m, top))
        for (struct weir__window *w = m->windows; w; w = w->next)
            weir__window_await(w);
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
    if (weir__meters_shared) {
        shared_settle(m);
        recorded = __atomic_load_n(&m->shared_peak, __ATOMIC_RELAXED);
    }
    int64_t peak = meter_peak_now(m, recorded);
    weir__lock_drop(&weir__meters.lock);
    return (size_t)peak;
}

bool weir__meter_note(struct weir__meter *m, const struct weir__window *own,
                      struct weir__meter_note *note)
{
    bool alone = own && __atomic_load_n(&m->solo, __ATOMIC_RELAXED) == own;
    int64_t high = alone ? weir__window_load(&own->hi) : note->high;
    if (own && high == note->high && weir__window_load(&m->peak) == note->recorded &&
        !__atomic_load_n(&weir__meters_shared, __ATOMIC_RELAXED))
        return false;
    struct counting c = {0};
    weir__lock_take(&weir__meters.lock);
    int64_t recorded = m->peak;
    if (weir__meters_shared)
        recorded = __atomic_load_n(&m->shared_peak, __ATOMIC_RELAXED);
    int64_t peak = meter_peak_now(m, recorded);
    note->recorded = m->peak;
    note->high = high;
    bool rose = (size_t)peak > note->peak;
    int64_t since = 0; /* blocks that came since the peak, twice */
    if (rose) {
        const struct weir__window *w = peak > recorded ? m->solo : NULL;
        meter_count(m, &c);
        if (w)
            since = (int64_t)(2 * (weir__window_allocations(w) - weir__window_frees(w))) -
                    weir__window_load(&w->hi_blocks);
    }
    weir__lock_drop(&weir__meters.lock);
    if (rose) {
        note->peak = (size_t)peak;
        note->blocks = (size_t)((int64_t)(c.allocations - c.frees) - since / 2);
    }
    return rose;
}

/* -- limits and observers --------------------------------------------------------- */

bool weir__meter_never_fits(const struct weir__meter *m, size_t size)
{
    for (; m; m = m->parent)
        if (size > (size_t)__atomic_load_n(&m->limit, __ATOMIC_RELAXED))
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
    weir__window_store(&m->peak, m->base);
    weir__meter_watch(m);
    if (m->shown) {
        __atomic_store_n(&m->shown->shared_peak, m->peak, __ATOMIC_RELAXED);
        weir__shown_peak(m);
    }
    weir__exact_end(shared);
}

bool weir__meter_set_limit(struct weir__meter *m, size_t limit)
{
    int64_t bound = weir__limit_from(limit);
    bool shared = weir__exact_begin(m);
    bool fits = m->base <= bound;
    if (fits) {
        weir__meters.constraints -= (m->limit != WEIR__NO_LIMIT);
        weir__meters.constraints += (bound != WEIR__NO_LIMIT);
        __atomic_store_n(&m->limit, bound, __ATOMIC_RELAXED);
    }
    weir__exact_end(shared);
    return fits;
}

size_t weir__meter_limit(struct weir__meter *m)
{
    int64_t limit = __atomic_load_n(&m->limit, __ATOMIC_RELAXED);
    return limit == WEIR__NO_LIMIT ? 0 : (size_t)limit;
}

void weir__meter_observe(struct weir__meter *m, struct weir__peak_observer *observer)
{
    bool shared = weir__exact_begin(m);
    observer->peak = m->base;
    observer->next = m->observers;
    m->observers = observer;
    weir__meters.constraints++;
    weir__meter_watch(m);
    weir__exact_end(shared);
}

size_t weir__meter_observed(struct weir__meter *m, struct weir__peak_observer *observer)
{
    bool shared = weir__exact_begin(NULL);
    int64_t peak = meter_peak_now(m, observer->peak);
    weir__exact_end(shared);
    return (size_t)peak;
}

void weir__meter_forget(struct weir__meter *m, struct weir__peak_observer *observer)
{
    bool shared = weir__exact_begin(m);
    for (struct weir__peak_observer **link = &m->observers; *link; link = &(*link)->next)
        if (*link == observer) {
            *link = observer->next;
            weir__meters.constraints--;
            break;
        }
    weir__meter_watch(m);
    weir__exact_end(shared);
}

/* -- tracing ---------------------------------------------------------------------- */

int weir__meter_trace_begin(struct weir__meter *root, const struct weir__trace_hooks *hooks,
                            struct weir__meter_reading *at)
{
    int error = EBUSY;
    bool shared = weir__exact_begin(root);
    if (!weir__meters_traced) {
        error = 0;
        meter_read_locked(root, at);
        weir__trace_account_start(at->total, at->count);
        weir__trace_install(hooks);
        __atomic_store_n(&weir__meters_traced, root, __ATOMIC_RELAXED);
        weir__meters.constraints++;
    }
    weir__exact_end(shared);
    return error;
}

void weir__meter_trace_end(struct weir__meter *root, struct weir__meter_reading *at)
{
    bool shared = weir__exact_begin(root);
    meter_read_locked(root, at);
    if (weir__meters_traced == root) {
        __atomic_store_n(&weir__meters_traced, NULL, __ATOMIC_RELAXED);
        weir__trace_install(NULL);
        weir__meters.constraints--;
    }
    weir__exact_end(shared);
}
