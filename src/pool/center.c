/* pool/center.c - see center.h for what is kept and how it is locked. */
#include "pool/center.h"

#include "pool/chunk.h"
#include "pool/late_misuse.h"

#include <string.h>

_Static_assert(WEIR__DEPOT_MAX + (WEIR__RETURNS + 1) * WEIR__BATCH_MAX <= WEIR__DEPOT_ROOM,
               "the depot has room for what its center keeps, all returns and a batch");

void weir__center_init(struct weir__center *center, unsigned sizeclass,
                       struct weir__page_heap *page_heap, const void *owner)
{
    weir__assert(sizeclass < WEIR__CLASSES && page_heap && owner);
    memset(center, 0, sizeof *center);
    weir__lock_init(&center->lock, WEIR__RANK_CLASS);
    center->sizeclass = (uint16_t)sizeclass;
    center->batch = (uint16_t)weir__class_batch(sizeclass);
    center->page_heap = page_heap;
    center->owner = owner;
    unsigned most = weir__class_depot(sizeclass);
    weir__depot_init(&center->depot, most, most + (WEIR__RETURNS + 1) * center->batch);
}

/* -- lists of slabs ------------------------------------------------------------ */

static void slab_link(struct weir__slab **list, struct weir__slab *slab)
{
    weir__assert(slab != *list);
    slab->prev = NULL;
    slab->next = *list;
    if (slab->next)
        slab->next->prev = slab;
    *list = slab;
}

static void slab_unlink(struct weir__slab **list, struct weir__slab *slab)
{
    weir__assert(slab->prev ? slab->prev->next == slab : *list == slab);
    if (slab->next)
        slab->next->prev = slab->prev;
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        *list = slab->next;
}

static struct weir__slab *slab_add_locked(struct weir__center *center)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    struct weir__slab *slab = weir__chunk_take_slab(center->page_heap);
    if (!slab)
        return NULL;
    weir__slab_init(slab, center->sizeclass, center->owner, center);
    slab_link(&center->partial, slab);
    weir__relaxed_set(center->nslabs, center->nslabs + 1);
    return slab;
}

/* -- blocks out of slabs and into them --------------------------------------------- */

static unsigned slab_take_locked(struct weir__center *center, struct weir__slab *slab,
                                 struct weir__cached *blocks, unsigned wanted)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    weir__assert(slab->center == center && wanted);
    unsigned before = slab->nout, count = weir__slab_take(slab, blocks, wanted);
    center->nout += slab->nout - before; /* more than count if the slab was mended */
    if (!weir__slab_has_free(slab)) {
        slab_unlink(&center->partial, slab);
        slab_link(&center->full, slab);
    }
    weir__assert_walk(weir__slab_is_valid(slab));
    return count;
}

static unsigned slabs_take_locked(struct weir__center *center, struct weir__cached *blocks,
                                  unsigned wanted)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    unsigned count = 0;
    while (count < wanted) {
        struct weir__slab *slab = center->partial;
        if (!slab && (count || !(slab = slab_add_locked(center))))
            break;
        count += slab_take_locked(center, slab, blocks + count, wanted - count);
    }
    return count;
}

WEIR__INLINE void slab_put_locked(struct weir__center *center, struct weir__slab *slab,
                                  const struct weir__cached *cached)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    weir__assert(slab->center == center);
    bool was_full = !weir__slab_has_free(slab);
    if (weir__unlikely(!weir__slab_put(slab, cached)))
        return;
    center->nout--;
    weir__assert_walk(weir__slab_is_valid(slab));
    if (slab->nout == 0) {
        slab_unlink(was_full ? &center->full : &center->partial, slab);
        weir__relaxed_set(center->nslabs, center->nslabs - 1);
        weir__chunk_give_slab(center->page_heap, slab);
    } else if (was_full) {
        slab_unlink(&center->full, slab);
        slab_link(&center->partial, slab);
    }
}

/* The center of a cached block of the class and owner of `own`; NULL: its slab serves others
 * by now, so that this is the second copy of a block that went back with its slab. */
static struct weir__center *cached_home(const struct weir__center *own,
                                        const struct weir__cached *cached)
{
    const struct weir__slab *slab = weir__slab_of(cached->block);
    bool same = __atomic_load_n(&slab->owner, __ATOMIC_ACQUIRE) == own->owner &&
                weir__slab_class(slab) == own->sizeclass;
    return weir__likely(same) ? slab->center : NULL;
}

static void stale_misuse_keep(const struct weir__center *own, const struct weir__cached *cached)
{
    weir__late_misuse_keep(
        &(struct weir__late_misuse){.what = WEIR_MISUSE_DOUBLE_FREE,
                                    .block = cached->block,
                                    .owner = own->owner,
                                    .requested = weir__entry_size(cached->former)});
}

/* Blocks of other centers, in the hand of who holds a center's lock. */
#define STRAYS_MOST (2 * WEIR__BATCH_MAX)
struct strays {
    unsigned count;
    struct weir__cached blocks[STRAYS_MOST];
};

static void block_put_locked(struct weir__center *center, const struct weir__cached *cached,
                             struct strays *strays)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    weir__assert(strays->count <= STRAYS_MOST);
    struct weir__slab *slab = weir__slab_of(cached->block);
    if (weir__likely(slab->center == center && slab->owner == center->owner))
        slab_put_locked(center, slab, cached);
    else if (cached_home(center, cached))
        strays->blocks[strays->count++] = *cached;
    else
        stale_misuse_keep(center, cached);
}

static void blocks_put_locked(struct weir__center *center, const struct weir__cached *blocks,
                              size_t count, struct strays *strays)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    weir__assert(count <= STRAYS_MOST);
    for (size_t i = 0; i < count; i++)
        block_put_locked(center, &blocks[i], strays);
}

/* To their slabs, each under the lock of its own center. */
static void strays_put(const struct weir__center *own, const struct strays *strays)
{
    struct strays none; /* a slab with a block outside does not change its center */
    none.count = 0;
    for (unsigned i = 0; i < strays->count;) {
        struct weir__center *home = cached_home(own, &strays->blocks[i]);
        if (weir__unlikely(!home)) {
            stale_misuse_keep(own, &strays->blocks[i++]);
            continue;
        }
        weir__lock_take(&home->lock);
        do
            block_put_locked(home, &strays->blocks[i], &none);
        while (++i < strays->count && cached_home(own, &strays->blocks[i]) == home);
        weir__lock_drop(&home->lock);
    }
}

/* -- depot and returns --------------------------------------------------------------- */

/* Moves what other threads returned to the depot, as far as there is room. */
static void returns_take_locked(struct weir__center *center)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    struct weir__batch *batch;
    while ((batch = weir__returns_first(center->returns)) &&
           weir__depot_put(&center->depot, batch->blocks, (unsigned)batch->count))
        weir__returns_emptied(center->returns, batch);
}

/* A batch out of returns, depot or slabs. */
static unsigned batch_take_locked(struct weir__center *center, struct weir__cached *blocks)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    struct weir__batch *batch = weir__returns_first(center->returns);
    if (batch) {
        unsigned count = (unsigned)batch->count;
        memcpy(blocks, batch->blocks, count * sizeof *blocks);
        weir__returns_emptied(center->returns, batch);
        returns_take_locked(center);
        return count;
    }
    unsigned count = weir__depot_take(&center->depot, blocks, center->batch);
    return count ? count : slabs_take_locked(center, blocks, center->batch);
}

/* Puts what the depot has beyond `most` into slabs, as far as strays can be carried. */
static void depot_shrink_locked(struct weir__center *center, size_t most, struct strays *strays)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    weir__assert(strays->count <= STRAYS_MOST);
    struct weir__depot *depot = &center->depot;
    while (weir__unlikely(depot->count > most) && strays->count < STRAYS_MOST) {
        unsigned count = (unsigned)weir__min(depot->count - most, STRAYS_MOST - strays->count);
        blocks_put_locked(center, weir__depot_top(depot, count), count, strays);
    }
}

unsigned weir__center_take(struct weir__center *center, struct weir__cached *blocks)
{
    struct strays strays;
    strays.count = 0;
    weir__lock_take(&center->lock);
    unsigned count = batch_take_locked(center, blocks);
    depot_shrink_locked(center, center->depot.most, &strays);
    weir__lock_drop(&center->lock);
    strays_put(center, &strays);
    weir__page_heap_relieve(center->page_heap);
    weir__assert_walk(weir__center_is_sound(center));
    return count;
}

/* A quarter of its slabs' blocks is out at most. */
static bool center_is_loose_locked(const struct weir__center *center)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    size_t bytes = center->nslabs * WEIR__SLAB;
    return weir__unlikely(bytes > center->page_heap->policy->loose_bytes) &&
           center->nout * weir__class_bytes[center->sizeclass] < bytes / 4;
}

/* With the lock held, or false: the blocks were left in the returns, for who holds it. */
static bool center_enter(struct weir__center *center, const struct weir__cached *blocks,
                         unsigned count)
{
    weir__assert(count && count <= center->batch);
    if (weir__lock_try(&center->lock))
        return true;
    if (weir__returns_put(__atomic_load_n(&center->returns, __ATOMIC_ACQUIRE), blocks, count))
        return false;
    weir__lock_take(&center->lock);
    if (!center->returns)
        __atomic_store_n(&center->returns, weir__returns_make(), __ATOMIC_RELEASE);
    return true;
}

/* A part of the depot's and the returns' blocks, under one holding of the lock: with the lock
 * held all the time threads would wait, and strays want other locks. True: there is more. */
static bool center_empty_part(struct weir__center *center)
{
    struct strays strays;
    strays.count = 0;
    weir__lock_take(&center->lock);
    struct weir__batch *batch = weir__returns_first(center->returns);
    if (batch) {
        blocks_put_locked(center, batch->blocks, batch->count, &strays);
        weir__returns_emptied(center->returns, batch);
    }
    size_t part = weir__min(center->depot.count, WEIR__BATCH_MAX);
    depot_shrink_locked(center, center->depot.count - part, &strays);
    bool more = center->depot.count || weir__returns_first(center->returns);
    if (!more)
        weir__depot_clear(&center->depot);
    weir__lock_drop(&center->lock);
    strays_put(center, &strays);
    return more;
}

bool weir__center_give(struct weir__center *own, const struct weir__cached *blocks, unsigned count)
{
    weir__assert(count && count <= own->batch);
    struct strays strays;
    strays.count = 0;
    struct weir__center *home = cached_home(own, &blocks[0]), *center = home ? home : own;
    if (!center_enter(center, blocks, count))
        return false;
    returns_take_locked(center);
    if (count < center->batch || !weir__depot_put(&center->depot, blocks, count))
        blocks_put_locked(center, blocks, count, &strays);
    depot_shrink_locked(center, center->depot.most, &strays);
    bool loose = center_is_loose_locked(center);
    weir__lock_drop(&center->lock);
    strays_put(center, &strays);
    while (weir__unlikely(loose) && center_empty_part(center))
        continue;
    weir__page_heap_relieve(center->page_heap);
    weir__assert_walk(weir__center_is_sound(center));
    return loose;
}

void weir__center_flush(struct weir__center *center)
{
    while (center_empty_part(center))
        continue;
    weir__page_heap_relieve(center->page_heap);
    weir__assert_valid(weir__center_is_sound(center));
}

/* -- figures ----------------------------------------------------------------------- */

void weir__center_figures(struct weir__center *center, struct weir__center_figures *figures)
{
    struct weir__center_figures f = {0};
    size_t size = weir__class_bytes[center->sizeclass];
    weir__lock_take(&center->lock);
    f.batched = center->depot.count + weir__returns_count(center->returns);
    f.out = center->nout;
    f.slabs = center->nslabs;
    for (struct weir__slab *slab = center->partial; slab; slab = slab->next)
        f.returned += weir__slab_used(slab) - slab->nout;
    f.ledger = size < WEIR__INLINE_MIN ? f.slabs * weir__slab_ledger(size) : 0;
    weir__lock_drop(&center->lock);
    *figures = f;
}

static void slabs_give_all(struct weir__center *center, struct weir__slab *list)
{
    for (struct weir__slab *slab = list, *next; slab; slab = next) {
        next = slab->next;
        weir__chunk_give_slab(center->page_heap, slab);
    }
}

void weir__center_destroy(struct weir__center *center)
{
    weir__returns_unmake(center->returns);
    weir__depot_clear(&center->depot);
    slabs_give_all(center, center->partial);
    slabs_give_all(center, center->full);
    center->returns = NULL;
    center->partial = center->full = NULL;
    center->nslabs = center->nout = 0;
}

/* -- walking and checking --------------------------------------------------------- */

static int slab_each_live(struct weir__slab *slab, weir__entry_visitor *visit, void *user)
{
    for (unsigned index = slab->first; index < slab->fresh; index++) {
        uint32_t *entry = &slab->entries[index], value = weir__entry_get(entry);
        void *block = weir__slab_block(slab, index);
        if (weir__unlikely(weir__slab_is_overwritten(slab, value))) {
            weir__slab_misuse_keep(slab, WEIR_MISUSE_CORRUPTION, block, 0);
            continue;
        }
        int stop = weir__entry_is_live(value) ? visit(block, entry, slab, user) : 0;
        if (stop)
            return stop;
    }
    return 0;
}

int weir__center_each_live(struct weir__center *center, weir__entry_visitor *visit, void *user)
{
    int stop = 0;
    weir__lock_take(&center->lock);
    for (struct weir__slab *slab = center->partial; slab && !stop; slab = slab->next)
        stop = slab_each_live(slab, visit, user);
    for (struct weir__slab *slab = center->full; slab && !stop; slab = slab->next)
        stop = slab_each_live(slab, visit, user);
    weir__lock_drop(&center->lock);
    return stop;
}

static bool slabs_are_valid(const struct weir__center *center, const struct weir__slab *list,
                            bool full, size_t *nout, size_t *nslabs)
{
    const struct weir__slab *before = NULL;
    for (const struct weir__slab *slab = list; slab; before = slab, slab = slab->next) {
        if (weir__slab_has_free(slab) == full || slab->owner != center->owner ||
            slab->center != center || slab->prev != before || slab->nout == 0 ||
            weir__slab_class(slab) != center->sizeclass || !weir__slab_is_valid(slab))
            return false;
        *nout += slab->nout;
        ++*nslabs;
    }
    return true;
}

bool weir__center_cached_are_valid(const struct weir__center *center,
                                   const struct weir__cached *blocks, size_t count, bool strict)
{
    for (size_t i = 0; i < count; i++) {
        const struct weir__cached *cached = &blocks[i];
        if (!weir__cached_is_true(cached)) {
            if (strict)
                return false;
        } else if (!cached_home(center, cached) ||
                   weir__slab_entry(weir__slab_of(cached->block), cached->block) != cached->entry) {
            return false;
        }
    }
    return true;
}

static bool returns_are_valid(const struct weir__center *center, bool strict)
{
    const struct weir__returns *returns = center->returns;
    uint32_t full = returns ? __atomic_load_n(&returns->full, __ATOMIC_ACQUIRE) : 0;
    for (; full; full &= full - 1) {
        const struct weir__batch *batch = &returns->batches[__builtin_ctz(full)];
        if (!batch->count || batch->count > WEIR__BATCH_MAX ||
            !weir__center_cached_are_valid(center, batch->blocks, batch->count, strict))
            return false;
    }
    return true;
}

static bool center_check(struct weir__center *center, bool strict)
{
    size_t nout = 0, nslabs = 0;
    weir__lock_take(&center->lock);
    const struct weir__depot *depot = &center->depot;
    bool valid = slabs_are_valid(center, center->partial, false, &nout, &nslabs) &&
                 slabs_are_valid(center, center->full, true, &nout, &nslabs) &&
                 nout == center->nout && nslabs == center->nslabs && depot->count <= depot->room &&
                 depot->room <= depot->room_most &&
                 weir__center_cached_are_valid(center, depot->blocks, depot->count, strict) &&
                 returns_are_valid(center, strict);
    weir__lock_drop(&center->lock);
    return valid;
}

bool weir__center_is_valid(struct weir__center *center)
{
    return center_check(center, true);
}

bool weir__center_is_sound(struct weir__center *center)
{
    return center_check(center, false);
}
