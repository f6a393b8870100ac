/* pool/policy.c - libweir's own choices; see policy.h. */
#include "pool/policy.h"

static const struct weir__policy policy = {.decay_ms = 10000,
                                           .step_ms = 500,
                                           .look_ops = 64,
                                           .huge_pages = true,
                                           .budget = SIZE_MAX,
                                           .live_part = 1,
                                           .look_bytes = SIZE_MAX,
                                           .loose_bytes = SIZE_MAX};

const struct weir__policy *weir__policy_get(void)
{
    return &weir__policy_other ? &weir__policy_other : &policy;
}
