/* tools/common/time.h - the system's clocks, in nanoseconds. No state; any thread. */
#ifndef WEIR_TOOLS_COMMON_TIME_H
#define WEIR_TOOLS_COMMON_TIME_H

#include <stdint.h>
#include <time.h>

static inline uint64_t time_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* CLOCK_MONOTONIC */
static inline uint64_t time_now(void)
{
    return time_of(CLOCK_MONOTONIC);
}

/* Seconds from one time to a later one; 0 where it is not later. */
static inline double time_seconds(uint64_t from, uint64_t to)
{
    return to > from ? (double)(to - from) / 1e9 : 0;
}

#endif
