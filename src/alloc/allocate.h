/*
 * alloc/allocate.h - the slow way of an allocation, behind the inline one (alloc/small.h). Chooses
 * between small, large and provided blocks; knows nothing of how each is made. No state. Any
 * thread, no lock held.
 */
#ifndef WEIR_ALLOC_ALLOCATE_H
#define WEIR_ALLOC_ALLOCATE_H

#include "alloc/block.h"

/* One try of a request of an allocator that is ready; NULL: it is refused, and nothing was said. */
void *weir__allocate_once(weir_allocator *a, struct weir__request *request);

/* weir_allocate_zeroed_aligned, but errno is what a function said that cannot clear the memory. */
void *weir__allocate_zeroed(weir_allocator *a, size_t count, size_t size, size_t alignment);

#endif
