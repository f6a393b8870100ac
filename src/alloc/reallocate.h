/*
 * alloc/reallocate.h - resizing for callers that know what alignment they need. No state. Any
 * thread, no lock held.
 */
#ifndef WEIR_ALLOC_REALLOCATE_H
#define WEIR_ALLOC_REALLOCATE_H

#include "alloc/block.h"

/* One try to resize request->block, of an allocator that is ready. NULL: it is refused; or without
 * `why`, misuse was reported, and errno is EINVAL. */
void *weir__reallocate_once(weir_allocator *a, struct weir__request *request);

/* weir_reallocate, but errno is what a function said that cannot copy the memory. */
void *weir__reallocate(weir_allocator *a, void *block, size_t size);

/* weir_reallocate for callers that need no more than `alignment` afterwards, whatever
 * the block has now; it is not NULL. */
void *weir__reallocate_as(weir_allocator *a, void *block, size_t size, size_t alignment);

#endif
