/*
 * pool/map.h - from any address to what weir keeps there, for every page heap of the
 * process: one 16-bit entry per 4 MiB of address space, in a table the system
 * backs with memory only where it is touched.
 *
 *   0   not weir's      1   a chunk of slabs (pool/slab.h)
 *   2+  a region of spans (pool/span.h): index + 2 of the region
 *
 * Entries are written under the lock of the page heap that owns the memory, before
 * a pointer into it is handed out and after the last one came back; readers of
 * their own live pointers need no order.
 */
#ifndef WEIR_POOL_MAP_H
#define WEIR_POOL_MAP_H

#include "base/bits.h"

#define WEIR__CHUNK_SHIFT 22
#define WEIR__CHUNK       ((size_t)1 << WEIR__CHUNK_SHIFT)

#if defined(__x86_64__)
#define WEIR__ADDRESS_BITS 47 /* user half; 57-bit addresses come only on request */
#else
#define WEIR__ADDRESS_BITS 48
#endif
#define WEIR__MAP_ENTRIES ((size_t)1 << (WEIR__ADDRESS_BITS - WEIR__CHUNK_SHIFT))

enum { WEIR__MAP_FOREIGN = 0, WEIR__MAP_SLABS = 1, WEIR__MAP_SPANS = 2 };

extern uint16_t weir__map[WEIR__MAP_ENTRIES];

WEIR__INLINE unsigned weir__map_get(const void *pointer)
{
    uintptr_t index = (uintptr_t)pointer >> WEIR__CHUNK_SHIFT;
    if (weir__unlikely(index >= WEIR__MAP_ENTRIES))
        return WEIR__MAP_FOREIGN;
    return __atomic_load_n(&weir__map[index], __ATOMIC_RELAXED);
}

/* The fast path's question; a plain load, for it folds into the comparison. */
WEIR__INLINE bool weir__map_is_slabs(const void *pointer)
{
    uintptr_t index = (uintptr_t)pointer >> WEIR__CHUNK_SHIFT;
    return weir__likely(index < WEIR__MAP_ENTRIES) &&
           weir__own_get(weir__map[index]) == WEIR__MAP_SLABS;
}

/* Both ends are multiples of WEIR__CHUNK. False when outside the address space. */
bool weir__map_set(const void *start, size_t size, unsigned what);

#endif
