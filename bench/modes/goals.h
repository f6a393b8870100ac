/*
 * bench/modes/goals.h - goals, each with its figure, met or missed: as a table, or in JSON. A list
 * owns its texts. Single-threaded.
 */
#ifndef WEIR_BENCH_MODES_GOALS_H
#define WEIR_BENCH_MODES_GOALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct bench_goal {
    char name[64], wanted[48], figure[100];
    bool met;
};

struct bench_goals {
    struct bench_goal *list;
    size_t n;
};

void bench_goal_add(struct bench_goals *goals, bool met, const char *name, const char *wanted,
                    const char *figure);
void bench_goals_free(struct bench_goals *goals);

/* A headed table; nothing of none. */
void bench_goals_print(const struct bench_goals *goals);
/* [{"goal", "wanted", "figure", "met"}, ...] */
void bench_goals_json(FILE *to, const struct bench_goals *goals);

#endif
