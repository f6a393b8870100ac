/*
 * pool/family.h - the centers of one owner, and how slabs move between them. Those of one class
 * are siblings, in a ring. A center without a free block adopts a slab from a sibling before it
 * asks the page heap: else each would keep what another needs. And where a thread frees blocks of
 * a sibling that is idle, their slabs become its center's: so blocks that one thread made for
 * others stay with those who replace them, and no new memory is wanted for that.
 *
 * Owns the rings. The lock (rank "family") is held while a slab moves, and by the thread that looks
 * at several centers one after the other and must see each slab once. A center that wants a slab
 * only tries it: its own lock is further in.
 *
 *   adopter: own lock, tries the family's, tries a sibling's; all three held: the slab moves
 *   walker:  the family's lock, then each center's in turn
 *
 * Who holds one center's lock sees that center's slabs stay. Model: docs/models/adoption.pml.
 */
#ifndef WEIR_POOL_FAMILY_H
#define WEIR_POOL_FAMILY_H

#include "os/lock.h"

struct weir__bin;
struct weir__cached;
struct weir__center;

struct weir__family {
    weir__lock lock; /* covers which slabs each center has, as drawn above */
};

WEIR__INLINE void weir__family_init(struct weir__family *family)
{
    weir__lock_init(&family->lock, WEIR__RANK_FAMILY);
}

/* Puts a center that nobody has seen yet next to the others of its class; `sibling` is any of them,
 * or NULL. The lock is held, or nobody else adds any. */
void weir__family_join(struct weir__family *family, struct weir__center *center,
                       struct weir__center *sibling);

/* A slab with a free block becomes the center's; its lock is held. False: no sibling can spare
 * one now. */
bool weir__family_adopt(struct weir__center *center);

/* Up to a batch out of the depot of a sibling that has at least one, where no sibling can spare a
 * slab. How many. They go home when they are freed, and are wanted again: so after
 * some slabs' blocks a new slab is the better way. */
unsigned weir__family_borrow(struct weir__center *center, struct weir__cached *blocks);

/* Blocks in a foreign bin whose slabs are an idle sibling's: the slabs become the center's, whose
 * lock is held, and up to `most` of the blocks are taken out of the bin. How many. */
unsigned weir__family_claim(struct weir__center *center, struct weir__bin *foreign,
                            struct weir__cached *blocks, unsigned most);

#endif
