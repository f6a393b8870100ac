/* observe/profile.c - weir_profiler: figures of a stretch of a program, with a peak of
 * its own kept by the core (alloc/inspect.h). */
#include "alloc/inspect.h"
#include "base/error.h"
#include "base/sized.h"
#include "observe/figures.h"
#include "observe/sink.h"

#include <errno.h>
#include <weir/profile.h>

_Static_assert(sizeof(struct weir__peak_observer) <= sizeof((weir_profiler *)0)->peak,
               "the observer fits its place in weir_profiler");

static struct weir__peak_observer *profiler_observer(const weir_profiler *profiler)
{
    return (struct weir__peak_observer *)(uintptr_t)profiler->peak;
}

static int profiler_check(const weir_profiler *profiler)
{
    if (!profiler || !profiler->allocator)
        return weir__fail(EINVAL, "the profiler is not started");
    return 0;
}

int weir_profiler_start(weir_profiler *profiler, weir_allocator *a)
{
    weir_stats now = {.size = sizeof now};
    if (!profiler)
        return weir__fail(EINVAL, "no profiler: NULL was given");
    *profiler = (weir_profiler){0};
    a = a ? a : weir_cpu_allocator();
    int error = weir_stats_get(a, &now);
    if (!error)
        error = weir__peak_observer_add(a, profiler_observer(profiler));
    if (error)
        return error;
    profiler->allocator = a;
    profiler->total = now.total_allocated;
    profiler->count = now.allocation_count;
    profiler->allocations = now.allocations;
    profiler->deallocations = now.deallocations;
    return 0;
}

/* The peak is read after the total, so that it is never below it. */
int weir_profiler_stats_get(const weir_profiler *profiler, weir_profiler_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_profiler_stats, deallocations) };
    weir_stats now = {.size = sizeof now};
    int error = profiler_check(profiler);
    if (!error && (!stats || !weir__size_fits(stats->size, FIRST)))
        error = weir__fail(EINVAL, "statistics of a profiler: %s",
                           stats ? "no such struct" : "NULL was given");
    if (!error)
        error = weir_stats_get(profiler->allocator, &now);
    if (error)
        return error;
    weir_profiler_stats made = {
        .current = now.total_allocated,
        .delta = (ptrdiff_t)(now.total_allocated - profiler->total),
        .peak = weir__peak_observer_read(profiler->allocator, profiler_observer(profiler)),
        .count = now.allocation_count,
        .blocks = (ptrdiff_t)(now.allocation_count - profiler->count),
        .allocations = now.allocations - profiler->allocations,
        .deallocations = now.deallocations - profiler->deallocations};
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}

static double megabytes(double bytes)
{
    return bytes / 1024.0 / 1024.0;
}

int weir_profiler_print(FILE *to, const weir_profiler *profiler, const char *label)
{
    weir_profiler_stats now = WEIR_PROFILER_STATS_INIT;
    int error = weir_profiler_stats_get(profiler, &now);
    if (!error && !to)
        error = weir__fail(EINVAL, "no file to report to: NULL was given");
    if (error)
        return error;
    struct weir__sink sink = {.file = to};
    weir__sink_print(&sink,
                     "[%s]\n  Current: %g MB\n  Delta: %g MB\n  Peak: %g MB\n"
                     "  Active allocations: %zu\n",
                     label ? label : "", megabytes((double)now.current),
                     megabytes((double)now.delta), megabytes((double)now.peak), now.count);
    return weir__figures_end(&sink);
}

int weir_profiler_stop(weir_profiler *profiler)
{
    int error = profiler_check(profiler);
    if (error)
        return error;
    weir__peak_observer_remove(profiler->allocator, profiler_observer(profiler));
    profiler->allocator = NULL;
    return 0;
}
