/*
 * os/fence.h - a memory fence on every thread of the process. Owns whether membarrier works
 * here. Knows nothing of what is fenced. Any thread, no lock; errno is kept.
 */
#ifndef WEIR_OS_FENCE_H
#define WEIR_OS_FENCE_H

#include "base/bits.h"

/*
 * Process-wide store-load fence on every running thread of this process, without
 * their help (Linux membarrier, private expedited). Registered and tried once, when the
 * library is loaded. weir__os_fence_available is false where the kernel has none, and
 * after weir__os_fence_end.
 *
 * weir__os_fence_others fences in any case: where there is no such system call any more, it
 * sleeps for longer than any processor keeps a store to itself. A call that is refused although
 * it was tried with success (a filter of system calls that came later) ends the process, with
 * a line on standard error: nothing that rests on fences could be trusted. After
 * weir__os_fence_optional it sleeps instead and returns false; the caller then gives fences
 * up, for each further one costs that sleep (track/fences.c). For a library that is a
 * guest in the process and may not end it.
 */
bool weir__os_fence_available(void);
bool weir__os_fence_others(void);
void weir__os_fence_optional(void);

/*
 * The system call must not be made any more: fences for the last time. A thread that asks
 * weir__os_fence_available after its own store either hears no, or its store is
 * visible when this returns.
 */
void weir__os_fence_end(void);

#endif
