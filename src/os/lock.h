/*
 * os/lock.h - a four-byte lock that needs no initialisation, never allocates
 * and survives fork when taken around it. 0 free, 1 held, 2 held with sleepers.
 *
 * While the process has one thread (glibc says so) taking it costs plain stores:
 * nobody can start a thread while this one is inside weir holding a lock.
 *
 * Ranks, outermost first; a thread takes locks only in this order:
 *   an arena, a pool of buffers (object/) > contexts (alloc/context.c) > threads
 *   (alloc/heap.c) > heap (alloc/heap.c) > class (pool/center.c) > pool (pool/pool.c)
 *   > registry (track/registry.c) > meter (track/meter.c) > metadata (backing/meta.c)
 */
#ifndef WEIR_OS_LOCK_H
#define WEIR_OS_LOCK_H

#include "base/bits.h"

#include <sys/single_threaded.h>

typedef struct weir__lock {
    uint32_t state;
} weir__lock;

void weir__lock_wait(weir__lock *lock); /* out of line: contended */
void weir__lock_wake(weir__lock *lock);

/* Does anyone hold it? For asserts: whoever should. */
WEIR__INLINE bool weir__lock_is_held(const weir__lock *lock)
{
    return __atomic_load_n(&lock->state, __ATOMIC_RELAXED) != 0;
}

WEIR__INLINE bool weir__lock_try(weir__lock *lock)
{
    uint32_t expected = 0;
    return __atomic_compare_exchange_n(&lock->state, &expected, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

WEIR__INLINE void weir__lock_take(weir__lock *lock)
{
    if (__libc_single_threaded) {
        weir__assert(lock->state == 0);
        __atomic_store_n(&lock->state, 1, __ATOMIC_RELAXED);
        return;
    }
    if (weir__unlikely(!weir__lock_try(lock)))
        weir__lock_wait(lock);
}

WEIR__INLINE void weir__lock_drop(weir__lock *lock)
{
    weir__assert(weir__lock_is_held(lock));
    if (__libc_single_threaded) {
        __atomic_store_n(&lock->state, 0, __ATOMIC_RELAXED);
        return;
    }
    if (weir__unlikely(__atomic_exchange_n(&lock->state, 0, __ATOMIC_RELEASE) == 2))
        weir__lock_wake(lock);
}

#endif
