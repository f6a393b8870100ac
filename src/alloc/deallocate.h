/* alloc/deallocate.h - the way of a free that the fast one (alloc/small.h) left. */
#ifndef WEIR_ALLOC_DEALLOCATE_H
#define WEIR_ALLOC_DEALLOCATE_H

#include "alloc/block.h"

/* Any pointer but NULL, to any allocator; `place` is the pointer's. No lock held; errno is
 * kept. */
void weir__deallocate_slow(weir_allocator *a, void *block, struct weir__place place);

#endif
