/*
 * alloc/large.h - blocks of whole pages: taken from the page heap, counted, given back. No state;
 * where spans lie is pool/span.h's business. Any thread, no lock held; takes the page heap's.
 */
#ifndef WEIR_ALLOC_LARGE_H
#define WEIR_ALLOC_LARGE_H

#include "alloc/block.h"

/* `a` is ready and its blocks come from a pool; the size is no small one's or the alignment too
 * strict. Guarded by tests/test_callgrind.sh. */
void *weir__large_allocate(weir_allocator *a, const struct weir__request *request);

/* Frees the live block of `a` in this span. One that another thread freed at the same moment is
 * reported. */
void weir__large_free(weir_allocator *a, void *block, struct weir__span *span);

/* Where it stands, if its neighbors allow, or by moving its pages without copying: the block as
 * it is then. NULL: it must be copied, or *refused: a limit does not allow it. */
void *weir__large_resize(weir_allocator *a, void *block, const struct weir__found *found,
                         size_t size, bool *refused);

/* Out of the page heap and back without being counted: for blocks that move. NULL: no memory. */
struct weir__span *weir__large_take(weir_allocator *a, const struct weir__request *request,
                                    uint32_t tag);
bool weir__large_give(weir_allocator *a, struct weir__span *span);

#endif
