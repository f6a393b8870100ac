/* base/os.h - the few system calls weir makes, errno kept, none of them malloc. */
#ifndef WEIR_BASE_OS_H
#define WEIR_BASE_OS_H

#include "base/bits.h"

#define WEIR__PAGE ((size_t)4096) /* unit of weir's own layout */

/* Zeroed private memory, page-aligned; NULL when there is none. */
void *weir__os_map(size_t size);
void weir__os_unmap(void *memory, size_t size);

/* May the kernel serve the range with huge pages? A hint; failures are ignored. */
void weir__os_huge_pages(void *memory, size_t size, bool wanted);

void weir__os_futex_wait(uint32_t *word, uint32_t expected);
void weir__os_futex_wake(uint32_t *word, int waiters);
void weir__os_give_way(void);          /* lets other threads run */
void weir__os_yield(unsigned attempt); /* waits longer the more attempts went before */

/*
 * Process-wide store-load fence on every running thread of this process, without
 * their help (Linux membarrier, private expedited). weir__os_fence_available is
 * false where the kernel has none; then weir__os_fence_others must not be called.
 */
bool weir__os_fence_available(void);
void weir__os_fence_others(void);

/* Nanoseconds of a monotonic clock. */
uint64_t weir__os_time(void);

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
