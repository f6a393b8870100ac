/*
 * os/random.h - bits that nobody can guess, from the kernel. No state. Any thread; errno is kept.
 */
#ifndef WEIR_OS_RANDOM_H
#define WEIR_OS_RANDOM_H

#include <stdint.h>

/* One call of the system. Where it gives none: what the kernel put on the stack for the process,
 * and the clock. */
uint64_t weir__os_random(void);

#endif
