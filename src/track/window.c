/*
 * track/window.c - attaching, opening, closing and folding of windows. Owns none of them;
 * everything happens under the meter lock, track/window.h says what the owners do without it.
 */
#include "track/window.h"

#include "track/fences.h"
#include "track/meter.h"
#include "track/shared.h"
#include "track/shown.h"

#include "os/clock.h"
#include "os/fence.h"
#include "os/thread.h"
#include "os/wait.h"

bool weir__window_records_blocks;

/* The window is closed and its thread outside: what it counted goes to the base. */
void weir__window_fold(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(w->open && w->cap == WEIR__WINDOW_CLOSED);
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
            weir__list_remove(&m->parent->open, &m->open_link);
    }
    w->origin += used;
    w->open = false;
}

static void window_shut(struct weir__window *w, const void *self, bool *fence)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__relaxed_set(w->cap, WEIR__WINDOW_CLOSED);
    w->waiting = w->thread != self;
    *fence |= w->waiting;
}

void weir__window_await(struct weir__window *w)
{
    for (unsigned i = 0; weir__window_is_inside(w); i++)
        weir__os_backoff(i);
    w->waiting = false;
}

/* Calls each for the open windows below `top`, and may fold them; costs nothing for meters that
 * have none below them. */
static void windows_each_open(struct weir__meter *top, void (*each)(struct weir__window *, void *),
                              void *user)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    for (struct weir__meter *m = top->nopen ? top : NULL, *after; m; m = after) {
        after = weir__meter_open_after(m, top);
        for (struct weir__link *link = m->windows.first, *next; link; link = next) {
            struct weir__window *w = weir__list_of(link, struct weir__window, link);
            next = link->next;
            if (w->open)
                each(w, user);
        }
    }
}

static void each_shut(struct weir__window *w, void *user)
{
    struct weir__shutting *s = user;
    window_shut(w, s->self, &s->fence);
}

static void each_await(struct weir__window *w, void *user)
{
    struct weir__shutting *s = user;
    if (w->waiting) {
        weir__window_await(w);
        s->others_ops += weir__window_operations(w) - w->ops_at_open;
    }
}

static void each_fold(struct weir__window *w, void *user)
{
    (void)user;
    weir__window_fold(w);
}

static void each_reopen(struct weir__window *w, void *user)
{
    (void)user;
    weir__relaxed_set(w->cap, w->granted);
}

struct weir__shutting weir__windows_shut(struct weir__meter *top, const void *self)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    struct weir__shutting s = {.self = self};
    windows_each_open(top, each_shut, &s);
    if (s.fence) {
        uint64_t start = weir__os_time();
        weir__meters_fence();
        windows_each_open(top, each_await, &s);
        s.cost_ns = weir__os_time() - start;
    }
    return s;
}

void weir__windows_reopen(struct weir__meter *top)
{
    windows_each_open(top, each_reopen, NULL);
}

void weir__windows_fold(struct weir__meter *top)
{
    windows_each_open(top, each_fold, NULL);
}

void weir__windows_await(struct weir__meter *top)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    struct weir__meter *m = top ? top : weir__meter_first();
    for (; m; m = weir__meter_after(m, top))
        for (struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w))
            weir__window_await(w);
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

void weir__window_open(struct weir__window *w, int64_t grant, bool solo)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(!w->open && grant >= 0);
    int64_t used = weir__window_used(w);
    bool marks = false;
    window_to_front(w);
    weir__relaxed_set(w->hi_blocks, (int64_t)(w->allocating - w->freeing));
    for (struct weir__meter *m = w->meter; m; m = m->parent) {
        bool own = meter_is_own(m, grant, solo);
        m->level += grant;
        if (m->nopen++ == 0 && m->parent)
            weir__list_push(&m->parent->open, &m->open_link);
        if (own) {
            weir__shown_solo_begin(m, w);
            weir__relaxed_set(m->solo, w);
            marks = true;
        }
    }
    weir__relaxed_set(w->hi, marks ? used : used + grant);
    w->open = true;
    w->granted = used + grant;
    w->ops_at_open = weir__window_operations(w);
    weir__relaxed_set(w->cap, w->granted);
}

/* -- attaching and detaching ------------------------------------------------------ */

void weir__window_attach(struct weir__window *w, struct weir__meter *m, const void *thread)
{
    weir__assert(m && !w->open);
    weir__lock_take(&weir__meters.lock);
    w->cap = WEIR__WINDOW_CLOSED;
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
    bool fence = false;
    window_shut(w, weir__thread_self(), &fence);
    if (fence) {
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
    else if (weir__meters_are_shared()) {
        if (weir__os_fence_available())
            weir__meters_fence();
        weir__window_await(w);
    }
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
    weir__shared_quit(w);
    weir__shown_detach(w);
    m->gone_allocations += weir__window_allocations(w);
    m->gone_frees += weir__window_frees(w);
    m->slow_operations += w->shared_operations;
    weir__list_remove(&m->windows, &w->link);
    weir__lock_drop(&weir__meters.lock);
}
