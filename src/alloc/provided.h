/*
 * alloc/provided.h - blocks that functions provide: a user's table, a device's, the C
 * library's. Their ledger is the registry; nothing is cached here. No state. Any thread, no lock
 * held.
 */
#ifndef WEIR_ALLOC_PROVIDED_H
#define WEIR_ALLOC_PROVIDED_H

#include "alloc/block.h"

/* One try. NULL: it is refused. */
void *weir__provided_allocate(weir_allocator *a, struct weir__request *request);

/* Frees the live block of `a` that starts at `block`, or reports what is wrong. */
void weir__provided_free(weir_allocator *a, void *block);

/* Moves a live block to one of the size asked for: one change of the figures. NULL: it is refused,
 * and nothing changed. */
void *weir__provided_move(weir_allocator *a, void *block, const struct weir__found *found,
                          struct weir__request *request);

/* Gives every block back, uncounted. Context lock held. */
void weir__provided_release_all(weir_allocator *a);

#endif
