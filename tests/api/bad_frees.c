/*
 * Every bad free, by every call that frees, on every kind of allocator: it is reported once, on the
 * thread that made it, with its pointer, and nothing changes. And the handler (error.h): it is
 * called with no lock of weir held, so that other threads can do everything meanwhile.
 */
#include "../helpers/promise.h"

#include <unistd.h>
#include <weir/weir.h>

/* -- who is called ---------------------------------------------------------------------- */

static struct {
    unsigned calls, elsewhere;
    weir_misuse what;
    const void *pointer;
    pthread_t expected; /* the thread of the bad call */
} report;

static void report_hear(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)line, (void)user;
    report.calls++;
    report.elsewhere += !pthread_equal(pthread_self(), report.expected);
    report.what = what;
    report.pointer = pointer;
}

/* -- what is done wrong ----------------------------------------------------------------- */

/* How a block is freed. Sizes are as they were asked for: it is the pointer that is bad. */
typedef void free_call(weir_allocator *a, void *block, size_t size);

static void by_deallocate(weir_allocator *a, void *block, size_t size)
{
    (void)size;
    weir_deallocate(a, block);
}

static void by_sized(weir_allocator *a, void *block, size_t size)
{
    weir_deallocate_sized(a, block, size);
}

static void by_reallocate(weir_allocator *a, void *block, size_t size)
{
    void *moved = weir_reallocate(a, block, size + 5000);
    cr_expect_null(moved, "a bad pointer was resized");
}

static free_call *const calls[] = {by_deallocate, by_sized, by_reallocate};
static const char *const call_names[] = {"weir_deallocate", "weir_deallocate_sized",
                                         "weir_reallocate"};

/* Commits it and looks: once, of this pointer, called what error.h calls it. */
static void commit(weir_allocator *a, void *bad, size_t size, int call, weir_misuse kind,
                   const char *what)
{
    weir_stats before = stats_of(a), after;
    report.calls = report.elsewhere = 0;
    report.expected = pthread_self();
    calls[call](a, bad, size);
    after = stats_of(a);
    cr_expect_eq(report.calls, 1, "%s, %s: %u reports", what, call_names[call], report.calls);
    cr_expect_eq(report.elsewhere, 0, "%s, %s: on another thread", what, call_names[call]);
    cr_expect_eq(report.pointer, bad, "%s, %s: of %p", what, call_names[call], report.pointer);
    cr_expect_eq(report.what, kind, "%s, %s: called a %s", what, call_names[call],
                 weir_misuse_name(report.what));
    expect_unchanged(&before, &after, what);
}

static void commit_all(weir_allocator *a, const char *who, size_t size, int call)
{
    static char foreign[256] __attribute__((aligned(64)));
    char what[128];
    weir_allocator *other = weir_allocator_create(NULL);
    char *block = weir_allocate(a, size), *gone = weir_allocate(a, size);
    void *others = weir_allocate(other, size);
    cr_assert(block && gone && others);
    weir_deallocate(a, gone);
    snprintf(what, sizeof what, "%s, %zu bytes, double free", who, size);
    commit(a, gone, size, call, WEIR_MISUSE_DOUBLE_FREE, what);
    snprintf(what, sizeof what, "%s, %zu bytes, interior pointer", who, size);
    commit(a, block + 16, size, call, WEIR_MISUSE_INTERIOR_POINTER, what);
    snprintf(what, sizeof what, "%s, foreign pointer", who);
    commit(a, foreign + 64, size, call, WEIR_MISUSE_FOREIGN_POINTER, what);
    snprintf(what, sizeof what, "%s, %zu bytes, block of another", who, size);
    commit(a, others, size, call, WEIR_MISUSE_OTHER_ALLOCATOR, what);
    cr_expect_eq(weir_requested_size(other, others), size, "%s: another's block was freed", who);
    weir_deallocate(a, block);
    weir_allocator_destroy(other);
}

static void commit_sizes(weir_allocator *a, const char *who)
{
    static const size_t sizes[] = {24, 600, 20000, 100 * KIB, 3 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int call = 0; call < 3; call++)
            commit_all(a, who, sizes[i], call);
    expect_empty(a, who);
}

static void commit_in_source(weir_source source, const char *who)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.source = source});
    if (a)
        commit_sizes(a, who);
    cr_assert(a || errno == ENOTSUP);
}

Test(bad_frees, on_every_kind_of_allocator)
{
    struct provider provider;
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_set_misuse_handler(report_hear, NULL);
    provider_make(&provider, NULL);
    commit_sizes(cpu(), "cpu");
    commit_sizes(pool, "pool");
    commit_sizes(provider.allocator, "functions");
    cr_expect_eq(atomic_load(&provider.live), 0);
    commit_in_source(WEIR_SOURCE_POOL, "context");
    commit_in_source(WEIR_SOURCE_BACKING, "backing");
    commit_in_source(WEIR_SOURCE_MALLOC, "malloc");
}

/* What went back to the system may not be known any more (error.h); it is found all the same. */
Test(bad_frees, after_a_trim)
{
    static const size_t sizes[] = {24, 600, 20000, 100 * KIB, 3 * MIB};
    weir_set_misuse_handler(report_hear, NULL);
    report.expected = pthread_self();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *gone = weir_allocate(cpu(), sizes[i]);
        weir_deallocate(cpu(), gone);
        weir_trim(cpu());
        weir_stats before = stats_of(cpu());
        report.calls = 0;
        weir_deallocate(cpu(), gone);
        weir_stats after = stats_of(cpu());
        expect_unchanged(&before, &after, "after a trim");
        cr_expect_eq(report.calls, 1);
        cr_expect(report.what == WEIR_MISUSE_DOUBLE_FREE ||
                      report.what == WEIR_MISUSE_FOREIGN_POINTER,
                  "%zu bytes: called a %s", sizes[i], weir_misuse_name(report.what));
    }
}

Test(bad_frees, on_devices)
{
    static const weir_device_mode modes[] = {WEIR_DEVICE_EXPANDABLE, WEIR_DEVICE_SEGMENTS};
    weir_set_misuse_handler(report_hear, NULL);
    for (int i = 0; i < 2; i++) {
        weir_allocator *a = weir_device_allocator_create(
            weir_device_host_table_create("d", 64 * MIB), &(weir_device_options){.mode = modes[i]});
        cr_assert_not_null(a);
        commit_sizes(a, "device");
        cr_expect_eq(weir_allocator_destroy(a), 0);
    }
}

Test(bad_frees, on_the_allocator_of_an_arena)
{
    weir_arena *arena = weir_arena_create(NULL);
    weir_set_misuse_handler(report_hear, NULL);
    commit_sizes(weir_arena_allocator(arena), "arena");
    cr_expect_eq(weir_arena_destroy(arena), 0);
    expect_empty(cpu(), "the arena's chunks");
}

/* -- destroyed allocators --------------------------------------------------------------- */

Test(bad_frees, on_a_destroyed_allocator)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_set_misuse_handler(report_hear, NULL);
    report.expected = pthread_self();
    void *small = weir_allocate(a, 100), *large = weir_allocate(a, MIB);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    weir_stats before = stats_of(cpu());
    weir_deallocate(a, small);
    weir_deallocate_sized(a, large, MIB);
    cr_expect_null(weir_reallocate(a, small, 300));
    cr_expect_null(weir_allocate(a, 100));
    cr_expect_null(weir_allocate_zeroed(a, 100, 100));
    cr_expect_eq(report.calls, 5, "%u reports of 5", report.calls);
    cr_expect_eq(report.what, WEIR_MISUSE_DESTROYED_ALLOCATOR);
    cr_expect_eq(report.elsewhere, 0);
    weir_stats after = stats_of(cpu());
    expect_unchanged(&before, &after, "a destroyed allocator");
    weir_deallocate(cpu(), small);
    cr_expect_eq(report.calls, 6, "a block that went with its allocator was freed above it");
    after = stats_of(cpu());
    expect_unchanged(&before, &after, "a block of a destroyed allocator");
}

/* -- no lock is held -------------------------------------------------------------------- */

/* What another thread does while the handler waits for it. */
static void *everything_run(void *done)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator *a = weir_allocator_create(NULL);
    weir_allocator *b = weir_allocator_create(&(weir_allocator_options){.parent = a});
    void *small = weir_allocate(cpu(), 64), *large = weir_allocate(b, 2 * MIB);
    weir_deallocate(cpu(), weir_reallocate(cpu(), small, 3 * MIB));
    weir_deallocate(b, large);
    weir_deallocate(pool, weir_allocate(pool, 4096));
    weir_tag_intern("while the handler waits");
    weir_checkpoint(NULL);
    stats_of(cpu());
    weir_trim(cpu());
    weir_trim(a);
    weir_allocator_destroy(b);
    weir_allocator_destroy(a);
    weir_allocator_destroy(pool);
    weir_set_limit(cpu(), 0);
    atomic_store((atomic_bool *)done, true);
    return NULL;
}

static struct {
    atomic_uint calls, stuck;
} waits;

static void wait_for_everything(weir_misuse what, const void *pointer, const char *line, void *user)
{
    static atomic_bool done[64];
    unsigned number = atomic_fetch_add(&waits.calls, 1);
    pthread_t thread;
    (void)what, (void)pointer, (void)line, (void)user;
    if (number >= 64 || atomic_load(&waits.stuck) ||
        pthread_create(&thread, NULL, everything_run, &done[number]) != 0)
        return;
    for (double end = seconds_now() + HANG_SECONDS;
         seconds_now() < end && !atomic_load(&done[number]);)
        nanosleep(&(struct timespec){0, 100000}, NULL);
    if (!atomic_load(&done[number]))
        atomic_fetch_add(&waits.stuck, 1);
    else
        pthread_join(thread, NULL);
}

static void expect_no_wait(const char *what)
{
    if (atomic_load(&waits.stuck)) {
        weir_set_misuse_handler(NULL, NULL);
        cr_log_error("%s: another thread waits for a lock that the handler's caller holds", what);
        _exit(1);
    }
    cr_expect_gt(atomic_load(&waits.calls), 0, "%s: the handler was not called", what);
}

Test(bad_frees, call_the_handler_with_no_lock)
{
    static const size_t sizes[] = {24, 20000, 3 * MIB, 200 * MIB};
    weir_set_misuse_handler(wait_for_everything, NULL);
    for (int i = 0; i < 4; i++) {
        char *block = weir_allocate(cpu(), sizes[i]);
        weir_allocator *other = weir_allocator_create(NULL);
        weir_deallocate(other, block);
        weir_deallocate(cpu(), block + 16);
        weir_deallocate(cpu(), block);
        weir_deallocate(cpu(), block);
        weir_allocator_destroy(other);
        weir_allocate(other, 10);
        expect_no_wait("a bad free");
    }
    cr_expect_eq(atomic_load(&waits.calls), 16);
}

/* -- found later ------------------------------------------------------------------------ */

/* Two threads free each of `batch` at one instant; who finds it is a third, in a trim or in weir's
 * own thread. */
enum { BATCH = 100 };
static struct {
    void *batch[BATCH];
    struct meeting all, both;
    bool quit;
    atomic_uint calls;
} late;

static void *late_run(void *unused)
{
    (void)unused;
    for (;;) {
        meet(&late.all);
        if (late.quit)
            return NULL;
        for (int i = 0; i < BATCH; i++) {
            meet(&late.both);
            weir_deallocate(cpu(), late.batch[i]);
        }
        meet(&late.all);
        meet(&late.all);
        weir_deallocate(cpu(), weir_allocate(cpu(), 30000));
        meet(&late.all);
    }
}

static void late_hear(weir_misuse what, const void *pointer, const char *line, void *user)
{
    atomic_fetch_add(&late.calls, 1);
    if (user)
        wait_for_everything(what, pointer, line, NULL);
}

static void trim_now(void)
{
    weir_trim(cpu());
}

/* weir's own thread empties the caches of threads that do nothing. */
static void look_away(void)
{
    nanosleep(&(struct timespec){0, 300000000}, NULL);
}

static unsigned late_rounds(double seconds, void (*find)(void))
{
    pthread_t threads[2];
    unsigned rounds = 0;
    late.all.parties = 3;
    late.both.parties = 2;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, late_run, NULL), 0);
    for (double end = seconds_now() + seconds; seconds_now() < end; rounds++) {
        for (int i = 0; i < BATCH; i++)
            cr_assert_not_null(late.batch[i] = weir_allocate(cpu(), 128));
        meet(&late.all);
        meet(&late.all);
        find();
        meet(&late.all);
        meet(&late.all);
    }
    late.quit = true;
    meet(&late.all);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return rounds;
}

static void late_expect(unsigned rounds)
{
    cr_expect_eq(atomic_load(&late.calls), rounds * BATCH, "%u second frees, %u reports",
                 rounds * BATCH, atomic_load(&late.calls));
    expect_empty(cpu(), "after the last trim");
}

Test(bad_frees, found_by_a_trim_are_reported_once)
{
    weir_set_misuse_handler(late_hear, NULL);
    late_expect(late_rounds(2, trim_now));
}

Test(bad_frees, found_by_a_trim_hold_no_lock)
{
    weir_set_misuse_handler(late_hear, &late);
    late_expect(late_rounds(1, trim_now));
    expect_no_wait("a free found later");
}

Test(bad_frees, found_by_weirs_own_thread_hold_no_lock)
{
    weir_set_misuse_handler(late_hear, &late);
    cr_assert_eq(weir_background_start(20), 0);
    unsigned rounds = late_rounds(2.5, look_away);
    weir_background_stop();
    weir_trim(cpu());
    late_expect(rounds);
    expect_no_wait("a free found by weir's own thread");
}
