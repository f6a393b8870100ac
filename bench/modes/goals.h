/*
 * bench/modes/goals.h - what weir wants of itself (docs/internals/performance.md), each goal with
 * its figure, met or missed: as a table that says what they are, or in JSON. A list owns its texts;
 * one thread.
 */
#ifndef WEIR_BENCH_MODES_GOALS_H
#define WEIR_BENCH_MODES_GOALS_H

#include "bench/harness/run.h"
#include "tools/common/json.h"

struct bench_goals {
    struct bench_goal {
        char name[64], wanted[48], figure[100];
        bool met;
    } * list;
    size_t n;
};

/* `figure` is a format. */
void bench_goal_add(struct bench_goals *goals, bool met, const char *name, const char *wanted,
                    const char *figure, ...) __attribute__((format(printf, 5, 6)));
void bench_goals_free(struct bench_goals *goals);

/* Nothing of none. */
void bench_goals_print(const struct bench_goals *goals);

/* "goals": [{"goal", "wanted", "figure", "met"}, ...] */
void bench_goals_json(struct json *j, const struct bench_goals *goals);

/* Those of --peers of which the plan has rows. */
void bench_goals_of_peers(struct bench_goals *goals, const struct bench_plan *plan);

#endif
