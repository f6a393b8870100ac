/* track/traced.c - see traced.h. */
#include "track/traced.h"

#include "os/fence.h"
#include "track/meter.h"
#include "track/shown.h"

#include <errno.h>
#include <string.h>

/*
 * None of these decides whether a number is true, only what it costs:
 *
 *   TURN_LEAST  operations that a thread does in turn before it has the root to itself;
 *   TURN_MOST   twice as many after each time that was not worth the fence that ended it, up to
 *               the most
 *   TURN_WORTH  operations that it must have done for that
 */
#define TURN_LEAST 64u
#define TURN_MOST  8192u
#define TURN_WORTH 512u

/* The root, or NULL; written under the lock, read by anyone. */
static struct weir__meter *traced_root;

bool weir__meter_is_traced(const struct weir__meter *m)
{
    const struct weir__meter *root = weir__relaxed_get(traced_root);
    if (weir__likely(!root))
        return false;
    while (m && m != root)
        m = m->parent;
    return m != NULL;
}

uint64_t weir__traced_number(const struct weir__meter *m, int64_t delta, int64_t blocks)
{
    return weir__meter_is_traced(m) ? weir__trace_stamp(delta, (int)blocks) : 0;
}

void weir__traced_stamp(struct weir__window *w, int64_t delta, int blocks)
{
    if (weir__meter_is_traced(w->meter))
        w->sequence = weir__trace_stamp(delta, blocks);
}

/* -- whose turn it is: under the meter lock --------------------------------------------------- */

static struct {
    const struct weir__window *window; /* at the root, of the latest operation; it may be gone */
    unsigned length;                   /* operations in a row of that */
    unsigned least;                    /* for the root to be its own; 0: TURN_LEAST */
} turn;

/* Closes the window that has the root to itself. */
static void turn_end(struct weir__meter *root)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    struct weir__shutting s = weir__meter_freeze(root);
    unsigned least = weir__max(turn.least, TURN_LEAST);
    if (!s.others)
        return;
    turn.length = 0;
    turn.least = s.others_ops < TURN_WORTH ? weir__min(2 * least, TURN_MOST)
                                           : weir__max(least / 2, TURN_LEAST);
}

/* Opens what is closed of a thread's windows for it alone, that of the root for operations that
 * number themselves. */
static void turn_open(struct weir__window *w, const struct weir__meter *root)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    for (; w; w = w->up) {
        if (w->open)
            continue;
        if (w->meter->nopen)
            weir__meter_freeze(w->meter);
        w->numbered = w->meter == root;
        weir__window_open(w, weir__meter_headroom(w->meter), true);
    }
}

/* NULL: a common heap's, which has none there. */
static struct weir__window *window_at(struct weir__window *w, const struct weir__meter *root)
{
    while (w && w->meter != root)
        w = w->up;
    return w;
}

static void turn_take(struct weir__window *w, const struct weir__meter *root)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    const struct weir__window *there = window_at(w, root);
    if (!there || there != turn.window)
        turn.length = 0;
    turn.window = there;
    if (++turn.length >= weir__max(turn.least, TURN_LEAST) && w->thread &&
        weir__windows_may_open(w) && weir__os_fence_available() && weir__shown_admits(w->top))
        turn_open(w, root);
}

bool weir__traced_change(struct weir__window *w, int64_t delta, int allocated, int freed,
                         struct weir__step *step)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    struct weir__meter *root = weir__relaxed_get(traced_root);
    if (root->nopen)
        turn_end(root);
    bool fits = weir__meter_apply(w, delta, allocated, freed, step, false);
    if (fits)
        w->sequence = weir__trace_stamp(delta, allocated - freed);
    turn_take(w, root);
    return fits;
}

bool weir__numbered_is_above(const struct weir__window *w)
{
    while ((w = weir__own_get(w->up)))
        if (weir__own_get(w->numbered_cap) != WEIR__WINDOW_CLOSED)
            return true;
    return false;
}

bool weir__numbered_admit(const struct weir__window *w, int64_t size)
{
    bool numbered = false;
    for (; w; w = weir__own_get(w->up)) {
        int64_t to = weir__window_after(w, size), cap = weir__own_get(w->numbered_cap);
        numbered |= cap != WEIR__WINDOW_CLOSED;
        if (to > cap && to > weir__own_get(w->cap))
            return false;
    }
    return numbered;
}

bool weir__numbered_sampled(struct weir__window *w, int64_t size, bool samples)
{
    int64_t left = weir__relaxed_get(w->countdown) - weir__sample_bytes(size);
    bool numbered = false;
    if (samples && left < 0)
        return false;
    for (const struct weir__window *at = w; at; at = weir__own_get(at->up)) {
        int64_t to = weir__window_after(at, size), cap = weir__own_get(at->numbered_cap);
        numbered |= cap != WEIR__WINDOW_CLOSED;
        if (!weir__cap_admits(at, cap, to) && !weir__cap_admits(at, weir__own_get(at->cap), to))
            return false;
    }
    if (samples && numbered)
        weir__relaxed_set(w->countdown, left);
    return numbered;
}

uint64_t weir__numbered_count(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    int64_t to;
    if (!weir__window_may_number(w, WEIR__REACH_ANY) ||
        !weir__numbered_allocating_enter(w, WEIR__REACH_ANY, delta, false, &to))
        return 0;
    uint64_t sequence = weir__trace_stamp(delta, allocated - freed);
    weir__counting_leave(w, WEIR__REACH_ANY, delta, to, allocated, freed);
    return sequence;
}

/* -- beginning and end ------------------------------------------------------------------------ */

int weir__traced_begin(struct weir__meter *root, const struct weir__trace_hooks *hooks,
                       struct weir__meter_reading *at)
{
    int error = EBUSY;
    bool shared = weir__exact_begin(root);
    if (!traced_root) {
        error = 0;
        weir__meter_read_locked(root, at);
        weir__trace_account_start(at->total, at->count);
        weir__trace_install(hooks);
        memset(&turn, 0, sizeof turn);
        weir__relaxed_set(traced_root, root);
        weir__meters.constraints++;
    }
    weir__exact_end(shared);
    return error;
}

void weir__traced_end(struct weir__meter *root, struct weir__meter_reading *at)
{
    bool shared = weir__exact_begin(root);
    weir__meter_read_locked(root, at);
    if (traced_root == root) {
        weir__relaxed_set(traced_root, NULL);
        weir__trace_install(NULL);
        weir__meters.constraints--;
    }
    weir__exact_end(shared);
}
