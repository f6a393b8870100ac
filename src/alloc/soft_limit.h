/*
 * alloc/soft_limit.h - telling the program that a total came to be above a soft limit
 * (weir/callbacks.h); that it did is the meter's to know (track/soft.h). No state. Any thread, no
 * lock held.
 */
#ifndef WEIR_ALLOC_SOFT_LIMIT_H
#define WEIR_ALLOC_SOFT_LIMIT_H

#include "track/soft.h"

#include <weir/allocator.h>

/* Tells of the crossings of `a` and those above it that were not told yet. */
void weir__soft_limits_tell(weir_allocator *a);

/* The same, if there is any; at the end of slow routes. */
WEIR__INLINE void weir__soft_limits_look(const weir_allocator *a)
{
    if (weir__unlikely(weir__relaxed_get(weir__soft_crossed) != 0))
        weir__soft_limits_tell((weir_allocator *)(uintptr_t)a);
}

#endif
