/*
 * track/fences.c - see fences.h. Owns nothing.
 *
 * Once fences were given up windows stay closed (phase.c, weir__phase_choose) and operations go by
 * the lock or on shared atomics, with a fence in each; nobody closes a window of
 * another thread any more, so no system call is made but for sleeping on a lock.
 */
#include "track/fences.h"

#include "os/fence.h"
#include "track/meter.h"
#include "track/shared.h"

/* Fences may be given up here, though windows are open and SHARED may be on: nothing was missed,
 * because both sleeps are fences, and the second comes after the word that there are none. */
void weir__meters_fence(void)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    if (weir__unlikely(!weir__os_fence_others()))
        weir__os_fence_end();
}

/* SHARED is left and every window closed by the fences that there still are; none is opened from
 * here on. */
void weir__meters_unfence(void)
{
    weir__lock_take(&weir__meters.lock);
    if (weir__os_fence_available()) {
        weir__shared_end();
        weir__meters_freeze();
        weir__os_fence_end();
    }
    weir__lock_drop(&weir__meters.lock);
}
