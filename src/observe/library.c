/*
 * observe/library.c - libweir in a process: what the environment asks of it, and, under
 * `weir run`, its figures in the memory that is shared, as a separate heap next to the
 * program's malloc. They are written now and then and at the end: those of a killed process
 * are a little old, and say so. Not in libweir-malloc.so, which has preload/start.c.
 */
#include "observe/library.h"
#include "alloc/check.h"
#include "alloc/cpu.h"
#include "alloc/fork.h"
#include "alloc/inspect.h"
#include "observe/environment.h"
#include "observe/run_attach.h"
#include "os/clock.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define REFRESH_NS 50000000u

static void *page; /* NULL: nobody reads */
static struct weir__run_image *image;
static struct weir__peak_seen peak; /* under `writing` */
static uint64_t refreshed_at;
static int writing;

const char weir__library_is_linked;

static bool writing_take(void)
{
    return !__atomic_exchange_n(&writing, 1, __ATOMIC_ACQUIRE);
}

static void writing_drop(void)
{
    __atomic_store_n(&writing, 0, __ATOMIC_RELEASE);
}

static void figures_write(bool last)
{
    weir_stats stats = {.size = sizeof stats};
    weir_stats_get(&weir__cpu, &stats);
    __atomic_store_n(&image->version, image->version + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    if (weir__peak_rose(&weir__cpu, NULL, &peak))
        image->peak_at = weir__os_time();
    image->peak_seen = stats.peak_allocated;
    image->peak_blocks = peak.blocks;
    image->live = stats.total_allocated;
    image->blocks = stats.allocation_count;
    image->allocations = stats.allocations;
    image->frees = stats.deallocations;
    image->failures = stats.failures;
    image->in_use = stats.in_use;
    image->cached = stats.cached == WEIR_UNSUPPORTED ? 0 : stats.cached;
    image->reserved = stats.reserved == WEIR_UNSUPPORTED ? 0 : stats.reserved;
    image->metadata = stats.metadata;
    image->limit = stats.limit;
    image->as_of = weir__os_time();
    image->exact = last;
    __atomic_store_n(&image->version, image->version + 1, __ATOMIC_RELEASE);
}

static void watch(const struct weir__window *own)
{
    (void)own;
    uint64_t now = weir__os_coarse_time();
    if (!image || now - __atomic_load_n(&refreshed_at, __ATOMIC_RELAXED) < REFRESH_NS ||
        !writing_take())
        return;
    int saved = errno;
    __atomic_store_n(&refreshed_at, now, __ATOMIC_RELAXED);
    figures_write(false);
    errno = saved;
    writing_drop();
}

static void image_begin(uint32_t flags)
{
    uint32_t number;
    const struct weir__run_image *parent = image;
    image = weir__run_image_take(page, WEIR__RUN_LIBWEIR, flags, &number);
    if (!image)
        return;
    if (parent)
        weir__run_command_copy(image, parent);
}

static void forked(void)
{
    weir_stats stats = {.size = sizeof stats};
    writing = 0;
    if (!page)
        return;
    image_begin(WEIR__RUN_FORKED);
    if (!image)
        return;
    weir_stats_get(&weir__cpu, &stats);
    image->before_allocations = stats.allocations;
    image->before_frees = stats.deallocations;
    figures_write(false);
    weir__run_image_ready(image);
}

/* The weir command defines it: what the environment asks is meant for the programs that it
 * starts, and a recording that it is to read must not be begun anew. */
extern const char weir_command_is_here __attribute__((weak, visibility("default")));

__attribute__((constructor)) static void library_start(int argc, char **argv)
{
    if (&weir_command_is_here)
        return;
    weir__environment_hardened();
    weir__environment_limit();
    weir__environment_background();
    weir__environment_sample();
    weir__environment_guards(false);
    weir__environment_record();
    page = weir__run_attach();
    if (!page)
        return;
    image_begin(0);
    if (!image)
        return;
    weir__run_command_set(image, argc, argv);
    figures_write(false);
    weir__fork_register(NULL, NULL, forked);
    weir__slow_hook_set(watch);
    weir__run_image_ready(image);
}

__attribute__((destructor)) static void library_end(void)
{
    if (!&weir_command_is_here)
        weir__environment_report(true);
    weir__check_waiting();
    if (!image || image->pid != getpid() || !writing_take())
        return;
    figures_write(true);
    __atomic_store_n(&image->state, WEIR__RUN_EXITED, __ATOMIC_RELEASE);
    writing_drop();
}
