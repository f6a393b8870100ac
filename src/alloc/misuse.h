/*
 * alloc/misuse.h - reporting what the pool found while locks were held (pool/late_misuse.h): on a
 * thread that calls weir, in the name of the block's allocator, whose figures are mended. No
 * state. The caller holds no lock.
 */
#ifndef WEIR_ALLOC_MISUSE_H
#define WEIR_ALLOC_MISUSE_H

#include "pool/late_misuse.h"

/* Reports all of it; nothing while the caller holds the context lock, as visitors do. It holds no
 * other lock; the handler may use weir, and may jump away: what is left stays kept. */
void weir__late_misuses_report(void);

/* The same, if there is any. */
WEIR__INLINE void weir__late_misuses_look(void)
{
    if (weir__unlikely(weir__relaxed_get(weir__late_misuses_kept)))
        weir__late_misuses_report();
}

#endif
