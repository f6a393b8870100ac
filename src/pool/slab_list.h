/* pool/slab_list.h - a list of slabs, linked both ways through their headers, LIFO. No state; the
 * lock is its holder's. */
#ifndef WEIR_POOL_SLAB_LIST_H
#define WEIR_POOL_SLAB_LIST_H

#include "pool/slab.h"

WEIR__INLINE void weir__slab_list_push(struct weir__slab **list, struct weir__slab *slab)
{
    weir__assert(slab != *list);
    slab->prev = NULL;
    slab->next = *list;
    if (slab->next)
        slab->next->prev = slab;
    *list = slab;
}

WEIR__INLINE void weir__slab_list_remove(struct weir__slab **list, struct weir__slab *slab)
{
    weir__assert(slab->prev ? slab->prev->next == slab : *list == slab);
    if (slab->next)
        slab->next->prev = slab->prev;
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        *list = slab->next;
}

#endif
