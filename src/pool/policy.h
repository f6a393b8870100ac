/*
 * pool/policy.h - how long a pool keeps what nobody uses, and whether it asks for huge
 * pages: two choices for a whole library. libweir's suit inference, whose steps come
 * back to the same memory again and again; a library that stands under any program
 * (libweir-malloc) brings others by defining weir__policy_own.
 */
#ifndef WEIR_POOL_POLICY_H
#define WEIR_POOL_POLICY_H

#include "base/bits.h"

struct weir__policy {
    uint32_t decay_ms; /* what nobody re-used for this long goes back to the system, */
    uint32_t step_ms;  /* looked at this often, */
    uint32_t look_ops; /* on every so many operations on slabs and spans */
    bool huge_pages;
};

/* A null address where the library has none. */
extern const struct weir__policy weir__policy_own __attribute__((weak, visibility("hidden")));

WEIR__INLINE const struct weir__policy *weir__policy(void)
{
    static const struct weir__policy inference = {10000, 500, 64, true};
    return &weir__policy_own ? &weir__policy_own : &inference;
}

#endif
