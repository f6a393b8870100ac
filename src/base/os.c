/* base/os.c - system calls; see os.h. Owns only whether membarrier works here. */
#include "base/os.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void *weir__os_map(size_t size)
{
    int saved = errno;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    errno = saved;
    return memory == MAP_FAILED ? NULL : memory;
}

void weir__os_unmap(void *memory, size_t size)
{
    int saved = errno;
    munmap(memory, size);
    errno = saved;
}

void weir__os_huge_pages(void *memory, size_t size, bool wanted)
{
    int saved = errno;
    madvise(memory, size, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    errno = saved;
}

void weir__os_futex_wait(uint32_t *word, uint32_t expected)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
    errno = saved;
}

void weir__os_futex_wake(uint32_t *word, int waiters)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, waiters, NULL, NULL, 0);
    errno = saved;
}

void weir__os_give_way(void)
{
    int saved = errno;
    sched_yield();
    errno = saved;
}

void weir__os_yield(unsigned attempt)
{
    int saved = errno;
    if (attempt < 64) {
        weir__os_pause();
    } else if (attempt < 1024) {
        sched_yield();
    } else {
        struct timespec nap = {0, 50000};
        nanosleep(&nap, NULL);
    }
    errno = saved;
}

/* 0 unknown, 1 works, 2 does not. Set once; a race writes the same value. */
static uint32_t fence_state;

bool weir__os_fence_available(void)
{
    uint32_t state = __atomic_load_n(&fence_state, __ATOMIC_ACQUIRE);
    if (weir__unlikely(state == 0)) {
        int saved = errno;
        bool works =
            syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
            syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
        errno = saved;
        state = works ? 1 : 2;
        __atomic_store_n(&fence_state, state, __ATOMIC_RELEASE);
    }
    return state == 1;
}

void weir__os_fence_others(void)
{
    int saved = errno;
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    errno = saved;
}

static uint64_t clock_read(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t weir__os_time(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

uint64_t weir__os_coarse_time(void)
{
    return clock_read(CLOCK_MONOTONIC_COARSE);
}
