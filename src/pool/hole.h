/*
 * pool/hole.h - the holes of a page heap, binned by size: exact bins for 1 to 32 pages, then
 * 16 a power of two. Owns their lists alone, everything under the page heap's lock. Knows nothing
 * of where holes come from: pool/span.c cuts and joins them.
 *
 * A bit of `bin_used` is set exactly when that bin is not empty, one of `bin_words` when
 * that word of it is not zero. In a bin the dirty holes stand before the clean ones, the
 * dirty LIFO, so that memory which is resident is found first. A hole remembers its bin.
 */
#ifndef WEIR_POOL_HOLE_H
#define WEIR_POOL_HOLE_H

#include "pool/page_heap.h"

WEIR__INLINE struct weir__span *weir__hole_of(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__span, u.hole.link);
}

WEIR__INLINE unsigned weir__hole_bin(uint32_t npages)
{
    weir__assert(npages > 0);
    if (npages <= WEIR__EXACT_PAGES)
        return npages - 1;
    unsigned log = weir__log2(npages);
    return WEIR__EXACT_PAGES + (log - 5) * 16 + ((npages >> (log - 4)) & 15);
}

/* Into the bin of its size. */
WEIR__INLINE void weir__hole_link(struct weir__page_heap *heap, struct weir__span *hole)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(hole->state == WEIR__PAGE_HOLE);
    unsigned bin = weir__hole_bin(hole->npages);
    weir__relaxed_set(hole->u.hole.bin, (uint16_t)bin);
    if (hole->zeroed)
        weir__list_append(&heap->bins[bin], &hole->u.hole.link);
    else
        weir__list_push(&heap->bins[bin], &hole->u.hole.link);
    heap->bin_used[bin / 64] |= (uint64_t)1 << (bin % 64);
    heap->bin_words |= 1u << bin / 64;
}

WEIR__INLINE void weir__hole_unlink(struct weir__page_heap *heap, struct weir__span *hole)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(hole->u.hole.bin < WEIR__BIN_COUNT);
    unsigned bin = hole->u.hole.bin;
    weir__list_remove(&heap->bins[bin], &hole->u.hole.link);
    if (heap->bins[bin].first)
        return;
    heap->bin_used[bin / 64] &= ~((uint64_t)1 << (bin % 64));
    if (!heap->bin_used[bin / 64])
        heap->bin_words &= ~(1u << bin / 64);
}

/* `instead` takes the place of `hole`, for it belongs into the same bin. */
WEIR__INLINE void weir__hole_replace(struct weir__page_heap *heap, const struct weir__span *hole,
                                     struct weir__span *instead)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(weir__hole_bin(instead->npages) == hole->u.hole.bin);
    weir__relaxed_set(instead->u.hole.bin, hole->u.hole.bin);
    weir__list_replace(&heap->bins[hole->u.hole.bin], &hole->u.hole.link, &instead->u.hole.link);
}

/* The first bin from `bin` on that holds something; -1: none. */
WEIR__INLINE int weir__hole_bin_next(const struct weir__page_heap *heap, unsigned bin)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    unsigned word = bin / 64;
    uint64_t bits = heap->bin_used[word] & ~(uint64_t)0 << (bin % 64);
    if (!bits) {
        uint32_t words = heap->bin_words & ~(uint32_t)0 << word & ~(1u << word);
        if (!words)
            return -1;
        word = (unsigned)__builtin_ctz(words);
        bits = heap->bin_used[word];
    }
    return (int)(word * 64 + (unsigned)__builtin_ctzll(bits));
}

/* Lower in memory, by region and page. */
WEIR__INLINE bool weir__hole_is_lower(const struct weir__span *a, const struct weir__span *b)
{
    return a->region != b->region ? a->region < b->region : a < b;
}

/* Best of the first WEIR__HOLE_LOOK holes of a bin that hold npages, the lowest on a
 * tie; NULL: none does. */
#define WEIR__HOLE_LOOK 16
WEIR__INLINE struct weir__span *weir__hole_best(const struct weir__page_heap *heap, unsigned bin,
                                                uint32_t npages)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(bin < WEIR__BIN_COUNT);
    struct weir__span *best = NULL;
    const struct weir__link *link = heap->bins[bin].first;
    for (int look = WEIR__HOLE_LOOK; link && look--; link = link->next) {
        struct weir__span *hole = weir__hole_of(link);
        if (hole->npages < npages)
            continue;
        if (!best || hole->npages < best->npages ||
            (hole->npages == best->npages && weir__hole_is_lower(hole, best)))
            best = hole;
    }
    return best;
}

/* Best fit: of the bin of that size, else of the next one up, whose every hole fits. */
WEIR__INLINE struct weir__span *weir__hole_find(const struct weir__page_heap *heap, uint32_t npages)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(npages > 0);
    unsigned bin = weir__hole_bin(npages);
    struct weir__span *best = heap->bins[bin].first ? weir__hole_best(heap, bin, npages) : NULL;
    if (best)
        return best;
    int next = weir__hole_bin_next(heap, bin + 1);
    return next < 0 ? NULL : weir__hole_best(heap, (unsigned)next, npages);
}

/* Makes a hole of [page, page + npages), which is part of no span or hole. */
void weir__hole_insert(struct weir__page_heap *heap, struct weir__region *region, uint32_t page,
                       uint32_t npages, bool zeroed, uint32_t freed_at);

/* Its pages are part of nothing from then on. */
void weir__hole_remove(struct weir__page_heap *heap, struct weir__span *hole);

/* The hole takes in what follows it and has `npages` in all; it is dirty from now on. */
void weir__hole_widen(struct weir__page_heap *heap, struct weir__span *hole, uint32_t npages);

/* Takes the next dirty hole that was freed `idle_ms` ago or before and has a whole page of the
 * machine out of the layout: laid out as an idle span, which nobody joins. It looks from bin
 * `*bin` downwards and leaves it there; NULL: none. weir__span_uncut_hole_locked puts it back. */
struct weir__span *weir__hole_cut_locked(struct weir__page_heap *heap, uint32_t idle_ms, int *bin);

/* Holes with the stamp `before` get that of the millisecond that ended now. */
void weir__hole_restamp_locked(struct weir__page_heap *heap, uint32_t before);

/* Do bins, bits, links and sums agree? `count`: of all holes. */
bool weir__hole_is_valid(const struct weir__page_heap *heap, size_t *count);

#endif
