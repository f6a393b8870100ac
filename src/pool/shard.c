/* pool/shard.c - making and visiting the centers of a shard. */
#include "pool/shard.h"

#include "backing/meta.h"
#include "pool/page_heap.h"

void weir__shard_init(struct weir__shard *first, struct weir__page_heap *page_heap,
                      struct weir__family *family, const void *owner)
{
    weir__assert(page_heap && family && !first->home);
    first->page_heap = page_heap;
    first->family = family;
    first->home = weir__home_of(owner, 0) | (page_heap->hardened ? WEIR__HOME_HARDENED : 0);
    first->first = first;
}

void weir__shard_init_next(struct weir__shard *shard, const struct weir__shard *first,
                           unsigned number)
{
    weir__assert(number && !shard->home);
    shard->page_heap = first->page_heap;
    shard->family = first->family;
    shard->home = weir__home_of(weir__home_owner(first->home), number);
    shard->first = first;
}

/* Any center of the class, of another shard of the owner; NULL: there is none. */
static struct weir__center *sibling_find(const struct weir__shard *shard, unsigned sizeclass)
{
    struct weir__center *found = NULL;
    for (const struct weir__shard *at = shard->first; at && !found; at = weir__shard_next(at))
        found = weir__shard_find(at, sizeclass);
    return found;
}

static struct weir__center *center_make_locked(struct weir__shard *shard, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&shard->family->lock));
    struct weir__center **list = &shard->lists[sizeclass % WEIR__SHARD_LISTS];
    struct weir__center *made = weir__meta_allocate(sizeof *made);
    if (!made)
        return NULL;
    weir__center_init(made, sizeclass, shard->page_heap, shard->home);
    made->next = weir__relaxed_get(*list);
    weir__family_join(shard->family, made, sibling_find(shard, sizeclass));
    __atomic_store_n(list, made, __ATOMIC_RELEASE);
    return made;
}

struct weir__center *weir__shard_center(struct weir__shard *shard, unsigned sizeclass)
{
    struct weir__center *center = weir__shard_find(shard, sizeclass);
    if (weir__likely(center != NULL))
        return center;
    weir__lock_take(&shard->family->lock);
    center = weir__shard_find(shard, sizeclass); /* another thread may have been faster */
    if (!center)
        center = center_make_locked(shard, sizeclass);
    weir__lock_drop(&shard->family->lock);
    return center;
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
