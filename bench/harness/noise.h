/*
 * bench/harness/noise.h - how quiet the machine is while figures are taken: a fixed loop, timed on
 * every CPU at once before the first round, after each, and so after the last. Owns the looks;
 * one thread.
 */
#ifndef WEIR_BENCH_HARNESS_NOISE_H
#define WEIR_BENCH_HARNESS_NOISE_H

#include "tools/common/json.h"

enum { NOISE_LOOKS = 32 };

struct bench_noise {
    double pace[NOISE_LOOKS];      /* ns of the loop at its best, the slowest CPU's */
    double elsewhere[NOISE_LOOKS]; /* share of the time beyond that pace, the worst CPU's */
    unsigned n;
};

void bench_noise_look(struct bench_noise *noise);

/* Is there more of it than figures may be quoted with? */
bool bench_noise_is_loud(const struct bench_noise *noise);

/* A line of text, or a member "calibration". */
void bench_noise_print(const struct bench_noise *noise);
void bench_noise_json(const struct bench_noise *noise, struct json *j);

#endif
