/*
 * alloc/fork.h - what happens around fork. Owns the handlers; knows nothing of what locks are for
 * (os/locks.h). The handlers take every lock of weir's, in the order of their ranks; the caller of
 * the rest holds none.
 */
#ifndef WEIR_ALLOC_FORK_H
#define WEIR_ALLOC_FORK_H

#include <stdbool.h>

/* Registers what must happen around fork; once. */
void weir__fork_handlers_install(void);

/* pthread_atfork. A C library that has no memory for it ends the process with one line: a child
 * would be wrong, or wait for ever. */
void weir__fork_register(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* Called in a forked child before anything else of weir's; NULL: nobody asked. */
extern void (*weir__forked_first)(void);

/* Is every lock of weir free at this moment, and the calling thread outside of it? For a
 * signal handler's _exit, which may have interrupted weir and must not wait for itself,
 * nor for a thread that waits for it. */
bool weir__core_is_quiet(void);

#endif
