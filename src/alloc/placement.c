/*
 * alloc/placement.c - where an allocator's memory lies, see weir/placement.h. The ranges are noted
 * under the page heap's lock and looked at without it: what is unmapped meanwhile is nowhere.
 */
#include "alloc/body.h"
#include "backing/meta.h"
#include "base/error.h"
#include "base/sized.h"

#include <errno.h>
#include <string.h>
#include <weir/placement.h>

#define STATS_FIRST WEIR__SIZE_WITH(weir_placement_stats, node_bytes)

struct ranges {
    struct weir__os_range *all;
    size_t n, room;
};

static void ranges_free(struct ranges *ranges)
{
    weir__meta_free(ranges->all, ranges->room * sizeof *ranges->all);
}

/* False: no memory for the list. Others may make it longer meanwhile. */
static bool ranges_read(struct weir__page_heap *heap, struct ranges *ranges)
{
    *ranges = (struct ranges){0};
    while ((ranges->n = weir__page_heap_ranges(heap, ranges->all, ranges->room)) > ranges->room) {
        ranges_free(ranges);
        ranges->room = 2 * ranges->n;
        ranges->all = weir__meta_allocate(ranges->room * sizeof *ranges->all);
        if (!ranges->all)
            return false;
    }
    return true;
}

static void node_bytes_add(const struct ranges *ranges, unsigned numa_node, size_t *bytes)
{
    size_t sum = 0;
    for (size_t i = 0; i < ranges->n; i++)
        if (!weir__os_node_bytes(&ranges->all[i], numa_node - 1, &sum))
            return;
    *bytes = sum;
}

static void ranges_look(const struct ranges *ranges, weir_placement_stats *stats)
{
    size_t huge = 0;
    for (size_t i = 0; i < ranges->n; i++) {
        stats->open_bytes += ranges->all[i].size;
        weir__os_resident(ranges->all[i].start, ranges->all[i].size, &stats->resident_bytes);
    }
    stats->huge_bytes =
        weir__os_huge_bytes(ranges->all, ranges->n, &huge) ? huge : WEIR_UNSUPPORTED;
    stats->node_bytes = WEIR_UNSUPPORTED;
    if (stats->numa_node)
        node_bytes_add(ranges, stats->numa_node, &stats->node_bytes);
}

int weir_placement_stats_get(const weir_allocator *a, weir_placement_stats *stats)
{
    struct ranges ranges;
    if (!stats)
        return weir__fail(EINVAL, "no room for statistics: NULL was given");
    if (!weir__size_fits(stats->size, STATS_FIRST))
        return weir__fail(EINVAL, "weir_placement_stats.size is %zu: no such struct", stats->size);
    struct weir__body *body = weir__body_of(a);
    if (!body)
        return EINVAL;
    if (!body->page_heap)
        return weir__fail(ENOTSUP, "allocator \"%s\" is not on a pool", a->name);
    if (!ranges_read(body->page_heap, &ranges))
        return weir__fail(ENOMEM, "no memory for a list of what the pool has");
    weir_placement_stats made = {.huge_pages = body->page_heap->placement.huge_pages,
                                 .numa_node = body->page_heap->placement.numa_node};
    ranges_look(&ranges, &made);
    ranges_free(&ranges);
    weir__figures_give(stats, STATS_FIRST, &made, sizeof made);
    return 0;
}
