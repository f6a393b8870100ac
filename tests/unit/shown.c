/*
 * track/shown.h: what another process reads of a meter. Windows of made-up threads are driven
 * from one thread, some with a tally in sight and some without, so that after every
 * operation the truth is known; the words are summed as the header says, and must come to
 * it: in all phases, through attaching, detaching, resets, limits and forks.
 */
#include "../helpers/core.h"
#include "../helpers/suite.h"
#include "os/fence.h"
#include "os/locks.h"
#include "track/count.h"
#include "track/meter.h"
#include "track/reading.h"
#include "track/shared.h"

enum { WINDOWS = 6, SEEN = 4 }; /* the last two have no tally in sight */

static struct weir__meter meter;
static struct weir__window windows[WINDOWS];
static bool attached[WINDOWS];
static char threads[WINDOWS]; /* their addresses are the threads' identities */
static struct weir__shown first_shown, *shown = &first_shown;
static uint32_t number; /* the latest */

static struct truth {
    int64_t live, peak, limit;
    uint64_t allocations, frees, failures, bytes;
} truth;

static unsigned solo_seen, credit_seen, shared_seen;

static void attach(int t)
{
    memset(&windows[t], 0, sizeof windows[t]);
    windows[t].number = t < SEEN ? ++number : 0;
    weir__window_attach(&windows[t], &meter, NULL, &threads[t]);
    attached[t] = true;
}

/* As preload/image.c does: what the tally said is `other`, so it goes. */
static void detach(int t)
{
    weir__window_detach(&windows[t]);
    attached[t] = false;
    if (!windows[t].number)
        return;
    cr_assert_eq(shown->moving, 1, "a reader is told not to trust it");
    memset(&windows[t], 0, WEIR__LINE);
    shown->moving = 0;
}

static void shown_make(void)
{
    weir__meter_init(&meter, NULL, 0);
    weir__shown_begin(&meter, shown);
    for (int t = 0; t < WINDOWS; t++)
        attach(t);
    truth.limit = INT64_MAX;
}

static void shown_unmake(void)
{
    for (int t = 0; t < WINDOWS; t++)
        if (attached[t])
            weir__window_detach(&windows[t]);
    weir__meter_retire(&meter, 0, 0);
    weir__meter_destroy(&meter);
}

TestSuite(shown, .init = shown_make, .fini = shown_unmake);

/* -- reading ------------------------------------------------------------------------ */

struct seen {
    int64_t live, peak;
    uint64_t allocations, frees;
};

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The words alone, and of a window its tally alone. */
static struct seen look(void)
{
    struct seen s = {.live = shown->other_bytes,
                     .allocations = shown->other_allocated,
                     .frees = shown->other_freed};
    int64_t high = 0;
    for (int t = 0; t < WINDOWS; t++) {
        struct weir__tally tally;
        memcpy(&tally, &windows[t], sizeof tally);
        if (!attached[t] || !windows[t].number)
            continue;
        s.live += tally.taken - tally.given + tally.slow;
        s.allocations += tally.allocating / 2;
        s.frees += tally.freeing / 2;
        if (shown->solo == windows[t].number)
            high = shown->solo_offset + tally.hi;
    }
    s.peak = greater(greater(shown->peak, shown->shared_peak), greater(s.live, high));
    return s;
}

static void expect_shown(const char *when)
{
    struct seen s = look();
    cr_assert_eq(s.live, truth.live, "%s: live %zd, not %zd", when, (ssize_t)s.live,
                 (ssize_t)truth.live);
    cr_assert_eq(s.peak, truth.peak, "%s: peak %zd, not %zd", when, (ssize_t)s.peak,
                 (ssize_t)truth.peak);
    cr_assert_eq(s.allocations, truth.allocations, "%s", when);
    cr_assert_eq(s.frees, truth.frees, "%s", when);
    cr_assert_eq(shown->failures, truth.failures, "%s", when);
    cr_assert_eq(shown->moving, 0, "%s", when);
}

static void expect_meter(void)
{
    struct weir__meter_reading r;
    weir__meter_read(&meter, &r);
    cr_assert_eq(r.total, (size_t)truth.live);
    cr_assert_eq(r.peak, (size_t)truth.peak);
    cr_assert_eq(r.allocations, truth.allocations);
    cr_assert_eq(r.frees, truth.frees);
    cr_assert_eq(r.failures, truth.failures);
    cr_assert_eq(r.bytes, truth.bytes);
    cr_assert(weir__meter_is_valid());
    expect_shown("the meter was read");
}

/* -- changing ------------------------------------------------------------------------ */

static void change(int t, int64_t delta)
{
    struct weir__window *w = &windows[t];
    bool more = delta >= 0, fits = delta <= 0 || truth.live + delta <= truth.limit;
    bool done =
        weir__window_count(w, delta, more, !more) || weir__meter_change(w, delta, more, !more);
    cr_assert_eq(done, fits);
    if (done) {
        truth.live += delta;
        truth.bytes += more ? (uint64_t)delta : 0;
        truth.allocations += more;
        truth.frees += !more;
        truth.peak = greater(truth.peak, truth.live);
    } else {
        weir__meter_failed(&meter);
        truth.failures++;
    }
    unsigned open = 0;
    for (int i = 0; i < WINDOWS; i++)
        open += attached[i] && windows[i].open;
    solo_seen += shown->solo != 0;
    credit_seen += open > 1;
    shared_seen += weir__meters_are_shared();
    expect_shown("an operation");
}

static void limit_set(int64_t limit)
{
    cr_assert(weir__meter_set_limit(&meter, (size_t)limit));
    truth.limit = limit ? limit : INT64_MAX;
}

static void peak_reset(void)
{
    weir__meter_reset_peak(&meter);
    truth.peak = truth.live;
    expect_shown("the peak was reset");
}

/* The child's side of a fork, of thread t: its tally is a new one, others have none. What the
 * parent's memory says stays as it is. */
static void forked(int t, struct weir__shown *child)
{
    struct weir__shown before;
    weir__locks_fork_take();
    weir__meter_fork_prepare();
    before = *shown;
    for (int i = 0; i < WINDOWS; i++) {
        memset(&windows[i], 0, WEIR__LINE);
        windows[i].number = i == t ? ++number : 0;
    }
    weir__shown_forked(&meter, child);
    weir__meter_fork_done();
    weir__locks_fork_drop();
    cr_assert_eq(memcmp(&before, shown, sizeof before), 0, "the parent's words are left alone");
    shown = child;
    expect_shown("a fork");
    for (int i = 0; i < WINDOWS; i++)
        if (i != t && attached[i]) {
            weir__window_detach(&windows[i]);
            attached[i] = false;
        }
    expect_shown("the threads that are not in the child are gone");
}

/* -- one thing at a time ---------------------------------------------------------------- */

Test(shown, alone_above_the_peak)
{
    if (!weir__os_fence_available())
        return;
    for (int n = 0; n < 3000; n++)
        change(0, n % 3 < 2 ? 100 : -100);
    cr_assert_eq(shown->solo, windows[0].number);
    cr_assert(shown->peak < truth.peak, "the mark is in the window still");
    change(1, 8);
    cr_assert_eq(truth.peak, look().peak);
    expect_meter();
}

Test(shown, a_second_thread_takes_over)
{
    change(0, 50000);
    change(0, -40000);
    change(1, 100);
    for (int n = 0; n < 2000; n++)
        change(1, n % 2 ? -300 : 300);
    change(1, 90000);
    change(1, -90000);
    change(0, 1);
    expect_meter();
}

Test(shown, who_has_no_tally_is_counted_as_other)
{
    for (int n = 0; n < 500; n++)
        change(SEEN, n % 4 < 3 ? 64 : -64);
    cr_assert_neq(shown->other_bytes, 0);
    cr_assert_not(windows[SEEN].open, "its figures would be missed");
    expect_meter();
}

Test(shown, shared)
{
    for (int n = 0; n < 40000 && !weir__meters_are_shared(); n++)
        change(n % 2, 8);
    cr_assert(weir__meters_are_shared());
    for (int n = 0; n < 5000; n++)
        change(n % WINDOWS, n % 5 < 4 ? 40 : -40);
    expect_meter();
}

Test(shown, a_thread_that_ends_leaves_nothing_out)
{
    for (int n = 0; n < 200; n++)
        change(n % 3, 100);
    for (int t = 0; t < 3; t++) {
        detach(t);
        expect_shown("a thread ended");
    }
    attach(0);
    change(0, -100);
    expect_meter();
}

Test(shown, begins_in_the_middle)
{
    static struct weir__shown later;
    for (int n = 0; n < 300; n++)
        change(n % WINDOWS, n % 3 < 2 ? 70 : -70);
    weir__shown_begin(&meter, &later);
    shown = &later;
    expect_shown("shown elsewhere");
    change(0, 10);
    change(SEEN, 10);
    expect_meter();
}

Test(shown, a_reset_peak_starts_from_what_is_live)
{
    change(0, 1000);
    change(0, -900);
    peak_reset();
    change(0, 50);
    change(1, 10);
    cr_assert_eq(truth.peak, 160);
    expect_meter();
}

Test(shown, a_fork_counts_on_where_it_was)
{
    static struct weir__shown child;
    for (int n = 0; n < 1000; n++)
        change(n % WINDOWS, n % 3 < 2 ? 70 : -70);
    forked(1, &child);
    for (int n = 0; n < 100; n++)
        change(1, 30);
    attach(2);
    change(2, -500);
    expect_meter();
}

/* -- everything --------------------------------------------------------------------------- */

static int a_thread(uint64_t *random)
{
    int t;
    do
        t = (int)random_below(random, WINDOWS);
    while (!attached[t]);
    return t;
}

static void disturb(uint64_t *random)
{
    static struct weir__shown children[2];
    static unsigned forks;
    int t = (int)random_below(random, WINDOWS);
    switch (random_below(random, 10)) {
    case 0:
        peak_reset();
        break;
    case 1:
        limit_set(truth.live + (int64_t)random_below(random, 50000) + 1);
        break;
    case 2:
        limit_set(0);
        break;
    case 3:
        forked(a_thread(random), &children[forks++ % 2]);
        break;
    case 4:
        weir__window_close(&windows[t = a_thread(random)]);
        expect_shown("a window was closed");
        weir__window_release(&windows[t]);
        break;
    case 5:
        expect_meter();
        break;
    case 6:
        if (attached[t] && a_thread(random) != t) /* one is left */
            detach(t);
        expect_shown("a thread ended");
        break;
    default:
        if (!attached[t])
            attach(t);
        expect_shown("a thread began");
    }
}

/* Spells of one thread and of several, rising and falling; `disturbed`: once in so many. */
static void random_life(uint64_t seed, size_t disturbed)
{
    uint64_t random = seed;
    size_t spell = 0;
    for (size_t n = 0; n < scaled(200000); n++) {
        if (n % 500 == 0)
            spell = random_next(&random);
        int t = spell & 1 && attached[0] ? 0 : a_thread(&random);
        int64_t size = (int64_t)random_size(&random, spell & 2 ? 100 : 5000);
        bool rises = random_below(&random, 8) < (spell & 4 ? 5 : 3);
        if (rises || !truth.live)
            change(t, size);
        else
            change(t, size && size < truth.live ? -size : -truth.live);
        if (disturbed && random_below(&random, disturbed) == 0)
            disturb(&random);
    }
    expect_meter();
}

Test(shown, is_true_after_every_operation)
{
    random_life(1, 0);
    cr_assert(shared_seen > 0, "never SHARED");
    if (weir__os_fence_available())
        cr_assert(solo_seen > 0 && credit_seen > 0, "all phases");
}

Test(shown, is_true_among_everything_that_disturbs)
{
    random_life(2, 30);
}

Test(shown, is_true_long_after_a_disturbance)
{
    random_life(3, 3000);
    if (weir__os_fence_available())
        cr_assert(solo_seen > 0 && credit_seen > 0, "phases");
}
