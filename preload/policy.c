/*
 * preload/policy.c - the pool's choices under programs nobody knows: memory goes back
 * soon, because what they did last says little of what they do next, and huge pages are
 * not asked for, because a first block of 20 KB would make 2 MiB resident. Measured
 * with bench/programs.py (docs/guide/run.md).
 *
 * A program that frees much and then falls silent makes no call in which memory could decay,
 * so beyond a budget it goes back with the free itself. 64 MiB is as much as glibc's malloc
 * keeps once its thresholds have grown.
 */
#include "pool/policy.h"

#include "backing/backing.h"

const struct weir__policy weir__policy_other = {.decay_ms = 100,
                                                .step_ms = 25,
                                                .look_ops = 4,
                                                .huge_pages = false,
                                                .budget = 64 * WEIR__MIB,
                                                .live_part = 8,
                                                .look_bytes = WEIR__MIB,
                                                .loose_bytes = 8 * WEIR__MIB};

/* None: a program that links libweir brings its jemalloc into the process, where it is that
 * libweir's. Its first call may come when it is half initialized, from its own start. */
const struct weir__backing weir_backing_jemalloc;

/* Nor this one: malloc is weir here. */
const struct weir__backing weir__backing_malloc;
