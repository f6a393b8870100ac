/*
 * observe/estimate.h - what sampled blocks say of all blocks (track/sample.h). A block of n bytes
 * is sampled with the chance p = 1 - exp(-n / mean), independently of others, so it stands for 1 /
 * p blocks and n / p bytes (Horvitz and Thompson 1952): sums of these are right on average. No
 * state, no lock.
 */
#ifndef WEIR_OBSERVE_ESTIMATE_H
#define WEIR_OBSERVE_ESTIMATE_H

#include <stddef.h>
#include <stdint.h>

/* All zero: of no samples. */
struct weir__estimate {
    double bytes, blocks;
    double variance; /* of `bytes`, estimated from the same samples: (1 - p) (n / p)^2 of each */
    size_t samples;
};

double weir__estimate_chance(size_t bytes, uint64_t mean);
void weir__estimate_add(struct weir__estimate *e, size_t bytes, uint64_t mean);
void weir__estimate_join(struct weir__estimate *e, const struct weir__estimate *other);

/* The standard error of `bytes`. */
double weir__estimate_error(const struct weir__estimate *e);

#endif
