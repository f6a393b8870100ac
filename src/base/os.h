/* base/os.h - the few system calls weir makes, errno kept, none of them malloc. */
#ifndef WEIR_BASE_OS_H
#define WEIR_BASE_OS_H

#include "base/bits.h"

/* Unit of weir's own layout. The machine's pages may be larger: whoever purges asks for
 * theirs (backing/pages.h). */
#define WEIR__PAGE ((size_t)4096)

/* Zeroed private memory, page-aligned; NULL when there is none. */
void *weir__os_map(size_t size);
void weir__os_unmap(void *memory, size_t size);

/* May the kernel serve the range with huge pages? A hint; failures are ignored. */
void weir__os_huge_pages(void *memory, size_t size, bool wanted);

void weir__os_futex_wait(uint32_t *word, uint32_t expected);
void weir__os_futex_wake(uint32_t *word, int waiters);
void weir__os_yield(unsigned attempt); /* waits longer the more attempts went before */

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

/* Nanoseconds of a monotonic clock. */
uint64_t weir__os_time(void);

/* From here on the clock above is the one below: reading the processor's counter would end
 * the process (PR_SET_TSC, strict seccomp). */
void weir__os_clock_coarse(void);

/* Nanoseconds of a monotonic clock with a tick of some milliseconds: cheap. */
uint64_t weir__os_coarse_time(void);

WEIR__INLINE void weir__os_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
