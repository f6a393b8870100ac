/* track/phase.c - see phase.h. With the meter lock held. */
#include "track/phase.h"

#include "os/clock.h"
#include "os/fence.h"
#include "os/wait.h"
#include "track/count.h"
#include "track/meter.h"
#include "track/shared.h"
#include "track/shown.h"
#include "track/spell.h"

/*
 * The constants, none of which decides whether a figure is true, only what it costs:
 *
 *   PHASE_WORTH     operations of all threads while windows were open, at least, for the phase to
 *                   have been worth what it cost to end it
 *   SHARED_NS       ns of an operation on shared atomics: what took so many times longer asks for
 *                   so many operations
 *   LOCKED_NS       the same of one under the meter lock, which is what else there is for a child,
 *   LOCKED_WORTH    and so many at least
 *   TURN_NS         a thread that has the total to itself is left alone for so long by those that
 *                   wait for it, in ns
 *   TURN_LOOK_NS    and looked at that often: it must make an operation
 *   TURN_PACE_NS    in so long, else all are faster on shared atomics
 *   TURN_LONG_NS    what took longer was no turn that others waited for: its pace says nothing
 *   TURN_WORTH      operations of a turn, at least, for turns to go on
 *   TURN_CROWD      threads among whom turns are taken, at most: all but one wait
 *   CREDIT_SKIPS    occasions, at most, that credit is left out after it did not pay,
 *   TURN_SKIPS      and turns
 *   SPELL_LEAST     slow operations of the first spell with closed windows, while neither pays;
 *   SPELL_MOST      each that follows is twice as long, up to the most. Powers of two
 *   CREDIT_LEAST    bytes of credit for which a window is opened,
 *   CREDIT_PLENTY   and for which it is opened in any case
 *   ONLY_FREES_PART a thread that hardly allocates gets this part of its share
 *   CROWD_NS        threads are counted by what they did in so long, at least
 *   SHARES_UNKNOWN  parts that credit is divided into while nobody knows how many share it
 */
#define PHASE_WORTH     16u
#define SHARED_NS       32u
#define LOCKED_NS       200u
#define LOCKED_WORTH    4u
#define TURN_NS         20000u
#define TURN_LOOK_NS    2000u
#define TURN_PACE_NS    32u
#define TURN_LONG_NS    100000u
#define TURN_WORTH      128u
#define TURN_CROWD      8u
#define CREDIT_SKIPS    3u
#define TURN_SKIPS      15u
#define SPELL_LEAST     64u
#define SPELL_MOST      1024u
#define CREDIT_LEAST    1
#define CREDIT_PLENTY   65536
#define SHARES_UNKNOWN  2
#define ONLY_FREES_PART 8
#define CROWD_NS        50000u

/* A trial is a way to divide a total among several threads: when it did not pay it is left out for
 * a while, twice as long after each failure, `most` occasions at most. */
static bool trial_is_on(struct weir__trial *t)
{
    t->in -= t->in > 0;
    return t->in == 0;
}

static void trial_failed(struct weir__trial *t, unsigned most)
{
    t->next = (uint16_t)weir__min(2 * t->next + 1, most);
    t->in = (uint16_t)(t->next + 1);
}

/* What paid begins with the shortest spell again. */
static void trial_paid(struct weir__phases *p, struct weir__trial *t)
{
    t->next /= 2;
    p->spell_next = 0;
}

/* The next spell with closed windows is twice as long, and begins. */
static void spell_begin(struct weir__phases *p)
{
    p->spell_next =
        (uint16_t)weir__min(p->spell_next ? p->spell_next * 2 : SPELL_LEAST, SPELL_MOST);
    p->spell_left = p->spell_next;
}

static void turn_ended(struct weir__phases *p, const struct weir__shutting *s,
                       const struct weir__window *solo)
{
    uint64_t ns = weir__os_time() - solo->solo_at;
    if (s->others_ops < TURN_WORTH || (ns > s->others_ops * TURN_PACE_NS && ns < TURN_LONG_NS)) {
        trial_failed(&p->turns, TURN_SKIPS);
        spell_begin(p);
    } else if (ns < TURN_LONG_NS) {
        trial_paid(p, &p->turns);
        p->turns.in = 0;
    }
}

static bool credit_paid(const struct weir__meter *m, const struct weir__shutting *s, uint64_t ops)
{
    return m->parent ? ops >= weir__max(LOCKED_WORTH, s->cost_ns / LOCKED_NS)
                     : ops >= weir__max(PHASE_WORTH, s->cost_ns / SHARED_NS);
}

static void credit_ended(struct weir__meter *m, const struct weir__shutting *s, uint64_t ops)
{
    struct weir__phases *p = &m->phases;
    if (credit_paid(m, s, ops)) {
        trial_paid(p, &p->credit);
        return;
    }
    trial_failed(&p->credit, CREDIT_SKIPS);
    if (p->turns.in)
        spell_begin(p);
}

void weir__phase_ended(struct weir__meter *m, const struct weir__shutting *s,
                       const struct weir__window *solo, uint64_t own_ops)
{
    if (!s->others)
        return;
    if (solo)
        turn_ended(&m->phases, s, solo);
    else
        credit_ended(m, s, s->others_ops + own_ops);
}

/* Another thread's window that has a total that w counts in to itself, where turns are taken; the
 * highest. */
static struct weir__window *turn_of_another(const struct weir__window *w)
{
    struct weir__window *solo = NULL;
    for (const struct weir__meter *m = w->meter; m; m = m->parent)
        if (m->solo && m->solo->thread != w->thread && !m->phases.turns.in)
            solo = m->solo;
    return solo;
}

bool weir__phase_is_anothers_turn(struct weir__window *w)
{
    struct weir__window *solo = turn_of_another(w);
    if (!solo)
        return false;
    uint64_t now = weir__os_time(), ops = weir__window_operations(solo);
    uint64_t since = weir__max(solo->polled_at, solo->solo_at);
    if (now - solo->solo_at >= TURN_NS)
        return false;
    if (now - since < TURN_LOOK_NS / 2)
        return true;
    bool pays =
        solo->polled_at < solo->solo_at || (ops - solo->polled_ops) * TURN_PACE_NS >= now - since;
    solo->polled_at = now;
    solo->polled_ops = ops;
    return pays;
}

void weir__phase_pause(void)
{
    uint64_t start = weir__os_time();
    while (weir__os_time() - start < TURN_LOOK_NS)
        weir__os_pause();
}

/* A window's part of a meter's credit below the peaks. It is divided by the number of threads that
 * shared it before; by SHARES_UNKNOWN until that is known. Who hardly allocates gets little. */
static int64_t window_share(const struct weir__window *w, int64_t size)
{
    const struct weir__meter *m = w->meter;
    int64_t room = weir__meter_room(m), part = room / (m->shares ? m->shares : SHARES_UNKNOWN);
    part = part < size && room >= size ? size : part;
    return w->only_frees ? part / ONLY_FREES_PART : part;
}

/* No window of it is open, nor was another's at the last freeze. */
static bool meter_is_alone(const struct weir__meter *m)
{
    return !m->nopen && m->crowd <= 1;
}

/* Counts the threads at work. Needed when windows were closed for a while, for then no freeze has
 * counted them. */
static void crowd_count(struct weir__meter *m)
{
    uint64_t now = weir__os_time();
    if (now - m->phases.counted_at < CROWD_NS)
        return;
    m->phases.counted_at = now;
    m->crowd = 0;
    for (struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w))
        m->crowd += !weir__window_is_idle(w, &w->ops_seen);
}

static void spell_end(struct weir__meter *m)
{
    m->phases.spell_left = 0;
    crowd_count(m);
}

void weir__phase_shared_ended(struct weir__meter *m)
{
    for (; m; m = m->parent)
        spell_end(m);
}

static bool forest_is_closed(void)
{
    for (struct weir__meter *root = weir__meter_first(); root;
         root = weir__meter_of(root->link.next))
        if (root->nopen)
            return false;
    return true;
}

/* No window is open there, and few threads would wait. */
static bool meter_may_take_turn(const struct weir__meter *m)
{
    return !m->nopen && m->crowd <= TURN_CROWD;
}

/* Credit is given while it pays; if there is plenty, always. Who only frees needs none. */
static bool credit_is_enough(const struct weir__window *w, int64_t bytes)
{
    struct weir__phases *p = &w->meter->phases;
    if (p->spell_left || !trial_is_on(&p->credit))
        return bytes >= CREDIT_PLENTY;
    return bytes >= CREDIT_LEAST || w->only_frees;
}

static void window_open_credit(struct weir__window *w, int64_t share)
{
    weir__window_open(w, share, false);
    if (!w->only_frees && w->meter->shares > 1)
        w->meter->shares--;
}

/* True: the window is open. */
static bool window_try_open(struct weir__window *w, int64_t size)
{
    struct weir__meter *m = w->meter;
    if (w->open)
        return true;
    bool alone = meter_is_alone(m);
    int64_t share = alone ? 0 : window_share(w, size);
    if (!alone && credit_is_enough(w, share)) {
        window_open_credit(w, share);
        return true;
    }
    if (!alone &&
        (m->phases.spell_left || !meter_may_take_turn(m) || !trial_is_on(&m->phases.turns)))
        return false;
    weir__window_open(w, weir__meter_headroom(m), true);
    return true;
}

/* Opens a thread's windows, the top one first: without it the others are of no use. NULL, or the
 * one that could not be opened. */
static struct weir__window *windows_try_open(struct weir__window *w, int64_t size)
{
    struct weir__window *closed = w->up ? windows_try_open(w->up, size) : NULL;
    return closed || window_try_open(w, size) ? closed : w;
}

/* The spell goes on or begins. That of a root is one of shared atomics where nothing forbids it,
 * once no window of any root is open. */
static void spell_choose(struct weir__meter *m)
{
    struct weir__phases *p = &m->phases;
    unsigned length = (unsigned)weir__max(p->spell_next, SPELL_LEAST);
    if (!p->spell_left)
        p->spell_left = (uint16_t)length;
    else if (--p->spell_left == 0)
        spell_end(m);
    if (!m->parent && weir__meters.constraints == 0 && forest_is_closed())
        weir__shared_begin(length);
}

void weir__phase_choose(struct weir__window *w, int64_t size)
{
    if (!weir__windows_may_open(w))
        return;
    struct weir__window *closed = w->top;
    if (weir__os_fence_available() && weir__shown_admits(w->top))
        closed = windows_try_open(w, size);
    if (!closed || (!closed->meter->phases.spell_left && closed->meter->nopen))
        return; /* or others have the credit: the next operation that lacks it takes it back */
    spell_choose(closed->meter);
    if (weir__meters_are_shared())
        weir__spell_join(w);
}
