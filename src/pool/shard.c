/* pool/shard.c - making and visiting the centers of a shard. */
#include "pool/shard.h"

#include "backing/meta.h"

void weir__shard_init(struct weir__shard *shard, struct weir__page_heap *page_heap,
                      const void *owner)
{
    weir__assert(page_heap && owner && !shard->owner);
    shard->page_heap = page_heap;
    shard->owner = owner;
}

static struct weir__center *center_make(const struct weir__shard *shard, unsigned sizeclass)
{
    struct weir__center *made = weir__meta_allocate(sizeof *made);
    if (made)
        weir__center_init(made, sizeclass, shard->page_heap, shard->owner);
    return made;
}

/* Another thread may make one of the class at the same time: the first to enter it stays. */
struct weir__center *weir__shard_center(struct weir__shard *shard, unsigned sizeclass)
{
    struct weir__center *found = weir__shard_find(shard, sizeclass), *made;
    if (weir__likely(found) || !(made = center_make(shard, sizeclass)))
        return found;
    struct weir__center **list = &shard->lists[sizeclass % WEIR__SHARD_LISTS];
    do {
        made->next = weir__relaxed_get(*list);
        if ((found = weir__shard_find(shard, sizeclass))) {
            weir__meta_free(made, sizeof *made);
            return found;
        }
    } while (!__atomic_compare_exchange_n(list, &made->next, made, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    return made;
}

struct weir__center *weir__shard_after(const struct weir__shard *shard,
                                       const struct weir__center *center)
{
    unsigned list = center ? center->sizeclass % WEIR__SHARD_LISTS + 1 : 0;
    struct weir__center *next = center ? center->next : NULL;
    for (; !next && list < WEIR__SHARD_LISTS; list++)
        next = __atomic_load_n(&shard->lists[list], __ATOMIC_ACQUIRE);
    return next;
}

void weir__shard_unmake(struct weir__shard *shard)
{
    for (struct weir__center *center = weir__shard_after(shard, NULL), *next; center;
         center = next) {
        next = weir__shard_after(shard, center);
        weir__center_destroy(center);
        weir__meta_free(center, sizeof *center);
    }
    for (unsigned i = 0; i < WEIR__SHARD_LISTS; i++)
        shard->lists[i] = NULL;
}
