/*
 * track/freed.c - see freed.h. A table where an address has one place and drives out what
 * was there. Addresses are kept inverted, so that no leak checker takes them for pointers.
 *
 *    63        48 47                       0
 *   | of owner   | ~address                 |    0: nothing
 */
#include "track/freed.h"

#include "base/bits.h"

#define PLACES_SHIFT 14

#define ADDRESS_BITS 48

static uint64_t places[1 << PLACES_SHIFT]; /* atomic */

static uint64_t hash_of(const void *pointer)
{
    return ((uintptr_t)pointer >> 4) * UINT64_C(0x9E3779B97F4A7C15);
}

static uint64_t *place_of(const void *address)
{
    return &places[hash_of(address) >> (64 - PLACES_SHIFT)];
}

static uint64_t note_of(const void *address, const void *owner)
{
    uint64_t low = ((uint64_t)1 << ADDRESS_BITS) - 1;
    return (~(uint64_t)(uintptr_t)address & low) | (hash_of(owner) & ~low);
}

/* Are both of one address? */
static bool notes_agree(uint64_t a, uint64_t b)
{
    return a && !((a ^ b) << (64 - ADDRESS_BITS));
}

void weir__freed_add(const void *block, const void *owner)
{
    weir__relaxed_set(*place_of(block), note_of(block, owner));
}

void weir__freed_forget(const void *block)
{
    uint64_t noted = weir__relaxed_get(*place_of(block));
    if (notes_agree(noted, note_of(block, NULL)))
        __atomic_compare_exchange_n(place_of(block), &noted, 0, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
}

bool weir__freed_has(const void *address)
{
    return notes_agree(weir__relaxed_get(*place_of(address)), note_of(address, NULL));
}

bool weir__freed_by(const void *address, const void *owner)
{
    return weir__relaxed_get(*place_of(address)) == note_of(address, owner);
}
