/*
 * pool/map.h - from any address to what weir keeps there, for every page heap of the
 * process: one 16-bit entry per 4 MiB of address space, in two levels.
 *
 *     address:  | beyond: 0 | 46..38: leaf | 37..22: entry of the leaf | 21..0 |   (x86-64)
 *
 *   0   not weir's      1   a chunk of slabs (pool/slab.h)
 *   2+  a region of spans (pool/span.h): index + 2 of the region
 *
 * A leaf is mapped when the first entry of its 256 GiB is set, and stays. Until then
 * the root points to a leaf of zeros that all share, so that a look-up needs no test.
 *
 * Entries are written under the lock of the page heap that owns the memory, before
 * a pointer into it is handed out and after the last one came back; readers of
 * their own live pointers need no order. Leaves are set by compare-and-swap.
 */
#ifndef WEIR_POOL_MAP_H
#define WEIR_POOL_MAP_H

#include "os/pages.h"

#define WEIR__CHUNK_SHIFT 22
#define WEIR__CHUNK       ((size_t)1 << WEIR__CHUNK_SHIFT)
#define WEIR__MAP_ENTRIES ((size_t)1 << (WEIR__OS_ADDRESS_BITS - WEIR__CHUNK_SHIFT))
#define WEIR__LEAF_SHIFT  16 /* so that the low half of a word is the index */
#define WEIR__LEAVES      (WEIR__MAP_ENTRIES >> WEIR__LEAF_SHIFT)

enum { WEIR__MAP_FOREIGN = 0, WEIR__MAP_SLABS = 1, WEIR__MAP_SPANS = 2 };

struct weir__leaf {
    uint16_t entries[1 << WEIR__LEAF_SHIFT]; /* atomic */
};

extern struct weir__leaf *weir__map[WEIR__LEAVES]; /* atomic; never NULL */

/*
 * Any pointer. A plain load of the leaf, for it folds into the next. The barriers keep gcc from
 * shifting twice: the entry is had by copying the low half of the index, so that two levels
 * cost 3 instructions more than one and not 4.
 */
WEIR__INLINE unsigned weir__map_get(const void *pointer)
{
    uintptr_t leaf = (uintptr_t)pointer >> WEIR__CHUNK_SHIFT, entry = (uint16_t)leaf;
    __asm__("" : "+r"(leaf), "+r"(entry));
    leaf >>= WEIR__LEAF_SHIFT;
    __asm__("" : "+r"(leaf));
    if (weir__unlikely(leaf >= WEIR__LEAVES))
        return WEIR__MAP_FOREIGN;
    return weir__relaxed_get(weir__own_get(weir__map[leaf])->entries[entry]);
}

/* Both ends are multiples of WEIR__CHUNK. False, and nothing changed: outside the address
 * space, or there is no memory for a leaf. */
bool weir__map_set(const void *start, size_t size, unsigned what);

/* Is there a leaf everywhere, and the one of zeros that all share still zero? */
bool weir__map_is_valid(void);

#endif
