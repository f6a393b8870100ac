/*
 * pool/chunk.h - chunks of a page heap and their free slabs. Owns which slabs nobody uses and
 * which of them may be resident; knows nothing of blocks (pool/slab.h). All under the page
 * heap's lock but where it says otherwise.
 *
 * Free slabs are taken where they are warm: of `dirty_slabs`, used since they were last purged,
 * LIFO; then of `clean_slabs`, purged, LIFO; then fresh ones.
 *
 * Any thread may look up a stale pointer at any time, so the headers of a chunk stay as they
 * are, and lead to ledgers within it: its addresses are never given back, only the memory of its
 * slabs. A chunk that no page heap has
 * is retired, and serves the next page heap of its backing that needs a chunk, or a region
 * where there are no other addresses.
 */
#ifndef WEIR_POOL_CHUNK_H
#define WEIR_POOL_CHUNK_H

#include "pool/page_heap.h"

/* Slab 0 is the header. */
#define WEIR__CHUNK_USABLE (WEIR__CHUNK_SLABS - 1)

WEIR__INLINE struct weir__chunk *weir__chunk_of_link(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__chunk, u.head.link);
}

/* A free slab, `zeroed` set truly; NULL: no memory. Takes the page heap's lock. */
struct weir__slab *weir__chunk_take_slab(struct weir__page_heap *heap);
void weir__chunk_give_slab(struct weir__page_heap *heap, struct weir__slab *slab);

/* The blocks of a slab in use, which has been initialized, cannot be read or written until it is
 * given back; where the system refuses, or the page heap asks for huge pages, they can. */
void weir__chunk_close_slab(const struct weir__page_heap *heap, struct weir__slab *slab);

/* Takes the slab that is dirty for longest off its list, so that nobody gets it and its chunk
 * stays; NULL: none was freed `idle_ms` ago. Uncut puts it back. */
struct weir__slab *weir__chunk_cut_slab_locked(struct weir__page_heap *heap, uint32_t idle_ms);
void weir__chunk_uncut_slab_locked(struct weir__page_heap *heap, struct weir__slab *slab,
                                   bool purged);

/* As weir__hole_restamp_locked. */
void weir__chunk_restamp_locked(struct weir__page_heap *heap, uint32_t before);

/* Takes the chunks without a used slab off the page heap, to `list`; the bytes of their slabs
 * that were used. */
size_t weir__chunk_release_locked(struct weir__page_heap *heap, struct weir__list *list);

/* Takes every chunk off; nobody has a block. */
void weir__chunk_release_all(struct weir__page_heap *heap, struct weir__list *list);

/* Purges chunks that no page heap has any more and keeps their addresses. No lock held. */
void weir__chunk_retire(const struct weir__backing *backing, struct weir__list *list);

void weir__chunk_retire_one(const struct weir__backing *backing, void *memory);

/* A retired chunk of that backing, its slabs all zero, for as long as the caller likes; NULL:
 * none. */
struct weir__chunk *weir__chunk_revive(const struct weir__backing *backing);

/* Do the lists agree with the counts? */
bool weir__chunk_is_valid(const struct weir__page_heap *heap);

#endif
