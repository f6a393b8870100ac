/* os/clock.c - see clock.h. */
#include "os/clock.h"

#include <time.h>

static uint64_t clock_read(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A process may not read the counter that the fine clock rests on. */
static bool clock_is_coarse WEIR__AT_START; /* atomic; for good */

void weir__os_clock_coarse(void)
{
    weir__relaxed_set(clock_is_coarse, true);
}

uint64_t weir__os_time(void)
{
    bool coarse = weir__relaxed_get(clock_is_coarse);
    return clock_read(coarse ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC);
}

uint64_t weir__os_coarse_time(void)
{
    return clock_read(CLOCK_MONOTONIC_COARSE);
}
