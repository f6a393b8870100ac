/*
 * track/fences.c - the fence behind the closing of windows, and the change to a process in which
 * no thread can fence the others: before it enters a sandbox that does not allow membarrier,
 * or when the kernel refuses it. Owns nothing.
 *
 * From here on windows stay closed (meter.c, window_choose) and operations go by the lock
 * or on shared atomics, with a fence of their own in each; nobody closes a window of
 * another thread any more, so no system call is made but for sleeping on a lock.
 */
#include "track/meter_internal.h"

#include "os/fence.h"

/* Fences may be given up here, though windows are open and SHARED may be on: nothing was missed,
 * because both sleeps are fences, and the second comes after the word that there are none. */
void weir__meters_fence(void)
{
    if (weir__unlikely(!weir__os_fence_others()))
        weir__os_fence_end();
}

static void all_await(void)
{
    for (struct weir__meter *m = weir__meters.roots; m; m = weir__meter_after(m, NULL))
        for (struct weir__window *w = m->windows; w; w = w->next)
            weir__window_await(w);
}

/*
 * SHARED is left and every window closed by the fences that there still are. After the
 * last one every thread that means to enter without a fence of its own finds, behind its
 * store, that there are none (window_say_inside), or has been waited for.
 */
void weir__meters_unfence(void)
{
    weir__lock_take(&weir__meters.lock);
    if (weir__os_fence_available()) {
        weir__shared_end();
        for (struct weir__meter *root = weir__meters.roots; root; root = root->next)
            weir__meter_freeze(root);
        weir__os_fence_end();
        all_await();
    }
    weir__lock_drop(&weir__meters.lock);
}
