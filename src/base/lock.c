/*
 * base/lock.c - the contended side of base/lock.h: a short spin, then a futex.
 * The three-state protocol is Drepper's ("Futexes Are Tricky", 2011, mutex2).
 */
#include "base/lock.h"

#include "base/os.h"

#define LOCK_SPINS 2000

void weir__lock_wait(weir__lock *lock)
{
    for (int i = 0; i < LOCK_SPINS; i++) {
        if (__atomic_load_n(&lock->state, __ATOMIC_RELAXED) == 0 && weir__lock_try(lock))
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
