/*
 * os/placement.h - which pages the kernel is to give memory, and of which node. Owns no memory: it
 * is told of ranges, in whole pages. No state. Any thread, no lock; errno is kept.
 */
#ifndef WEIR_OS_PLACEMENT_H
#define WEIR_OS_PLACEMENT_H

#include "base/bits.h"

#include <weir/allocator.h>

/* All zero: as the system does it. Never changes once memory has it. */
struct weir__os_placement {
    weir_huge_pages huge_pages;
    unsigned numa_node; /* WEIR_NUMA_NODE of it, 0: any */
};

/* Bytes of a huge page; 0: there are none here. */
size_t weir__os_huge_page_size(void);

/*
 * Can memory have it? 0; EINVAL: there is no such node, or none that the process may use; ENOTSUP:
 * this system has no nodes, or does not let this process choose, or cannot make a page huge that is
 * required to be; ENOMEM: it has no huge page now. It is tried with a huge page.
 */
int weir__os_placement_check(const struct weir__os_placement *placement);

/* Asks for it: pages that the range gets from now on, and those that it has, where they can move.
 */
void weir__os_placement_apply(const struct weir__os_placement *placement, void *memory,
                              size_t size);

/* Where huge pages are required: makes all pages of an open range, in whole huge pages, huge, with
 * the contents that they have. False: the system has not enough of them, and some may be. Else
 * true, and nothing is done. */
bool weir__os_placement_settle(const struct weir__os_placement *placement, void *memory,
                               size_t size);

/* No more of it: for ranges that others will have. Their pages stay small. */
void weir__os_placement_undo(const struct weir__os_placement *placement, void *memory, size_t size);

#endif
