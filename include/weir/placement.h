/*
 * placement.h - where the memory of an allocator really lies: on huge pages, on a node. What was
 * asked for is in weir_allocator_options (allocator.h), what the system gave is here.
 *
 * Thread rule: any thread.
 */
#ifndef WEIR_PLACEMENT_H
#define WEIR_PLACEMENT_H

#include <weir/allocator.h>

WEIR_BEGIN_DECLS

/* Of the pool that an allocator's blocks come from, which others may share: blocks, what is free
 * between them and their headers. A figure that the kernel does not tell is WEIR_UNSUPPORTED. */
typedef struct weir_placement_stats {
    size_t size; /* of this struct: WEIR_PLACEMENT_STATS_INIT sets it; 0: the first release's */
    weir_huge_pages huge_pages; /* as asked for when the pool was made */
    unsigned numa_node;         /* the same */
    size_t open_bytes;          /* that may be used: taken from the system, and not only reserved */
    size_t resident_bytes;      /* of these, in memory */
    size_t huge_bytes;          /* of these, on huge pages */
    size_t node_bytes;          /* in memory on the node asked for; none was: WEIR_UNSUPPORTED */
} weir_placement_stats;
#define WEIR_PLACEMENT_STATS_INIT WEIR_STRUCT_INIT(weir_placement_stats)

/*
 * Asks the kernel for every page: some hundred nanoseconds each. What others allocate and free
 * meanwhile may be in it or not. 0; EINVAL for NULL or a size of no known struct; ENOTSUP for an
 * allocator without a pool; ENOMEM.
 */
WEIR_API int weir_placement_stats_get(const weir_allocator *a,
                                      weir_placement_stats *stats) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
