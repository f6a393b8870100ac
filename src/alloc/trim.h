/*
 * alloc/trim.h - giving memory back, for who holds the context lock: misuse that is found then
 * stays noted for a thread of the program that holds none.
 */
#ifndef WEIR_ALLOC_TRIM_H
#define WEIR_ALLOC_TRIM_H

#include "alloc/allocator.h"

/* weir_trim of `a` and what is below it. */
size_t weir__trim_locked(weir_allocator *a);

#endif
