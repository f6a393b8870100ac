/* base/fault.c - the countdown behind fault.h; any thread. */
#include "base/fault.h"

#include "base/bits.h"

static long fault_countdown = -1; /* < 0: off */
static bool fault_stays;

long weir__fault_after(long n)
{
    return __atomic_exchange_n(&fault_countdown, n, __ATOMIC_RELAXED);
}

void weir__fault_persistent(bool on)
{
    weir__relaxed_set(fault_stays, on);
}

bool weir__fault_now(void)
{
    long left = weir__relaxed_get(fault_countdown);
    if (weir__likely(left < 0))
        return false;
    if (left == 0 && weir__relaxed_get(fault_stays))
        return true;
    return __atomic_fetch_sub(&fault_countdown, 1, __ATOMIC_RELAXED) == 0;
}
