/*
 * base/bits.h - integer helpers, branch hints, units, and the assert. No state: pure functions of
 * their arguments, any thread. Knows nothing of what the numbers count.
 */
#ifndef WEIR_BASE_BITS_H
#define WEIR_BASE_BITS_H

#include "base/assert.h"
#include "base/atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define weir__likely(x)   __builtin_expect(!!(x), 1)
#define weir__unlikely(x) __builtin_expect(!!(x), 0)
#define WEIR__NOINLINE    __attribute__((noinline))
#define WEIR__LINE        64 /* bytes two threads must not share by accident */

/* Where coverage is counted, a branch counts once, not in each copy that is made of it. */
#ifdef WEIR_COVERAGE
#define WEIR__INLINE static inline __attribute__((unused))
#else
#define WEIR__INLINE static inline __attribute__((always_inline))
#endif

/* What every process writes at its start lies next to what the loader has written, not in zeroed
 * its own pages: fewer page faults for a short program (tests/guest/cost.sh). */
#define WEIR__AT_START __attribute__((section(".data")))

#define WEIR__KIB ((size_t)1 << 10)
#define WEIR__MIB ((size_t)1 << 20)
#define WEIR__GIB ((size_t)1 << 30)

WEIR__INLINE bool weir__is_power_of_two(size_t n)
{
    return n && !(n & (n - 1));
}

/* `unit` is a power of two; the caller has checked that n + unit - 1 fits. */
WEIR__INLINE size_t weir__round_up(size_t n, size_t unit)
{
    weir__assert(weir__is_power_of_two(unit) && n + unit - 1 >= n);
    return (n + unit - 1) & ~(unit - 1);
}

WEIR__INLINE size_t weir__round_down(size_t n, size_t unit)
{
    weir__assert(weir__is_power_of_two(unit));
    return n & ~(unit - 1);
}

/* floor(log2(n)), n > 0. */
WEIR__INLINE unsigned weir__log2(size_t n)
{
    weir__assert(n > 0);
    return 63u - (unsigned)__builtin_clzll(n);
}

/* The largest power of two that divides n, n > 0. */
WEIR__INLINE size_t weir__low_bit(size_t n)
{
    weir__assert(n > 0);
    return n & -n;
}

WEIR__INLINE size_t weir__min(size_t a, size_t b)
{
    return a < b ? a : b;
}

WEIR__INLINE size_t weir__max(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
