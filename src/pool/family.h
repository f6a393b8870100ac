/*
 * pool/family.h - the centers of one owner, and how slabs move between them. Those of one class
 * are siblings, in a ring. A center without a free block adopts a slab from a sibling before it
 * asks the page heap: else each would keep what another needs.
 *
 * Owns the rings. The lock (rank "family") is held while a slab moves, and by whoever looks at
 * several centers one after the other and must see each slab once. A center that wants a slab only
 * tries it: its own lock is further in.
 *
 *   adopter: own lock, tries the family's, tries a sibling's; all three held: the slab moves
 *   walker:  the family's lock, then each center's in turn
 *
 * Who holds one center's lock sees that center's slabs stay. Model: docs/models/adoption.pml.
 */
#ifndef WEIR_POOL_FAMILY_H
#define WEIR_POOL_FAMILY_H

#include "os/lock.h"

struct weir__center;

struct weir__family {
    weir__lock lock; /* covers what its centers have, as drawn above */
};

WEIR__INLINE void weir__family_init(struct weir__family *family)
{
    weir__lock_init(&family->lock, WEIR__RANK_FAMILY);
}

/* Puts a center that nobody has seen yet beside the others of its class, as the one of that shard;
 * `sibling` is any of them, or NULL. Whoever adds centers excludes others. */
void weir__family_join(struct weir__family *family, struct weir__center *center,
                       struct weir__center *sibling, unsigned shard);

/* A slab with a free block becomes the center's; its lock is held. False: no sibling can spare
 * one now. */
bool weir__family_adopt(struct weir__center *center);

#endif
