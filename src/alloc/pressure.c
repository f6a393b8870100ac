/*
 * alloc/pressure.c - see pressure.h and weir/pressure.h. The callbacks that the thread asks may
 * fork and may stop it: so it is joined with no lock held, and the state says that it ends.
 */
#include "alloc/pressure.h"

#include "alloc/refusal.h"
#include "alloc/trim.h"
#include "base/bits.h"
#include "base/error.h"
#include "base/sized.h"
#include "os/cgroup.h"
#include "os/locks.h"
#include "os/pressure.h"
#include "os/thread.h"
#include "os/wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define STALL_MS  100u
#define WINDOW_MS 2000u

#define OPTIONS_FIRST WEIR__SIZE_WITH(weir_pressure_options, file)
#define STATS_FIRST   WEIR__SIZE_WITH(weir_pressure_stats, watching)

enum state { PRESSURE_IDLE, PRESSURE_WATCHING, PRESSURE_ENDING };

static struct {
    weir__lock control;
    struct weir__os_pressure source; /* written under it, while idle */
    pthread_t thread;                /* under it */
    uint32_t state;                  /* atomic; written under it */
    bool lost;                       /* atomic; the thread writes it */
    bool alone; /* ended by its own callback: nobody joins it. Atomic; written before ENDING */
    /* Atomic; the thread adds to them. */
    size_t events, trims, trimmed_bytes, asked;
} pressure WEIR__AT_START = {.control = WEIR__LOCK(CONTROL), .source = {.file = -1, .wake = -1}};
WEIR__LOCKS_KNOW(CONTROL, &pressure.control);

size_t (*weir__pressure_ask)(void) = weir__refusals_ask;

/* -- the thread ------------------------------------------------------------------------------- */

static void caches_trim(void)
{
    size_t bytes = weir__trim_host();
    __atomic_add_fetch(&pressure.trimmed_bytes, bytes, __ATOMIC_RELAXED);
    __atomic_add_fetch(&pressure.trims, 1, __ATOMIC_RELEASE);
}

/* What callbacks free lies in caches. */
static void pressure_react(void)
{
    caches_trim();
    size_t asked = weir__pressure_ask();
    __atomic_add_fetch(&pressure.asked, asked, __ATOMIC_RELEASE);
    if (asked)
        caches_trim();
    __atomic_add_fetch(&pressure.events, 1, __ATOMIC_RELEASE);
}

static bool is_watching(void)
{
    return __atomic_load_n(&pressure.state, __ATOMIC_ACQUIRE) == PRESSURE_WATCHING;
}

static void pressure_idle_locked(void)
{
    weir__os_pressure_close(&pressure.source);
    __atomic_store_n(&pressure.state, PRESSURE_IDLE, __ATOMIC_RELEASE);
}

static void pressure_end_alone(void)
{
    weir__lock_take(&pressure.control);
    pthread_detach(pressure.thread);
    pressure_idle_locked();
    weir__lock_drop(&pressure.control);
}

/* A callback may have forked: in the child nobody watches, and this thread is all there is. */
static void *pressure_main(void *unused)
{
    (void)unused;
    while (is_watching()) {
        enum weir__os_told told = weir__os_pressure_wait(&pressure.source);
        if (told == WEIR__OS_WOKEN)
            break;
        if (told == WEIR__OS_PRESSED) {
            pressure_react();
            continue;
        }
        weir__relaxed_set(pressure.lost, true);
        break;
    }
    if (weir__relaxed_get(pressure.alone))
        pressure_end_alone();
    return NULL;
}

/* -- start and stop -----------------------------------------------------------------------------
 */

bool weir__pressure_trigger(const weir_pressure_options *options, char *text, size_t size)
{
    unsigned stall = options->stall_ms ? options->stall_ms : STALL_MS;
    unsigned window = options->window_ms ? options->window_ms : WINDOW_MS;
    if (stall > window || window > UINT32_MAX / 1000)
        return false;
    int length = snprintf(text, size, "%s %u %u", options->full ? "full" : "some", stall * 1000,
                          window * 1000);
    return (size_t)length < size;
}

static int source_open(const weir_pressure_options *options, const char *root)
{
    char path[4096], trigger[WEIR__OS_TRIGGER_ROOM];
    if (!weir__pressure_trigger(options, trigger, sizeof trigger))
        return weir__fail(EINVAL, "pressure: a stall of %u ms in a window of %u ms",
                          options->stall_ms, options->window_ms);
    if (!options->file && !weir__cgroup_pressure(root, path, sizeof path))
        return weir__fail(ENOTSUP, "this system tells of no pressure on memory");
    const char *file = options->file ? options->file : path;
    int error = weir__os_pressure_open(&pressure.source, file, trigger);
    return error ? weir__fail(error, "pressure: \"%s\" in %s: %s", trigger, file, strerror(error))
                 : 0;
}

static int pressure_start_locked(const weir_pressure_options *options, const char *root)
{
    if (pressure.state != PRESSURE_IDLE)
        return weir__fail(EBUSY, "pressure is watched already");
    int error = source_open(options, root);
    if (error)
        return error;
    weir__relaxed_set(pressure.lost, false);
    weir__relaxed_set(pressure.alone, false);
    __atomic_store_n(&pressure.state, PRESSURE_WATCHING, __ATOMIC_RELEASE);
    error = weir__thread_start(&pressure.thread, pressure_main);
    if (!error)
        return 0;
    pressure_idle_locked();
    return weir__fail(error, "the thread that watches pressure cannot be started");
}

int weir__pressure_start(const weir_pressure_options *options, const char *root)
{
    weir_pressure_options chosen;
    if (!weir__options_take(&chosen, sizeof chosen, OPTIONS_FIRST, options))
        return weir__fail(EINVAL, "weir_pressure_options.size is %zu: no such struct",
                          options->size);
    weir__lock_take(&pressure.control);
    int error = pressure_start_locked(&chosen, root);
    weir__lock_drop(&pressure.control);
    return error;
}

int weir_pressure_start(const weir_pressure_options *options)
{
    return weir__pressure_start(options, "");
}

static void pressure_join(pthread_t thread)
{
    pthread_join(thread, NULL);
    weir__lock_take(&pressure.control);
    pressure_idle_locked();
    weir__lock_drop(&pressure.control);
}

/* Who came first joins it. */
static void pressure_wait_idle(void)
{
    while (__atomic_load_n(&pressure.state, __ATOMIC_ACQUIRE) == PRESSURE_ENDING)
        weir__os_nap(1000000);
}

void weir_pressure_stop(void)
{
    weir__lock_take(&pressure.control);
    pthread_t thread = pressure.thread;
    bool first = pressure.state == PRESSURE_WATCHING;
    bool own = pressure.state != PRESSURE_IDLE && pthread_equal(thread, pthread_self());
    if (first) {
        weir__relaxed_set(pressure.alone, own);
        __atomic_store_n(&pressure.state, PRESSURE_ENDING, __ATOMIC_RELEASE);
        weir__os_pressure_wake(&pressure.source);
    }
    weir__lock_drop(&pressure.control);
    if (first && !own)
        pressure_join(thread);
    else if (!own)
        pressure_wait_idle();
}

void weir__pressure_forked(void)
{
    pressure_idle_locked();
}

/* -- figures ------------------------------------------------------------------------------------
 */

int weir_pressure_stats_get(weir_pressure_stats *stats)
{
    if (!stats)
        return weir__fail(EINVAL, "no room for statistics: NULL was given");
    if (!weir__size_fits(stats->size, STATS_FIRST))
        return weir__fail(EINVAL, "weir_pressure_stats.size is %zu: no such struct", stats->size);
    weir_pressure_stats made = {.events = __atomic_load_n(&pressure.events, __ATOMIC_ACQUIRE),
                                .trims = __atomic_load_n(&pressure.trims, __ATOMIC_ACQUIRE),
                                .trimmed_bytes = weir__relaxed_get(pressure.trimmed_bytes),
                                .asked = __atomic_load_n(&pressure.asked, __ATOMIC_ACQUIRE),
                                .watching = is_watching() && !weir__relaxed_get(pressure.lost)};
    weir__figures_give(stats, STATS_FIRST, &made, sizeof made);
    return 0;
}
