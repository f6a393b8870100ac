/* pool/purge.c - see purge.h. */
#include "pool/purge.h"

#include "os/pages.h"
#include "pool/chunk.h"
#include "pool/hole.h"
#include "pool/span.h"
#include "pool/tail.h"

/* Pieces that are out at a time, and bytes that one call of the system purges: the kernel keeps
 * others waiting meanwhile. */
#define PIECES  16
#define AT_ONCE (16 * WEIR__MIB)

/* The end of a region's tail, a hole, or a slab. */
struct piece {
    struct weir__tail tail; /* without region: none */
    struct weir__span *hole;
    struct weir__slab *slab;
    char *start;
    size_t size, purged;
};

/* False: there is none. */
static bool piece_cut(struct weir__page_heap *heap, uint32_t idle_ms, size_t wanted, int *bin,
                      struct piece *piece)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    bool closed = heap->hardened; /* what is free of its spans has no pages (pool/fenced.h) */
    *piece = (struct piece){0};
    if (!closed && weir__tail_cut_locked(heap, idle_ms, wanted, &piece->tail)) {
        piece->start = piece->tail.start;
        piece->size = piece->tail.size;
    } else if (!closed && (piece->hole = weir__hole_cut_locked(heap, idle_ms, bin))) {
        piece->start = weir__span_start(piece->hole);
        piece->size = (size_t)piece->hole->npages << WEIR__GRANULE_SHIFT;
    } else if ((piece->slab = weir__chunk_cut_slab_locked(heap, idle_ms))) {
        piece->start = weir__slab_memory(piece->slab);
        piece->size = WEIR__SLAB;
    }
    return piece->start != NULL;
}

static void piece_purge(const struct weir__page_heap *heap, struct piece *piece)
{
    size_t (*purge)(void *, size_t) = piece->slab ? heap->backing->purge : weir__os_purge;
    for (size_t at = 0; at < piece->size; at += AT_ONCE)
        piece->purged += purge(piece->start + at, weir__min(piece->size - at, AT_ONCE));
}

static void piece_uncut(struct weir__page_heap *heap, const struct piece *piece)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    bool purged = piece->purged > 0;
    if (piece->slab)
        weir__chunk_uncut_slab_locked(heap, piece->slab, purged);
    else if (piece->hole)
        weir__span_uncut_hole_locked(heap, piece->hole, purged);
    else
        weir__tail_uncut_locked(&piece->tail, purged);
}

size_t weir__purge_locked(struct weir__page_heap *heap, uint32_t idle_ms, size_t wanted)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    struct piece pieces[PIECES];
    size_t purged = 0;
    int bin = WEIR__BIN_COUNT - 1;
    weir__span_flush_idle_locked(heap);
    if (weir__page_heap_keeps_pages(heap))
        return 0;
    for (unsigned count = 1; count && wanted;) {
        for (count = 0; count < PIECES && wanted; wanted -= weir__min(wanted, pieces[count++].size))
            if (!piece_cut(heap, idle_ms, wanted, &bin, &pieces[count]))
                break;
        weir__lock_drop(&heap->lock);
        for (unsigned i = 0; i < count; i++)
            piece_purge(heap, &pieces[i]);
        weir__lock_take(&heap->lock);
        for (unsigned i = 0; i < count; i++)
            piece_uncut(heap, &pieces[i]);
        for (unsigned i = 0; i < count; i++)
            purged += pieces[i].purged;
    }
    return purged;
}
