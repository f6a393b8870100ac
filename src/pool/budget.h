/*
 * pool/budget.h - keeps free memory that is still resident within a budget (pool/policy.h), at
 * the frees: for programs that fall silent after them, in which nothing would decay any more.
 * Owns the decision alone. Under the page heap's lock.
 */
#ifndef WEIR_POOL_BUDGET_H
#define WEIR_POOL_BUDGET_H

#include "pool/page_heap.h"

/* It is looked at again when that many bytes came back. */
void weir__budget_looked_locked(struct weir__page_heap *heap);

/* `bytes` came back: is the budget to be looked at? */
void weir__budget_look_locked(struct weir__page_heap *heap);
WEIR__INLINE void weir__budget_given_locked(struct weir__page_heap *heap, size_t bytes)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    heap->given += (int64_t)bytes;
    if (weir__unlikely(heap->given >= 0))
        weir__budget_look_locked(heap);
}

/* Purges down to three quarters of the budget, and on as long as others free beyond it, so that
 * none of them has to wait. The lock is dropped while the system works. */
void weir__budget_relieve_locked(struct weir__page_heap *heap);

#endif
