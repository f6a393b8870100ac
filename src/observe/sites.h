/*
 * observe/sites.h - sampled blocks added up by who allocated them: stack, allocator and tag. Owns
 * the array that it makes, in weir's own memory. Knows nothing of where the samples come from. No
 * lock.
 */
#ifndef WEIR_OBSERVE_SITES_H
#define WEIR_OBSERVE_SITES_H

#include "observe/estimate.h"
#include "observe/samples.h"
#include "observe/sink.h"

struct weir__site {
    const struct weir__calls *calls;
    weir_allocator *allocator;
    weir_tag tag;
    struct weir__estimate estimate;
};

struct weir__sites {
    struct weir__site *sites; /* greatest first */
    size_t n, capacity;
    struct weir__estimate all;
};

/* Sorts the samples, and makes sites of them. False: no memory. */
bool weir__sites_make(struct weir__sites *s, struct weir__sampled *samples, size_t n);
void weir__sites_release(struct weir__sites *s);

/* The first `top` (0: all), each with its calls; a line of what is beyond. */
void weir__sites_print(struct weir__sink *sink, const struct weir__sites *s, size_t top);

#endif
