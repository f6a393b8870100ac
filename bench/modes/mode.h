/*
 * bench/modes/mode.h - what a mode of `weir bench` is, and what runs one: targets, rows, rounds,
 * then tables or JSON, then what failed. A session owns all of it; one thread.
 */
#ifndef WEIR_BENCH_MODES_MODE_H
#define WEIR_BENCH_MODES_MODE_H

#include "bench/harness/targets.h"
#include "bench/modes/options.h"
#include "tools/common/json.h"

struct bench_session {
    const struct bench_options *options;
    struct bench_targets targets;
    struct option_list traces; /* found and checked, where the mode wants any */
    struct bench_plan plan;
};

struct bench_mode {
    const char *what, *title;
    double seconds; /* for the rounds, where nobody says how many */
    bool wants_traces;
    int (*targets)(struct bench_session *); /* 0, or the exit status after one line; so `rows` */
    int (*rows)(struct bench_session *);
    void (*show)(const struct bench_session *);
    void (*close)(const struct bench_session *);               /* behind what failed; or NULL */
    void (*json)(struct json *, const struct bench_session *); /* further members; or NULL */
};

extern const struct bench_mode bench_replay, bench_peers, bench_threads, bench_growth_mode,
    bench_idle_mode, bench_accounting, bench_hardening;

/* The exit status. */
int bench_mode_run(const struct bench_mode *mode, const struct bench_options *options);

/* weir, glibc's malloc and its peers: the targets of most modes. */
int bench_targets_peers(struct bench_session *session);

#endif
