/*
 * base/draw.h - numbers by chance, for who keeps a state of 64 bits, which is not 0 (xorshift,
 * Marsaglia 2003). Who reads the state knows all that follow. No state of its own; the caller's
 * lock.
 */
#ifndef WEIR_BASE_DRAW_H
#define WEIR_BASE_DRAW_H

#include "base/bits.h"

/* Below `count`. */
WEIR__INLINE uint32_t weir__draw(uint64_t *state, uint32_t count)
{
    uint64_t bits = *state;
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    *state = bits;
    return (uint32_t)((bits >> 32) * count >> 32);
}

#endif
