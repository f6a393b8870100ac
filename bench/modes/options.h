/* bench/modes/options.h - what the command line of `weir bench` asked for. */
#ifndef WEIR_BENCH_MODES_OPTIONS_H
#define WEIR_BENCH_MODES_OPTIONS_H

#include "bench/harness/pictures.h"
#include "bench/harness/targets.h"

struct bench_options {
    enum bench_touch touch;
    unsigned runs;  /* rounds; 0: as many as fit */
    double seconds; /* for the rounds that fit; 0: the mode's own */
    bool quick, json;
    const char *svg;      /* file, or NULL */
    const char *baseline; /* folder of a library without accounting, or NULL */
    unsigned threads;     /* greatest number for --threads; 0: every CPU */
    const char *only;     /* loads whose name or group has this in it, or NULL */
    struct peers_from from;
    unsigned limit; /* seconds after which a load counts as hung; 0: the worker's own */
    char **traces;  /* files and folders */
    size_t ntraces;
};

/* The modes. Exit statuses. */
int bench_mode_replay(const struct bench_options *options);
int bench_mode_peers(const struct bench_options *options);
int bench_mode_threads(const struct bench_options *options);
int bench_mode_growth(const struct bench_options *options);
int bench_mode_idle(const struct bench_options *options);
int bench_mode_accounting(const struct bench_options *options);

/* Rows and pictures of scaling with threads. */
enum { BENCH_THREAD_PICTURES = 4 };
void bench_threads_rows(struct bench_plan *plan, const struct bench_options *options,
                        const struct bench_traces *traces);
void bench_threads_pictures(struct picture pictures[BENCH_THREAD_PICTURES]);

/* The pieces they share. */
struct bench_plan bench_plan_of(const struct bench_options *options,
                                const struct bench_targets *targets, double seconds);

/* A row for each trace, named after it. */
void bench_trace_rows(struct bench_plan *plan, const struct bench_traces *traces, const char *group,
                      const struct bench_job *job);

/* Two for each trace of an inference in one thread: its parts by turns, and two at once. */
void bench_turn_rows(struct bench_plan *plan, const struct bench_traces *traces, const char *group,
                     struct bench_job job);

/* Blocks of random sizes that are replaced at random. */
void bench_mix_rows(struct bench_plan *plan, const char *group, struct bench_job job);

/* Keeps the rows whose group or name has `word` in it; NULL keeps all. 0, or 2 after one line
 * where none is left. */
int bench_rows_keep(struct bench_plan *plan, const char *word);

/* A trace's name from its path. */
void bench_trace_name(char *name, size_t n, const char *path);

/* Is this trace also replayed in two threads? */
bool bench_trace_threaded(const char *name);

/* Lines for the cells that failed or that were not exact. Their number. */
size_t bench_say_failures(const struct bench_plan *plan);

#endif
