/* pool/center.c - see center.h for what is kept and how it is locked. */
#include "pool/center.h"

#include "pool/chunk.h"
#include "pool/late_misuse.h"
#include "pool/slab_list.h"

#include <string.h>

_Static_assert(WEIR__DEPOT_MAX + (WEIR__RETURNS + 1) * WEIR__BATCH_MAX <= WEIR__DEPOT_ROOM,
               "the depot has room for what its center keeps, all returns and a batch");

void weir__center_init(struct weir__center *center, unsigned sizeclass,
                       struct weir__page_heap *page_heap, uint64_t home)
{
    weir__assert(sizeclass < WEIR__CLASSES && page_heap && home);
    memset(center, 0, sizeof *center);
    weir__lock_init(&center->lock, WEIR__RANK_CLASS);
    center->sizeclass = (uint16_t)sizeclass;
    center->batch = (uint16_t)weir__class_batch(sizeclass);
    center->page_heap = page_heap;
    center->home = home;
    center->sibling = center;
    unsigned most = weir__class_depot(sizeclass);
    weir__depot_init(&center->depot, most, most + (WEIR__RETURNS + 1) * center->batch);
}

/* -- slabs ---------------------------------------------------------------------- */

static struct weir__slab *slab_add_locked(struct weir__center *center)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    struct weir__slab *slab = weir__chunk_take_slab(center->page_heap);
    if (!slab)
        return NULL;
    if (weir__unlikely(center->home & WEIR__HOME_HARDENED))
        weir__slab_init_hardened(slab, center->sizeclass, center->home, center);
    else
        weir__slab_init(slab, center->sizeclass, center->home, center);
    if (weir__unlikely(center->sizeclass == WEIR__CLASS_EMPTY))
        weir__chunk_close_slab(center->page_heap, slab);
    weir__slab_list_push(&center->partial, slab);
    weir__relaxed_set(center->nslabs, center->nslabs + 1);
    center->borrowed = 0;
    return slab;
}

/* -- blocks out of slabs and into them --------------------------------------------- */

static unsigned slab_take_locked(struct weir__center *center, struct weir__slab *slab,
                                 struct weir__cached *blocks, unsigned wanted)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    weir__assert(weir__slab_center(slab) == center && wanted);
    unsigned before = slab->nout, count = weir__slab_take(slab, blocks, wanted);
    center->nout += slab->nout - before; /* more than count if the slab was mended */
    if (!weir__slab_has_free(slab)) {
        weir__slab_list_remove(&center->partial, slab);
        weir__slab_list_push(&center->full, slab);
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
        if (!center->partial && (count || !slab_add_locked(center)))
            break;
        count += slab_take_locked(center, center->partial, blocks + count, wanted - count);
    }
    return count;
}

WEIR__INLINE void slab_put_locked(struct weir__center *center, struct weir__slab *slab,
                                  const struct weir__cached *cached)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    weir__assert(weir__slab_center(slab) == center);
    bool was_full = !weir__slab_has_free(slab);
    if (weir__unlikely(!weir__slab_put(slab, cached)))
        return;
    center->nout--;
    weir__assert_walk(weir__slab_is_valid(slab));
    if (slab->nout == 0) {
        weir__slab_list_remove(was_full ? &center->full : &center->partial, slab);
        weir__relaxed_set(center->nslabs, center->nslabs - 1);
        weir__chunk_give_slab(center->page_heap, slab);
    } else if (was_full) {
        weir__slab_list_remove(&center->full, slab);
        weir__slab_list_push(&center->partial, slab);
    }
}

struct weir__center *weir__center_of(const struct weir__center *own,
                                     const struct weir__cached *cached)
{
    const struct weir__slab *slab = weir__slab_of(cached->block);
    bool same = weir__slab_owner(slab) == weir__home_owner(own->home) &&
                weir__slab_class(slab) == own->sizeclass;
    return weir__likely(same) ? weir__slab_center(slab) : NULL;
}

static void stale_misuse_keep(const struct weir__center *own, const struct weir__cached *cached)
{
    weir__late_misuse_keep(&(struct weir__late_misuse){.what = WEIR_MISUSE_DOUBLE_FREE,
                                                       .block = cached->block,
                                                       .owner = weir__home_true_owner(own->home),
                                                       .requested = cached->former});
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
    if (weir__likely(weir__slab_center(slab) == center && slab->home == center->home))
        slab_put_locked(center, slab, cached);
    else if (weir__center_of(center, cached))
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

/* To their slabs, each under its center's lock: which center that is, is asked again with the lock
 * held, since a sibling may have adopted the slab before. */
static void strays_put(const struct weir__center *own, const struct strays *strays)
{
    for (unsigned i = 0; i < strays->count;) {
        struct weir__center *home = weir__center_of(own, &strays->blocks[i]);
        if (weir__unlikely(!home)) {
            stale_misuse_keep(own, &strays->blocks[i++]);
            continue;
        }
        weir__lock_take(&home->lock);
        for (; i < strays->count && weir__center_of(own, &strays->blocks[i]) == home; i++)
            slab_put_locked(home, weir__slab_of(strays->blocks[i].block), &strays->blocks[i]);
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
           weir__depot_put(&center->depot, batch->blocks, (unsigned)batch->count)) {
        weir__returns_emptied(center->returns, batch);
        center->came++;
    }
}

/* A batch out of returns, depot or slabs; a sibling's before a new one. */
static unsigned batch_take_locked(struct weir__center *center, struct weir__cached *blocks)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    struct weir__batch *batch = weir__returns_first(center->returns);
    center->takes++;
    if (batch) {
        unsigned count = (unsigned)batch->count;
        memcpy(blocks, batch->blocks, count * sizeof *blocks);
        weir__returns_emptied(center->returns, batch);
        returns_take_locked(center);
        return count;
    }
    unsigned count = weir__depot_take(&center->depot, blocks, center->batch);
    if (!count && !center->partial && !weir__family_adopt(center))
        count = weir__family_borrow(center, blocks);
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
    return weir__center_take_many(center, blocks, 1, NULL);
}

static bool center_is_dry_locked(const struct weir__center *center)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    return !center->partial && !center->depot.count && !weir__returns_first(center->returns);
}

unsigned weir__center_take_many(struct weir__center *center, struct weir__cached *blocks,
                                unsigned least, struct weir__bin *foreign)
{
    struct strays strays;
    strays.count = 0;
    weir__lock_take(&center->lock);
    unsigned count = 0;
    if (foreign && center_is_dry_locked(center))
        count = weir__family_claim(center, foreign, blocks, least);
    if (!count)
        count = batch_take_locked(center, blocks);
    unsigned more = count;
    while (more && count < least && !center_is_dry_locked(center))
        count += more = batch_take_locked(center, blocks + count);
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
           center->nout * weir__class_stride(center->sizeclass) < bytes / 4;
}

/* Leaves blocks in the returns, a batch at a time; how many. */
static unsigned returns_fill(struct weir__center *center, const struct weir__cached *blocks,
                             unsigned count)
{
    struct weir__returns *returns = __atomic_load_n(&center->returns, __ATOMIC_ACQUIRE);
    unsigned left = count;
    while (left) {
        unsigned part = (unsigned)weir__min(left, center->batch);
        if (!weir__returns_put(returns, blocks + (count - left), part))
            break;
        left -= part;
    }
    return count - left;
}

/* With the lock held; or how many blocks were left in the returns, for who holds it. */
static unsigned center_enter(struct weir__center *center, const struct weir__cached *blocks,
                             unsigned count)
{
    weir__assert(count);
    if (weir__lock_try(&center->lock))
        return 0;
    unsigned left = returns_fill(center, blocks, count);
    if (left)
        return left;
    weir__lock_take(&center->lock);
    if (!center->returns)
        __atomic_store_n(&center->returns, weir__returns_make(), __ATOMIC_RELEASE);
    return 0;
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

/* All into the depot if there are `depot_least`, else as many into slabs as strays can be carried;
 * how many. */
static unsigned blocks_give_locked(struct weir__center *center, const struct weir__cached *blocks,
                                   unsigned count, unsigned depot_least, struct strays *strays)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    returns_take_locked(center);
    center->came += depot_least < center->batch;
    if (count < depot_least || !weir__depot_put(&center->depot, blocks, count)) {
        count = (unsigned)weir__min(count, STRAYS_MOST);
        blocks_put_locked(center, blocks, count, strays);
    }
    depot_shrink_locked(center, center->depot.most, strays);
    return count;
}

/* As many as can be given at once, where the first belongs; how many. */
static unsigned blocks_give(struct weir__center *own, const struct weir__cached *blocks,
                            unsigned count, unsigned depot_least, bool *loose)
{
    struct strays strays;
    strays.count = 0;
    struct weir__center *home = weir__center_of(own, &blocks[0]), *center = home ? home : own;
    unsigned given = center_enter(center, blocks, count);
    if (given)
        return given;
    given = blocks_give_locked(center, blocks, count, depot_least, &strays);
    *loose = center_is_loose_locked(center);
    weir__lock_drop(&center->lock);
    strays_put(center, &strays);
    while (weir__unlikely(*loose) && center_empty_part(center))
        continue;
    weir__page_heap_relieve(center->page_heap);
    weir__assert_walk(weir__center_is_sound(center));
    return given;
}

bool weir__center_give(struct weir__center *own, const struct weir__cached *blocks, unsigned count)
{
    weir__assert(count && count <= own->batch);
    bool loose = false;
    unsigned given = blocks_give(own, blocks, count, own->batch, &loose);
    weir__assert(given == count);
    (void)given;
    return loose;
}

void weir__center_bring_home(struct weir__center *own, const struct weir__cached *blocks,
                             unsigned count)
{
    bool loose;
    for (unsigned given = 0; given < count;)
        given += blocks_give(own, blocks + given, count - given, 1, &loose);
}

void weir__center_settle_locked(struct weir__center *center)
{
    weir__assert(weir__lock_is_mine(&center->lock));
    returns_take_locked(center);
    struct weir__depot *depot = &center->depot;
    unsigned count = depot->count;
    const struct weir__cached *all = weir__depot_top(depot, count);
    for (unsigned i = 0; i < count; i++) {
        struct weir__cached cached = all[i];
        struct weir__slab *slab = weir__slab_of(cached.block);
        if (weir__slab_center(slab) == center && slab->home == center->home)
            slab_put_locked(center, slab, &cached);
        else
            weir__depot_put(depot, &cached, 1);
    }
    if (!depot->count)
        weir__depot_clear(depot);
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
    size_t size = weir__class_stride(center->sizeclass);
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

static int slab_each_used(struct weir__slab *slab, weir__entry_visitor *visit, void *user)
{
    int stop = 0;
    for (unsigned index = slab->first; index < slab->fresh && !stop; index++)
        stop = visit(weir__slab_block(slab, index), &slab->entries[index], slab, user);
    return stop;
}

int weir__center_each_used(struct weir__center *center, weir__entry_visitor *visit, void *user)
{
    int stop = 0;
    weir__lock_take(&center->lock);
    for (struct weir__slab *slab = center->partial; slab && !stop; slab = slab->next)
        stop = slab_each_used(slab, visit, user);
    for (struct weir__slab *slab = center->full; slab && !stop; slab = slab->next)
        stop = slab_each_used(slab, visit, user);
    weir__lock_drop(&center->lock);
    return stop;
}

static bool slabs_are_valid(const struct weir__center *center, const struct weir__slab *list,
                            bool full, size_t *nout, size_t *nslabs)
{
    const struct weir__slab *before = NULL;
    for (const struct weir__slab *slab = list; slab; before = slab, slab = slab->next) {
        if (weir__slab_has_free(slab) == full || slab->home != center->home ||
            weir__slab_center(slab) != center || slab->prev != before || slab->nout == 0 ||
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
        } else if (!weir__center_of(center, cached) ||
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
