/*
 * alloc/trace.h - telling an installed table (track/trace_hook.h) what happened, after
 * the fact and with no lock held. Costs a load and a branch on slow routes.
 */
#ifndef WEIR_ALLOC_TRACE_H
#define WEIR_ALLOC_TRACE_H

#include "alloc/context.h"

struct weir__trace_block {
    const void *block;
    size_t requested, old_requested, usable, alignment;
    weir_tag tag;
};

void weir__trace_allocated(weir_allocator *a, uint64_t sequence, const struct weir__trace_block *b);
void weir__trace_freed(weir_allocator *a, uint64_t sequence, const void *block, size_t requested);
void weir__trace_resized(weir_allocator *a, uint64_t sequence, const struct weir__trace_block *b);
void weir__trace_failed(weir_allocator *a, size_t requested, size_t alignment, int error);
void weir__trace_adjusted(uint64_t sequence, ptrdiff_t bytes, int blocks);
void weir__trace_destroyed(weir_allocator *a, size_t bytes, size_t blocks, uint64_t sequence);

#endif
