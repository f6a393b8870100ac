/* pool/family.c - see family.h. */
#include "pool/family.h"

#include "pool/bin.h"
#include "pool/center.h"
#include "pool/slab_list.h"

/* Of a sibling's slabs so many are looked at. */
#define LOOK_MOST 16

/* So often blocks come home to one that is idle. */
#define IDLE_CAME 2

/* That part of a slab's blocks is free in one that can spare a slab: 8 threads that replace each
 * other's blocks keep 33 MB so, 35 with half a slab, 39 with a whole one (weir bench --peers
 * --only replaced). */
#define SPARE_PART 4

/* So many slabs' blocks are borrowed before a new slab is taken. */
#define BORROWED_SLABS 2

void weir__family_join(struct weir__family *family, struct weir__center *center,
                       struct weir__center *sibling)
{
    weir__assert(!center->nslabs && center->sibling == center);
    center->family = family;
    if (!sibling)
        return;
    weir__assert(sibling->sizeclass == center->sizeclass);
    center->sibling = sibling->sibling;
    __atomic_store_n(&sibling->sibling, center, __ATOMIC_RELEASE);
}

/* The emptiest of the first few. */
static struct weir__slab *slab_choose_locked(const struct weir__center *from)
{
    weir__assert(weir__lock_is_mine(&from->lock));
    struct weir__slab *best = from->partial, *slab = best;
    for (unsigned n = 0; slab && n < LOOK_MOST; n++, slab = slab->next)
        if (slab->nout < best->nout)
            best = slab;
    return best;
}

/* Blocks came home and nobody takes any: what its threads need they have in their caches, or they
 * do nothing. One that nothing comes home to may be busy within its caches. */
static bool center_is_idle_locked(struct weir__center *from)
{
    weir__assert(weir__lock_is_mine(&from->lock) && weir__lock_is_mine(&from->family->lock));
    if (from->takes != from->takes_seen) {
        from->takes_seen = from->takes;
        from->came_seen = from->came;
    }
    return from->came - from->came_seen >= IDLE_CAME;
}

/* One that is not idle gives a slab if it has some free blocks. */
static bool center_has_spare_locked(struct weir__center *from)
{
    const struct weir__slab *any = from->partial ? from->partial : from->full;
    if (!any || center_is_idle_locked(from))
        return any;
    size_t capacity = weir__slab_capacity(any);
    return from->nslabs * capacity - from->nout + from->depot.count >= capacity / SPARE_PART;
}

static void slab_move_locked(struct weir__slab *slab, struct weir__center *from,
                             struct weir__center *to)
{
    weir__assert(weir__lock_is_mine(&from->family->lock));
    weir__assert(weir__slab_center(slab) == from);
    bool full = !weir__slab_has_free(slab);
    weir__slab_list_remove(full ? &from->full : &from->partial, slab);
    weir__relaxed_set(from->nslabs, from->nslabs - 1);
    from->nout -= slab->nout;
    weir__slab_move(slab, to->home, to);
    weir__slab_list_push(full ? &to->full : &to->partial, slab);
    weir__relaxed_set(to->nslabs, to->nslabs + 1);
    to->nout += slab->nout;
}

static bool adopt_from(struct weir__center *center, struct weir__center *from)
{
    if (weir__center_is_empty(from) || !weir__lock_try(&from->lock))
        return false;
    struct weir__slab *slab = NULL;
    if (center_has_spare_locked(from)) {
        weir__center_settle_locked(from);
        slab = slab_choose_locked(from);
    }
    if (slab)
        slab_move_locked(slab, from, center);
    weir__lock_drop(&from->lock);
    return slab;
}

static struct weir__center *sibling_after(const struct weir__center *center)
{
    return __atomic_load_n(&center->sibling, __ATOMIC_ACQUIRE);
}

bool weir__family_adopt(struct weir__center *center)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    struct weir__center *from = sibling_after(center);
    if (from == center || !weir__lock_try(&center->family->lock))
        return false;
    bool adopted = false;
    for (; from != center && !adopted; from = sibling_after(from))
        adopted = adopt_from(center, from);
    weir__lock_drop(&center->family->lock);
    return adopted;
}

static unsigned borrow_from(struct weir__center *from, struct weir__cached *blocks)
{
    if (weir__relaxed_get(from->depot.count) < from->batch || !weir__lock_try(&from->lock))
        return 0;
    unsigned count =
        from->depot.count < from->batch ? 0 : weir__depot_take(&from->depot, blocks, from->batch);
    weir__lock_drop(&from->lock);
    return count;
}

unsigned weir__family_borrow(struct weir__center *center, struct weir__cached *blocks)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    unsigned count = 0, slab = (unsigned)(WEIR__SLAB / weir__class_stride(center->sizeclass));
    if (center->borrowed >= BORROWED_SLABS * slab)
        return 0;
    for (struct weir__center *from = sibling_after(center); from != center && !count;
         from = sibling_after(from))
        count = borrow_from(from, blocks);
    center->borrowed += count;
    return count;
}

/* Is the block's slab the center's, perhaps from now on? */
static bool claim_one(struct weir__center *center, const struct weir__cached *cached)
{
    struct weir__center *from = weir__center_of(center, cached);
    if (from == center || !from || !weir__lock_try(&from->lock))
        return from == center;
    bool claimed = weir__center_of(center, cached) == from && center_is_idle_locked(from);
    if (claimed)
        slab_move_locked(weir__slab_of(cached->block), from, center);
    weir__lock_drop(&from->lock);
    return claimed;
}

unsigned weir__family_claim(struct weir__center *center, struct weir__bin *foreign,
                            struct weir__cached *blocks, unsigned most)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    if (!weir__bin_count(foreign) || !weir__lock_try(&center->family->lock))
        return 0;
    unsigned count = 0;
    struct weir__cached *kept = foreign->base;
    for (struct weir__cached *at = kept; at < foreign->top; at++)
        if (count < most && claim_one(center, at))
            blocks[count++] = *at;
        else
            *kept++ = *at;
    weir__bin_set_top(foreign, kept);
    weir__lock_drop(&center->family->lock);
    return count;
}
