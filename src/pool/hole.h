/*
 * pool/hole.h - the holes of a page heap, binned by size: exact bins for 1 to 32 pages, then
 * 16 a power of two. Everything under the page heap's lock. Knows nothing of where holes come
 * from: pool/span.c cuts and joins them.
 *
 * A bit of `bin_used` is set exactly when that bin is not empty, one of `bin_words` when
 * that word of it is not zero. Lists are LIFO; a hole remembers its bin.
 */
#ifndef WEIR_POOL_HOLE_H
#define WEIR_POOL_HOLE_H

#include "pool/page_heap.h"

WEIR__INLINE unsigned weir__hole_bin(uint32_t npages)
{
    if (npages <= WEIR__EXACT_PAGES)
        return npages - 1;
    unsigned log = weir__log2(npages);
    return WEIR__EXACT_PAGES + (log - 5) * 16 + ((npages >> (log - 4)) & 15);
}

/* Into the bin of its size. */
WEIR__INLINE void weir__hole_link(struct weir__page_heap *heap, struct weir__span *hole)
{
    unsigned bin = weir__hole_bin(hole->npages);
    struct weir__span *next = heap->bins[bin];
    hole->u.hole.bin = (uint16_t)bin;
    hole->u.hole.prev = NULL;
    hole->u.hole.next = next;
    heap->bins[bin] = hole;
    if (next) {
        next->u.hole.prev = hole;
        return;
    }
    heap->bin_used[bin / 64] |= (uint64_t)1 << (bin % 64);
    heap->bin_words |= 1u << bin / 64;
}

/* What the hole's neighbours in its list point to becomes `instead`, at its place. */
WEIR__INLINE void weir__hole_replace(struct weir__page_heap *heap, const struct weir__span *hole,
                                     struct weir__span *instead)
{
    struct weir__span *next = hole->u.hole.next, *prev = hole->u.hole.prev;
    unsigned bin = hole->u.hole.bin;
    instead->u.hole.next = next;
    instead->u.hole.prev = prev;
    instead->u.hole.bin = (uint16_t)bin;
    if (next)
        next->u.hole.prev = instead;
    if (prev)
        prev->u.hole.next = instead;
    else
        heap->bins[bin] = instead;
}

WEIR__INLINE void weir__hole_unlink(struct weir__page_heap *heap, const struct weir__span *hole)
{
    struct weir__span *next = hole->u.hole.next, *prev = hole->u.hole.prev;
    unsigned bin = hole->u.hole.bin;
    if (next)
        next->u.hole.prev = prev;
    if (prev) {
        prev->u.hole.next = next;
        return;
    }
    heap->bins[bin] = next;
    if (next)
        return;
    heap->bin_used[bin / 64] &= ~((uint64_t)1 << (bin % 64));
    if (!heap->bin_used[bin / 64])
        heap->bin_words &= ~(1u << bin / 64);
}

/* The first bin from `bin` on that holds something; -1: none. */
WEIR__INLINE int weir__hole_bin_next(const struct weir__page_heap *heap, unsigned bin)
{
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
    struct weir__span *best = NULL;
    int look = WEIR__HOLE_LOOK;
    for (struct weir__span *hole = heap->bins[bin]; hole && look--; hole = hole->u.hole.next) {
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
    unsigned bin = weir__hole_bin(npages);
    struct weir__span *best = heap->bins[bin] ? weir__hole_best(heap, bin, npages) : NULL;
    if (best)
        return best;
    int next = weir__hole_bin_next(heap, bin + 1);
    return next < 0 ? NULL : weir__hole_best(heap, (unsigned)next, npages);
}

#endif
