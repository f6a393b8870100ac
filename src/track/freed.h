/*
 * track/freed.h - addresses that were freed of late, for allocators that keep no trace of a
 * freed block: so that a second free is told from that of a pointer that was never a block.
 * Owns a table of them, knows addresses and by whom each was freed, and forgets some. Any
 * thread, no lock.
 */
#ifndef WEIR_TRACK_FREED_H
#define WEIR_TRACK_FREED_H

#include <stdbool.h>

/* `owner`: the address of who freed it. */
void weir__freed_add(const void *block, const void *owner);

/* The address is a block's again. */
void weir__freed_forget(const void *block);

/* True: it was freed, and no block of those that are added and forgotten starts there since. */
bool weir__freed_has(const void *address);

/* The same, and `owner` freed it last; of two owners one in 65,000 may be taken for the other. */
bool weir__freed_by(const void *address, const void *owner);

#endif
