/*
 * alloc/deallocate.h - the slow way of a free, behind the inline one (alloc/small.h). Chooses
 * between small, large and provided blocks; knows nothing of how each goes. No state. Any thread,
 * no lock held.
 */
#ifndef WEIR_ALLOC_DEALLOCATE_H
#define WEIR_ALLOC_DEALLOCATE_H

#include "alloc/block.h"

/* Any pointer, NULL too, to any allocator; `place` is the pointer's, of any kind (pool/place.h). No
 * lock held; errno is kept. */
void weir__deallocate_slow(weir_allocator *a, void *block, struct weir__place place);

#endif
