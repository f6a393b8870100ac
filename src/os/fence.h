/* os/fence.h - a memory fence on every thread of the process. Any thread; errno is kept. */
#ifndef WEIR_OS_FENCE_H
#define WEIR_OS_FENCE_H

#include "base/bits.h"

/*
 * Process-wide store-load fence on every running thread of this process, without
 * their help (Linux membarrier, private expedited). Registered and tried once, when the
 * library is loaded. weir__os_fence_available is false where the kernel has none, and
 * after weir__os_fence_end.
 *
 * weir__os_fence_others fences in any case: where the system call is refused or must not
 * be made any more, it sleeps for longer than any processor keeps a store to itself.
 */
bool weir__os_fence_available(void);
void weir__os_fence_others(void);

/*
 * The system call must not be made any more: fences for the last time. A thread that asks
 * weir__os_fence_available after a store of its own either hears no, or its store is
 * visible when this returns.
 */
void weir__os_fence_end(void);

#endif
