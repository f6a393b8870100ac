/*
 * pool/pace.h - how often something dear may be done: a share of the time that passes. Owns
 * the credit; knows nothing of what is done. With the lock of what it paces held.
 *
 * Time is the coarse clock's, which ticks every few milliseconds; so a share holds over tens of
 * these. What passed counts in part, up to WEIR__PACE_MOST. What was done is paid for afterwards,
 * by the time it took, for machines differ much in that: it is done while there is credit, and may
 * leave a debt. The first WEIR__PACE_FREE pages cost nothing.
 */
#ifndef WEIR_POOL_PACE_H
#define WEIR_POOL_PACE_H

#include "os/clock.h"

#define WEIR__PACE_SHARE 8                 /* one part in so many of the time that passes */
#define WEIR__PACE_MOST  INT64_C(4000000)  /* ns of credit */
#define WEIR__PACE_DEBT  INT64_C(64000000) /* ns at most */
#define WEIR__PACE_FREE  1024u

/* Zeroed memory is one with all the credit there can be. */
struct weir__pace {
    uint64_t at;    /* what the clock said when it was last looked at, ns */
    int64_t credit; /* ns; negative: a debt */
    uint32_t pages; /* that cost nothing */
};

/* May it be done now? weir__pace_spend follows. */
WEIR__INLINE bool weir__pace_admits(struct weir__pace *pace)
{
    uint64_t now = weir__os_coarse_time(), came = (now - pace->at) / WEIR__PACE_SHARE;
    pace->at = now;
    if (came > (uint64_t)(WEIR__PACE_MOST - pace->credit))
        pace->credit = WEIR__PACE_MOST;
    else
        pace->credit += (int64_t)came;
    return pace->pages < WEIR__PACE_FREE || pace->credit > 0;
}

/* It was done to so many pages, admitted or not, and took so long. */
WEIR__INLINE void weir__pace_spend(struct weir__pace *pace, uint32_t npages, uint64_t ns)
{
    if (pace->pages < WEIR__PACE_FREE) {
        pace->pages += weir__min(npages, WEIR__PACE_FREE);
        return;
    }
    pace->credit -= (int64_t)weir__min(ns, (uint64_t)WEIR__PACE_DEBT);
    pace->credit = weir__max(pace->credit, -WEIR__PACE_DEBT);
}

#endif
