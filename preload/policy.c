/*
 * preload/policy.c - the pool's choices under programs nobody knows: memory goes back
 * soon, because what they did last says little of what they do next, and huge pages are
 * not asked for, because a first block of 20 KB would make 2 MiB resident. Measured
 * with bench/programs.py (docs/run.md).
 */
#include "pool/policy.h"

const struct weir__policy weir__policy = {
    .decay_ms = 100, .step_ms = 25, .look_ops = 4, .huge_pages = false};
