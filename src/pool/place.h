/*
 * pool/place.h - from any pointer to where it lies in the pools: the one search that freeing,
 * finding, resizing, walking and tracing share. No state; reads only, and never dereferences what
 * weir does not own.
 *
 * Any thread may ask for any pointer at any time. For a live block of the caller's the answer
 * stays true; for others it is of before or after what goes on meanwhile: headers and ledgers
 * stay readable (pool/slab.h, pool/region.h).
 */
#ifndef WEIR_POOL_PLACE_H
#define WEIR_POOL_PLACE_H

#include "pool/region.h"
#include "pool/slab.h"

/* Two words, so that it travels in registers from the fast way to the slow one, which goes on
 * from it. */
struct weir__place {
    struct weir__slab *slab; /* the one it lies in; NULL: in no slab */
    uint32_t *entry;         /* in a slab: of the block that starts there; NULL: none does */
};

/* Of what lies in no slab: what the map says (pool/map.h), kept where others have the entry. */
WEIR__INLINE unsigned weir__place_what(struct weir__place place)
{
    return place.slab ? WEIR__MAP_SLABS : (unsigned)(uintptr_t)place.entry;
}

/* `what` is what the map says of the pointer. */
WEIR__INLINE struct weir__place weir__place_as(unsigned what, const void *pointer)
{
    struct weir__place place = {NULL, (uint32_t *)(uintptr_t)what};
    if (weir__likely(what == WEIR__MAP_SLABS)) {
        place.slab = weir__slab_of(pointer);
        place.entry = weir__slab_entry(place.slab, pointer);
    }
    return place;
}

WEIR__INLINE struct weir__place weir__place_of(const void *pointer)
{
    return weir__place_as(weir__map_get(pointer), pointer);
}

/* For the fast ways: nothing is found of what lies outside the main leaf (pool/map.h). */
WEIR__INLINE struct weir__place weir__place_quick(const void *pointer)
{
    return weir__place_as(weir__map_get_main(pointer), pointer);
}

/* The span at the pointer, which lies in no slab; NULL: none. *label: what its label says. */
WEIR__INLINE struct weir__span *weir__place_labeled(struct weir__place place, const void *pointer,
                                                    uint64_t *label)
{
    unsigned what = weir__place_what(place);
    if (weir__unlikely(what < WEIR__MAP_SPANS))
        return NULL;
    struct weir__span *span = weir__span_at(what, pointer);
    if (weir__unlikely(!span || __atomic_load_n(&span->state, __ATOMIC_ACQUIRE) != WEIR__PAGE_SPAN))
        return NULL;
    *label = weir__span_label(span);
    return span;
}

/* The live one whose block starts there; NULL: none. */
WEIR__INLINE struct weir__span *weir__place_span(struct weir__place place, const void *pointer,
                                                 uint64_t *label)
{
    struct weir__span *span = weir__place_labeled(place, pointer, label);
    return span && weir__likely(weir__label_starts_at(*label, pointer)) ? span : NULL;
}

/* The same for the fast free: nobody need be told that it ends. */
WEIR__INLINE struct weir__span *weir__place_plain_span(struct weir__place place,
                                                       const void *pointer, uint64_t *label)
{
    struct weir__span *span = weir__place_labeled(place, pointer, label);
    return span && weir__likely(weir__label_starts_plain(*label, pointer)) ? span : NULL;
}

#endif
