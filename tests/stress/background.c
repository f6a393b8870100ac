/*
 * The background thread beside threads that work: it looks every millisecond, and any of them
 * starts and stops it, trims, falls silent for a while, makes and destroys contexts, and forks.
 * What the blocks hold and what the figures say stays exact; at the end no thread is left.
 */
#include "../helpers/stress.h"

#include <dirent.h>
#include <sys/wait.h>
#include <time.h>
#include <weir/background.h>

enum { HELD = 64, SECONDS_MOST = HANG_SECONDS };

struct own {
    weir_allocator *a;
    void *held[HELD];
    size_t sizes[HELD], total;
    uint64_t random;
};

#ifdef __SANITIZE_THREAD__
/* jemalloc takes more locks before a fork than the detector has room for, and dies of it. It
 * would see little: weir's own locks are no mutexes to it. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "detect_deadlocks=0";
}
#endif

static size_t rounds, forks; /* forks: atomic */

static void own_use(struct own *o, size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        size_t at = random_below(&o->random, HELD), size = 1 + random_size(&o->random, 200000);
        if (o->held[at])
            STRESS_EXPECT(pattern_holds(o->held[at], o->sizes[at], o->sizes[at], at),
                          "%zu bytes overwritten", o->sizes[at]);
        weir_deallocate(o->a, o->held[at]);
        o->total -= o->sizes[at];
        o->held[at] = weir_allocate(o->a, size);
        STRESS_EXPECT(o->held[at], "no memory");
        pattern_write(o->held[at], size, at);
        o->sizes[at] = size;
        o->total += size;
    }
    size_t live = weir_total_allocated(o->a);
    STRESS_EXPECT(live == o->total, "%zu bytes live, should be %zu", live, o->total);
}

static void own_end(struct own *o)
{
    for (size_t i = 0; i < HELD; i++) {
        weir_deallocate(o->a, o->held[i]);
        o->held[i] = NULL;
        o->sizes[i] = 0;
    }
    o->total = 0;
    STRESS_EXPECT(weir_total_allocated(o->a) == 0, "bytes left");
    STRESS_EXPECT(weir_allocator_destroy(o->a) == 0, "not destroyed");
}

static void own_begin(struct own *o)
{
    static const weir_source sources[] = {WEIR_SOURCE_POOL, WEIR_SOURCE_POOL, WEIR_SOURCE_MALLOC};
    o->a = weir_allocator_create(
        &(weir_allocator_options){.source = sources[random_below(&o->random, 3)]});
    STRESS_EXPECT(o->a, "no context");
}

/* In the child: no thread but this one, whatever the background thread was doing. */
static void child_life(struct own *o)
{
    alarm(SECONDS_MOST);
    weir_background_stop();
    own_use(o, 50);
#ifndef __SANITIZE_THREAD__ /* which ends a child of several threads that starts one */
    STRESS_EXPECT(weir_background_start(1) == 0, "not started in a child");
    own_use(o, 50);
#endif
    weir_trim(weir_cpu_allocator());
    own_end(o);
    weir_background_stop();
    _exit(0);
}

static void fork_once(struct own *o)
{
    pid_t child = fork();
    STRESS_EXPECT(child >= 0, "no child");
    if (child == 0)
        child_life(o);
    int status = 0;
    STRESS_EXPECT(waitpid(child, &status, 0) == child && status == 0, "the child: status %d",
                  status);
    __atomic_add_fetch(&forks, 1, __ATOMIC_RELAXED);
}

static void *life(void *number)
{
    struct own o = {.random = stress.seed * 1013 + (uintptr_t)number};
    own_begin(&o);
    for (size_t i = 0; i < rounds; i++) {
        own_use(&o, 100);
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), i % 100000));
        uint64_t what = random_below(&o.random, 64);
        if (what < 12) {
            STRESS_EXPECT(weir_background_start(1 + (unsigned)(what % 3)) == 0, "not started");
        } else if (what < 20) {
            weir_background_stop();
        } else if (what < 24) {
            weir_trim(what < 22 ? o.a : weir_cpu_allocator());
        } else if (what < 28) {
            own_end(&o);
            own_begin(&o);
        } else if (what < 32) {
            nanosleep(&(struct timespec){0, 5000000}, NULL);
        } else if (what == 32) {
            fork_once(&o);
        }
    }
    own_end(&o);
    return NULL;
}

/* Who stops it waits for the one it stopped, whatever is started meanwhile. */
static void *quarrel(void *number)
{
    uint64_t random = stress.seed * 1019 + (uintptr_t)number;
    for (size_t i = 0; i < rounds; i++) {
        STRESS_EXPECT(weir_background_start(1) == 0, "not started");
        if (random_below(&random, 2))
            weir_background_stop();
    }
    return NULL;
}

/* Of this process; 0 where the system does not say. */
static size_t threads_count(void)
{
    size_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return count;
}

/* A thread that was joined may be seen for a moment more. */
static bool threads_end(size_t before)
{
    for (int i = 0; i < 1000 && threads_count() != before; i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    return threads_count() == before;
}

static void *nothing(void *number)
{
    return number;
}

int main(int argc, char **argv)
{
    stress_arguments(argc, argv, 4);
    rounds = stress_count(400);
    alarm(SECONDS_MOST); /* who waits for a thread that never ends would wait forever */
    stress_run(nothing); /* a sanitizer may start a thread with the first */
    size_t before = threads_count();
    stress_run(quarrel);
    stress_run(life);
    weir_background_stop();
    STRESS_EXPECT(threads_end(before), "%zu threads, should be %zu", threads_count(), before);
    weir_stats s = stress_stats(weir_cpu_allocator());
    STRESS_EXPECT(s.total_allocated == 0 && s.allocation_count == 0, "%zu bytes live at the end",
                  s.total_allocated);
    printf("%zu rounds in %u threads, %zu forks\n", rounds, stress.threads, forks);
    return 0;
}
