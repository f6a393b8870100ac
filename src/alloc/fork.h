/* alloc/fork.h - around fork. */
#ifndef WEIR_ALLOC_FORK_H
#define WEIR_ALLOC_FORK_H

#include "base/bits.h"

/* Registers what must happen around fork; once. */
void weir__fork_watch(void);

/* Is every lock of the core free at this moment, and the calling thread outside of it? For a
 * signal handler's _exit, which may have interrupted the core and must not wait for itself,
 * nor for a thread that waits for it. */
bool weir__core_is_quiet(void);

/* Called in a forked child before anything else of weir's; NULL: nobody asked. */
extern void (*weir__forked_first)(void);

#endif
