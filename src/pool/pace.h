/*
 * pool/pace.h - how often something dear may be done: a share of the time that passes. Owns
 * the credit; knows nothing of what is done. With the lock of what it paces held.
 *
 * Time is the coarse clock's, which ticks every few milliseconds; so a share holds over tens of
 * these. What passed counts in part, up to WEIR__PACE_MOST, and what is done is paid for by an
 * estimate. After some rest much can be done at once, however dear.
 */
#ifndef WEIR_POOL_PACE_H
#define WEIR_POOL_PACE_H

#include "os/clock.h"

#define WEIR__PACE_SHARE 8                /* one part in so many of the time that passes */
#define WEIR__PACE_MOST  INT64_C(4000000) /* ns of credit */

/* Zeroed memory is one with all the credit there can be. */
struct weir__pace {
    uint64_t at;    /* what the clock said when it was last looked at, ns */
    int64_t credit; /* ns; negative: something dearer than all credit was done */
};

/* May what takes `cost` ns be done now? It is paid for then. */
WEIR__INLINE bool weir__pace_admits(struct weir__pace *pace, int64_t cost)
{
    uint64_t now = weir__os_coarse_time(), came = (now - pace->at) / WEIR__PACE_SHARE;
    pace->at = now;
    if (came > (uint64_t)(WEIR__PACE_MOST - pace->credit))
        pace->credit = WEIR__PACE_MOST;
    else
        pace->credit += (int64_t)came;
    if (pace->credit < (cost < WEIR__PACE_MOST ? cost : WEIR__PACE_MOST))
        return false;
    pace->credit -= cost;
    return true;
}

/* It is done in any case. */
WEIR__INLINE void weir__pace_spend(struct weir__pace *pace, int64_t cost)
{
    pace->credit -= cost;
    if (pace->credit < -WEIR__PACE_MOST)
        pace->credit = -WEIR__PACE_MOST;
}

#endif
