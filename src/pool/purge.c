/* pool/purge.c - see purge.h. */
#include "pool/purge.h"

#include "os/pages.h"
#include "pool/chunk.h"
#include "pool/hole.h"
#include "pool/span.h"

/* Pieces that are out at a time, and bytes that one call of the system purges: the kernel keeps
 * others waiting meanwhile. */
#define PIECES  16
#define AT_ONCE (16 * WEIR__MIB)

/* A slab, a hole, or the end of a region's tail. */
struct piece {
    struct weir__slab *slab;
    struct weir__cut cut;
    size_t purged;
};

/* False: there is none. */
static bool piece_cut(struct weir__page_heap *heap, uint32_t idle_ms, size_t wanted, int *bin,
                      struct piece *piece)
{
    piece->slab = NULL;
    if (weir__span_cut_tail_locked(heap, idle_ms, wanted, &piece->cut))
        return true;
    struct weir__span *hole = weir__hole_cut_locked(heap, idle_ms, bin);
    if (hole) {
        piece->cut = (struct weir__cut){.hole = hole,
                                        .start = weir__span_start(hole),
                                        .size = (size_t)hole->npages << WEIR__GRANULE_SHIFT};
        return true;
    }
    piece->slab = weir__chunk_cut_slab_locked(heap, idle_ms);
    if (piece->slab)
        piece->cut =
            (struct weir__cut){.start = weir__slab_memory(piece->slab), .size = WEIR__SLAB};
    return piece->slab != NULL;
}

static void piece_purge(const struct weir__page_heap *heap, struct piece *piece)
{
    size_t (*purge)(void *, size_t) = piece->slab ? heap->backing->purge : weir__os_purge;
    piece->purged = 0;
    for (size_t at = 0; at < piece->cut.size; at += AT_ONCE)
        piece->purged += purge(piece->cut.start + at, weir__min(piece->cut.size - at, AT_ONCE));
}

static void piece_uncut(struct weir__page_heap *heap, const struct piece *piece)
{
    if (piece->slab)
        weir__chunk_uncut_slab_locked(heap, piece->slab, piece->purged > 0);
    else
        weir__span_uncut_locked(heap, &piece->cut, piece->purged > 0);
}

size_t weir__purge_locked(struct weir__page_heap *heap, uint32_t idle_ms, size_t wanted)
{
    struct piece pieces[PIECES];
    size_t purged = 0;
    int bin = WEIR__BIN_COUNT - 1;
    weir__span_settle_locked(heap);
    for (unsigned count = 1; count && wanted;) {
        for (count = 0; count < PIECES && wanted;
             wanted -= weir__min(wanted, pieces[count++].cut.size))
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
