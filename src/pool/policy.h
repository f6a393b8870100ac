/*
 * pool/policy.h - how long a pool keeps what nobody uses, and whether it asks for huge
 * pages: choices for a whole library. libweir's (pool/policy.c) suit inference, whose
 * steps come back to the same memory again and again; a library that stands under any
 * program has its own instead (preload/policy.c, linked before the archive).
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

extern const struct weir__policy weir__policy;

#endif
