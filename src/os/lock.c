/*
 * os/lock.c - the contended side of os/lock.h: a short spin, then a futex; and, in debug
 * builds, the ranks that each thread holds. The states without fork are Drepper's ("Futexes
 * Are Tricky", 2011, mutex2).
 */
#include "os/lock.h"

#include "base/message.h"
#include "os/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Holders of the meter lock fence all threads: 1 to 10 us. Spinning for that long is cheaper
 * than sleeping and being woken (a block passed on at the peak: 13 ns, 600 with 100 spins);
 * beyond it the holder was preempted and wants this processor. */
#define LOCK_SPINS 1000

#ifdef WEIR__LOCK_RANKED
/* Bits of the ranks that this thread holds, and of those it holds two of. */
static WEIR__TLS uint32_t ranks_held, ranks_twice;
#endif

/* The thread between its fork handlers, which holds every lock; NULL: none does. It writes. */
static const void *fork_thread;

static uint32_t lock_state(const weir__lock *lock)
{
    return weir__relaxed_get(lock->state);
}

static bool lock_change(weir__lock *lock, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(&lock->state, &from, to, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static bool lock_lets_me_through(const weir__lock *lock)
{
    return lock_state(lock) > WEIR__LOCK_FORK &&
           weir__relaxed_get(fork_thread) == weir__thread_self();
}

/* Others may sleep, too: it is taken as one with sleepers. */
static void lock_sleep(weir__lock *lock)
{
    for (;;) {
        uint32_t state = lock_state(lock), with_sleepers = state + (state & 1);
        if (state == WEIR__LOCK_FREE) {
            if (lock_change(lock, state, WEIR__LOCK_HELD + 1))
                return;
        } else if (state == with_sleepers || lock_change(lock, state, with_sleepers)) {
            weir__os_futex_wait(&lock->state, with_sleepers);
        }
    }
}

void weir__lock_wait(weir__lock *lock)
{
    if (lock_lets_me_through(lock))
        return;
    for (int i = 0; i < LOCK_SPINS; i++) {
        if (lock_state(lock) == WEIR__LOCK_FREE && weir__lock_try_state(lock))
            return;
        weir__os_pause();
    }
    lock_sleep(lock);
}

void weir__lock_wake(weir__lock *lock)
{
    if (lock_state(lock) > WEIR__LOCK_FORK)
        return;
    __atomic_store_n(&lock->state, WEIR__LOCK_FREE, __ATOMIC_RELEASE);
    weir__os_futex_wake(&lock->state, 1);
}

/* -- around fork ----------------------------------------------------------------------- */

void weir__lock_fork_take(weir__lock *lock)
{
    if (!weir__lock_try_state(lock)) {
        if (__libc_single_threaded)
            return; /* this thread's: its signal handler forks */
        weir__lock_wait(lock);
    }
    __atomic_add_fetch(&lock->state, WEIR__LOCK_FORK, __ATOMIC_RELAXED);
}

bool weir__lock_fork_try(weir__lock *lock)
{
    return lock_change(lock, WEIR__LOCK_FREE, WEIR__LOCK_HELD + WEIR__LOCK_FORK);
}

void weir__lock_fork_drop(weir__lock *lock)
{
    if (lock_state(lock) <= WEIR__LOCK_FORK)
        return; /* made since, or held by this thread before it forked */
    if (__atomic_exchange_n(&lock->state, WEIR__LOCK_FREE, __ATOMIC_RELEASE) & 1)
        return;
    weir__os_futex_wake(&lock->state, 1);
}

/* A visitor or a signal handler may fork in the middle of anything: no rank that the thread held
 * before is asked for any more. */
void weir__lock_fork_begin(void)
{
#ifdef WEIR__LOCK_RANKED
    ranks_held = ranks_twice = 0;
#endif
    weir__relaxed_set(fork_thread, weir__thread_self());
}

void weir__lock_fork_end(void)
{
    weir__relaxed_set(fork_thread, NULL);
}

/* -- ranks ------------------------------------------------------------------------------ */

#ifdef WEIR__LOCK_RANKED

_Static_assert(WEIR__RANKS <= 32, "a set of ranks is a word");

static const char *const rank_names[] = {"none",
#define WEIR__LOCK_RANK(name, text) text,
                                         WEIR__LOCK_RANKS(WEIR__LOCK_RANK)
#undef WEIR__LOCK_RANK
};

static void rank_refuse(unsigned wanted, unsigned held)
{
    weir__message_print("weir: lock order: rank %u (%s) was to be taken, rank %u (%s) is held",
                        wanted, rank_names[wanted], held, rank_names[held]);
    abort();
}

void weir__lock_may_take(const weir__lock *lock)
{
    if (lock->rank == WEIR__RANK_NONE || ranks_held >> lock->rank)
        rank_refuse(lock->rank, ranks_held ? weir__log2(ranks_held) : WEIR__RANK_NONE);
}

void weir__lock_taken(const weir__lock *lock)
{
    uint32_t rank = 1u << lock->rank;
    ranks_twice |= ranks_held & rank;
    ranks_held |= rank;
}

void weir__lock_dropped(const weir__lock *lock)
{
    uint32_t rank = 1u << lock->rank;
    ranks_held &= ~(rank & ~ranks_twice);
    ranks_twice &= ~rank;
}

bool weir__lock_any_is_mine(void)
{
    return ranks_held != 0;
}

bool weir__lock_is_mine(const weir__lock *lock)
{
    return lock_state(lock) != WEIR__LOCK_FREE &&
           (ranks_held >> lock->rank & 1 || lock_lets_me_through(lock));
}

#endif
