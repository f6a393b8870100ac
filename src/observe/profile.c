/* observe/profile.c - weir_profiler: figures of a stretch of a program, with a peak of
 * its own kept by the core (alloc/inspect.h). */
#include "alloc/inspect.h"
#include "base/error.h"
#include "observe/sink.h"

#include <errno.h>
#include <weir/profile.h>

_Static_assert(sizeof(struct weir__peak_observer) <= sizeof((weir_profiler *)0)->peak,
               "the observer fits its place in weir_profiler");

static struct weir__peak_observer *profiler_observer(weir_profiler *profiler)
{
    return (struct weir__peak_observer *)(void *)profiler->peak;
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
int weir_profiler_read(weir_profiler *profiler, weir_profile *profile)
{
    weir_stats now = {.size = sizeof now};
    int error = profiler_check(profiler);
    if (!error && !profile)
        error = weir__fail(EINVAL, "no room for a profile: NULL was given");
    if (!error)
        error = weir_stats_get(profiler->allocator, &now);
    if (error)
        return error;
    *profile = (weir_profile){
        .current = now.total_allocated,
        .delta = (ptrdiff_t)(now.total_allocated - profiler->total),
        .peak = weir__peak_observer_read(profiler->allocator, profiler_observer(profiler)),
        .count = now.allocation_count,
        .blocks = (ptrdiff_t)(now.allocation_count - profiler->count),
        .allocations = now.allocations - profiler->allocations,
        .deallocations = now.deallocations - profiler->deallocations};
    return 0;
}

static double megabytes(double bytes)
{
    return bytes / 1024.0 / 1024.0;
}

int weir_profiler_report_to(weir_profiler *profiler, const char *label, FILE *to)
{
    weir_profile now;
    int error = weir_profiler_read(profiler, &now);
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
    return weir__sink_finish(&sink);
}

int weir_profiler_report(weir_profiler *profiler, const char *label)
{
    return weir_profiler_report_to(profiler, label, stdout);
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
