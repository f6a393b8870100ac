/*
 * pool/cached.h - a copy of a cached block: a free block outside its slab, as bins, batches and
 * depots keep it. No state.
 *
 * The thread that holds the copy has the block while its ledger entry still says what it said when
 * the copy was made. Two threads that free a block at one instant make two copies of it with
 * different marks, and one of them stays in the entry. So of two copies one is true, whichever
 * thread looks first, also at one instant: every owner of a copy compares before it makes the block
 * live (alloc/small.h) or puts it into its slab (pool/slab.h). The other copy is dropped there,
 * reported, and what it had counted off is counted again.
 *
 *   a mark is WEIR__ENTRY_CACHED and a number: of the heap that freed the block (alloc/heap.h),
 *   or 0 for one out of its slab; and WEIR__ENTRY_ZERO where its memory is known to be zero
 */
#ifndef WEIR_POOL_CACHED_H
#define WEIR_POOL_CACHED_H

#include "pool/entry.h"

struct weir__cached {
    void *block;
    uint32_t *entry;
    uint32_t mark;   /* what the entry says while this copy is true */
    uint32_t former; /* the size that the free counted which made this copy; 0: none did */
};

_Static_assert(sizeof(struct weir__cached) == 24, "the bounds of book-keeping count on it");

/* Is it true still? */
WEIR__INLINE bool weir__cached_is_true(const struct weir__cached *cached)
{
    return weir__entry_get(cached->entry) == cached->mark;
}

#endif
