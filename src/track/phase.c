/* track/phase.c - see phase.h. With the meter lock held. */
#include "track/phase.h"

#include "os/fence.h"
#include "track/meter.h"
#include "track/shared.h"
#include "track/shown.h"

/*
 * The constants, none of which decides whether a figure is true, only what it costs:
 *
 *   PHASE_WORTH    operations that the other threads must have done while windows were open,
 *                  at least, for the phase to have been worth the fence that ended it
 *   SHARED_NS      ns of an operation on shared atomics: a fence that took so many times
 *                  longer asks for so many operations. The cost does not count for a thread
 *                  that was alone: where the total rises nothing is better than taking turns
 *                  (9 ns a pair, on shared atomics 90)
 *   SPELL_LEAST    slow operations of the first spell with closed windows after a phase that
 *   SPELL_MOST     was not worth it; each that follows is twice as long, up to the most.
 *                  Powers of two
 *   CREDIT_LEAST   bytes of credit for which a window is opened,
 *   CREDIT_PLENTY  and for which a spell ends early
 *   SHARES_UNKNOWN parts that credit is divided into while nobody knows how many share it
 */
#define PHASE_WORTH    128u
#define SHARED_NS      32u
#define SPELL_LEAST    64u
#define SPELL_MOST     4096u
#define CREDIT_LEAST   1
#define CREDIT_PLENTY  65536
#define SHARES_UNKNOWN 2

/* Under the meter lock. */
static unsigned spell_next; /* length of the next spell with closed windows; 0: the least */
static unsigned spell_left; /* slow operations left in this one; 0: there is none */

/* The next spell with closed windows is twice as long, and begins. */
static void spell_begin(void)
{
    spell_next = (unsigned)weir__min(spell_next ? spell_next * 2 : SPELL_LEAST, SPELL_MOST);
    spell_left = spell_next;
}

void weir__phase_ended(const struct weir__shutting *s, bool solo)
{
    uint64_t cost = solo ? 0 : s->cost_ns / SHARED_NS;
    if (!s->fence)
        return;
    if (s->others_ops < weir__max(PHASE_WORTH, cost))
        spell_begin();
    else
        spell_next /= 2;
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

/* A window's part of a meter's credit below the peaks. It is divided by the number of threads that
 * shared it before; by SHARES_UNKNOWN until that is known. */
static int64_t meter_part(const struct weir__meter *m, int64_t size)
{
    int64_t room = weir__meter_room(m), part = room / (m->shares ? m->shares : SHARES_UNKNOWN);
    return part < size && room >= size ? size : part;
}

/* What a window may have of all meters up the tree. A meter that it would have to itself gives all
 * below its limit. */
static int64_t meter_share(const struct weir__meter *m, int64_t size)
{
    int64_t least = WEIR__NO_LIMIT;
    for (; m; m = m->parent) {
        int64_t part = m->nopen || m->crowd > 1 ? meter_part(m, size) : m->limit - m->level;
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

/* Counts the threads that did something since the last count, every so many spells that it costs
 * no more than they did. Needed when windows were closed for a while, for then no freeze has
 * counted them. */
static void crowd_count(void)
{
    static unsigned spells; /* since the last count; under the meter lock */
    if (++spells * SPELL_LEAST < weir__meters.count)
        return;
    spells = 0;
    for (struct weir__meter *m = weir__meter_first(); m; m = weir__meter_after(m, NULL))
        m->crowd = 0;
    for (struct weir__meter *m = weir__meter_first(); m; m = weir__meter_after(m, NULL))
        for (struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w)) {
            uint64_t ops = weir__window_operations(w);
            bool active = ops != w->ops_seen;
            w->ops_seen = ops;
            for (struct weir__meter *up = m; up; up = up->parent)
                up->crowd += active;
        }
}

void weir__phase_shared_ended(void)
{
    spell_left = 0;
    crowd_count();
}

static bool forest_is_closed(void)
{
    for (struct weir__meter *root = weir__meter_first(); root;
         root = weir__meter_of(root->link.next))
        if (root->nopen)
            return false;
    return true;
}

/* True: the window is open. */
static bool window_try_open(struct weir__window *w, int64_t size)
{
    if (!weir__os_fence_available() || !weir__shown_admits(w))
        return false;
    if (meter_is_alone(w->meter)) {
        weir__window_open(w, meter_headroom(w->meter), true);
        return true;
    }
    int64_t credit = meter_share(w->meter, size);
    if (credit < (spell_left ? CREDIT_PLENTY : CREDIT_LEAST))
        return false;
    weir__window_open(w, credit, false);
    meter_share_took(w->meter);
    return true;
}

void weir__phase_choose(struct weir__window *w, int64_t size)
{
    if (window_try_open(w, size))
        return;
    if (!spell_left)
        spell_left = (unsigned)weir__max(spell_next, SPELL_LEAST);
    else if (--spell_left == 0)
        crowd_count();
    if (weir__meters.constraints == 0 && forest_is_closed())
        weir__shared_begin((unsigned)weir__max(spell_next, SPELL_LEAST));
}
