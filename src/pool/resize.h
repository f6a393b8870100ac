/*
 * pool/resize.h - a live span gets another size, with its contents: where it stands, or, if it has
 * its own region (weir__span_may_move), elsewhere without copying. The span stays the same;
 * its block is weir__span_block then. Owns no state; takes the page heap's lock. Only the caller
 * uses the block.
 */
#ifndef WEIR_POOL_RESIZE_H
#define WEIR_POOL_RESIZE_H

#include "pool/span.h"

/* False, and nothing changed: the caller copies. */
bool weir__span_resize(struct weir__page_heap *heap, struct weir__span *span, size_t size,
                       size_t *bytes);

WEIR__INLINE bool weir__span_may_move(const struct weir__span *span)
{
    return span->u.live.direct; /* no guarded one is resized */
}

/*
 * The same for a span that may move, in three steps, so that it can be counted between the second
 * and the third, once the second has succeeded: pages that moved cannot move back. The first says
 * how many pages the block will have. The second takes no lock of the pool's; it may be left out,
 * or fail: the third gets 0 pages then.
 */
uint32_t weir__span_move_begin(struct weir__page_heap *heap, struct weir__span *span, size_t size);
bool weir__span_move(struct weir__span *span, uint32_t npages);
bool weir__span_move_end(struct weir__page_heap *heap, struct weir__span *span, size_t size,
                         uint32_t npages, size_t *bytes);

/* Makes `size` bytes of a live span's block zero, for the one who holds it; the block. */
void *weir__span_clear(const struct weir__page_heap *heap, void *block, size_t size);

#endif
