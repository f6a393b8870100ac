/*
 * pool/policy.h - how long a pool keeps what nobody uses, and whether it asks for huge
 * pages: choices for a whole library. libweir's (pool/policy.c) suit inference, whose
 * steps come back to the same memory again and again; a library that stands under any
 * program has its own instead (preload/policy.c). No state: constant data, any thread.
 */
#ifndef WEIR_POOL_POLICY_H
#define WEIR_POOL_POLICY_H

#include "base/bits.h"

struct weir__policy {
    uint32_t decay_ms; /* what nobody re-used for this long goes back to the system, */
    uint32_t step_ms;  /* looked at this often, */
    uint32_t look_ops; /* on every so many operations on slabs and spans */
    bool huge_pages;
    size_t budget;      /* free memory that may stay resident when a block is freed, next to */
    unsigned live_part; /* this part of what is live (pool/budget.c); SIZE_MAX: any */
    size_t look_bytes;  /* looked at when so much was freed */
    size_t loose_bytes; /* slabs of a class, from which on the class's caches are kept small
                         * while most of it is free; SIZE_MAX: never */
};

/*
 * The library's policy, for weir__page_heap_init: weir__policy_other where what is linked with the
 * core defines that, else libweir's own. It is a weak reference and not a call at the start,
 * because malloc is called before any constructor of the library that it is in.
 */
const struct weir__policy *weir__policy_get(void);
extern const struct weir__policy weir__policy_other __attribute__((weak, visibility("hidden")));

#endif
