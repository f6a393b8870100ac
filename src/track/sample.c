/* track/sample.c - see sample.h. */
#include "track/sample.h"

#include "os/clock.h"
#include "track/count.h"
#include "track/meter.h"

#include <errno.h>

#define GAP_MOST (INT64_MAX / 2)
#define UNDRAWN  (-1) /* a countdown that is not begun */

uint64_t weir__sample_mean;
const struct weir__sample_hooks *weir__sample_hooks;

/* -- numbers: splitmix64 (Steele, Lea, Flood 2014), one sequence for all threads --------------- */

#define STEP UINT64_C(0x9e3779b97f4a7c15)

static uint64_t state; /* atomic */

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
    for (double last = first, next; (next = weir__sample_uniform()) < last; last = next)
        n++;
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

int64_t weir__sample_draw(uint64_t mean)
{
    double gap = exponential() * (double)mean;
    return gap < (double)GAP_MOST ? (int64_t)gap : GAP_MOST;
}

/* -- countdowns ------------------------------------------------------------------------------- */

/* Of a thread that has no window at hand. */
static WEIR__TLS struct {
    int64_t countdown;
    uint32_t profile; /* that it is of */
} loose;

static uint32_t profile; /* how many there were; atomic */

static int64_t *countdown_loose(void)
{
    uint32_t now = weir__relaxed_get(profile);
    if (loose.profile != now)
        loose.countdown = UNDRAWN;
    loose.profile = now;
    return &loose.countdown;
}

/* A profile that begins meanwhile sets it back, and that stays. */
bool weir__sample_look(struct weir__window *own, int64_t bytes)
{
    int64_t *countdown = own ? &own->countdown : countdown_loose();
    for (;;) {
        int64_t seen = weir__relaxed_get(*countdown);
        uint64_t mean = __atomic_load_n(&weir__sample_mean, __ATOMIC_ACQUIRE);
        if (!mean)
            return false;
        int64_t left = seen < 0 ? weir__sample_draw(mean) : seen;
        bool due = left < bytes;
        left = due ? weir__sample_draw(mean) : left - bytes;
        if (__atomic_compare_exchange_n(countdown, &seen, left, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return due;
    }
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
    if (left < 0)
        return false;
    weir__window_enter(&w->top->allocating);
    *to = weir__window_after(w, size);
    if (!weir__sampled_admit(w, size)) {
        weir__window_leave(&w->top->allocating, -1);
        return false;
    }
    weir__relaxed_set(w->countdown, left);
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
        for (struct weir__window *w = weir__meter_window(m); w; w = weir__window_next(w))
            weir__relaxed_set(w->countdown, UNDRAWN);
}

int weir__sample_begin(uint64_t mean, const struct weir__sample_hooks *hooks)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)hooks;
    return mean ? ENOTSUP : 0;
#else
    bool shared = weir__exact_begin(NULL);
    weir__meters_freeze();
    if (!weir__relaxed_get(state))
        weir__sample_seed(weir__os_time() ^ (uint64_t)(uintptr_t)&shared);
    __atomic_store_n(&weir__sample_hooks, hooks, __ATOMIC_RELEASE);
    __atomic_store_n(&weir__sample_mean, mean, __ATOMIC_RELEASE);
    __atomic_add_fetch(&profile, 1, __ATOMIC_RELAXED);
    countdowns_reset_locked();
    weir__exact_end(shared);
    return 0;
#endif
}
