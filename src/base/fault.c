/* base/fault.c - the countdown behind fault.h; any thread. */
#include "base/fault.h"

#include "base/bits.h"

static long fault_countdown = -1; /* < 0: off */
static bool fault_stays;

void weir__fault_after(long n)
{
    __atomic_store_n(&fault_countdown, n, __ATOMIC_RELAXED);
}

void weir__fault_persistent(bool on)
{
    __atomic_store_n(&fault_stays, on, __ATOMIC_RELAXED);
}

bool weir__fault_now(void)
{
    long left = __atomic_load_n(&fault_countdown, __ATOMIC_RELAXED);
    if (weir__likely(left < 0))
        return false;
    if (left == 0 && __atomic_load_n(&fault_stays, __ATOMIC_RELAXED))
        return true;
    return __atomic_fetch_sub(&fault_countdown, 1, __ATOMIC_RELAXED) == 0;
}
