/*
 * pool/place.h - from any pointer to where it lies in the pools: the one search that freeing,
 * finding, resizing, walking and tracing share. Reads only; never dereferences what weir does
 * not own.
 *
 * Any thread may ask for any pointer at any time. For a live block of the caller's the answer
 * stays true; for others it is of before or after what goes on meanwhile: headers and ledgers
 * stay readable (pool/slab.h, pool/region.h).
 */
#ifndef WEIR_POOL_PLACE_H
#define WEIR_POOL_PLACE_H

#include "pool/region.h"
#include "pool/slab.h"

struct weir__place {
    unsigned what;           /* of the map: WEIR__MAP_FOREIGN, _SLABS, or a region from _SPANS on */
    struct weir__slab *slab; /* SLABS: the one it lies in */
    uint32_t *entry;         /* SLABS: of the block that starts there; NULL: none does */
    struct weir__span *span; /* a region: the live span whose block starts there; NULL: none */
};

/* The span's part of the answer; out of line, so that small blocks do not pay for it. */
struct weir__place weir__place_in_region(unsigned what, const void *pointer);

WEIR__INLINE struct weir__place weir__place_of(const void *pointer)
{
    struct weir__place place = {weir__map_get(pointer), NULL, NULL, NULL};
    if (weir__likely(place.what == WEIR__MAP_SLABS)) {
        place.slab = weir__slab_of(pointer);
        place.entry = weir__slab_entry(place.slab, pointer);
    } else if (place.what != WEIR__MAP_FOREIGN) {
        place = weir__place_in_region(place.what, pointer);
    }
    return place;
}

#endif
