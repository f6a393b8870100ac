/*
 * track/meter.c - the slow side of the watermark: opening and closing windows,
 * folding them, the phases. Owns the one meter lock, which covers every meter and
 * window of the process but for what window.h says the owners write.
 */
#include "track/meter.h"

#include "base/os.h"
#include "base/thread.h"

#include <errno.h>

/* A phase in which windows were open for fewer operations than this was not worth
 * its fence; windows then stay closed for a while, longer each time. */
#define PHASE_WORTH   128u
#define BACKOFF_LEAST 64u /* powers of two, these two */
#define BACKOFF_MOST  4096u

/* Below this, credit is not worth dividing among threads. */
#define CREDIT_LEAST  1
#define CREDIT_PLENTY 65536 /* worth ending a spell with closed windows */

static struct {
    weir__lock lock;
    struct weir__meter *roots;
    unsigned constraints; /* limits and observers anywhere: they rule SHARED out */
    unsigned backoff;     /* length of the next spell with closed windows */
    unsigned closed_for;  /* slow operations left in this spell */
} meters;

/* The root that is traced, or NULL; written under the lock. */
static const struct weir__meter *meters_traced;

/* Read by every slow operation; written under the lock. */
/* Operations of a window between two looks at whether SHARED still pays, a power of two;
 * written under the lock. */
static uint32_t shared_spell = 1;

uint32_t weir__meters_shared __attribute__((aligned(WEIR__LINE)));

/* -- the tree -------------------------------------------------------------------- */

static struct weir__meter **meter_siblings(struct weir__meter *m)
{
    return m->parent ? &m->parent->children : &meters.roots;
}

/* Preorder walk of the subtree of `top` (NULL: the forest). */
static struct weir__meter *meter_after(struct weir__meter *m, const struct weir__meter *top)
{
    if (m->children)
        return m->children;
    while (m && m != top && !m->next)
        m = m->parent;
    return !m || m == top ? NULL : m->next;
}

bool weir__meter_is_traced(const struct weir__meter *m)
{
    const struct weir__meter *traced = __atomic_load_n(&meters_traced, __ATOMIC_RELAXED);
    if (weir__likely(!traced))
        return false;
    while (m && m != traced)
        m = m->parent;
    return m != NULL;
}

static void meter_watch(struct weir__meter *m)
{
    m->ceiling = m->peak;
    for (struct weir__peak_observer *o = m->observers; o; o = o->next)
        if (o->peak < m->ceiling)
            m->ceiling = o->peak;
}

static void meter_raise(struct weir__meter *m, int64_t live)
{
    if (live <= m->ceiling)
        return;
    if (live > m->peak)
        m->peak = live;
    for (struct weir__peak_observer *o = m->observers; o; o = o->next)
        if (live > o->peak)
            o->peak = live;
    meter_watch(m);
}

static int64_t meter_room(const struct weir__meter *m)
{
    int64_t bound = m->ceiling < m->limit ? m->ceiling : m->limit;
    return bound - m->level;
}

/* -- windows --------------------------------------------------------------------- */

static int64_t window_used(const struct weir__window *w)
{
    return weir__window_used(w) - w->origin;
}

static uint64_t window_operations(const struct weir__window *w)
{
    return weir__window_allocations(w) + weir__window_frees(w);
}

/* The window is closed and its thread outside: what it counted goes to the base. */
static void window_fold(struct weir__window *w)
{
    int64_t used = window_used(w), high = weir__window_load(&w->hi) - w->origin;
    int64_t granted = w->granted - w->origin;
    for (struct weir__meter *m = w->meter; m; m = m->parent) {
        if (m->solo == w) {
            meter_raise(m, m->base + high);
            m->solo = NULL;
        }
        m->base += used;
        m->level += used - granted;
        m->nopen--;
    }
    w->origin += used;
    w->open = false;
}

static void window_shut(struct weir__window *w, const void *self, bool *fence)
{
    weir__window_store(&w->cap, WEIR__WINDOW_CLOSED);
    w->waiting = w->thread != self;
    *fence |= w->waiting;
}

static void window_await(struct weir__window *w)
{
    for (unsigned i = 0; weir__window_is_inside(w); i++)
        weir__os_yield(i);
    w->waiting = false;
}

/* Calls each for the open windows below `top`; its list order is opened first. */
static void windows_each_open(struct weir__meter *top, void (*each)(struct weir__window *, void *),
                              void *user)
{
    for (struct weir__meter *m = top; m; m = meter_after(m, top)) {
        if (!m->nopen)
            continue;
        for (struct weir__window *w = m->windows, *next; w; w = next) {
            next = w->next;
            if (w->open)
                each(w, user);
        }
    }
}

struct shutting {
    const void *self;
    bool fence;
    uint64_t others_ops; /* done by other threads' windows while open */
};

static void each_shut(struct weir__window *w, void *user)
{
    struct shutting *s = user;
    window_shut(w, s->self, &s->fence);
}

static void each_await(struct weir__window *w, void *user)
{
    struct shutting *s = user;
    if (w->waiting) {
        window_await(w);
        s->others_ops += window_operations(w) - w->ops_at_open;
    }
}

static void each_fold(struct weir__window *w, void *user)
{
    (void)user;
    window_fold(w);
}

static void each_reopen(struct weir__window *w, void *user)
{
    (void)user;
    weir__window_store(&w->cap, w->granted);
}

/* Closes every open window below `top`; true: other threads' were among them. */
static struct shutting windows_shut(struct weir__meter *top, const void *self)
{
    struct shutting s = {.self = self};
    windows_each_open(top, each_shut, &s);
    if (s.fence) {
        weir__os_fence_others();
        windows_each_open(top, each_await, &s);
    }
    return s;
}

/* Exact from here on: base(m) is live(m) for all of the subtree. */
static struct shutting freeze(struct weir__meter *top)
{
    top->crowd = top->nopen;
    struct shutting s = windows_shut(top, weir__thread_self());
    windows_each_open(top, each_fold, NULL);
    return s;
}

/* Was the phase that a freeze ended worth opening windows for? */
static void phase_judge(const struct shutting *s)
{
    if (!s->fence)
        return;
    if (s->others_ops < PHASE_WORTH) {
        meters.backoff = meters.backoff ? meters.backoff * 2 : BACKOFF_LEAST;
        if (meters.backoff > BACKOFF_MOST)
            meters.backoff = BACKOFF_MOST;
        meters.closed_for = meters.backoff;
    } else {
        meters.backoff /= 2;
    }
}

static void window_to_front(struct weir__window *w)
{
    struct weir__meter *m = w->meter;
    if (m->windows == w)
        return;
    w->prev->next = w->next;
    if (w->next)
        w->next->prev = w->prev;
    w->prev = NULL;
    w->next = m->windows;
    m->windows->prev = w;
    m->windows = w;
}

static void window_open(struct weir__window *w, int64_t grant, bool solo)
{
    int64_t used = weir__window_used(w);
    for (struct weir__meter *m = w->meter; m; m = m->parent) {
        m->level += grant;
        m->nopen++;
        if (solo)
            m->solo = w;
    }
    window_to_front(w);
    w->open = true;
    w->granted = used + grant;
    w->ops_at_open = window_operations(w);
    weir__window_store(&w->hi, solo ? used : w->granted);
    weir__window_store(&w->hi_blocks, (int64_t)(w->allocating - w->freeing));
    weir__window_store(&w->cap, w->granted);
}

/* -- SHARED ---------------------------------------------------------------------- */

static bool shared_allowed(void)
{
    return meters.constraints == 0;
}

/* Every window of the forest is closed and folded. */
static void shared_enter(void)
{
    for (struct weir__meter *m = meters.roots; m; m = meter_after(m, NULL)) {
        __atomic_store_n(&m->shared_live, m->base, __ATOMIC_RELAXED);
        __atomic_store_n(&m->shared_peak, m->peak, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&shared_spell, weir__max(meters.backoff, BACKOFF_LEAST), __ATOMIC_RELAXED);
    __atomic_store_n(&weir__meters_shared, 1, __ATOMIC_SEQ_CST);
}

/* Back to bases. The operations that saw the flag are waited for: each had said that it
 * is inside before it looked (weir__shared_enter). */
static bool shared_leave(void)
{
    if (!__atomic_load_n(&weir__meters_shared, __ATOMIC_RELAXED))
        return false;
    __atomic_store_n(&weir__meters_shared, 0, __ATOMIC_SEQ_CST);
    if (weir__os_fence_available())
        weir__os_fence_others();
    for (struct weir__meter *m = meters.roots; m; m = meter_after(m, NULL))
        for (struct weir__window *w = m->windows; w; w = w->next)
            window_await(w);
    for (struct weir__meter *m = meters.roots; m; m = meter_after(m, NULL)) {
        m->base = m->level = __atomic_load_n(&m->shared_live, __ATOMIC_RELAXED);
        meter_raise(m, __atomic_load_n(&m->shared_peak, __ATOMIC_RELAXED));
    }
    return true;
}

/* Acquire and release: who comes after this addition also sees that its thread is inside,
 * see shared_settle. */
static void shared_add(struct weir__meter *m, int64_t delta)
{
    int64_t live = __atomic_add_fetch(&m->shared_live, delta, __ATOMIC_ACQ_REL);
    int64_t peak = __atomic_load_n(&m->shared_peak, __ATOMIC_RELAXED);
    while (live > peak && !__atomic_compare_exchange_n(&m->shared_peak, &peak, live, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

static void window_counts(struct weir__window *w, unsigned allocated, unsigned freed)
{
    __atomic_store_n(&w->allocating, w->allocating + 2 * allocated, __ATOMIC_RELAXED);
    __atomic_store_n(&w->freeing, w->freeing + 2 * freed, __ATOMIC_RELAXED);
}

/* Operations on shared atomics between two looks at whether windows pay again. */
static bool shared_is_due(const struct weir__window *w)
{
    uint32_t spell = __atomic_load_n(&shared_spell, __ATOMIC_RELAXED);
    return (window_operations(w) & (spell - 1)) == 0 && weir__os_fence_available();
}

/* The store must come before the loads after it: a fence of this thread's where nobody can
 * fence it from outside. */
static void window_say_inside(struct weir__window *w)
{
    if (weir__likely(weir__os_fence_available()))
        weir__window_enter(&w->allocating);
    else
        __atomic_exchange_n(&w->allocating, w->allocating + 1, __ATOMIC_SEQ_CST);
}

bool weir__shared_enter(struct weir__window *w)
{
    if (!weir__meters_are_shared() || shared_is_due(w))
        return false;
    window_say_inside(w);
    if (weir__likely(__atomic_load_n(&weir__meters_shared, __ATOMIC_SEQ_CST) &&
                     !__atomic_load_n(&w->held, __ATOMIC_SEQ_CST)))
        return true;
    weir__window_leave(&w->allocating, -1);
    return false;
}

void weir__shared_leave(struct weir__window *w, int64_t delta, unsigned allocated, unsigned freed)
{
    for (struct weir__meter *m = w->meter; m; m = m->parent)
        shared_add(m, delta);
    __atomic_store_n(&w->freeing, w->freeing + 2 * freed, __ATOMIC_RELAXED);
    __atomic_store_n(&w->shared_operations, w->shared_operations + 1, __ATOMIC_RELAXED);
    weir__window_leave(&w->allocating, 2 * (int64_t)allocated - 1);
}

/* -- the slow operation ------------------------------------------------------------ */

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
            meter_raise(m, m->base);
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
static int64_t meter_share(const struct weir__meter *m)
{
    int64_t least = WEIR__NO_LIMIT;
    for (; m; m = m->parent) {
        int64_t part = meter_room(m) / (m->shares ? m->shares : 2);
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
    for (struct weir__meter *m = meters.roots; m; m = meter_after(m, NULL))
        m->crowd = 0;
    for (struct weir__meter *m = meters.roots; m; m = meter_after(m, NULL))
        for (struct weir__window *w = m->windows; w; w = w->next) {
            uint64_t ops = window_operations(w);
            bool active = ops != w->ops_seen;
            w->ops_seen = ops;
            for (struct weir__meter *up = m; up; up = up->parent)
                up->crowd += active;
        }
}

static bool forest_is_closed(void)
{
    for (struct weir__meter *root = meters.roots; root; root = root->next)
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
static void window_choose(struct weir__window *w)
{
    bool fence = weir__os_fence_available();
    if (fence && meter_is_alone(w->meter)) {
        window_open(w, meter_headroom(w->meter), true);
        return;
    }
    int64_t credit = meter_share(w->meter);
    if (fence && credit >= (meters.closed_for ? CREDIT_PLENTY : CREDIT_LEAST)) {
        window_open(w, credit, false);
        meter_share_took(w->meter);
        return;
    }
    if (!meters.closed_for)
        meters.closed_for = (unsigned)weir__max(meters.backoff, BACKOFF_LEAST);
    else if (--meters.closed_for == 0)
        crowd_count();
    if (shared_allowed() && forest_is_closed())
        shared_enter();
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
    window_counts(w, allocated, freed);
    w->sequence = weir__trace_stamp(delta, (int)allocated - (int)freed);
    return true;
}

bool weir__meter_change(struct weir__window *w, int64_t delta, unsigned allocated, unsigned freed)
{
    if (weir__shared_enter(w)) {
        weir__shared_leave(w, delta, allocated, freed);
        return true;
    }
    weir__lock_take(&meters.lock);
    struct weir__meter *m = w->meter;
    bool fits = true;
    if (weir__unlikely(weir__meter_is_traced(m))) {
        fits = traced_change_locked(w, delta, allocated, freed);
        weir__lock_drop(&meters.lock);
        return fits;
    }
    m->slow_operations++;
    if (shared_leave()) {
        meters.closed_for = 0;
        crowd_count();
    }
    if (w->open) {
        weir__window_store(&w->cap, WEIR__WINDOW_CLOSED);
        window_fold(w);
    }
    struct weir__meter *lacking = meter_lacking(m, delta);
    if (lacking) {
        struct shutting phase = freeze(lacking);
        lacking->shares = ++lacking->crowd;
        phase_judge(&phase);
        fits = delta <= 0 || meter_within_limits(m, delta);
    }
    if (fits) {
        meter_apply(m, delta);
        window_counts(w, allocated, freed);
    }
    window_choose(w);
    weir__lock_drop(&meters.lock);
    return fits;
}

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
}

/* -- making and unmaking ------------------------------------------------------------ */

static int64_t limit_from(size_t limit)
{
    return limit && limit < (size_t)WEIR__NO_LIMIT ? (int64_t)limit : WEIR__NO_LIMIT;
}

/* Runs with the lock held and everything exact below m (NULL: nothing frozen). */
static bool exact_begin(struct weir__meter *m)
{
    weir__lock_take(&meters.lock);
    bool shared = shared_leave();
    if (m)
        freeze(m);
    return shared;
}

static void exact_end(bool shared)
{
    if (shared && shared_allowed())
        shared_enter();
    weir__lock_drop(&meters.lock);
}

void weir__meter_init(struct weir__meter *m, struct weir__meter *parent, size_t limit)
{
    *m = (struct weir__meter){.parent = parent, .limit = limit_from(limit)};
    bool shared = exact_begin(NULL);
    struct weir__meter **list = meter_siblings(m);
    m->next = *list;
    if (m->next)
        m->next->prev = m;
    *list = m;
    meters.constraints += m->limit != WEIR__NO_LIMIT;
    exact_end(shared);
}

uint64_t weir__meter_destroy(struct weir__meter *m, size_t live_bytes, size_t live_blocks)
{
    uint64_t sequence = 0;
    struct weir__meter *root = m;
    while (root->parent)
        root = root->parent;
    bool shared = exact_begin(root);
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
    meters.constraints -= (m->limit != WEIR__NO_LIMIT);
    if (weir__meter_is_traced(m))
        sequence = weir__trace_stamp(-(ptrdiff_t)live_bytes, -(int)live_blocks);
    exact_end(shared);
    return sequence;
}

void weir__window_attach(struct weir__window *w, struct weir__meter *m, const void *thread)
{
    weir__lock_take(&meters.lock);
    w->cap = WEIR__WINDOW_CLOSED;
    w->meter = m;
    w->thread = thread;
    w->next = m->windows;
    w->prev = NULL;
    if (w->next)
        w->next->prev = w;
    m->windows = w;
    weir__lock_drop(&meters.lock);
}

static void window_settle_locked(struct weir__window *w)
{
    bool fence = false;
    window_shut(w, NULL, &fence);
    weir__os_fence_others();
    window_await(w);
    window_fold(w);
}

void weir__window_close(struct weir__window *w)
{
    weir__lock_take(&meters.lock);
    __atomic_store_n(&w->held, 1, __ATOMIC_SEQ_CST);
    if (w->open)
        window_settle_locked(w);
    else if (weir__meters_shared) {
        if (weir__os_fence_available())
            weir__os_fence_others();
        window_await(w);
    }
    weir__lock_drop(&meters.lock);
}

void weir__window_release(struct weir__window *w)
{
    __atomic_store_n(&w->held, 0, __ATOMIC_RELEASE);
}

void weir__window_detach(struct weir__window *w)
{
    weir__lock_take(&meters.lock);
    struct weir__meter *m = w->meter;
    if (w->open)
        window_settle_locked(w);
    m->gone_allocations += weir__window_allocations(w);
    m->gone_frees += weir__window_frees(w);
    m->slow_operations += w->shared_operations;
    if (w->next)
        w->next->prev = w->prev;
    if (w->prev)
        w->prev->next = w->next;
    else
        m->windows = w->next;
    weir__lock_drop(&meters.lock);
}

/* -- reading ------------------------------------------------------------------------ */

struct counting {
    int64_t total;
    uint64_t allocations, frees, slow, failures;
};

static void meter_count(struct weir__meter *top, struct counting *c)
{
    c->total = top->base;
    for (struct weir__meter *m = top; m; m = meter_after(m, top)) {
        c->allocations += m->gone_allocations;
        c->frees += m->gone_frees;
        c->slow += m->slow_operations;
        c->failures += __atomic_load_n(&m->failures, __ATOMIC_RELAXED);
        for (struct weir__window *w = m->windows; w; w = w->next) {
            c->total += window_used(w);
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
    weir__lock_take(&meters.lock);
    bool shared = shared_leave();
    windows_shut(m, weir__thread_self());
    meter_read_locked(m, reading);
    windows_each_open(m, each_reopen, NULL);
    exact_end(shared);
}

/* Operations below m that began before this call are done when it returns. */
static void shared_settle(struct weir__meter *top)
{
    for (struct weir__meter *m = top; m; m = meter_after(m, top))
        for (struct weir__window *w = m->windows; w; w = w->next)
            window_await(w);
}

/*
 * The flag of SHARED changes only under the lock: no need to leave it for a peak. But an
 * operation that has changed the total may not have raised the peak yet; others may
 * have seen the total since, so it is waited for.
 */
size_t weir__meter_peak(struct weir__meter *m)
{
    weir__lock_take(&meters.lock);
    int64_t recorded = m->peak;
    if (weir__meters_shared) {
        shared_settle(m);
        recorded = __atomic_load_n(&m->shared_peak, __ATOMIC_RELAXED);
    }
    int64_t peak = meter_peak_now(m, recorded);
    weir__lock_drop(&meters.lock);
    return (size_t)peak;
}

bool weir__meter_note(struct weir__meter *m, const struct weir__window *own,
                      struct weir__meter_note *note)
{
    bool alone = own && weir__own_get(m->solo) == own;
    int64_t high = alone ? weir__window_load(&own->hi) : note->high;
    if (own && high == note->high && weir__window_load(&m->peak) == note->recorded &&
        !__atomic_load_n(&weir__meters_shared, __ATOMIC_RELAXED))
        return false;
    struct counting c = {0};
    weir__lock_take(&meters.lock);
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
    weir__lock_drop(&meters.lock);
    if (rose) {
        note->peak = (size_t)peak;
        note->blocks = (size_t)((int64_t)(c.allocations - c.frees) - since / 2);
    }
    return rose;
}

bool weir__meter_is_quiet(void)
{
    return __atomic_load_n(&meters.lock.state, __ATOMIC_RELAXED) == 0;
}

void weir__meter_reset_peak(struct weir__meter *m)
{
    bool shared = exact_begin(m);
    m->peak = m->base;
    meter_watch(m);
    exact_end(shared);
}

bool weir__meter_set_limit(struct weir__meter *m, size_t limit)
{
    int64_t bound = limit_from(limit);
    bool shared = exact_begin(m);
    bool fits = m->base <= bound;
    if (fits) {
        meters.constraints -= (m->limit != WEIR__NO_LIMIT);
        meters.constraints += (bound != WEIR__NO_LIMIT);
        __atomic_store_n(&m->limit, bound, __ATOMIC_RELAXED);
    }
    exact_end(shared);
    return fits;
}

size_t weir__meter_limit(struct weir__meter *m)
{
    int64_t limit = __atomic_load_n(&m->limit, __ATOMIC_RELAXED);
    return limit == WEIR__NO_LIMIT ? 0 : (size_t)limit;
}

void weir__meter_observe(struct weir__meter *m, struct weir__peak_observer *observer)
{
    bool shared = exact_begin(m);
    observer->peak = m->base;
    observer->next = m->observers;
    m->observers = observer;
    meters.constraints++;
    meter_watch(m);
    exact_end(shared);
}

size_t weir__meter_observed(struct weir__meter *m, struct weir__peak_observer *observer)
{
    bool shared = exact_begin(NULL);
    int64_t peak = meter_peak_now(m, observer->peak);
    exact_end(shared);
    return (size_t)peak;
}

void weir__meter_forget(struct weir__meter *m, struct weir__peak_observer *observer)
{
    bool shared = exact_begin(m);
    for (struct weir__peak_observer **link = &m->observers; *link; link = &(*link)->next)
        if (*link == observer) {
            *link = observer->next;
            meters.constraints--;
            break;
        }
    meter_watch(m);
    exact_end(shared);
}

/* -- tracing ---------------------------------------------------------------------------- */

int weir__meter_trace_begin(struct weir__meter *root, const struct weir__trace_hooks *hooks,
                            struct weir__meter_reading *at)
{
    int error = EBUSY;
    bool shared = exact_begin(root);
    if (!meters_traced) {
        error = 0;
        meter_read_locked(root, at);
        weir__trace_account_start(at->total, at->count);
        weir__trace_install(hooks);
        __atomic_store_n(&meters_traced, root, __ATOMIC_RELAXED);
        meters.constraints++;
    }
    exact_end(shared);
    return error;
}

void weir__meter_trace_end(struct weir__meter *root, struct weir__meter_reading *at)
{
    bool shared = exact_begin(root);
    meter_read_locked(root, at);
    if (meters_traced == root) {
        __atomic_store_n(&meters_traced, NULL, __ATOMIC_RELAXED);
        weir__trace_install(NULL);
        meters.constraints--;
    }
    exact_end(shared);
}

/* -- fork and checking ---------------------------------------------------------------- */

void weir__meter_fork_prepare(void)
{
    weir__lock_take(&meters.lock);
    shared_leave();
    for (struct weir__meter *m = meters.roots; m; m = m->next)
        freeze(m);
}

void weir__meter_fork_done(void)
{
    weir__lock_drop(&meters.lock);
}

static bool meter_check(struct weir__meter *top)
{
    int64_t level = top->base;
    unsigned nopen = 0;
    for (struct weir__meter *m = top; m; m = meter_after(m, top))
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
    weir__lock_take(&meters.lock);
    if (!weir__meters_shared)
        for (struct weir__meter *m = meters.roots; m && valid; m = meter_after(m, NULL))
            valid = meter_check(m);
    weir__lock_drop(&meters.lock);
    return valid;
}
