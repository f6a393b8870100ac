/* pool/slab_list.h - a list of slabs, linked both ways through their headers, LIFO. No state; the
 * lock is its holder's. */
#ifndef WEIR_POOL_SLAB_LIST_H
#define WEIR_POOL_SLAB_LIST_H

#include "base/error.h"
#include "pool/slab.h"

/* Can a link lead there: NULL, or the header of a slab? Nothing is read there but the map. */
WEIR__INLINE bool weir__slab_may_be(const struct weir__slab *slab)
{
    size_t at = (uintptr_t)slab & (WEIR__CHUNK - 1), first = offsetof(struct weir__chunk, slabs);
    return !slab ||
           (at > first && at < first + sizeof((struct weir__chunk *)0)->slabs &&
            at % sizeof *slab == first % sizeof *slab && weir__map_get(slab) == WEIR__MAP_SLABS);
}

/* Before its links are followed: do its neighbors in the list say so, too? */
WEIR__INLINE void weir__slab_list_check(struct weir__slab *const *list,
                                        const struct weir__slab *slab)
{
    const struct weir__slab *next = slab->next, *prev = slab->prev;
    if (weir__unlikely(!weir__slab_may_be(next)) || weir__unlikely(!weir__slab_may_be(prev)) ||
        weir__unlikely(next && next->prev != slab) ||
        weir__unlikely((prev ? prev->next : *list) != slab))
        weir__corrupt_stop(slab, "a list of slabs was overwritten");
}

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
    weir__slab_list_check(list, slab);
    if (slab->next)
        slab->next->prev = slab->prev;
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        *list = slab->next;
}

#endif
