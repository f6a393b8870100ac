/*
 * The background thread looks whatever happens to the time of day, and reports no misuse: that
 * is for a thread of the program that holds no lock of weir's. The time of day is made up: this
 * program's own clock_gettime runs an hour ahead of what timed waits go by.
 *
 * Fails before: "alloc: no misuse is reported with the context lock held".
 */
#include "pool/late_misuse.h"

#include "../helpers/stress.h"

#include <sys/syscall.h>
#include <time.h>
#include <weir/background.h>

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
    STRESS_EXPECT(pthread_create(&thread, NULL, other_thread, &made) == 0, "no thread");
    pthread_join(thread, NULL);
    STRESS_EXPECT(weir_allocator_destroy(made) == 0, "not destroyed");
    __atomic_add_fetch(&reports, 1, __ATOMIC_RELEASE);
}

static int seen(void)
{
    return __atomic_load_n(&reports, __ATOMIC_ACQUIRE);
}

static size_t cached(void)
{
    weir_stats s = {.size = sizeof s};
    STRESS_EXPECT(weir_stats_get(weir_cpu_allocator(), &s) == 0, "no figures");
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

static void misuse_found(void)
{
    static uint64_t block[8];
    weir__late_misuse_keep(&(struct weir__late_misuse){
        .what = WEIR_MISUSE_CORRUPTION, .block = block, .owner = weir_cpu_allocator()});
}

static bool child_visit(weir_allocator *child, void *visited)
{
    weir_trim(child);
    *(int *)visited = 1;
    return true;
}

int main(void)
{
    int visited = 0;
    alarm(HANG_SECONDS);
    weir_set_misuse_handler(on_misuse, NULL);
    use();
    misuse_found();
    STRESS_EXPECT(cached() > 0 && weir_background_start(20) == 0, "nothing to look at");
    for (int i = 0; i < 100 * HANG_SECONDS && cached(); i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    STRESS_EXPECT(cached() == 0, "it does not look");
    weir_background_stop();
    STRESS_EXPECT(seen() == 0, "reported by the background thread");
    weir_trim(weir_cpu_allocator());
    STRESS_EXPECT(seen() == 1, "%d reports", seen());
    weir_allocator_options options = {.parent = weir_cpu_allocator()};
    weir_allocator *child = weir_allocator_create(&options);
    misuse_found();
    weir_allocator_walk_children(weir_cpu_allocator(), child_visit, &visited);
    STRESS_EXPECT(visited && seen() == 1, "reported within a visitor");
    weir_trim(weir_cpu_allocator());
    STRESS_EXPECT(seen() == 2, "%d reports", seen());
    STRESS_EXPECT(pthread_equal(reporter, pthread_self()), "by another thread");
    return weir_allocator_destroy(child);
}
