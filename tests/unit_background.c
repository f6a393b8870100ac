/*
 * The background thread looks whatever happens to the time of day, and reports no misuse: that
 * is for a thread of the program that holds no lock of weir's. The time of day is made up: this
 * program's own clock_gettime runs an hour ahead of what timed waits go by.
 *
 * Fails before: "alloc: no misuse is reported with the context lock held".
 */
#include "pool/late_misuse.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <weir/pool.h>
#include <weir/weir.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    time->tv_sec += clock == CLOCK_REALTIME ? 3600 : 0;
    return result;
}

static int reports; /* atomic */
static pthread_t reporter;

static void *other_thread(void *made)
{
    *(weir_allocator **)made = weir_allocator_create(NULL);
    return NULL;
}

/* Another thread takes the context lock meanwhile. */
static void on_misuse(weir_misuse misuse, const void *pointer, const char *label, void *user)
{
    (void)misuse, (void)pointer, (void)label, (void)user;
    pthread_t thread;
    weir_allocator *made = NULL;
    reporter = pthread_self();
    cr_assert_eq(pthread_create(&thread, NULL, other_thread, &made), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(weir_allocator_destroy(made), 0);
    __atomic_add_fetch(&reports, 1, __ATOMIC_RELEASE);
}

static size_t cached(void)
{
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(weir_cpu_allocator(), &s), 0);
    return s.cached;
}

static void use(void)
{
    void *blocks[200];
    for (size_t i = 0; i < 200; i++)
        blocks[i] = weir_allocate(weir_cpu_allocator(), 1000);
    for (size_t i = 0; i < 200; i++)
        weir_deallocate(weir_cpu_allocator(), blocks[i]);
}

static bool falls_to_nothing(void)
{
    for (int i = 0; i < 500 && cached(); i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    return cached() == 0;
}

Test(background, looks_though_the_time_of_day_was_set_back, .timeout = 20)
{
    use();
    cr_assert_gt(cached(), 0);
    cr_assert_eq(weir_background_start(20), 0);
    cr_assert(falls_to_nothing());
    weir_background_stop();
}

static int block_visit(const weir_block *block, void *user)
{
    (void)block;
    weir_trim(weir_cpu_allocator());
    return *(int *)user = 1;
}

Test(background, misuse_is_reported_on_a_thread_of_the_program_with_no_lock_held, .timeout = 20)
{
    static char block[64];
    int visited = 0;
    weir_set_misuse_handler(on_misuse, NULL);
    use();
    weir__late_misuse_note(&(struct weir__late_misuse){.what = WEIR_MISUSE_DOUBLE_FREE,
                                                       .block = block,
                                                       .owner = weir_cpu_allocator()});
    cr_assert_eq(weir_background_start(20), 0);
    cr_assert(falls_to_nothing());
    weir_background_stop();
    cr_assert_eq(reports, 0, "reported by the background thread");
    weir_trim(weir_cpu_allocator());
    cr_assert_eq(reports, 1, "not reported");
    void *live = weir_allocate(weir_cpu_allocator(), 20000);
    weir__late_misuse_note(&(struct weir__late_misuse){.what = WEIR_MISUSE_DOUBLE_FREE,
                                                       .block = block,
                                                       .owner = weir_cpu_allocator()});
    weir_allocator_walk(weir_cpu_allocator(), block_visit, &visited);
    cr_assert_eq(visited, 1);
    cr_assert_eq(reports, 1, "reported within a visitor");
    weir_trim(weir_cpu_allocator());
    cr_assert_eq(reports, 2);
    cr_assert(pthread_equal(reporter, pthread_self()));
    weir_deallocate(weir_cpu_allocator(), live);
}
