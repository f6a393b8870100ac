/*
 * os/thread.h - identity of a thread, and a call when it ends. Owns the pthread key behind that
 * call. Knows nothing of what threads keep. Any thread, no lock.
 *
 * WEIR__TLS is for the few words a thread that its operations read: initial-exec, so that reaching
 * them is one instruction. In a process that has started there is little room for such words:
 * libweir has at most 1 KiB of them (tests/scripts/exports.sh).
 */
#ifndef WEIR_OS_THREAD_H
#define WEIR_OS_THREAD_H

#include "base/bits.h"

#include <pthread.h>

#define WEIR__TLS __thread __attribute__((tls_model("initial-exec")))

extern WEIR__TLS char weir__thread_mark;

/* Identity of the calling thread while it lives. */
WEIR__INLINE const void *weir__thread_self(void)
{
    return &weir__thread_mark;
}

/* Starts a thread of weir's own, which blocks all signals: the program's are for the program's
 * threads. 0, or what pthread_create says. */
int weir__thread_start(pthread_t *thread, void *(*body)(void *));

/* Runs `at_exit` once when the calling thread ends. All callers pass the same function. False:
 * the end will not be known (the process has no pthread key left, or there is no memory); the
 * key is made when the library is loaded, so that the program is not there first. May call
 * malloc. */
bool weir__thread_at_exit(void (*at_exit)(void));

#endif
