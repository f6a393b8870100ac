/*
 * pool/late_misuse.h - misuse that is found while locks are held: a block that comes back a
 * second time because two threads freed it at one instant, overwritten ledger entries, and
 * blocks that were written to after they were freed (pool/fill.h).
 * Kept until a thread that holds no lock takes it to report it. Owns what is kept; knows nothing of
 * allocators: an owner is an address.
 *
 * Any thread, no lock, safe around fork. At most WEIR__LATE_MISUSES are kept at a time. What is
 * found beyond that is added to one that is kept of the same owner, so that figures can be
 * mended for all of them; if there is none it is counted as lost.
 */
#ifndef WEIR_POOL_LATE_MISUSE_H
#define WEIR_POOL_LATE_MISUSE_H

#include "base/bits.h"

#include <stddef.h>
#include <weir/error.h>

#define WEIR__LATE_MISUSES 1024 /* as many blocks as a bin may have */

struct weir__late_misuse {
    weir_misuse what; /* WEIR_MISUSE_DOUBLE_FREE or WEIR_MISUSE_CORRUPTION */
    const void *block;
    const void *owner; /* of the block, as slabs name it */
    size_t requested;  /* DOUBLE_FREE: what the second free counted off; CORRUPTION that is known:
                        * how large the block was */
    size_t more;       /* DOUBLE_FREE: others whose bytes were added to `requested` */
    size_t written;    /* CORRUPTION: 1 + the offset at which the free block was written to; 0: its
                        * entry was */
    ptrdiff_t around;  /* CORRUPTION of a live block, not 0: up to which byte behind it was written,
                        * or, negative, below it */
    bool known;        /* CORRUPTION: `requested` and `tag` are the block's */
    uint32_t tag;
};

/* A corrupted entry that is kept already is not kept again. */
void weir__late_misuse_keep(const struct weir__late_misuse *late);

/* True: *late is one of those kept, which the caller has now. */
bool weir__late_misuse_take(struct weir__late_misuse *late);

/* Is there any to take? */
extern bool weir__late_misuses_kept;

/* How many were lost, since the process began. */
size_t weir__late_misuses_lost(void);

#endif
