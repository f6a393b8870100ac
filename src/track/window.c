/*
 * track/window.c - attaching, opening, closing and folding of windows. Owns none of them;
 * everything happens under the meter lock, track/window.h says what the owners do without it.
 */
#include "track/window.h"

#include "track/fences.h"
#include "track/meter.h"
#include "track/shared.h"
#include "track/shown.h"
#include "track/spell.h"

#include "os/clock.h"
#include "os/fence.h"
#include "os/thread.h"
#include "os/wait.h"

bool weir__window_records_blocks;

/* Of a window that was open: so few allocations that it has no use for credit. */
static bool window_only_frees(const struct weir__window *w)
{
    uint64_t ops = weir__window_operations(w) - w->ops_at_open;
    return ops > 4 * (weir__window_allocations(w) - w->allocated_at_open) + 4;
}

/* The window is closed and its thread outside: what it counted goes to the base. */
void weir__window_fold(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(w->open && weir__relaxed_get(w->cap) == WEIR__WINDOW_CLOSED);
    weir__assert(weir__relaxed_get(w->numbered_cap) == WEIR__WINDOW_CLOSED);
    w->numbered = false;
    int64_t used = weir__window_unfolded(w), high = weir__relaxed_get(w->hi) - w->origin;
    int64_t granted = w->granted - w->origin;
    for (struct weir__meter *m = w->meter; m; m = m->parent) {
        if (m->solo == w) {
            weir__meter_raise(m, m->base + high);
            weir__shown_solo_end(m);
            weir__relaxed_set(m->solo, NULL);
        }
        m->base += used;
        m->level += used - granted;
        if (--m->nopen == 0 && m->parent)
            weir__list_remove(&m->parent->active, &m->active_link);
    }
    w->origin += used;
    w->open = false;
    w->only_frees = window_only_frees(w);
}

/* One of the two caps admits what was granted, the other nothing. */
static void window_admit(struct weir__window *w)
{
    if (w->numbered)
        weir__relaxed_set(w->numbered_cap, w->granted);
    else
        weir__relaxed_set(w->cap, w->granted);
}

static void window_shut(struct weir__window *w, const void *self)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__relaxed_set(w->cap, WEIR__WINDOW_CLOSED);
    weir__relaxed_set(w->numbered_cap, WEIR__WINDOW_CLOSED);
    w->waiting = w->thread != self;
}

/* Its thread is before the meter lock: what it did is visible, and it does no more before it has
 * the lock. */
static bool window_is_left(const struct weir__window *w)
{
    return __atomic_load_n(&w->away, __ATOMIC_ACQUIRE);
}

void weir__window_await(struct weir__window *w)
{
    for (unsigned i = 0; weir__window_is_inside(w) && !window_is_left(w); i++)
        weir__os_backoff(i);
    w->waiting = false;
}

/* The meter after m in a walk of those below `top` that have open windows. */
static struct weir__meter *active_after(struct weir__meter *m, const struct weir__meter *top)
{
    if (m->active.first)
        return weir__list_of(m->active.first, struct weir__meter, active_link);
    while (m != top && !m->active_link.next)
        m = m->parent;
    return m == top ? NULL : weir__list_of(m->active_link.next, struct weir__meter, active_link);
}

static void window_add(struct weir__window *w, struct weir__shutting *s)
{
    window_shut(w, s->self);
    w->shut_next = s->first;
    s->first = w;
    if (w->waiting && s->others++ < WEIR__WINDOWS_ASKED)
        s->asked[s->others - 1] = w;
}

static void windows_add(struct weir__meter *top, struct weir__shutting *s)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    for (struct weir__meter *m = top->nopen ? top : NULL; m; m = active_after(m, top))
        for (struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w))
            if (w->open)
                window_add(w, s);
}

static void others_await(struct weir__shutting *s)
{
    for (struct weir__window *w = s->first; w; w = w->shut_next)
        if (w->waiting) {
            weir__window_await(w);
            s->others_ops += weir__window_operations(w) - w->ops_at_open;
            s->only_free += window_only_frees(w);
        }
}

/* Waiting for threads that come by themselves costs at most as much as a fence on a busy machine,
 * and after it was in vain is left out for a while. */
#define ASK_NS   1000
#define ASK_SKIP 64u

static unsigned ask_skips, ask_skip; /* under the meter lock: left out from now on; how many next */

/* Have the threads of all windows come to the lock? */
static bool all_are_left(const struct weir__shutting *s)
{
    for (unsigned i = 0; i < s->others; i++)
        if (s->asked[i]->thread == NULL || !window_is_left(s->asked[i]))
            return false;
    return true;
}

/* Waits a little for the threads of the closed windows to come to the meter lock. False: some did
 * not. */
static bool windows_are_left(const struct weir__shutting *s, uint64_t start)
{
    if (s->others > WEIR__WINDOWS_ASKED)
        return false;
    if (ask_skips) {
        ask_skips--;
        return all_are_left(s);
    }
    do {
        if (all_are_left(s)) {
            ask_skip /= 2;
            return true;
        }
        weir__os_pause();
    } while (weir__os_time() - start < ASK_NS);
    ask_skips = ask_skip;
    ask_skip = (unsigned)weir__min(2 * ask_skip + 1, ASK_SKIP);
    return false;
}

struct weir__shutting weir__windows_shut(struct weir__meter *top, const void *self)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    struct weir__shutting s = {.self = self};
    windows_add(top, &s);
    if (s.others) {
        uint64_t start = weir__os_time();
        if (!windows_are_left(&s, start))
            weir__meters_fence();
        others_await(&s);
        s.cost_ns = weir__os_time() - start;
    }
    return s;
}

void weir__windows_reopen(const struct weir__shutting *s)
{
    for (struct weir__window *w = s->first; w; w = w->shut_next) {
        uint64_t ops = weir__window_operations(w);
        bool idle = ops == w->ops_read && w->thread != s->self && s->others > WEIR__WINDOWS_ASKED;
        w->ops_read = ops;
        if (idle)
            weir__window_fold(w);
        else if (!window_is_left(w))
            window_admit(w);
    }
}

void weir__windows_fold(const struct weir__shutting *s)
{
    for (struct weir__window *w = s->first; w; w = w->shut_next)
        weir__window_fold(w);
}

static void window_to_front(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__list_remove(&w->meter->windows, &w->link);
    weir__list_push(&w->meter->windows, &w->link);
}

/* Has the window, which is to be opened, the meter to itself? In a solo phase up to the root, else
 * as far as its grant needs: where it stays below the peak others may join it. */
static bool meter_is_own(const struct weir__meter *m, int64_t grant, bool solo)
{
    weir__assert(solo ? !m->nopen : !m->nopen || m->level + grant <= m->ceiling);
    return solo || m->level + grant > m->ceiling;
}

/* Whether any meter is its own. */
static bool meters_open(struct weir__window *w, int64_t grant, bool solo)
{
    bool marks = false;
    for (struct weir__meter *m = w->meter; m; m = m->parent) {
        bool own = meter_is_own(m, grant, solo);
        m->level += grant;
        if (m->nopen++ == 0 && m->parent)
            weir__list_push(&m->parent->active, &m->active_link);
        if (own) {
            weir__shown_solo_begin(m, w);
            weir__relaxed_set(m->solo, w);
        }
        marks |= own;
    }
    return marks;
}

void weir__window_open(struct weir__window *w, int64_t grant, bool solo)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(!w->open && grant >= 0);
    int64_t used = weir__window_used(w);
    window_to_front(w);
    weir__relaxed_set(w->hi_blocks, (int64_t)(w->allocating - w->freeing));
    bool marks = meters_open(w, grant, solo);
    weir__relaxed_set(w->hi, marks ? used : used + grant);
    w->open = true;
    w->granted = used + grant;
    w->ops_at_open = weir__window_operations(w);
    w->allocated_at_open = weir__window_allocations(w);
    if (solo)
        w->solo_at = weir__os_time();
    window_admit(w);
}

/* -- attaching and detaching ------------------------------------------------------ */

void weir__window_attach(struct weir__window *w, struct weir__meter *m, const void *thread)
{
    weir__assert(m && !w->open);
    weir__lock_take(&weir__meters.lock);
    w->cap = w->numbered_cap = WEIR__WINDOW_CLOSED;
    w->meter = m;
    w->thread = thread;
    weir__list_push(&m->windows, &w->link);
    weir__lock_drop(&weir__meters.lock);
}

/* Closes it and moves what it counted to the base. */
static void window_shut_and_fold_locked(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(w->open);
    window_shut(w, weir__thread_self());
    if (w->waiting) {
        weir__meters_fence();
        weir__window_await(w);
    }
    weir__window_fold(w);
}

void weir__window_close(struct weir__window *w)
{
    weir__lock_take(&weir__meters.lock);
    __atomic_store_n(&w->held, 1, __ATOMIC_SEQ_CST);
    if (w->open)
        window_shut_and_fold_locked(w);
    else
        weir__window_await(w);
    weir__lock_drop(&weir__meters.lock);
}

void weir__window_release(struct weir__window *w)
{
    weir__assert(w->held);
    __atomic_store_n(&w->held, 0, __ATOMIC_RELEASE);
}

void weir__window_detach(struct weir__window *w)
{
    weir__lock_take(&weir__meters.lock);
    struct weir__meter *m = w->meter;
    if (w->open)
        window_shut_and_fold_locked(w);
    weir__shown_detach(w);
    m->gone_allocations += weir__window_allocations(w);
    m->gone_frees += weir__window_frees(w);
    m->slow_operations += w->shared_operations;
    weir__spell_forget(w);
    weir__list_remove(&m->windows, &w->link);
    weir__lock_drop(&weir__meters.lock);
}
