/*
 * alloc/trace.h - telling an installed table (track/trace_hook.h) what happened, after the fact
 * and with no lock held; and installing it. Has no state. Knows nothing of files and
 * formats. Costs a load and a branch on slow routes.
 */
#ifndef WEIR_ALLOC_TRACE_H
#define WEIR_ALLOC_TRACE_H

#include "alloc/heap.h"
#include "track/trace_hook.h"

struct weir__trace_block {
    const void *block;
    size_t requested, old_requested, usable, alignment;
    weir_tag tag;
};

/* An operation that has a number has seen a table. */
WEIR__INLINE void weir__trace_allocated(weir_allocator *a, uint64_t sequence,
                                        const struct weir__trace_block *b)
{
    weir__assert(sequence && b->block);
    weir__trace_hooks_latest()->allocated(&(struct weir__trace_event){.allocator = a,
                                                                      .block = b->block,
                                                                      .requested = b->requested,
                                                                      .usable = b->usable,
                                                                      .alignment = b->alignment,
                                                                      .tag = b->tag,
                                                                      .sequence = sequence});
}

WEIR__INLINE void weir__trace_freed(weir_allocator *a, uint64_t sequence, const void *block,
                                    size_t requested)
{
    weir__assert(sequence && block);
    weir__trace_hooks_latest()->freed(&(struct weir__trace_event){
        .allocator = a, .block = block, .requested = requested, .sequence = sequence});
}

/* `former`: where the block was before. */
void weir__trace_resized(weir_allocator *a, uint64_t sequence, const void *former,
                         const struct weir__trace_block *b);
void weir__trace_failed(weir_allocator *a, size_t requested, size_t alignment, int error);
void weir__trace_adjusted(uint64_t sequence, ptrdiff_t bytes, int blocks);
void weir__trace_destroyed(weir_allocator *a, size_t bytes, size_t blocks, uint64_t sequence);

/*
 * Tracing of everything under `root`, an allocator without a parent, as
 * track/trace_hook.h says. At one instant of the total: the account starts from what
 * is live, its figures go to *at (size set by the callee), the table is installed.
 * 0; EINVAL where `root` has a parent, EBUSY while a table is installed.
 *
 * A walk after it sees every block that was live at that instant and is still, but for
 * blocks of functions that are being freed; and may see a large block whose free was
 * counted before.
 */
int weir__allocator_trace_begin(weir_allocator *root, const struct weir__trace_hooks *hooks,
                                weir_stats *at);

/* At one instant: the table is taken away; *at as before. Operations that already
 * have a number may still call the table's functions for a moment. */
void weir__allocator_trace_end(weir_allocator *root, weir_stats *at);

#endif
