/*
 * pool/map.h - from any address to what weir keeps there, for every page heap of the
 * process: one 16-bit entry per 4 MiB of address space.
 *
 *   0   not weir's      1   a chunk of slabs (pool/slab.h)
 *   2+  a region of spans (pool/span.h): index + 2 of the region
 *
 * The entries of the 256 GiB around the first memory that is set are one array, the main leaf:
 * nearly all that the system maps later lies there, too. The rest has two levels:
 *
 *     address:  | beyond: 0 | 46..38: leaf | 37..22: entry of the leaf | 21..0 |   (x86-64)
 *
 * A leaf is mapped when the first entry of its 256 GiB is set, and stays.
 *
 * Entries are written under the lock of the page heap that owns the memory, before
 * a pointer into it is handed out and after the last one came back; readers of
 * their own live pointers need no order. Leaves, and where the main one begins, are set by
 * compare-and-swap.
 */
#ifndef WEIR_POOL_MAP_H
#define WEIR_POOL_MAP_H

#include "os/pages.h"

#define WEIR__CHUNK_SHIFT 22
#define WEIR__CHUNK       ((size_t)1 << WEIR__CHUNK_SHIFT)
#define WEIR__MAP_ENTRIES ((size_t)1 << (WEIR__OS_ADDRESS_BITS - WEIR__CHUNK_SHIFT))
#define WEIR__LEAF_SHIFT  16
#define WEIR__LEAF        ((uintptr_t)1 << WEIR__LEAF_SHIFT)
#define WEIR__LEAVES      (WEIR__MAP_ENTRIES >> WEIR__LEAF_SHIFT)

enum { WEIR__MAP_FOREIGN = 0, WEIR__MAP_SLABS = 1, WEIR__MAP_SPANS = 2 };

struct weir__leaf {
    uint16_t entries[WEIR__LEAF]; /* atomic */
};

/* The main leaf, and the number of its first entry: 0, where none is set, until the first memory
 * is; the same ever after. */
extern struct weir__leaf weir__map_main __attribute__((visibility("hidden")));
extern uintptr_t weir__map_main_first __attribute__((visibility("hidden"))); /* atomic */

/* The rest of the address space, by number / WEIR__LEAF. NULL: none was needed. Atomic. */
extern struct weir__leaf *weir__map_leaves[WEIR__LEAVES];

/* What the main leaf says of any pointer. WEIR__MAP_FOREIGN may mean that it lies elsewhere. */
WEIR__INLINE unsigned weir__map_get_main(const void *pointer)
{
    uintptr_t number = (uintptr_t)pointer >> WEIR__CHUNK_SHIFT;
    number -= weir__own_get(weir__map_main_first);
    if (weir__unlikely(number > WEIR__LEAF - 1))
        return WEIR__MAP_FOREIGN;
    return weir__relaxed_get(weir__map_main.entries[number]);
}

/* Any pointer. */
unsigned weir__map_get(const void *pointer);

/* Both ends are multiples of WEIR__CHUNK. False, and nothing changed: outside the address
 * space, or there is no memory for a leaf. */
bool weir__map_set(const void *start, size_t size, unsigned what);

/* Is every leaf that is there empty where the main one has the entries? */
bool weir__map_is_valid(void);

#endif
