/* bench/harness/json.h - the figures of a run as one JSON object. */
#ifndef WEIR_BENCH_HARNESS_JSON_H
#define WEIR_BENCH_HARNESS_JSON_H

#include "bench/harness/run.h"

#include <stdio.h>

/*
 * {"weir": VERSION, "what": ..., "touch": ..., "rounds": N, "machine": {...},
 *  "targets": [...], "rows": [{"load", "group", "target", and every figure by its name:
 *  its median, with the figures of each round in "rounds"; "metric": by which figure targets are
 *  compared; "spread" and "range" of that figure over the rounds, shares of its median: between the
 *  quartiles, and between least and greatest}]}
 * `rest` writes further members, each after a comma; NULL: none.
 */
void bench_json_print(FILE *to, const char *what, const struct bench_plan *plan,
                      enum bench_touch touch, void (*rest)(FILE *, const struct bench_plan *));

/* A value: a text in quotes; a number, or null. */
void bench_json_string(FILE *to, const char *text);
void bench_json_number(FILE *to, double value);

/* One line about the machine: CPUs, model, kernel, C library. */
void bench_machine(char *text, size_t n);

/*
 * The first lines of every mode that prints tables: version, machine, `what`, the rounds; and a
 * warning where other programs kept the CPUs busy when the run began.
 */
void bench_head_print(const char *what, const struct bench_plan *plan);

#endif
