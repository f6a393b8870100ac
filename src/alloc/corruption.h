/*
 * alloc/corruption.h - small blocks whose book-keeping was overwritten: whether it was, and the
 * report, which says what was found and what lies next to the block. No state; reads alone. Any
 * thread; to report, no lock is held.
 *
 * Such a block is left as it is: it is live for its ledger or gone from all caches, so nobody gets
 * it, and the figures keep what was counted for it.
 */
#ifndef WEIR_ALLOC_CORRUPTION_H
#define WEIR_ALLOC_CORRUPTION_H

#include "pool/place.h"

#include <stddef.h>

/* Does a live entry say what no call can have left in that slab? */
bool weir__entry_is_corrupt(const struct weir__slab *slab, uint32_t value);

/* Does the header of a slab that is in use contradict itself, or the map? False too while another
 * thread is making it. */
bool weir__header_is_corrupt(const struct weir__slab *slab);

/* Reports what was written around a live block of a hardened context: up to the byte so far behind
 * it, or, negative, below it; and into a free one, which was a block of `size` bytes. */
void weir__damage_report(const void *block, const char *allocator_name, ptrdiff_t written,
                         size_t size, uint32_t tag);
void weir__written_report(const void *block, const char *allocator_name, size_t offset, size_t size,
                          uint32_t tag);

/* Reports that of the small block at the pointer. */
void weir__corruption_report(const void *block, const char *allocator_name);

#endif
