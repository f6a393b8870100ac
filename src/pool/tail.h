/*
 * pool/tail.h - what lies past the frontiers of a page heap's regions: pages that were used and
 * may be resident, and addresses that never were. No state of its
 * own: regions say how far they were used. All under the page heap's lock.
 */
#ifndef WEIR_POOL_TAIL_H
#define WEIR_POOL_TAIL_H

#include "pool/page_heap.h"

/* The end of a tail, out of the layout: nobody grows into it until it is put back. */
struct weir__tail {
    struct weir__region *region;
    uint32_t npages; /* that the region had */
    char *start;
    size_t size;
};
bool weir__tail_cut_locked(struct weir__page_heap *heap, uint32_t idle_ms, size_t wanted,
                           struct weir__tail *tail);
/* `purged`: it reads as zero now. */
void weir__tail_uncut_locked(const struct weir__tail *tail, bool purged);

/* Bytes of tails, and of the idle span, that may be resident. */
size_t weir__tail_bytes_locked(const struct weir__page_heap *heap);

/* Dooms the regions that hold nothing; bytes of theirs that were used. */
size_t weir__tail_release_locked(struct weir__page_heap *heap);

/* Closes what is open past the frontiers, in whole huge pages; bytes of it that were used. */
size_t weir__tail_shut_locked(struct weir__page_heap *heap);

/* Gives back the addresses past the frontiers. */
void weir__tail_shrink_locked(struct weir__page_heap *heap);

/* As weir__hole_restamp_locked, for the frontiers. */
void weir__tail_restamp_locked(struct weir__page_heap *heap, uint32_t before);

/* In a forked child: tails that another thread had cut off are there again; what one was moving
 * is leaked. */
void weir__tail_forked(struct weir__page_heap *heap);

#endif
