/*
 * preload/preload.h - what the files of libweir-malloc share. The library offers
 * malloc's names and hides weir's own, so that a program that links libweir has that
 * one apart.
 */
#ifndef WEIR_PRELOAD_PRELOAD_H
#define WEIR_PRELOAD_PRELOAD_H

#include "base/bits.h"
#include "pool/map.h"

#include <signal.h>
#include <stdbool.h>

#define PRELOAD_API __attribute__((visibility("default")))

/* Has the program asked for a filter of system calls? Then no other is to be made than
 * those of memory, futex and what the program asks for (preload/sandbox.c). */
bool preload_is_sandboxed(void);

/* Looks up what preload/fork.c stands before. */
void preload_fork_start(void);

/* Looks up what preload/load.c jumps to. */
void preload_load_start(void);

/* Exit is seen from here on. preload/exit.c */
void preload_exit_start(void);

/* Finds out whose malloc this process has. preload/owner.c */
void preload_owner_start(void);

/* Is it this one? Else the figures say nothing of the process: the program has a malloc of
 * its own, or is C++ and linked with another's operators new and delete. */
bool preload_malloc_is_ours(void);

/* The malloc behind us that serves operator new; NULL where there is none. Set once. */
extern struct preload_other {
    size_t (*usable)(void *block);
    void (*free)(void *block);
} preload_other;

/* Does it lie in the dynamic loader, which serves itself before there is any malloc?
 * preload/start.c */
bool preload_is_loaders(const void *pointer);

/* May it be a block of that one? In no memory of weir's. */
WEIR__INLINE bool preload_is_other(const void *block)
{
    return weir__unlikely(preload_other.free != NULL) &&
           weir__map_get(block) == WEIR__MAP_FOREIGN && !preload_is_loaders(block);
}

/* The C library's sigaction, which stands in preload/signal.c. */
extern int (*const preload_sigaction)(int signal, const struct sigaction *action,
                                      struct sigaction *former);

#endif
