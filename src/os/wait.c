/* os/wait.c - see wait.h. */
#include "os/wait.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void weir__os_futex_wait(uint32_t *word, uint32_t expected)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
    errno = saved;
}

void weir__os_futex_wait_for(uint32_t *word, uint32_t expected, uint64_t ns)
{
    struct timespec time = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &time, NULL, 0);
    errno = saved;
}

void weir__os_futex_wake(uint32_t *word, int waiters)
{
    weir__assert(waiters > 0);
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, waiters, NULL, NULL, 0);
    errno = saved;
}

void weir__os_nap(long ns)
{
    weir__assert(ns > 0 && ns < 1000000000);
    static uint32_t never; /* nobody wakes who waits here */
    struct timespec time = {0, ns};
    int saved = errno;
    syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
    errno = saved;
}

void weir__os_backoff(unsigned attempt)
{
    if (attempt < 256)
        weir__os_pause();
    else
        weir__os_nap(attempt < 1024 ? 1000 : 50000);
}
