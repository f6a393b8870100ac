/*
 * track/freed.h - addresses that were freed of late, for allocators that keep no trace of a
 * freed block: so that a second free is told from that of a pointer that was never a block.
 * Owns a table of them, knows addresses only, and forgets some. Any thread, no lock.
 */
#ifndef WEIR_TRACK_FREED_H
#define WEIR_TRACK_FREED_H

#include <stdbool.h>

void weir__freed_add(const void *block);

/* The address is a block's again. */
void weir__freed_forget(const void *block);

/* True: it was freed, and no block starts there since. */
bool weir__freed_has(const void *address);

#endif
