/*
 * tests/helpers/recording.h - a recording of a test's own at `path`: begun, ended, read, and filled
 * by a worker whose steps are the same in every run.
 */
#ifndef WEIR_TESTS_RECORDING_H
#define WEIR_TESTS_RECORDING_H

#include "scratch.h"
#include "suite.h"
#include "tools/trace/replay.h"

#include <stdint.h>
#include <weir/weir.h>

static char path[SCRATCH_PATH_MAX];

static inline uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Opens and replays the file; what it says lies in *replay until trace_done. */
static inline void trace_read(struct trace_info *info, struct trace_replay *replay)
{
    cr_assert_eq(trace_info_open(info, path), 0, "%s", info->why);
    cr_assert_eq(trace_replay_run(replay, info, NULL, NULL), 0, "%s", info->why);
}

static inline void trace_done(struct trace_info *info, struct trace_replay *replay)
{
    trace_replay_end(replay);
    trace_info_close(info);
}

static inline void start(void)
{
    cr_assert_eq(weir_trace_start(path, NULL), 0, "%s", weir_last_error());
}

static inline void stop(void)
{
    cr_assert_eq(weir_trace_stop(), 0, "%s", weir_last_error());
}

#define SLOTS 64

struct worker {
    weir_allocator *a;
    uint32_t random;
    int steps;
};

static inline void *work(void *user)
{
    struct worker *w = user;
    void *blocks[SLOTS] = {0};
    for (int i = 0; i < w->steps; i++) {
        size_t k = next_random(&w->random) % SLOTS, size = next_random(&w->random) % 3000;
        if (next_random(&w->random) % 16 == 0)
            size *= 50;
        if (blocks[k] && next_random(&w->random) % 4) {
            weir_deallocate(w->a, blocks[k]);
            blocks[k] = NULL;
        } else {
            blocks[k] = weir_reallocate(w->a, blocks[k], size);
        }
    }
    for (size_t k = 0; k < SLOTS; k++)
        weir_deallocate(w->a, blocks[k]);
    return NULL;
}

static inline void work_alone(int steps)
{
    struct worker w = {weir_cpu_allocator(), 7, steps};
    work(&w);
}

#endif
