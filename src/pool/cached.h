/*
 * pool/cached.h - a cached block: a free one outside its slab, with the place of its ledger
 * entry, as bins, batches and depots keep it. Two pointers and no state: who has one of
 * them has the block, unless two threads freed it at one instant; then there are two.
 */
#ifndef WEIR_POOL_CACHED_H
#define WEIR_POOL_CACHED_H

#include "base/bits.h"

struct weir__cached {
    void *block;
    uint32_t *entry;
};

_Static_assert(sizeof(struct weir__cached) == 16, "the bounds of book-keeping count on it");

#endif
