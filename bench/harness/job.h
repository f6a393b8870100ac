/*
 * bench/harness/job.h - what one worker process of `weir bench` is asked to measure, and how
 * that travels: as KEY=VALUE words of its command line. Knows no load and no target.
 */
#ifndef WEIR_BENCH_HARNESS_JOB_H
#define WEIR_BENCH_HARNESS_JOB_H

#include <stdbool.h>
#include <stddef.h>

/* Who serves an allocation: the code that a load's loop calls. */
enum bench_ops {
    OPS_WEIR,    /* weir_allocate on the worker's allocator */
    OPS_MALLOC,  /* malloc, whichever library answers to that name in the process */
    OPS_DESIGN,  /* one mutex and a hash map from pointer to size, over malloc */
    OPS_ATOMICS, /* weir_allocate, and three shared atomics in the caller */
    OPS_COUNT
};

/* Which weir allocator OPS_WEIR uses. */
enum bench_source {
    SOURCE_CPU,
    SOURCE_BACKING,
    SOURCE_MALLOC,
    SOURCE_GUARDS, /* the CPU allocator, with weir_guards_start */
    SOURCE_HARDENED,
    SOURCE_COUNT
};

enum bench_touch { TOUCH_NONE, TOUCH_PAGE, TOUCH_ALL, TOUCH_COUNT };

struct bench_job {
    const char *load;    /* name of a load in worker.c */
    const char *variant; /* of the load, "" for the plain one */
    const char *trace;   /* file, where the load replays one */
    enum bench_ops ops;
    enum bench_source source;
    enum bench_touch touch;
    size_t size, size_max; /* bytes a block, from and to */
    size_t count;          /* blocks */
    size_t above;          /* bytes that the process once held more than the load does */
    unsigned threads;
    double seconds; /* of measuring, about */
    unsigned limit; /* seconds after which the load counts as hung; 0: as long as it may take */
};

extern const char *const bench_touch_names[TOUCH_COUNT];

/* Seconds after which the job counts as hung. */
unsigned bench_job_limit(const struct bench_job *job);

/* One KEY=VALUE into the job; the job points into `word`. False: no such thing. */
bool bench_job_set(struct bench_job *job, char *word);

enum { BENCH_JOB_WORDS = 13, BENCH_JOB_WORD_BYTES = 4200 };

/* The job as words for bench_job_set. */
void bench_job_words(const struct bench_job *job,
                     char words[BENCH_JOB_WORDS][BENCH_JOB_WORD_BYTES]);

#endif
