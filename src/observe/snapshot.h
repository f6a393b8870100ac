/*
 * observe/snapshot.h - copies of what is live, taken under the core's locks and looked
 * at without them: the tree of allocators with their figures, and blocks. Lies in memory
 * of weir's own, apart from every pool.
 */
#ifndef WEIR_OBSERVE_SNAPSHOT_H
#define WEIR_OBSERVE_SNAPSHOT_H

#include "alloc/handle.h"

#include <weir/allocator.h>

struct weir__snapshot_entry {
    weir_stats stats;
    char name[WEIR__NAME_MAX];
    unsigned depth;
    size_t parent;   /* index; of a root: itself */
    size_t namesake; /* how many older siblings have the same name */
};

/* Parents before their children, as weir__allocator_tree says. */
struct weir__snapshot {
    struct weir__snapshot_entry *entries;
    size_t n, capacity;
    bool whole; /* all there is: no allocator was named */
};

/* 0, EINVAL or ENOMEM. `a` NULL: the CPU allocator and, after it, every other one without
 * a parent: devices. */
int weir__snapshot_take(struct weir__snapshot *snapshot, weir_allocator *a);
void weir__snapshot_release(struct weir__snapshot *snapshot);

/* An array in weir's own memory with room for one more element: `*capacity` elements
 * of `size` bytes, doubled when `n` reaches it. NULL: none, and the old one stays. */
void *weir__snapshot_grow(void *array, size_t n, size_t *capacity, size_t size);

/* Sorts in place, greatest first by `compare`; not stable; allocates nothing (qsort
 * may). Heapsort (Williams 1964). */
void weir__snapshot_sort(void *array, size_t n, size_t size,
                         int (*compare)(const void *, const void *));

#endif
