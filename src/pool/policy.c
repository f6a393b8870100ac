/* pool/policy.c - libweir's own choices; see policy.h. */
#include "pool/policy.h"

const struct weir__policy weir__policy = {
    .decay_ms = 10000, .step_ms = 500, .look_ops = 64, .huge_pages = true};
