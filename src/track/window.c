/*
 * track/window.c - attaching, opening, closing and folding of windows. Owns none of them;
 * everything happens under the meter lock, track/window.h says what the owners do without it.
 */
#include "track/window.h"

#include "track/fences.h"
#include "track/meter.h"
#include "track/reading.h"
#include "track/sample.h"
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
    weir__assert(weir__relaxed_get(w->sampled_cap) == WEIR__WINDOW_CLOSED);
    weir__assert(weir__relaxed_get(w->guarded_cap) == WEIR__WINDOW_CLOSED);
    struct weir__meter *m = w->meter;
    int64_t used = weir__window_unfolded(w);
    if (m->solo == w) {
        int64_t high = m->base + weir__relaxed_get(w->hi) - w->origin;
        if (weir__unlikely(weir__relaxed_get(weir__window_records_blocks)) && high > m->peak)
            weir__meter_blocks_note(m, high);
        weir__meter_raise(m, high);
        weir__shown_solo_end(m);
        weir__relaxed_set(m->solo, NULL);
    }
    m->base += used;
    m->level += used - (w->granted - w->origin);
    m->nopen--;
    w->origin += used;
    w->open = w->numbered = false;
    w->only_frees = window_only_frees(w);
}

/* One of the caps admits what was granted, the others nothing. */
void weir__window_admit(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(w->open);
    bool sampled = weir__sample_is_on();
    int64_t cap = sampled ? WEIR__WINDOW_SAMPLED : w->granted;
    if (w->numbered) {
        weir__relaxed_set(w->numbered_cap, cap);
        return;
    }
    if (weir__relaxed_get(weir__sample_kinds) & WEIR__DUE_GUARD)
        weir__relaxed_set(w->guarded_cap, w->granted);
    else if (sampled)
        weir__relaxed_set(w->sampled_cap, w->granted);
    weir__relaxed_set(w->cap, cap);
}

static void window_shut(struct weir__window *w, const void *self)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__relaxed_set(w->cap, WEIR__WINDOW_CLOSED);
    weir__relaxed_set(w->numbered_cap, WEIR__WINDOW_CLOSED);
    weir__relaxed_set(w->sampled_cap, WEIR__WINDOW_CLOSED);
    weir__relaxed_set(w->guarded_cap, WEIR__WINDOW_CLOSED);
    w->waiting = w->thread != self;
}

/* Its thread is before the meter lock: what it did is visible, and it does no more before it has
 * the lock. */
static bool window_is_left(const struct weir__window *w)
{
    return __atomic_load_n(&w->top->away, __ATOMIC_ACQUIRE);
}

/* Waits for the operation whose busy bit is set in the counter. Its thread may be in another one
 * by then, which began after the window was closed. */
static void operation_await(const uint64_t *counter, const struct weir__window *w)
{
    uint64_t seen = __atomic_load_n(counter, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; seen & 1 && !window_is_left(w); i++) {
        weir__os_backoff(i);
        if (__atomic_load_n(counter, __ATOMIC_SEQ_CST) != seen)
            return;
    }
}

void weir__window_await(struct weir__window *w)
{
    operation_await(&w->allocating, w);
    operation_await(&w->freeing, w);
    if (w->top != w) {
        operation_await(&w->top->allocating, w);
        operation_await(&w->top->freeing, w);
    }
    w->waiting = false;
}

static void window_add(struct weir__window *w, struct weir__shutting *s)
{
    window_shut(w, s->self);
    w->shut_next = s->first;
    s->first = w;
    if (w->waiting && s->others++ < WEIR__WINDOWS_ASKED)
        s->asked[s->others - 1] = w;
}

static void windows_add(struct weir__meter *m, struct weir__shutting *s)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    for (struct weir__window *w = m->nopen ? weir__meter_window(m) : NULL; w;
         w = weir__window_next(w))
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

struct weir__shutting weir__windows_shut(struct weir__meter *m, const void *self)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    struct weir__shutting s = {.self = self};
    windows_add(m, &s);
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
            weir__window_admit(w);
    }
}

void weir__windows_fold(const struct weir__shutting *s)
{
    for (struct weir__window *w = s->first; w; w = w->shut_next)
        weir__window_fold(w);
}

void weir__windows_fold_quiet(struct weir__meter *m)
{
    for (struct weir__window *w = m->nopen ? weir__meter_window(m) : NULL; w;
         w = weir__window_next(w))
        if (w->open) {
            window_shut(w, w->thread);
            weir__window_fold(w);
        }
}

static void window_to_front(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__list_remove(&w->meter->windows, &w->link);
    weir__list_push(&w->meter->windows, &w->link);
}

bool weir__windows_may_open(const struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    bool reaches_root = !w->top->meter->parent;
    for (; w; w = w->up) {
        if (__atomic_load_n(&w->held, __ATOMIC_ACQUIRE) || w->meter->over)
            return false;
        if (weir__relaxed_get(w->meter->crossed)) /* so that a slow operation comes to tell it */
            return false;
    }
    return reaches_root;
}

/* A solo window's `hi` follows what is used; one with credit never comes to its own. */
void weir__window_open(struct weir__window *w, int64_t grant, bool solo)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__assert(!w->open && !weir__relaxed_get(w->held) && grant >= 0);
    struct weir__meter *m = w->meter;
    weir__assert(solo ? !m->nopen : m->level + grant <= m->ceiling);
    int64_t used = weir__window_used(w);
    window_to_front(w);
    weir__relaxed_set(w->hi_blocks, (int64_t)(w->allocating - w->freeing));
    weir__relaxed_set(w->hi, solo ? used : used + grant);
    m->level += grant;
    m->nopen++;
    if (solo) {
        weir__shown_solo_begin(m, w);
        weir__relaxed_set(m->solo, w);
        w->solo_at = weir__os_time();
    }
    w->open = true;
    w->granted = used + grant;
    w->ops_at_open = weir__window_operations(w);
    w->allocated_at_open = weir__window_allocations(w);
    weir__window_admit(w);
}

/* -- attaching and detaching ------------------------------------------------------ */

void weir__window_attach(struct weir__window *w, struct weir__meter *m, struct weir__window *up,
                         const void *thread)
{
    weir__assert(m && !w->open && (!up || (up->meter == m->parent && up->thread == thread)));
    weir__lock_take(&weir__meters.lock);
    w->cap = w->numbered_cap = w->sampled_cap = w->guarded_cap = WEIR__WINDOW_CLOSED;
    w->countdown = w->calls_left = -1;
    w->meter = m;
    w->up = up;
    w->top = up ? up->top : w;
    w->thread = thread;
    weir__list_push(&m->windows, &w->link);
    weir__lock_drop(&weir__meters.lock);
}

void weir__window_part(struct weir__window *w)
{
    weir__assert(!w->open);
    w->up = NULL;
    w->top = w;
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
    weir__meter_counts(m, weir__window_allocations(w), weir__window_frees(w));
    __atomic_add_fetch(&m->gone_bytes, weir__window_bytes(w), __ATOMIC_RELAXED);
    __atomic_add_fetch(&m->slow_operations, w->shared_operations, __ATOMIC_RELAXED);
    weir__spell_forget(w);
    weir__list_remove(&m->windows, &w->link);
    weir__lock_drop(&weir__meters.lock);
}
