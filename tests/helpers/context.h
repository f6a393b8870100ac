/*
 * tests/helpers/context.h - the CPU allocator and an allocator's figures, in few words. Plain C, no
 * framework: what cannot be is an abort.
 */
#ifndef WEIR_TESTS_CONTEXT_H
#define WEIR_TESTS_CONTEXT_H

#include "core.h"

#include <stdio.h>
#include <weir/weir.h>

static inline weir_allocator *cpu(void)
{
    return weir_cpu_allocator();
}

static inline weir_stats stats_of(const weir_allocator *a)
{
    weir_stats s = {.size = sizeof s};
    if (weir_stats_get(a, &s) != 0) {
        fprintf(stderr, "no statistics: %s\n", weir_last_error());
        abort();
    }
    return s;
}

#endif
