/*
 * alloc/large.h - blocks of whole pages: taken from the thread's shelf (pool/shelf.h) or the page
 * heap, counted, given back. The fast ways are inlined and have the order of track/count.h, as
 * those of small blocks (alloc/small.h): no lock, no call. No state; where spans lie is
 * pool/span.h's business. Any thread, no lock held.
 */
#ifndef WEIR_ALLOC_LARGE_H
#define WEIR_ALLOC_LARGE_H

#include "alloc/block.h"
#include "alloc/heap.h"
#include "alloc/misuse.h"
#include "track/count.h"

/* A block off the shelf of the thread's heap of `a`; NULL: go the slow way. `only`: if one span
 * lies there at most, which takes fewer registers. Guarded by tests/scripts/callgrind.sh, as the
 * next.
 */
WEIR__INLINE void *weir__large_pop(const weir_allocator *a, struct weir__heap *heap, size_t size,
                                   size_t alignment, bool only, enum weir__reach reach)
{
    weir__assert(weir__is_power_of_two(alignment));
    char *start;
    int64_t to;
    uint32_t count = weir__own_get(heap->shelf->count); /* else the rest would be in vain */
    if ((only ? count != 1 : count == 0) ||
        weir__unlikely(size > (size_t)WEIR__SHELF_PAGES << WEIR__GRANULE_SHIFT) ||
        weir__unlikely(!weir__allocating_enter(&heap->window, reach, (int64_t)size, &to)))
        return NULL;
    struct weir__span *span =
        weir__shelf_take(heap->shelf, weir__span_pages(size), alignment, only, &start);
    if (weir__unlikely(!span)) {
        weir__allocating_undo(&heap->window, reach, (int64_t)size);
        return NULL;
    }
    weir__span_check_freed(span, a);
    uint32_t tag = weir__entry_tag(weir__here.live);
    char *block = weir__span_make_live(span, start, size, alignment, tag);
    if (WEIR__FILLS)
        weir__fill_taken(block, weir__span_usable(span));
    weir__allocating_leave(&heap->window, reach, (int64_t)size, to);
    if (WEIR__FILLS)
        weir__late_misuses_look();
    return block;
}

/* Frees the block of `a` in this span, which was live by its *label, onto the shelf of the thread's
 * heap.
 * False: go the slow way; *label is what it said last. */
WEIR__INLINE bool weir__large_push(const weir_allocator *a, struct weir__heap *heap,
                                   enum weir__reach reach, void *block, struct weir__span *span,
                                   uint64_t *label)
{
    weir__assert(weir__span_owner(span) == a && weir__label_is_live(*label));
    uint32_t npages = span->npages;
    if (weir__unlikely(!weir__freeing_enter(&heap->window, reach)))
        return false;
    struct weir__shelf *shelf = heap->shelf;
    if (weir__unlikely(!weir__shelf_admits(shelf, npages, weir__own_get(heap->window.freeing))) ||
        weir__unlikely(!weir__label_claim(&span->u.live.label, label))) {
        weir__freeing_undo(&heap->window, reach);
        return false;
    }
    weir__shelf_put(shelf, span, (char *)((uintptr_t)block & ~(WEIR__GRANULE - 1)));
    weir__freeing_leave(&heap->window, reach, (int64_t)weir__label_size(*label));
    return true;
}

/* The slow way: `a` is ready and its blocks come from a pool; the size is no small one's or the
 * alignment too strict. *zeroed (may be NULL): it is known to be zero; else it need not be filled.
 */
void *weir__large_allocate(weir_allocator *a, size_t size, size_t alignment, bool *zeroed);

/* One try of that. NULL: it is refused. */
void *weir__large_allocate_once(weir_allocator *a, struct weir__request *request);

/* The same for a block of any size that is due (track/sample.h): it has whole pages, so that its
 * label can say so and no fast free takes it. *none: it is to be guarded and no more, and there is
 * no place; nothing happened. */
void *weir__large_allocate_due(weir_allocator *a, struct weir__request *request, unsigned due,
                               bool *none);

/* Frees the block of `a` in this span, whose label said `label` last. One that is not live is
 * reported. */
void weir__large_free(weir_allocator *a, void *block, struct weir__span *span, uint64_t label);

/* Where it stands, if its neighbors allow, or by moving its pages without copying: the block as
 * it is then. NULL: it must be copied, or *refused: a limit does not allow it. */
void *weir__large_resize(weir_allocator *a, void *block, const struct weir__found *found,
                         size_t size, bool *refused);

/* Taken and given back without being counted: for blocks that move. NULL: no memory; false: it is
 * not live. */
struct weir__span *weir__large_take(weir_allocator *a, const struct weir__request *request,
                                    uint32_t tag);
bool weir__large_give(weir_allocator *a, struct weir__span *span);

#endif
