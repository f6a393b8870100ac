/* track/sample.c - see sample.h. */
#include "track/sample.h"

#include "os/clock.h"
#include "track/count.h"
#include "track/meter.h"

#include <errno.h>

#define GAP_MOST (INT64_MAX / 2)
#define UNDRAWN  (-1) /* a countdown that is not begun */

uint32_t weir__sample_kinds WEIR__AT_START;
uint64_t weir__sample_mean;
uint64_t weir__guard_mean WEIR__AT_START;
const struct weir__sample_hooks *weir__sample_hooks;

/* -- numbers: splitmix64 (Steele, Lea, Flood 2014), one sequence for all threads --------------- */

#define STEP UINT64_C(0x9e3779b97f4a7c15)

static uint64_t state WEIR__AT_START; /* atomic */

void weir__sample_seed(uint64_t seed)
{
    weir__relaxed_set(state, seed);
}

double weir__sample_uniform(void)
{
    uint64_t z = __atomic_add_fetch(&state, STEP, __ATOMIC_RELAXED);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

/* How many uniform numbers fall, one after the other, from `first` on. */
static unsigned falling(double first)
{
    unsigned n = 1;
    double last = first, next;
    while ((next = weir__sample_uniform()) < last) {
        last = next;
        n++;
    }
    return n;
}

/* By comparing alone (von Neumann 1951): exact, and without a logarithm. */
static double exponential(void)
{
    for (double whole = 0;; whole++) {
        double first = weir__sample_uniform();
        if (falling(first) % 2)
            return whole + first;
    }
}

static int64_t gap_draw(double mean)
{
    double gap = exponential() * mean;
    return gap < (double)GAP_MOST ? (int64_t)gap : GAP_MOST;
}

int64_t weir__sample_draw(uint64_t mean)
{
    return mean ? gap_draw((double)mean) : GAP_MOST;
}

/* Geometric: the floor of an exponential number whose mean is -1 / log(1 - 1 / mean), by its
 * series. Of 1, which has no gaps, it is none. */
int64_t weir__sample_draw_calls(uint64_t mean)
{
    double n = (double)mean;
    if (mean < 2)
        return mean ? 0 : GAP_MOST;
    return gap_draw(n - 0.5 - 1 / (12 * n) - 1 / (24 * n * n));
}

/* -- countdowns ------------------------------------------------------------------------------- */

/* Of a thread that has no window at hand. */
static WEIR__TLS struct {
    int64_t countdown, calls_left;
    uint32_t beginning; /* that they are of */
} loose;

static uint32_t beginnings WEIR__AT_START; /* how many there were; atomic */

static void loose_look(void)
{
    uint32_t now = weir__relaxed_get(beginnings);
    if (loose.beginning != now)
        loose.countdown = loose.calls_left = UNDRAWN;
    loose.beginning = now;
}

/* Counts down by n; a mean of 0 is out of reach. Who begins anew meanwhile sets it back, and that
 * stays. */
static bool countdown_reaches(int64_t *countdown, int64_t n, const uint64_t *mean_at,
                              int64_t draw(uint64_t mean))
{
    for (;;) {
        int64_t seen = weir__relaxed_get(*countdown);
        uint64_t mean = __atomic_load_n(mean_at, __ATOMIC_ACQUIRE);
        int64_t left = seen < 0 ? draw(mean) : seen;
        bool due = left < n;
        left = due ? draw(mean) : left - n;
        if (__atomic_compare_exchange_n(countdown, &seen, left, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return due && mean;
    }
}

unsigned weir__sample_look(struct weir__window *own, int64_t bytes)
{
    unsigned due = 0;
    if (!own)
        loose_look();
    int64_t *countdown = own ? &own->countdown : &loose.countdown;
    int64_t *calls = own ? &own->calls_left : &loose.calls_left;
    if (countdown_reaches(countdown, weir__sample_bytes(bytes), &weir__sample_mean,
                          weir__sample_draw))
        due |= WEIR__DUE_SAMPLE;
    if (countdown_reaches(calls, 1, &weir__guard_mean, weir__sample_draw_calls))
        due |= WEIR__DUE_GUARD;
    return due;
}

bool weir__sampled_admit(const struct weir__window *w, int64_t size)
{
    for (; w; w = weir__own_get(w->up)) {
        if (!weir__cap_admits(w, weir__own_get(w->cap), weir__window_after(w, size)))
            return false;
    }
    return true;
}

bool weir__sampled_enter(struct weir__window *w, int64_t size, int64_t *to)
{
    int64_t left = weir__relaxed_get(w->countdown) - weir__sample_bytes(size);
    int64_t calls = weir__relaxed_get(w->calls_left) - 1;
    if ((left | calls) < 0)
        return false;
    weir__window_enter(&w->top->allocating);
    *to = weir__window_after(w, size);
    if (!weir__sampled_admit(w, size)) {
        weir__window_leave(&w->top->allocating, -1);
        return false;
    }
    weir__relaxed_set(w->countdown, left);
    weir__relaxed_set(w->calls_left, calls);
    return true;
}

bool weir__sampled_count(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    weir__window_enter(&w->top->allocating);
    int64_t to = weir__window_after(w, delta);
    if (!weir__sampled_admit(w, delta)) {
        weir__window_leave(&w->top->allocating, -1);
        return false;
    }
    weir__counting_leave(w, WEIR__REACH_ANY, delta, to, allocated, freed);
    return true;
}

/* -- begin and end ---------------------------------------------------------------------------- */

static void countdowns_reset_locked(void)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    for (struct weir__meter *m = weir__meter_first(); m; m = weir__meter_after(m, NULL))
        for (struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w)) {
            weir__relaxed_set(w->countdown, UNDRAWN);
            weir__relaxed_set(w->calls_left, UNDRAWN);
        }
}

/* `what` is `to` from here on. */
static int begin(uint64_t *what, uint64_t to, const struct weir__sample_hooks *hooks)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)what, (void)hooks;
    return to ? ENOTSUP : 0;
#else
    bool shared = weir__exact_begin(NULL);
    weir__meters_freeze();
    if (!weir__relaxed_get(state))
        weir__sample_seed(weir__os_time() ^ (uint64_t)(uintptr_t)&shared);
    if (hooks)
        __atomic_store_n(&weir__sample_hooks, hooks, __ATOMIC_RELEASE);
    __atomic_store_n(what, to, __ATOMIC_RELEASE);
    __atomic_store_n(&weir__sample_kinds,
                     (weir__relaxed_get(weir__sample_mean) ? WEIR__DUE_SAMPLE : 0) |
                         (weir__relaxed_get(weir__guard_mean) ? WEIR__DUE_GUARD : 0),
                     __ATOMIC_RELEASE);
    __atomic_add_fetch(&beginnings, 1, __ATOMIC_RELAXED);
    countdowns_reset_locked();
    weir__exact_end(shared);
    return 0;
#endif
}

int weir__sample_begin(uint64_t mean, const struct weir__sample_hooks *hooks)
{
    return begin(&weir__sample_mean, mean, hooks);
}

int weir__sample_guard(uint64_t mean)
{
    return begin(&weir__guard_mean, mean, NULL);
}
