/* base/os.c - system calls; see os.h. Owns only whether membarrier works here. */
#include "base/os.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
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

/* By futex, which a sandbox allows if it allows threads. */
static void nap(long ns)
{
    static uint32_t never; /* nobody wakes who waits here */
    struct timespec time = {0, ns};
    int saved = errno;
    syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
    errno = saved;
}

void weir__os_yield(unsigned attempt)
{
    if (attempt < 256)
        weir__os_pause();
    else
        nap(attempt < 1024 ? 1000 : 50000);
}

/* -- fences ------------------------------------------------------------------------------ */

#define GRACE_NS 2000000 /* a store stays in a buffer for some hundred ns */

/* Changes from UNKNOWN once; a race writes the same value. FENCE_NONE is for good. */
enum { FENCE_UNKNOWN = 0, FENCE_WORKS, FENCE_NONE };
static uint32_t fence_state;

static bool fence_try(int command)
{
    int saved = errno;
    bool done = syscall(SYS_membarrier, command, 0, 0) == 0;
    errno = saved;
    return done;
}

static uint32_t fence_probe(void)
{
    uint32_t unknown = FENCE_UNKNOWN;
    bool works = fence_try(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
                 fence_try(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    __atomic_compare_exchange_n(&fence_state, &unknown, works ? FENCE_WORKS : FENCE_NONE, false,
                                __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&fence_state, __ATOMIC_ACQUIRE);
}

/* Early: with one thread to register costs nothing, and a sandbox that the program enters
 * later may not allow it. */
__attribute__((constructor)) static void fence_start(void)
{
    weir__os_fence_available();
}

bool weir__os_fence_available(void)
{
    uint32_t state = __atomic_load_n(&fence_state, __ATOMIC_ACQUIRE);
    if (weir__unlikely(state == FENCE_UNKNOWN)) /* somebody's constructor comes before ours */
        state = fence_probe();
    return state == FENCE_WORKS;
}

void weir__os_fence_others(void)
{
    uint32_t state = __atomic_load_n(&fence_state, __ATOMIC_ACQUIRE);
    if (state != FENCE_WORKS || weir__unlikely(!fence_try(MEMBARRIER_CMD_PRIVATE_EXPEDITED)))
        nap(GRACE_NS);
}

void weir__os_fence_end(void)
{
    bool worked = weir__os_fence_available();
    __atomic_store_n(&fence_state, FENCE_NONE, __ATOMIC_SEQ_CST);
    if (worked && !fence_try(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
        nap(GRACE_NS);
}

/* -- clocks ------------------------------------------------------------------------------ */

static uint64_t clock_read(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A process may not read the counter that the fine clock rests on. */
static bool clock_is_coarse; /* atomic; for good */

void weir__os_clock_coarse(void)
{
    __atomic_store_n(&clock_is_coarse, true, __ATOMIC_RELAXED);
}

uint64_t weir__os_time(void)
{
    bool coarse = __atomic_load_n(&clock_is_coarse, __ATOMIC_RELAXED);
    return clock_read(coarse ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC);
}

uint64_t weir__os_coarse_time(void)
{
    return clock_read(CLOCK_MONOTONIC_COARSE);
}
