/*
 * os/clock.h - monotonic time in nanoseconds. Owns whether the precise clock may still be read.
 * Any thread, no lock.
 */
#ifndef WEIR_OS_CLOCK_H
#define WEIR_OS_CLOCK_H

#include "base/bits.h"

uint64_t weir__os_time(void);

/* With a tick of some milliseconds: cheap. */
uint64_t weir__os_coarse_time(void);

/* From here on the former clock is the latter: reading the processor's counter would end
 * the process (PR_SET_TSC, strict seccomp). */
void weir__os_clock_coarse(void);

#endif
