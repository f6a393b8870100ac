/* observe/ticks.h - the clock of a recording's events: about a microsecond a tick, because a
 * finer one costs space in every event. The same in every process of a machine. */
#ifndef WEIR_OBSERVE_TICKS_H
#define WEIR_OBSERVE_TICKS_H

#include <stdint.h>
#include <time.h>

static inline uint64_t weir__ticks_now(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc() >> 11;
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks >> 5;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec) >> 10;
#endif
}

#endif
