/*
 * preload/info.c - glibc's questions to malloc, answered from weir's figures, and
 * malloc_trim. Any thread.
 */
#include "preload/preload.h"

#include <weir/allocator.h>

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>

static weir_stats stats_now(void)
{
    weir_stats stats = {.size = sizeof stats};
    weir_stats_get(weir_cpu_allocator(), &stats);
    return stats;
}

/* 1 if memory went back to the system. `pad` bounds what is kept at glibc's top of the
 * heap; there is no such place here. */
PRELOAD_API int malloc_trim(size_t pad)
{
    (void)pad;
    return weir_trim(weir_cpu_allocator()) != 0;
}

PRELOAD_API struct mallinfo2 mallinfo2(void)
{
    weir_stats stats = stats_now();
    return (struct mallinfo2){.arena = stats.in_use + stats.cached,
                              .uordblks = stats.in_use,
                              .fordblks = stats.cached,
                              .keepcost = stats.cached};
}

static int int_of(size_t figure)
{
    return figure > INT_MAX ? INT_MAX : (int)figure;
}

/* The old struct cannot hold more than INT_MAX: figures stop there instead of wrapping. */
PRELOAD_API struct mallinfo mallinfo(void)
{
    struct mallinfo2 all = mallinfo2();
    return (struct mallinfo){.arena = int_of(all.arena),
                             .uordblks = int_of(all.uordblks),
                             .fordblks = int_of(all.fordblks),
                             .keepcost = int_of(all.keepcost)};
}

PRELOAD_API void malloc_stats(void)
{
    weir_stats stats = stats_now();
    fprintf(stderr,
            "weir: %zu bytes live in %zu blocks, peak %zu bytes; "
            "%zu bytes in use, %zu cached, %zu reserved\n",
            stats.total_allocated, stats.allocation_count, stats.peak_allocated, stats.in_use,
            stats.cached, stats.reserved);
}

PRELOAD_API int malloc_info(int options, FILE *to)
{
    weir_stats stats = stats_now();
    if (options != 0) {
        errno = EINVAL;
        return -1;
    }
    fprintf(to,
            "<malloc version=\"weir\">\n"
            "<total type=\"live\" count=\"%zu\" size=\"%zu\"/>\n"
            "<total type=\"peak\" size=\"%zu\"/>\n"
            "<system type=\"current\" size=\"%zu\"/>\n"
            "<aspace type=\"reserved\" size=\"%zu\"/>\n"
            "</malloc>\n",
            stats.allocation_count, stats.total_allocated, stats.peak_allocated,
            stats.in_use + stats.cached, stats.reserved);
    return 0;
}
