/*
 * alloc/walk.h - every live block of an allocator, and the generations that weir_checkpoint tells
 * apart by a bit of the ledger. No state. Takes the context lock, and a center's or the page
 * heap's around each visit.
 */
#ifndef WEIR_ALLOC_WALK_H
#define WEIR_ALLOC_WALK_H

#include <weir/allocator.h>

/*
 * Starts a new generation for weir_checkpoint: after it, exactly the blocks
 * allocated later have since_checkpoint set. `visit` (may be NULL) sees every
 * live block of `a` that had it set until now. Returns visit's non-zero, else 0.
 */
int weir__allocator_mark_old(weir_allocator *a, weir_block_visitor *visit, void *user);

#endif
