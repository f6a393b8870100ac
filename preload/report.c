/*
 * preload/report.c - what of this process's image needs to be written now and then: when
 * the peak was seen and with how many blocks, what is kept for re-use; and at the end, by
 * size of block. Owns the peak that was seen last. Total, count and peak themselves are always
 * there (preload/image.c). Never allocates.
 *
 * A writer takes `writing`; who finds it taken leaves it to the other. The image itself
 * is read by another process, which looks at `version`.
 */
#include "preload/report.h"
#include "preload/preload.h"

#include "alloc/body.h"
#include "alloc/cpu.h"
#include "alloc/fork.h"
#include "alloc/inspect.h"
#include "os/clock.h"
#include "preload/image.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REFRESH_NS 50000000u

static struct weir__peak_seen peak; /* under `writing` */
static uint64_t refreshed_at;       /* coarse clock; atomic */
static int writing;

static bool writing_take(void)
{
    return !__atomic_exchange_n(&writing, 1, __ATOMIC_ACQUIRE);
}

static void writing_drop(void)
{
    __atomic_store_n(&writing, 0, __ATOMIC_RELEASE);
}

static void image_begin(struct weir__run_image *image)
{
    __atomic_store_n(&image->version, image->version + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void image_end(struct weir__run_image *image)
{
    __atomic_store_n(&image->version, image->version + 1, __ATOMIC_RELEASE);
}

/* -- figures -------------------------------------------------------------------------- */

static void peak_write(struct weir__run_image *image)
{
    image->peak_seen = peak.peak;
    image->peak_blocks = peak.blocks;
    image->peak_at = weir__os_time();
}

static void figures_write(struct weir__run_image *image)
{
    weir_stats stats = {.size = sizeof stats};
    weir_stats_get(&weir__cpu, &stats);
    if (weir__peak_rose(&weir__cpu, NULL, &peak))
        peak_write(image);
    image->in_use = stats.in_use;
    image->cached = stats.cached;
    image->reserved = stats.reserved;
    image->metadata = stats.metadata;
    image->limit = stats.limit;
    image->as_of = weir__os_time();
}

static bool class_count(const weir_block *block, void *classes)
{
    bool small = weir__map_get(block->address) == WEIR__MAP_SLABS;
    unsigned sizeclass = small ? weir__slab_class(weir__slab_of(block->address)) : WEIR__CLASSES;
    struct weir__run_class *at = (struct weir__run_class *)classes + sizeclass;
    at->blocks++;
    at->bytes += block->requested;
    if (!small)
        at->held += block->usable;
    return false;
}

_Static_assert(WEIR__RUN_CLASSES == WEIR__CLASSES + 1, "a row a class, and one for large blocks");

static int class_hold(struct weir__center *center, void *user)
{
    struct weir__run_class *classes = user;
    classes[center->sizeclass].held += __atomic_load_n(&center->nslabs, __ATOMIC_RELAXED)
                                       << WEIR__SLAB_SHIFT;
    return 0;
}

static void classes_write(struct weir__run_class *classes)
{
    memset(classes, 0, WEIR__RUN_CLASSES * sizeof *classes);
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++)
        classes[sizeclass].size = weir__class_bytes[sizeclass];
    weir__body_each_center(weir__cpu.body, class_hold, classes);
    weir_allocator_walk(&weir__cpu, class_count, classes);
}

/* -- when ------------------------------------------------------------------------------ */

/* On slow routes: a new peak gets its time, and the rest is kept fresh. */
static void report_watch(const struct weir__window *own)
{
    preload_image_check();
    struct weir__run_image *image = preload_image();
    if (!image || !writing_take())
        return;
    int saved = errno;
    if (weir__peak_rose(&weir__cpu, own, &peak)) {
        image_begin(image);
        peak_write(image);
        image_end(image);
    }
    uint64_t now = weir__os_coarse_time();
    if (now - refreshed_at >= REFRESH_NS) {
        refreshed_at = now;
        image_begin(image);
        figures_write(image);
        image_end(image);
    }
    errno = saved;
    writing_drop();
}

void preload_report_start(void)
{
    struct weir__run_image *image = preload_image();
    if (!image)
        return;
    image_begin(image);
    figures_write(image);
    image_end(image);
    weir__slow_hook_set(report_watch);
}

void preload_report_forked(void)
{
    weir_stats stats = {.size = sizeof stats};
    struct weir__run_image *image = preload_image();
    writing = 0;
    peak = (struct weir__peak_seen){0};
    if (!image)
        return;
    weir_reset_peak(&weir__cpu);
    weir_stats_get(&weir__cpu, &stats);
    image_begin(image);
    image->before_allocations = stats.allocations;
    image->before_frees = stats.deallocations;
    figures_write(image);
    image_end(image);
}

void preload_report_last(enum weir__run_state state)
{
    struct weir__run_image *image = preload_image_own();
    if (!image || !writing_take())
        return;
    int saved = errno;
    if (weir__core_is_quiet()) {
        image_begin(image);
        figures_write(image);
        image->exact = state != WEIR__RUN_EXECING;
        if (image->exact)
            classes_write(image->classes);
        image_end(image);
    }
    __atomic_store_n(&image->state, state, __ATOMIC_RELEASE);
    errno = saved;
    writing_drop();
}

void preload_report_again(void)
{
    struct weir__run_image *image = preload_image_own();
    if (image)
        __atomic_store_n(&image->state, WEIR__RUN_RUNNING, __ATOMIC_RELEASE);
}

void preload_report_foreign(void)
{
    struct weir__run_image *image = preload_image_own();
    if (image)
        image->flags |= WEIR__RUN_FOREIGN_MALLOC;
}

void preload_report_lost(const char *file, enum weir__lost why)
{
    struct weir__run_image *image = preload_image_own();
    size_t n = 0;
    if (!image)
        return;
    for (; n < sizeof image->lost_program - 1 && file[n]; n++)
        image->lost_program[n] = file[n];
    image->lost_program[n] = '\0';
    __atomic_store_n(&image->lost, why, __ATOMIC_RELEASE);
}
