/*
 * os/wait.h - waiting for another thread: futexes, and backing off without one. No state. Any
 * thread; errno is kept.
 */
#ifndef WEIR_OS_WAIT_H
#define WEIR_OS_WAIT_H

#include "base/bits.h"

/* Sleeps while *word is `expected`, until woken; may return for no reason. */
void weir__os_futex_wait(uint32_t *word, uint32_t expected);

/* The same, but for so long at most. */
void weir__os_futex_wait_for(uint32_t *word, uint32_t expected, uint64_t ns);

void weir__os_futex_wake(uint32_t *word, int waiters);

/* Sleeps for about so long, by a system call that a sandbox allows if it allows threads. */
void weir__os_nap(long ns);

/* Waits longer the more attempts went before: a pause, then naps. */
void weir__os_backoff(unsigned attempt);

/* Tells the processor that this is a loop that waits. */
WEIR__INLINE void weir__os_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
