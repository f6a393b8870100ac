/* bench/harness/json.h - the figures of a run as one JSON object. No state; one thread. */
#ifndef WEIR_BENCH_HARNESS_JSON_H
#define WEIR_BENCH_HARNESS_JSON_H

#include "bench/harness/run.h"
#include "tools/common/json.h"

/*
 * {"weir": VERSION, "what", "touch", "rounds": N, "machine", "calibration" (noise.h),
 *  "targets": [...], "rows": [{"load", "group", "target", and every figure by its name:
 *  its median, with the figures of each round in "rounds"; "metric": by which figure targets are
 *  compared; "spread" and "range" of that figure over the rounds, shares of its median: between the
 *  quartiles, and between least and greatest}]}
 * without its end: further members may follow.
 */
void bench_json_print(struct json *j, const char *what, const struct bench_plan *plan, int touch);

/* One line about the machine: CPUs, model, kernel, C library. */
void bench_machine(char *text, size_t n);

#endif
