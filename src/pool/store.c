/*
 * pool/store.c - chunks and free slabs of a store, its clock, decay and trim.
 * Everything under the store's lock. Spans are pool/span.c's.
 */
#include "pool/store.h"

#include "base/fault.h"
#include "os/clock.h"
#include "os/locks.h"
#include "os/pages.h"
#include "pool/policy.h"

#include <errno.h>
#include <string.h>

/*
 * Decay: what nobody re-used for decay_ms (pool/policy.h) goes back to the system,
 * looked at every step_ms and, to keep steady loads free of faults, at most half of it
 * a half-life: the dirty bytes of an idle store halve every decay_ms.
 */

#define CHUNK_USABLE (WEIR__CHUNK_SLABS - 1)

void weir__store_init(struct weir__store *store, const struct weir__backing *backing)
{
    memset(store, 0, sizeof *store);
    weir__lock_init(&store->lock, WEIR__RANK_STORE);
    store->backing = backing;
    store->next_region = WEIR__REGION_FIRST;
    store->clock_start = weir__os_coarse_time();
}

/* -- chunks -------------------------------------------------------------------- */

static struct weir__chunk *chunk_of(struct weir__slab *slab)
{
    return (struct weir__chunk *)((uintptr_t)slab & ~(WEIR__CHUNK - 1));
}

/*
 * Chunks that no store has. Any thread may look up a stale pointer at any time, so a chunk's
 * headers must stay readable: its address range is never given back, only its memory, and
 * the next store that needs a chunk of that backing gets it. Linked in their heads, LIFO.
 */
static struct {
    weir__lock lock;
    struct weir__chunk *chunks;
} retired = {.lock = WEIR__LOCK(REGIONS)};
WEIR__LOCKS_KNOW(REGIONS, &retired.lock);

static void chunk_retire(struct weir__store *store, struct weir__chunk *chunk)
{
    store->backing->purge(chunk, WEIR__CHUNK);
    chunk->u.head.backing = store->backing;
    weir__lock_take(&retired.lock);
    chunk->u.head.next = retired.chunks;
    retired.chunks = chunk;
    weir__lock_drop(&retired.lock);
}

/* All zero but for its head. */
static struct weir__chunk *chunk_revive(const struct weir__store *store)
{
    weir__lock_take(&retired.lock);
    struct weir__chunk **at = &retired.chunks;
    while (*at && (*at)->u.head.backing != store->backing)
        at = &(*at)->u.head.next;
    struct weir__chunk *chunk = *at;
    if (chunk)
        *at = chunk->u.head.next;
    weir__lock_drop(&retired.lock);
    return chunk;
}

static struct weir__chunk *chunk_take(struct weir__store *store, bool *zeroed)
{
    if (weir__fault_now())
        return NULL;
    *zeroed = true;
    struct weir__chunk *chunk = chunk_revive(store);
    return chunk ? chunk : store->backing->take(WEIR__CHUNK, WEIR__CHUNK, zeroed);
}

static struct weir__chunk *chunk_add(struct weir__store *store)
{
    bool zeroed = false;
    struct weir__chunk *chunk = chunk_take(store, &zeroed);
    if (!chunk)
        return NULL;
    weir__os_huge_pages(chunk, WEIR__CHUNK, false);
    if (!zeroed)
        memset(chunk, 0, sizeof *chunk);
    memset(&chunk->u.head, 0, sizeof chunk->u.head);
    for (unsigned i = 1; i < WEIR__CHUNK_SLABS; i++)
        chunk->slabs[i].zeroed = zeroed;
    chunk->u.head.store = store;
    chunk->u.head.nfree = chunk->u.head.nfresh = CHUNK_USABLE;
    chunk->u.head.next = store->chunks;
    if (!weir__map_set(chunk, WEIR__CHUNK, WEIR__MAP_SLABS)) {
        store->backing->give(chunk, WEIR__CHUNK, WEIR__CHUNK);
        return NULL;
    }
    if (store->chunks)
        store->chunks->u.head.prev = chunk;
    store->chunks = chunk;
    store->reserved += WEIR__CHUNK;
    store->headers += sizeof *chunk;
    weir__region_tell(chunk, WEIR__CHUNK, true);
    return chunk;
}

static struct weir__slab **free_slab_list(struct weir__store *store, const struct weir__slab *slab)
{
    return slab->dirty ? &store->dirty_slabs : &store->clean_slabs;
}

static void free_slab_link(struct weir__store *store, struct weir__slab *slab)
{
    struct weir__slab **list = free_slab_list(store, slab);
    slab->prev = NULL;
    slab->next = *list;
    if (slab->next)
        slab->next->prev = slab;
    else if (slab->dirty)
        store->oldest_dirty = slab;
    *list = slab;
    store->nfree_slabs++;
    store->ndirty_slabs += slab->dirty;
}

static void free_slab_unlink(struct weir__store *store, struct weir__slab *slab)
{
    if (slab->next)
        slab->next->prev = slab->prev;
    else if (slab->dirty)
        store->oldest_dirty = slab->prev;
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        *free_slab_list(store, slab) = slab->next;
    store->nfree_slabs--;
    store->ndirty_slabs -= slab->dirty;
}

static void chunk_give(struct weir__store *store, struct weir__chunk *chunk)
{
    store->reserved -= WEIR__CHUNK;
    store->headers -= sizeof *chunk;
    weir__map_set(chunk, WEIR__CHUNK, WEIR__MAP_FOREIGN);
    weir__region_tell(chunk, WEIR__CHUNK, false);
    chunk_retire(store, chunk);
}

/* All 63 slabs of the chunk are free. */
static void chunk_remove(struct weir__store *store, struct weir__chunk *chunk)
{
    for (unsigned i = 1; i < WEIR__CHUNK_SLABS - chunk->u.head.nfresh; i++)
        free_slab_unlink(store, &chunk->slabs[i]);
    if (chunk->u.head.next)
        chunk->u.head.next->u.head.prev = chunk->u.head.prev;
    if (chunk->u.head.prev)
        chunk->u.head.prev->u.head.next = chunk->u.head.next;
    else
        store->chunks = chunk->u.head.next;
    if (store->fresh == chunk)
        store->fresh = NULL;
    chunk_give(store, chunk);
}

/* -- slabs --------------------------------------------------------------------- */

static struct weir__slab *slab_fresh(struct weir__store *store)
{
    if (!store->fresh || !store->fresh->u.head.nfresh)
        store->fresh = chunk_add(store);
    if (!store->fresh)
        return NULL;
    return &store->fresh->slabs[WEIR__CHUNK_SLABS - store->fresh->u.head.nfresh--];
}

struct weir__slab *weir__store_take_slab(struct weir__store *store)
{
    weir__lock_take(&store->lock);
    struct weir__slab *slab = store->dirty_slabs ? store->dirty_slabs : store->clean_slabs;
    if (slab)
        free_slab_unlink(store, slab);
    else
        slab = slab_fresh(store);
    if (slab) {
        chunk_of(slab)->u.head.nfree--;
        store->nused_slabs++;
        slab->dirty = false;
        slab->next = slab->prev = NULL;
    }
    weir__store_decay_locked(store);
    weir__lock_drop(&store->lock);
    return slab;
}

void weir__store_give_slab(struct weir__store *store, struct weir__slab *slab)
{
    weir__lock_take(&store->lock);
    __atomic_store_n(&slab->owner, NULL, __ATOMIC_RELEASE);
    slab->zeroed = false;
    slab->dirty = true;
    slab->freed_at = weir__store_clock(store);
    free_slab_link(store, slab);
    store->nused_slabs--;
    chunk_of(slab)->u.head.nfree++;
    weir__store_given_locked(store, WEIR__SLAB);
    weir__store_decay_locked(store);
    weir__lock_drop(&store->lock);
}

/* A dirty slab off its list gets on the one it belongs to. */
static void slab_purged(struct weir__store *store, struct weir__slab *slab, bool purged)
{
    slab->zeroed = purged;
    slab->dirty = !purged;
    free_slab_link(store, slab);
}

static size_t slab_purge(struct weir__store *store, struct weir__slab *slab)
{
    size_t purged = store->backing->purge(weir__slab_memory(slab), WEIR__SLAB);
    free_slab_unlink(store, slab);
    slab_purged(store, slab, purged > 0);
    return purged;
}

unsigned weir__slabs_cut_locked(struct weir__store *store, struct weir__slab **slabs, unsigned most)
{
    unsigned count = 0;
    while (count < most && store->oldest_dirty) {
        struct weir__slab *slab = slabs[count++] = store->oldest_dirty;
        free_slab_unlink(store, slab);
        chunk_of(slab)->u.head.nfree--; /* so that the chunk stays */
    }
    return count;
}

void weir__slab_uncut_locked(struct weir__store *store, struct weir__slab *slab, bool purged)
{
    chunk_of(slab)->u.head.nfree++;
    slab_purged(store, slab, purged);
}

static size_t slabs_trim(struct weir__store *store)
{
    size_t bytes = 0;
    for (struct weir__chunk *chunk = store->chunks, *next; chunk; chunk = next) {
        next = chunk->u.head.next;
        if (chunk->u.head.nfree == CHUNK_USABLE) {
            bytes += (CHUNK_USABLE - chunk->u.head.nfresh) << WEIR__SLAB_SHIFT;
            chunk_remove(store, chunk);
        }
    }
    for (struct weir__slab *slab = store->dirty_slabs, *next; slab; slab = next) {
        next = slab->next;
        bytes += slab_purge(store, slab);
    }
    return bytes;
}

/* -- giving back ----------------------------------------------------------------- */

size_t weir__store_trim(struct weir__store *store)
{
    size_t bytes = 0;
    weir__lock_take(&store->lock);
    weir__store_settle_locked(store);
    bytes += weir__span_purge_locked(store, 0, SIZE_MAX);
    bytes += weir__span_release_locked(store) + slabs_trim(store);
    weir__lock_drop(&store->lock);
    if (store->backing->trim)
        store->backing->trim();
    return bytes;
}

uint32_t weir__store_clock(const struct weir__store *store)
{
    return store->now;
}

static bool store_is_stale(const struct weir__store *store, uint32_t freed_at)
{
    return (int32_t)(store->now - freed_at) >= (int32_t)weir__policy.decay_ms;
}

static void decay_step(struct weir__store *store)
{
    size_t dirty = store->hole_dirty + store->ndirty_slabs * WEIR__SLAB;
    size_t quota = dirty / (2 * weir__policy.decay_ms / weir__policy.step_ms) + WEIR__CHUNK;
    if (store->hole_dirty)
        quota -= weir__min(quota, weir__span_purge_locked(store, weir__policy.decay_ms, quota));
    for (struct weir__region *region = store->regions; region && quota; region = region->next)
        if (region->touched > region->frontier && !region->busy &&
            store_is_stale(store, region->lowered_at))
            quota -= weir__min(quota, weir__span_purge_tail_locked(store, region));
    for (struct weir__slab *slab = store->oldest_dirty, *next; slab && quota; slab = next) {
        next = slab->prev;
        if (!store_is_stale(store, slab->freed_at))
            break;
        quota -= weir__min(quota, slab_purge(store, slab));
    }
}

void weir__store_decay_locked(struct weir__store *store)
{
    if (weir__likely(++store->ops < weir__policy.look_ops))
        return;
    store->ops = 0;
    store->now = (uint32_t)((weir__os_coarse_time() - store->clock_start) / 1000000);
    if (store->now - store->decayed_at < weir__policy.step_ms)
        return;
    store->decayed_at = store->now;
    decay_step(store);
}

void weir__store_decay(struct weir__store *store)
{
    weir__lock_take(&store->lock);
    store->ops = weir__policy.look_ops;
    weir__store_decay_locked(store);
    weir__lock_drop(&store->lock);
}

void weir__store_destroy(struct weir__store *store)
{
    for (struct weir__chunk *chunk = store->chunks, *next; chunk; chunk = next) {
        next = chunk->u.head.next;
        chunk_give(store, chunk);
    }
    while (store->regions) {
        struct weir__region *region = store->regions;
        store->regions = region->next;
        weir__region_destroy(region);
    }
}

/* -- checking -------------------------------------------------------------------- */

static bool region_is_valid(const struct weir__region *region, size_t *live)
{
    bool after_hole = false;
    uint32_t page = 0;
    while (page < region->frontier) {
        const struct weir__span *span = &region->pages[page];
        const struct weir__span *end = span + span->npages - 1;
        bool hole = span->state == WEIR__PAGE_HOLE;
        bool other = span->state == WEIR__PAGE_SPAN || span->state == WEIR__PAGE_IDLE;
        if ((!hole && !other) || !span->npages || (hole && after_hole) ||
            (span->npages > 1 && !region->direct &&
             end->state != (hole ? WEIR__PAGE_HOLE_END : WEIR__PAGE_SPAN_END)))
            return false;
        if (span->state == WEIR__PAGE_SPAN)
            *live += (size_t)span->npages << WEIR__GRANULE_SHIFT;
        after_hole = hole;
        page += span->npages;
    }
    return page == region->frontier && !after_hole && region->touched >= region->frontier;
}

bool weir__store_is_valid(struct weir__store *store)
{
    size_t live = 0, free_slabs = 0, chunk_free = 0;
    bool valid = true;
    weir__lock_take(&store->lock);
    weir__store_settle_locked(store);
    for (struct weir__region *region = store->regions; region && valid; region = region->next)
        valid = region_is_valid(region, &live);
    for (struct weir__slab *slab = store->dirty_slabs; slab; slab = slab->next)
        free_slabs += slab->owner == NULL && slab->dirty;
    valid = valid && free_slabs == store->ndirty_slabs;
    for (struct weir__slab *slab = store->clean_slabs; slab; slab = slab->next)
        free_slabs += slab->owner == NULL && !slab->dirty;
    for (struct weir__chunk *chunk = store->chunks; chunk; chunk = chunk->u.head.next)
        chunk_free += chunk->u.head.nfree - chunk->u.head.nfresh;
    valid = valid && live == store->span_live && free_slabs == store->nfree_slabs &&
            chunk_free == store->nfree_slabs;
    weir__lock_drop(&store->lock);
    return valid;
}
