/*
 * track/freed.c - see freed.h. A table where an address has one place and drives out what
 * was there. Addresses are kept inverted, so that no leak checker takes them for pointers.
 */
#include "track/freed.h"

#include "base/bits.h"

#define PLACES_SHIFT 14

static uintptr_t places[1 << PLACES_SHIFT]; /* atomic; ~address or 0 */

static uintptr_t *place_of(const void *address)
{
    uint64_t hash = ((uintptr_t)address >> 4) * UINT64_C(0x9E3779B97F4A7C15);
    return &places[hash >> (64 - PLACES_SHIFT)];
}

void weir__freed_add(const void *block)
{
    weir__relaxed_set(*place_of(block), ~(uintptr_t)block);
}

void weir__freed_forget(const void *block)
{
    uintptr_t noted = ~(uintptr_t)block;
    __atomic_compare_exchange_n(place_of(block), &noted, 0, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
}

bool weir__freed_has(const void *address)
{
    return weir__relaxed_get(*place_of(address)) == ~(uintptr_t)address;
}
