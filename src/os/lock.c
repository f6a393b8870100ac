/*
 * os/lock.c - the contended side of os/lock.h: a short spin, then a futex.
 * The three-state protocol is Drepper's ("Futexes Are Tricky", 2011, mutex2).
 */
#include "os/lock.h"

#include "os/wait.h"

/* Holders of the meter lock fence all threads: 1 to 10 us. Spinning for that long is cheaper
 * than sleeping and being woken (a block passed on at the peak: 13 ns, 600 with 100 spins);
 * beyond it the holder was preempted and wants this processor. */
#define LOCK_SPINS 1000

static bool lock_try_seen(weir__lock *lock)
{
    return __atomic_load_n(&lock->state, __ATOMIC_RELAXED) == 0 && weir__lock_try(lock);
}

void weir__lock_wait(weir__lock *lock)
{
    for (int i = 0; i < LOCK_SPINS; i++) {
        if (lock_try_seen(lock))
            return;
        weir__os_pause();
    }
    while (__atomic_exchange_n(&lock->state, 2, __ATOMIC_ACQUIRE) != 0)
        weir__os_futex_wait(&lock->state, 2);
}

void weir__lock_wake(weir__lock *lock)
{
    weir__os_futex_wake(&lock->state, 1);
}
