/*
 * The watermark by itself. Windows of several made-up threads are driven from one thread,
 * so that after every operation the truth is known: totals, peaks, counts, limits and
 * observers of a tree of meters through all phases. Then the same with real threads.
 */
#include "track/meter.h"
#include "../helpers/core.h"
#include "../helpers/suite.h"
#include "os/clock.h"
#include "os/fence.h"
#include "os/locks.h"
#include "os/thread.h"
#include "track/count.h"
#include "track/observer.h"
#include "track/reading.h"
#include "track/shared.h"
#include "track/soft.h"

#include <pthread.h>

enum { METERS = 4, THREADS = 3 };

/* What a meter should say. */
struct truth {
    int64_t live, peak, observed, limit, soft;
    uint64_t allocations, frees, crossings, bytes;
};

static struct meter {
    struct weir__meter meter;
    struct meter *parent;
    struct weir__window windows[THREADS];
    struct truth truth;
    struct weir__peak_observer observer;
    bool is_observed;
} meters[METERS];

static char threads[THREADS]; /* their addresses are the threads' identities */

/* 0 is the root, 1 and 2 its children, 3 a child of 2. */
static void meters_make(void)
{
    static struct meter *const parents[METERS] = {NULL, &meters[0], &meters[0], &meters[2]};
    for (int i = 0; i < METERS; i++) {
        struct meter *m = &meters[i];
        m->parent = parents[i];
        m->truth.limit = m->truth.soft = INT64_MAX;
        weir__meter_init(&m->meter, m->parent ? &m->parent->meter : NULL, 0);
        for (int t = 0; t < THREADS; t++)
            weir__window_attach(&m->windows[t], &m->meter,
                                m->parent ? &m->parent->windows[t] : NULL, &threads[t]);
    }
}

static void meters_unmake(void)
{
    for (int i = METERS; i--;) {
        for (int t = 0; t < THREADS; t++)
            weir__window_detach(&meters[i].windows[t]);
        weir__meter_retire(&meters[i].meter, 0, 0);
        weir__meter_destroy(&meters[i].meter);
    }
    cr_assert(weir__meter_is_valid());
    cr_assert(weir__locks_are_free());
}

TestSuite(meter, .init = meters_make, .fini = meters_unmake);

static void expect_truth(struct meter *m)
{
    struct weir__meter_reading r;
    size_t peak = weir__meter_peak(&m->meter);
    weir__meter_read(&m->meter, &r);
    cr_assert_eq(r.total, (size_t)m->truth.live, "total %zu, not %zd", r.total,
                 (ssize_t)m->truth.live);
    cr_assert_eq(r.peak, (size_t)m->truth.peak, "peak %zu, not %zd", r.peak,
                 (ssize_t)m->truth.peak);
    cr_assert_eq(peak, r.peak);
    cr_assert_eq(r.allocations, m->truth.allocations);
    cr_assert_eq(r.frees, m->truth.frees);
    cr_assert_eq(r.count, m->truth.allocations - m->truth.frees);
    cr_assert_eq(r.crossings, m->truth.crossings);
    cr_assert_eq(r.bytes, m->truth.bytes);
    if (m->is_observed)
        cr_assert_eq(weir__meter_observed(&m->meter, &m->observer), (size_t)m->truth.observed);
}

static void expect_all(void)
{
    for (int i = 0; i < METERS; i++)
        expect_truth(&meters[i]);
    cr_assert(weir__meter_is_valid());
}

static bool truth_allows(const struct meter *m, int64_t delta)
{
    for (; m; m = m->parent)
        if (delta > 0 && m->truth.live + delta > m->truth.limit)
            return false;
    return true;
}

/* One operation of thread t as the allocator does it; its answer must be the right one. */
static bool change(struct meter *m, int t, int64_t delta)
{
    struct weir__window *w = &m->windows[t];
    bool more = delta >= 0, fits = truth_allows(m, delta);
    bool done =
        weir__window_count(w, delta, more, !more) || weir__meter_change(w, delta, more, !more);
    cr_assert_eq(done, fits, "%+zd", (ssize_t)delta);
    for (; done && m; m = m->parent) {
        struct truth *truth = &m->truth;
        truth->crossings += truth->live <= truth->soft && truth->live + delta > truth->soft;
        truth->live += delta;
        truth->bytes += more ? (uint64_t)delta : 0;
        truth->allocations += more;
        truth->frees += !more;
        if (truth->live > truth->peak)
            truth->peak = truth->live;
        if (truth->live > truth->observed)
            truth->observed = truth->live;
    }
    return done;
}

static uint64_t slow_operations(struct meter *m)
{
    struct weir__meter_reading r;
    weir__meter_read(&m->meter, &r);
    return r.slow_operations;
}

static bool windows_open(const struct meter *m, int count)
{
    int open = 0;
    for (int t = 0; t < THREADS; t++)
        open += m->windows[t].open;
    return open == count;
}

/* Two threads in turn above the peak, until it is SHARED. */
static bool drive_to_shared(struct meter *m)
{
    for (int n = 0; n < 20000 && !weir__meters_are_shared(); n++)
        change(m, n % 2, 8);
    return weir__meters_are_shared();
}

/* -- phases ------------------------------------------------------------------------ */

Test(meter, one_thread_is_solo_and_passes_the_peak)
{
    struct meter *m = &meters[3];
    if (!weir__os_fence_available())
        return;
    for (int n = 0; n < 1000; n++)
        change(m, 0, 100);
    for (struct meter *up = m; up; up = up->parent) {
        cr_assert_eq(up->meter.solo, &up->windows[0], "alone up to the root");
        cr_assert_eq(up->meter.nopen, 1);
    }
    cr_assert_leq(slow_operations(m), 2);
    expect_all();
    for (int n = 0; n < 1000; n++)
        change(m, 0, -100);
    expect_all();
    cr_assert_leq(slow_operations(m), 2, "reading closes no window for good");
}

Test(meter, a_second_thread_ends_solo)
{
    struct meter *m = &meters[1];
    if (!weir__os_fence_available())
        return;
    change(m, 0, 5000);
    change(m, 0, 5000);
    change(m, 0, -9000);
    cr_assert_eq(meters[0].meter.peak < 10000, true, "the mark is in the window still");
    change(&meters[2], 1, 1);
    cr_assert_neq(meters[0].meter.solo, &meters[0].windows[0]);
    cr_assert_eq(meters[0].meter.peak, 10000, "folded");
    cr_assert_eq(meters[0].windows[0].cap, WEIR__WINDOW_CLOSED);
    cr_assert_eq(m->meter.solo, &m->windows[0], "which the other does not count in");
    cr_assert_not(weir__window_count(&m->windows[0], -1, 0, 1), "nothing is counted below");
    expect_all();
}

Test(meter, credit_is_shared_below_the_peak)
{
    struct meter *m = &meters[1];
    if (!weir__os_fence_available())
        return;
    change(m, 0, 1 << 20);
    change(m, 0, -(1 << 20));
    for (int n = 0; n < 30; n++)
        change(m, n % THREADS, 1);
    cr_assert(windows_open(m, THREADS), "each has its part");
    cr_assert_null(m->meter.solo);
    cr_assert_leq(m->meter.level, m->meter.peak);
    uint64_t slow = slow_operations(m);
    for (int n = 0; n < 3000; n++)
        change(m, n % THREADS, n / THREADS % 2 ? -64 : 64);
    cr_assert_eq(slow_operations(m), slow, "within their credit nobody is slow");
    cr_assert_eq(m->truth.peak, 1 << 20);
    expect_all();
}

/* Credit of a few bytes is given too: threads that hold a block each go on with it. */
Test(meter, tiny_credit_is_worth_giving)
{
    struct meter *m = &meters[0];
    if (!weir__os_fence_available())
        return;
    for (int t = 0; t < 2; t++)
        change(m, t, 16);
    change(m, 0, 4);
    change(m, 0, -4); /* two bytes of credit for each */
    uint64_t slow = slow_operations(m);
    for (int n = 0; n < 2000; n++) {
        change(m, n % 2, -16);
        change(m, n % 2, 16);
    }
    cr_assert_leq(slow_operations(m) - slow, 200, "%zu", (size_t)(slow_operations(m) - slow));
    expect_all();
}

Test(meter, threads_at_the_peak_are_shared)
{
    struct meter *m = &meters[3];
    cr_assert(drive_to_shared(m));
    for (int i = 0; i < METERS; i++)
        cr_assert(windows_open(&meters[i], 0));
    expect_all();
    cr_assert(weir__meters_are_shared(), "a reading comes back to it");
    for (int n = 0; n < 50 && weir__meters_are_shared(); n++) {
        change(m, n % 2, 8);
        change(&meters[1], 2, 24);
    }
    expect_all();
}

/* Whatever watches a limit or a second peak rules it out. */
Test(meter, limits_and_observers_rule_shared_out)
{
    struct meter *m = &meters[3];
    cr_assert(drive_to_shared(m));
    cr_assert(weir__meter_set_limit(&meters[1].meter, 1 << 30));
    cr_assert_not(weir__meters_are_shared());
    cr_assert_not(drive_to_shared(m));
    expect_all();
    cr_assert(weir__meter_set_limit(&meters[1].meter, 0));
    cr_assert(drive_to_shared(m));
    weir__meter_observe(&meters[2].meter, &meters[2].observer);
    cr_assert_not(drive_to_shared(m));
    weir__meter_forget(&meters[2].meter, &meters[2].observer);
    cr_assert(drive_to_shared(m));
    expect_all();
}

/* While who closed a window works on its bins, the owner's SHARED operation turns back. */
Test(meter, a_held_window_is_not_entered)
{
    struct meter *m = &meters[0];
    struct weir__window *w = &m->windows[0];
    cr_assert(drive_to_shared(m));
    weir__window_close(w);
    for (int n = 0; n < 3; n++)
        cr_assert_not(weir__shared_enter(w));
    cr_assert_not(weir__window_is_inside(w));
    weir__window_release(w);
    change(m, 0, 8); /* past the look that is due now and then */
    if (weir__meters_are_shared() && weir__shared_enter(w)) {
        cr_assert(weir__window_is_inside(w));
        weir__shared_leave(w, 0, 0, 0);
    }
    cr_assert_not(weir__window_is_inside(w));
    expect_all();
}

/* A window takes part in SHARED from its thread's first operation on, and no longer than it lasts.
 */
Test(meter, a_window_takes_part_in_shared_by_its_first_operation)
{
    struct meter *m = &meters[3];
    struct weir__window *other = &meters[1].windows[2];
    cr_assert(drive_to_shared(m));
    cr_assert_not(weir__shared_has(other));
    cr_assert_not(weir__shared_enter(other));
    change(&meters[1], 2, 24);
    cr_assert(weir__meters_are_shared(), "that does not end it");
    cr_assert(weir__shared_has(other));
    change(&meters[1], 2, -8);
    expect_truth(&meters[1]); /* a reading ends it, and begins another */
    cr_assert(weir__meters_are_shared());
    cr_assert_not(weir__shared_has(other));
    expect_all();
}

/* A thread that is before the meter lock is outside, whatever its busy bits say. */
Test(meter, who_is_away_is_not_waited_for)
{
    struct meter *m = &meters[1];
    struct weir__window *w = &m->windows[0];
    change(m, 0, 300);
    weir__window_enter(&w->top->allocating);
    w->top->away = true;
    change(m, 1, 300);
    cr_assert_eq(w->cap, WEIR__WINDOW_CLOSED);
    weir__window_leave(&w->top->allocating, -1);
    w->top->away = false;
    expect_all();
}

/* Of many windows those that were idle between two readings stay closed, so that the next one has
 * less to do. */
Test(meter, readers_close_idle_windows_where_there_are_many)
{
    enum { MANY = 12 };
    static struct weir__window windows[MANY], above[MANY];
    static char owners[MANY];
    struct meter *m = &meters[1];
    struct weir__meter_reading r;
    if (!weir__os_fence_available())
        return;
    change(m, 0, 1 << 20);
    change(m, 0, -(1 << 20));
    for (int i = 0; i < MANY; i++) {
        weir__window_attach(&above[i], &meters[0].meter, NULL, &owners[i]);
        weir__window_attach(&windows[i], &m->meter, &above[i], &owners[i]);
    }
    for (int n = 0; n < 20 * MANY; n++)
        cr_assert(weir__window_count(&windows[n % MANY], 1, 1, 0) ||
                  weir__meter_change(&windows[n % MANY], 1, 1, 0));
    unsigned open = m->meter.nopen;
    cr_assert_geq(open, MANY);
    weir__meter_read(&m->meter, &r);
    cr_assert_eq(m->meter.nopen, open, "each did something");
    cr_assert(weir__window_count(&windows[0], 1, 1, 0));
    weir__meter_read(&m->meter, &r);
    cr_assert_lt(m->meter.nopen, open, "%u of %u", m->meter.nopen, open);
    cr_assert(windows[0].open && !windows[1].open);
    cr_assert_eq(r.peak, 1 << 20);
    cr_assert(weir__meter_is_valid());
    for (int i = 0; i < MANY; i++) {
        weir__window_detach(&windows[i]);
        weir__window_detach(&above[i]);
    }
    weir__meter_read(&m->meter, &r);
    weir__meter_change(&m->windows[0], -(int64_t)r.total, 0, (int)r.count);
}

/* An operation below does not open the window of a heap whose bins somebody is at. */
Test(meter, a_window_that_is_held_is_not_opened_from_below)
{
    struct weir__window *above = &meters[0].windows[0];
    if (!weir__os_fence_available())
        return;
    change(&meters[1], 0, 300);
    cr_assert(above->open);
    weir__window_close(above);
    change(&meters[1], 0, 300);
    cr_assert_not(above->open);
    expect_all();
    weir__window_release(above);
    change(&meters[1], 0, 300);
    cr_assert(above->open);
    expect_all();
}

/* A thread without a window above counts in the meters there. */
Test(meter, a_window_without_others_above_stays_closed)
{
    static const size_t totals[METERS] = {1100, 100, 1000, 1000},
                        counts[METERS] = {101, 1, 100, 100};
    static struct weir__window common;
    struct weir__meter_reading r;
    weir__window_attach(&common, &meters[3].meter, NULL, NULL);
    change(&meters[1], 0, 100);
    for (int n = 0; n < 100; n++)
        cr_assert(weir__meter_change(&common, 10, 1, 0) && !common.open);
    for (int i = 0; i < METERS; i++) {
        weir__meter_read(&meters[i].meter, &r);
        cr_assert_eq(r.total, totals[i]);
        cr_assert_eq(r.peak, r.total);
        cr_assert_eq(r.count, counts[i]);
    }
    for (int n = 0; n < 100; n++)
        cr_assert(weir__meter_change(&common, -10, 0, 1));
    weir__window_detach(&common);
    cr_assert(weir__meter_is_valid());
}

Test(meter, closing_a_window_folds_it)
{
    struct meter *m = &meters[1];
    change(m, 0, 300);
    change(m, 0, 300);
    weir__window_close(&m->windows[0]);
    cr_assert_not(m->windows[0].open);
    cr_assert_eq(m->meter.base, 600);
    cr_assert_eq(m->meter.level, 600);
    weir__window_release(&m->windows[0]);
    expect_all();
}

/* -- many contexts ------------------------------------------------------------------ */

/* The shortest of several rounds of slow operations by two threads at the peak, in ns. */
static uint64_t slow_round_ns(struct meter *m)
{
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < 10; round++) {
        uint64_t start = weir__os_time();
        for (int n = 0; n < 300; n++)
            change(m, n % 2, 8);
        uint64_t took = weir__os_time() - start;
        best = took < best ? took : best;
    }
    return best;
}

/* Closing windows, and spells with shared atomics, look at who works and not at all there are. */
Test(meter, slow_operations_cost_by_who_works)
{
    enum { MANY = 20000 };
    struct weir__meter *idle = calloc(MANY, sizeof *idle);
    uint64_t alone = slow_round_ns(&meters[3]);
    for (int i = 0; i < MANY; i++)
        weir__meter_init(&idle[i], &meters[0].meter, 0);
    uint64_t among_many = slow_round_ns(&meters[3]);
    cr_assert_lt(among_many, 20 * alone + 300000, "%zu ns, %zu without the others",
                 (size_t)among_many, (size_t)alone);
    for (int i = MANY; i--;) {
        weir__meter_retire(&idle[i], 0, 0);
        weir__meter_destroy(&idle[i]);
    }
    free(idle);
    expect_all();
}

/* -- limits ------------------------------------------------------------------------ */

static void limit_set(struct meter *m, int64_t limit)
{
    cr_assert(weir__meter_set_limit(&m->meter, (size_t)limit));
    cr_assert_eq(weir__meter_limit(&m->meter), (size_t)limit);
    m->truth.limit = limit ? limit : INT64_MAX;
}

Test(meter, a_limit_is_held_to_the_byte)
{
    limit_set(&meters[2], 1000);
    cr_assert(change(&meters[3], 0, 400));
    cr_assert(change(&meters[2], 1, 300));
    cr_assert(change(&meters[1], 2, 5000), "not below it");
    cr_assert_not(change(&meters[3], 1, 301));
    cr_assert(change(&meters[3], 1, 300), "unspent credit of others is no reason to refuse");
    cr_assert_not(change(&meters[2], 0, 1));
    cr_assert(change(&meters[2], 0, 0), "an empty block fits");
    cr_assert(change(&meters[3], 0, -400));
    cr_assert(change(&meters[2], 2, 400));
    expect_all();
}

Test(meter, a_limit_below_what_is_live_is_refused)
{
    change(&meters[3], 0, 500);
    cr_assert_not(weir__meter_set_limit(&meters[2].meter, 499));
    cr_assert_eq(weir__meter_limit(&meters[2].meter), 0);
    limit_set(&meters[2], 500);
    cr_assert_not(change(&meters[3], 0, 1));
    limit_set(&meters[2], 0);
    cr_assert(change(&meters[3], 0, 1));
    expect_all();
}

Test(meter, what_never_fits_is_known_at_once)
{
    limit_set(&meters[2], 1000);
    cr_assert(weir__meter_never_fits(&meters[3].meter, 1001));
    cr_assert_not(weir__meter_never_fits(&meters[3].meter, 1000));
    cr_assert_not(weir__meter_never_fits(&meters[1].meter, 1001));
    weir__meter_failed(&meters[3].meter);
    struct weir__meter_reading r;
    weir__meter_read(&meters[0].meter, &r);
    cr_assert_eq(r.failures, 1);
}

/* -- soft limits -------------------------------------------------------------------- */

static void soft_set(struct meter *m, int64_t bytes)
{
    weir__soft_set(&m->meter, bytes > 0 ? (size_t)bytes : 0);
    m->truth.soft = bytes > 0 ? bytes : INT64_MAX;
    cr_assert_eq(weir__soft_limit(&m->meter), bytes > 0 ? (size_t)bytes : 0);
}

Test(meter, each_crossing_of_a_soft_limit_is_noted_once)
{
    struct meter *m = &meters[2];
    soft_set(m, 1000);
    change(&meters[3], 0, 1000);
    cr_assert_eq(weir__soft_take(&m->meter), 0, "it is not above");
    change(m, 1, 1);
    cr_assert_eq(weir__soft_crossed, 1);
    cr_assert_eq(weir__soft_take(&m->meter), 1001);
    cr_assert_eq(weir__soft_take(&m->meter), 0);
    change(m, 2, 500);
    change(m, 1, -500);
    cr_assert_eq(weir__soft_take(&m->meter), 0, "it was above all the time");
    for (int n = 0; n < 1000; n++) {
        change(m, n % THREADS, n % 2 ? 1 : -1);
        cr_assert_eq(weir__soft_take(&m->meter), n % 2 ? 1001 : 0);
    }
    expect_all();
    cr_assert_eq(weir__soft_crossed, 0);
}

/* Blocks come and go far below it in windows that are open, and it is seen all the same. */
Test(meter, a_soft_limit_is_crossed_out_of_open_windows)
{
    struct meter *m = &meters[1];
    if (!weir__os_fence_available())
        return;
    soft_set(m, 100000);
    for (int round = 0; round < 50; round++) {
        uint64_t slow = slow_operations(m);
        for (int n = 0; n < 1000; n++)
            change(m, n % (round % THREADS + 1), n / THREADS % 2 ? -64 : 64);
        cr_assert(round < 5 || slow_operations(m) - slow < 500, "%zu of 1000",
                  (size_t)(slow_operations(m) - slow));
        int64_t up = 100001 - m->truth.live;
        change(m, round % THREADS, up);
        cr_assert_eq(weir__soft_take(&m->meter), 100001);
        change(m, (round + 1) % THREADS, -up);
    }
    cr_assert_eq(m->truth.crossings, 50);
    expect_all();
}

/* Above it the limit holds as ever, and what is refused crosses nothing. */
Test(meter, a_soft_limit_and_a_limit)
{
    struct meter *m = &meters[1];
    limit_set(m, 1000);
    soft_set(m, 800);
    cr_assert_not(change(m, 0, 1001));
    cr_assert_eq(weir__soft_take(&m->meter), 0);
    cr_assert(change(m, 0, 1000));
    cr_assert_eq(weir__soft_take(&m->meter), 1000);
    cr_assert_not(change(m, 1, 1));
    limit_set(m, 0);
    cr_assert(change(m, 1, 1));
    soft_set(m, 500);
    change(m, 1, -500);
    cr_assert_eq(weir__soft_take(&m->meter), 0, "it was above when the limit was set");
    change(m, 1, -1);
    change(m, 1, 1);
    cr_assert_eq(weir__soft_take(&m->meter), 501);
    soft_set(m, 0);
    change(m, 1, 100000);
    cr_assert_eq(weir__soft_take(&m->meter), 0);
    expect_all();
}

/* -- the whole life ---------------------------------------------------------------- */

Test(meter, a_meter_that_goes_takes_what_is_live_with_it)
{
    static struct weir__meter child;
    static struct weir__window w;
    struct weir__meter_reading r;
    weir__meter_init(&child, &meters[2].meter, 0);
    weir__window_attach(&w, &child, &meters[2].windows[0], &threads[0]);
    cr_assert(weir__meter_change(&w, 700, 1, 0));
    cr_assert(weir__meter_change(&w, 300, 1, 0));
    weir__window_detach(&w);
    weir__meter_retire(&child, 1000, 2);
    weir__meter_destroy(&child);
    weir__meter_read(&meters[0].meter, &r);
    cr_assert_eq(r.total, 0);
    cr_assert_eq(r.peak, 1000);
    cr_assert_eq(r.allocations, 2);
    cr_assert_eq(r.frees, 2);
    cr_assert(weir__meter_is_valid());
}

static struct meter *a_meter(uint64_t *random)
{
    return &meters[random_below(random, METERS)];
}

/* What seldom happens between operations. */
static void disturb(uint64_t *random)
{
    struct meter *m = a_meter(random);
    switch (random_below(random, 8)) {
    case 0:
        weir__meter_reset_peak(&m->meter);
        m->truth.peak = m->truth.live;
        break;
    case 1:
        if (m->is_observed)
            weir__meter_forget(&m->meter, &m->observer);
        else
            weir__meter_observe(&m->meter, &m->observer);
        m->is_observed = !m->is_observed;
        m->truth.observed = m->truth.live;
        break;
    case 2:
        limit_set(m, m->truth.live + (int64_t)random_below(random, 50000) + 1);
        break;
    case 3:
        limit_set(m, 0);
        break;
    case 4:
        weir__window_close(&m->windows[1]);
        weir__window_release(&m->windows[1]);
        break;
    case 5:
        soft_set(m, m->truth.live - 20000 + (int64_t)random_below(random, 40000));
        break;
    case 6:
        soft_set(m, 0);
        break;
    default:
        expect_truth(m);
    }
}

/* Spells of one thread and of several, small and large, rising and falling, read after
 * every operation or seldom. */
static void random_life(uint64_t seed, size_t disturbed, size_t looked)
{
    uint64_t random = seed;
    size_t share = 0, spells = 0;
    for (size_t n = 0; n < scaled(60000); n++) {
        if (n % 500 == 0)
            spells = random_next(&random);
        struct meter *m = spells & 1 ? &meters[3] : a_meter(&random);
        int t = spells & 2 ? 0 : (int)random_below(&random, THREADS);
        int64_t size = (int64_t)random_size(&random, spells & 4 ? 100 : 5000);
        bool rises = random_below(&random, 8) < (spells & 8 ? 5 : 3);
        /* blocks of all sizes are the same to a meter: any amount that is live may go */
        int64_t own = m->truth.live;
        for (int i = 0; i < METERS; i++)
            own -= meters[i].parent == m ? meters[i].truth.live : 0;
        if (rises || !own)
            change(m, t, size);
        else
            change(m, t, size ? -(size < own ? size : own) : -own);
        share += weir__meters_are_shared();
        if (disturbed && random_below(&random, disturbed) == 0)
            disturb(&random);
        if (random_below(&random, looked) == 0)
            expect_all();
    }
    expect_all();
    cr_assert(disturbed || share > 0, "never SHARED");
}

Test(meter, every_figure_is_right_after_every_operation)
{
    random_life(1, 0, 1);
}

Test(meter, every_figure_is_right_when_seldom_looked_at)
{
    random_life(2, 0, 500);
}

Test(meter, every_figure_is_right_among_resets_and_limits)
{
    random_life(3, 30, 50);
}

Test(meter, every_figure_is_right_long_after_a_disturbance)
{
    random_life(4, 2000, 700);
}

Test(meter, every_figure_is_right_among_soft_limits)
{
    for (int i = 0; i < METERS; i++)
        soft_set(&meters[i], 20000 * (i + 1));
    random_life(5, 5000, 500);
    uint64_t crossings = 0;
    for (int i = 0; i < METERS; i++)
        crossings += meters[i].truth.crossings;
    cr_assert_gt(crossings, scaled(5000) / 250, "%zu", (size_t)crossings);
}

/* -- threads ----------------------------------------------------------------------- */

struct worker {
    struct weir__window windows[2], above; /* at two children, and the root */
    int64_t live, most;                    /* of both */
    uint64_t operations, seed;
    size_t noted;
};

static bool work_is_done;

static void *work(void *argument)
{
    struct worker *w = argument;
    struct weir__peak_seen seen = {0};
    uint64_t random = w->seed;
    int64_t of[2] = {0};
    weir__window_attach(&w->above, &meters[0].meter, NULL, weir__thread_self());
    for (int i = 0; i < 2; i++)
        weir__window_attach(&w->windows[i], &meters[i + 1].meter, &w->above, weir__thread_self());
    for (size_t n = 0; n < scaled(30000); n++) {
        int i = (int)random_below(&random, 2);
        int64_t size = (int64_t)random_below(&random, 1000);
        bool more = of[i] == 0 || random_below(&random, 2);
        int64_t delta = more ? size : -(size < of[i] ? size : of[i]);
        cr_assert(weir__window_count(&w->windows[i], delta, more, !more) ||
                  weir__meter_change(&w->windows[i], delta, more, !more));
        of[i] += delta;
        w->live = of[0] + of[1];
        w->most = w->live > w->most ? w->live : w->most;
        w->operations++;
        if (n % 16 == 0)
            weir__meter_peak_rose(&meters[0].meter, &w->above, &seen);
    }
    w->noted = seen.peak;
    return NULL;
}

static void *look(void *unused)
{
    size_t peak = 0;
    while (!__atomic_load_n(&work_is_done, __ATOMIC_ACQUIRE)) {
        struct weir__meter_reading r;
        weir__meter_read(&meters[0].meter, &r);
        cr_assert_leq(r.total, r.peak);
        cr_assert_geq(r.peak, peak, "a peak does not fall");
        peak = r.peak;
        cr_assert(weir__meter_is_valid());
        cr_assert_geq(weir__meter_peak(&meters[0].meter), peak);
    }
    return unused;
}

Test(meter, threads_agree_at_the_end)
{
    static struct worker workers[4];
    pthread_t running[4], looking;
    struct weir__meter_reading r;
    int64_t live = 0, most = 0, least = 0;
    uint64_t operations = 0;
    cr_assert_eq(pthread_create(&looking, NULL, look, NULL), 0);
    for (int i = 0; i < 4; i++) {
        workers[i].seed = (uint64_t)i + 1;
        cr_assert_eq(pthread_create(&running[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(running[i], NULL);
        live += workers[i].live;
        most += workers[i].most;
        least = workers[i].most > least ? workers[i].most : least;
        operations += workers[i].operations;
    }
    __atomic_store_n(&work_is_done, true, __ATOMIC_RELEASE);
    pthread_join(looking, NULL);
    weir__meter_read(&meters[0].meter, &r);
    cr_assert_eq(r.total, (size_t)live);
    cr_assert_eq(r.allocations + r.frees, operations);
    cr_assert(r.peak >= (size_t)(live > least ? live : 0) && r.peak <= (size_t)most);
    for (int i = 0; i < 4; i++) {
        cr_assert(workers[i].noted > 0 && workers[i].noted <= r.peak, "a peak seen is a true peak");
        for (int j = 0; j < 2; j++)
            weir__window_detach(&workers[i].windows[j]);
        weir__window_detach(&workers[i].above);
    }
}

/* -- checking ------------------------------------------------------------------------------ */

#define WITH(field, wrong) EXPECT_FOUND(weir__meter_is_valid(), field, wrong)

Test(meter, any_wrong_field_is_found)
{
    struct weir__meter *root = &meters[0].meter, *child = &meters[2].meter;
    struct weir__window *w = &meters[3].windows[1];
    cr_assert(weir__meter_is_valid());
    WITH(root->level, root->level + 1);
    WITH(root->base, root->base + 1);
    WITH(root->nopen, root->nopen + 1);
    WITH(root->bound, root->level - 1);
    WITH(root->ceiling, root->peak + 1);
    WITH(child->parent, &meters[3].meter);
    WITH(w->meter, root);
    WITH(w->up, &meters[1].windows[1]);
    WITH(meters[0].windows[0].top, w);
}
