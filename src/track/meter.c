/*
 * track/meter.c - the slow side of the watermark: the tree of meters, the phases, the
 * slow operation. Owns the one meter lock, which covers every meter and window of the
 * process but for what window.h says the owners write.
 */
#include "track/meter_internal.h"

#include "os/fence.h"
#include "os/locks.h"

/* A phase in which windows were open for fewer operations than this, or for fewer than its
 * end cost at so many ns an operation on shared atomics, was not worth its fence; windows
 * then stay closed for a while, longer each time. The cost does not count for a thread that
 * was alone: where the total rises nothing is better than taking turns (9 ns a pair, on
 * shared atomics 90). */
#define PHASE_WORTH 128u
#define SHARED_NS   32u

/* Below this, credit is not worth dividing among threads. */
#define CREDIT_LEAST  1
#define CREDIT_PLENTY 65536 /* worth ending a spell with closed windows */

struct weir__meters weir__meters = {.lock = WEIR__LOCK(METER)};
WEIR__LOCKS_KNOW(METER, &weir__meters.lock);
const struct weir__meter *weir__meters_traced;

/* -- the tree --------------------------------------------------------------------- */

static struct weir__meter **meter_siblings(struct weir__meter *m)
{
    return m->parent ? &m->parent->children : &weir__meters.roots;
}

bool weir__meter_is_traced(const struct weir__meter *m)
{
    const struct weir__meter *traced = __atomic_load_n(&weir__meters_traced, __ATOMIC_RELAXED);
    if (weir__likely(!traced))
        return false;
    while (m && m != traced)
        m = m->parent;
    return m != NULL;
}

void weir__meter_watch(struct weir__meter *m)
{
    m->ceiling = m->peak;
    for (struct weir__peak_observer *o = m->observers; o; o = o->next)
        if (o->peak < m->ceiling)
            m->ceiling = o->peak;
}

void weir__meter_raise(struct weir__meter *m, int64_t live)
{
    if (live <= m->ceiling)
        return;
    if (live > m->peak) {
        weir__window_store(&m->peak, live);
        weir__shown_peak(m);
    }
    for (struct weir__peak_observer *o = m->observers; o; o = o->next)
        if (live > o->peak)
            o->peak = live;
    weir__meter_watch(m);
}

static int64_t meter_room(const struct weir__meter *m)
{
    int64_t bound = m->ceiling < m->limit ? m->ceiling : m->limit;
    return bound - m->level;
}

/* -- the slow operation ----------------------------------------------------------- */

/* The next spell with closed windows is twice as long, and begins. */
static void spell_begin(void)
{
    unsigned twice = weir__meters.backoff ? weir__meters.backoff * 2 : WEIR__BACKOFF_LEAST;
    weir__meters.backoff = (unsigned)weir__min(twice, WEIR__BACKOFF_MOST);
    weir__meters.closed_for = weir__meters.backoff;
}

/* Was the phase that a freeze ended worth opening windows for? */
static void phase_judge(const struct weir__shutting *s, bool solo)
{
    uint64_t cost = solo ? 0 : s->cost_ns / SHARED_NS;
    if (!s->fence)
        return;
    if (s->others_ops < weir__max(PHASE_WORTH, cost))
        spell_begin();
    else
        weir__meters.backoff /= 2;
}

/*
 * The highest meter that must be frozen before delta may be applied, or NULL: one
 * whose bound leaves no room, or whose base must not move because a lone window
 * notes its maximum relative to it.
 */
static struct weir__meter *meter_lacking(struct weir__meter *m, int64_t delta)
{
    struct weir__meter *lacking = NULL;
    for (; m; m = m->parent)
        if (m->solo || (delta > 0 && meter_room(m) < delta))
            lacking = m;
    return lacking;
}

static bool meter_within_limits(const struct weir__meter *m, int64_t delta)
{
    for (; m; m = m->parent)
        if (m->base > m->limit - delta)
            return false;
    return true;
}

static void meter_apply(struct weir__meter *m, int64_t delta)
{
    for (; m; m = m->parent) {
        m->base += delta;
        m->level += delta;
        if (m->base > m->ceiling)
            weir__meter_raise(m, m->base);
    }
}

/* The greatest grant that keeps level <= limit for all meters up the tree. */
static int64_t meter_headroom(const struct weir__meter *m)
{
    int64_t least = WEIR__NO_LIMIT;
    for (; m; m = m->parent)
        if (m->limit - m->level < least)
            least = m->limit - m->level;
    return least;
}

/* A window's part of the credit below the peaks: as many as shared it before share
 * it again, and until that is known half is kept. */
static int64_t meter_share(const struct weir__meter *m, int64_t size)
{
    int64_t least = WEIR__NO_LIMIT;
    for (; m; m = m->parent) {
        int64_t room = meter_room(m), part = room / (m->shares ? m->shares : 2);
        if (part < size && room >= size)
            part = size;
        if (part < least)
            least = part;
    }
    return least;
}

static void meter_share_took(struct weir__meter *m)
{
    for (; m; m = m->parent)
        if (m->shares > 1)
            m->shares--;
}

/* No window is open on the way to the root, nor was another's at the last freeze. */
static bool meter_is_alone(const struct weir__meter *m)
{
    for (; m; m = m->parent)
        if (m->nopen || m->crowd > 1)
            return false;
    return true;
}

/* How many threads did something since the last count? For when windows were closed
 * for a while and no freeze has seen who is there. */
static void crowd_count(void)
{
    for (struct weir__meter *m = weir__meters.roots; m; m = weir__meter_after(m, NULL))
        m->crowd = 0;
    for (struct weir__meter *m = weir__meters.roots; m; m = weir__meter_after(m, NULL))
        for (struct weir__window *w = m->windows; w; w = w->next) {
            uint64_t ops = weir__window_operations(w);
            bool active = ops != w->ops_seen;
            w->ops_seen = ops;
            for (struct weir__meter *up = m; up; up = up->parent)
                up->crowd += active;
        }
}

static bool forest_is_closed(void)
{
    for (struct weir__meter *root = weir__meters.roots; root; root = root->next)
        if (root->nopen)
            return false;
    return true;
}

/*
 * Chooses how w's next operations go. A thread that was alone lately has everything up
 * to the limits (SOLO). Of several each gets its part of the credit below the peaks
 * (CREDIT). At the peak, or while phases end too soon, windows stay closed for a
 * spell: on shared atomics where that is allowed, under the lock otherwise.
 */
static void window_choose(struct weir__window *w, int64_t size)
{
    bool fence = weir__os_fence_available() && weir__shown_admits(w);
    if (fence && meter_is_alone(w->meter)) {
        weir__window_open(w, meter_headroom(w->meter), true);
        return;
    }
    int64_t credit = meter_share(w->meter, size);
    if (fence && credit >= (weir__meters.closed_for ? CREDIT_PLENTY : CREDIT_LEAST)) {
        weir__window_open(w, credit, false);
        meter_share_took(w->meter);
        return;
    }
    if (!weir__meters.closed_for)
        weir__meters.closed_for = (unsigned)weir__max(weir__meters.backoff, WEIR__BACKOFF_LEAST);
    else if (--weir__meters.closed_for == 0)
        crowd_count();
    if (weir__shared_is_allowed() && forest_is_closed())
        weir__shared_begin();
}

/* weir__meter_change below a traced root, where every window is closed: there is nothing
 * to fold, freeze or choose. */
static bool traced_change_locked(struct weir__window *w, int64_t delta, unsigned allocated,
                                 unsigned freed)
{
    w->meter->slow_operations++;
    if (delta > 0 && !meter_within_limits(w->meter, delta))
        return false;
    meter_apply(w->meter, delta);
    weir__window_counts(w, allocated, freed);
    weir__shown_slow(w, delta, allocated, freed);
    w->sequence = weir__trace_stamp(delta, (int)allocated - (int)freed);
    return true;
}

static bool shared_change(struct weir__window *w, int64_t delta, unsigned allocated, unsigned freed)
{
    if (!weir__shared_enter(w))
        return false;
    weir__shared_leave(w, delta, allocated, freed);
    return true;
}

bool weir__meter_change(struct weir__window *w, int64_t delta, unsigned allocated, unsigned freed)
{
    if (shared_change(w, delta, allocated, freed))
        return true;
    bool looked = weir__meters_are_shared(); /* and it is time to see whether it pays */
    weir__lock_take(&weir__meters.lock);
    if (!looked && weir__meters_shared) {
        /* It began while this thread waited: to end it at once would cost a fence each time. */
        weir__lock_drop(&weir__meters.lock);
        if (shared_change(w, delta, allocated, freed))
            return true;
        weir__lock_take(&weir__meters.lock);
    }
    struct weir__meter *m = w->meter;
    bool fits = true;
    if (weir__unlikely(weir__meter_is_traced(m))) {
        fits = traced_change_locked(w, delta, allocated, freed);
        weir__lock_drop(&weir__meters.lock);
        return fits;
    }
    m->slow_operations++;
    bool shared = weir__shared_end();
    if (shared) {
        weir__meters.closed_for = 0;
        crowd_count();
    }
    if (w->open) {
        weir__window_store(&w->cap, WEIR__WINDOW_CLOSED);
        weir__window_fold(w);
    }
    struct weir__meter *lacking = meter_lacking(m, delta);
    if (lacking) {
        bool solo = lacking->solo != NULL;
        unsigned counted = shared ? lacking->crowd : 0;
        struct weir__shutting phase = weir__meter_freeze(lacking);
        lacking->crowd = (unsigned)weir__max(lacking->crowd + 1, counted);
        lacking->shares = lacking->crowd;
        phase_judge(&phase, solo);
        fits = delta <= 0 || meter_within_limits(m, delta);
    }
    if (fits) {
        meter_apply(m, delta);
        weir__window_counts(w, allocated, freed);
        weir__shown_slow(w, delta, allocated, freed);
    }
    window_choose(w, delta < 0 ? -delta : delta);
    weir__lock_drop(&weir__meters.lock);
    return fits;
}

/* -- making and unmaking ---------------------------------------------------------- */

/* Runs with the lock held and everything exact below m (NULL: nothing frozen). */
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
    if (shared && weir__shared_is_allowed())
        weir__shared_begin();
    weir__lock_drop(&weir__meters.lock);
}

void weir__meter_init(struct weir__meter *m, struct weir__meter *parent, size_t limit)
{
    *m = (struct weir__meter){.parent = parent, .limit = weir__limit_from(limit)};
    bool shared = weir__exact_begin(NULL);
    struct weir__meter **list = meter_siblings(m);
    m->next = *list;
    if (m->next)
        m->next->prev = m;
    *list = m;
    weir__meters.constraints += m->limit != WEIR__NO_LIMIT;
    weir__exact_end(shared);
}

uint64_t weir__meter_destroy(struct weir__meter *m, size_t live_bytes, size_t live_blocks)
{
    uint64_t sequence = 0;
    struct weir__meter *root = m;
    while (root->parent)
        root = root->parent;
    bool shared = weir__exact_begin(root);
    for (struct weir__meter *up = m->parent; up; up = up->parent) {
        up->base -= m->base;
        up->level -= m->base;
    }
    if (m->parent) {
        m->parent->gone_allocations += m->gone_allocations;
        m->parent->gone_frees += m->gone_frees + live_blocks;
        __atomic_add_fetch(&m->parent->failures, m->failures, __ATOMIC_RELAXED);
        m->parent->slow_operations += m->slow_operations;
    }
    if (m->next)
        m->next->prev = m->prev;
    if (m->prev)
        m->prev->next = m->next;
    else
        *meter_siblings(m) = m->next;
    weir__meters.constraints -= (m->limit != WEIR__NO_LIMIT);
    if (weir__meter_is_traced(m))
        sequence = weir__trace_stamp(-(ptrdiff_t)live_bytes, -(int)live_blocks);
    weir__exact_end(shared);
    return sequence;
}

/* -- fork and checking ------------------------------------------------------------ */

static void fork_counts_keep(struct weir__meter *m)
{
    m->fork_allocations = m->gone_allocations;
    m->fork_frees = m->gone_frees;
    for (const struct weir__window *w = m->windows; w; w = w->next) {
        m->fork_allocations += weir__window_allocations(w);
        m->fork_frees += weir__window_frees(w);
    }
}

void weir__meter_fork_prepare(void)
{
    weir__meters.constraints++;
    weir__shared_end();
    for (struct weir__meter *m = weir__meters.roots; m; m = m->next) {
        weir__meter_freeze(m);
        fork_counts_keep(m);
    }
}

void weir__meter_fork_done(void)
{
    weir__meters.constraints--;
}

static bool meter_check(struct weir__meter *top)
{
    int64_t level = top->base;
    unsigned nopen = 0;
    for (struct weir__meter *m = top; m; m = weir__meter_after(m, top))
        for (struct weir__window *w = m->windows; w; w = w->next)
            if (w->open) {
                level += w->granted - w->origin;
                nopen++;
            }
    return level == top->level && nopen == top->nopen && level <= top->limit &&
           (top->level <= top->ceiling || (top->solo && nopen == 1));
}

bool weir__meter_is_valid(void)
{
    bool valid = true;
    weir__lock_take(&weir__meters.lock);
    if (!weir__meters_shared)
        for (struct weir__meter *m = weir__meters.roots; m && valid; m = weir__meter_after(m, NULL))
            valid = meter_check(m);
    weir__lock_drop(&weir__meters.lock);
    return valid;
}
