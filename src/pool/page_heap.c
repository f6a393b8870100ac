/*
 * pool/page_heap.c - chunks and free slabs of a page heap, its clock, decay and trim.
 * Everything under the page heap's lock. Spans are pool/span.c's.
 */
#include "pool/page_heap.h"

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
 * a half-life: the dirty bytes of an idle page heap halve every decay_ms.
 */

#define CHUNK_USABLE (WEIR__CHUNK_SLABS - 1)

void weir__page_heap_init(struct weir__page_heap *heap, const struct weir__backing *backing)
{
    memset(heap, 0, sizeof *heap);
    weir__lock_init(&heap->lock, WEIR__RANK_PAGES);
    heap->backing = backing;
    heap->next_region = WEIR__REGION_FIRST;
    heap->clock_start = weir__os_coarse_time();
}

/* -- chunks -------------------------------------------------------------------- */

/*
 * Chunks that no page heap has. Any thread may look up a stale pointer at any time, so a chunk's
 * headers must stay readable: its address range is never given back, only its memory, and
 * the next page heap that needs a chunk of that backing gets it. Linked in their heads, LIFO.
 */
static struct {
    weir__lock lock;
    struct weir__chunk *chunks;
} retired = {.lock = WEIR__LOCK(REGIONS)};
WEIR__LOCKS_KNOW(REGIONS, &retired.lock);

static void chunk_retire(struct weir__page_heap *heap, struct weir__chunk *chunk)
{
    heap->backing->purge(chunk, WEIR__CHUNK);
    chunk->u.head.backing = heap->backing;
    weir__lock_take(&retired.lock);
    chunk->u.head.next = retired.chunks;
    retired.chunks = chunk;
    weir__lock_drop(&retired.lock);
}

/* All zero but for its head. */
static struct weir__chunk *chunk_revive(const struct weir__page_heap *heap)
{
    weir__lock_take(&retired.lock);
    struct weir__chunk **at = &retired.chunks;
    while (*at && (*at)->u.head.backing != heap->backing)
        at = &(*at)->u.head.next;
    struct weir__chunk *chunk = *at;
    if (chunk)
        *at = chunk->u.head.next;
    weir__lock_drop(&retired.lock);
    return chunk;
}

static struct weir__chunk *chunk_take(struct weir__page_heap *heap)
{
    if (weir__fault_now())
        return NULL;
    struct weir__chunk *chunk = chunk_revive(heap);
    return chunk ? chunk : heap->backing->take(WEIR__CHUNK, WEIR__CHUNK);
}

static struct weir__chunk *chunk_add(struct weir__page_heap *heap)
{
    struct weir__chunk *chunk = chunk_take(heap);
    if (!chunk)
        return NULL;
    weir__os_huge_pages(chunk, WEIR__CHUNK, false);
    memset(&chunk->u.head, 0, sizeof chunk->u.head);
    for (unsigned i = 1; i < WEIR__CHUNK_SLABS; i++)
        chunk->slabs[i].zeroed = true;
    chunk->u.head.page_heap = heap;
    chunk->u.head.nfree = chunk->u.head.nfresh = CHUNK_USABLE;
    chunk->u.head.next = heap->chunks;
    if (!weir__map_set(chunk, WEIR__CHUNK, WEIR__MAP_SLABS)) {
        heap->backing->give(chunk, WEIR__CHUNK, WEIR__CHUNK);
        return NULL;
    }
    if (heap->chunks)
        heap->chunks->u.head.prev = chunk;
    heap->chunks = chunk;
    heap->reserved += WEIR__CHUNK;
    heap->headers += sizeof *chunk;
    weir__region_tell(chunk, WEIR__CHUNK, true);
    return chunk;
}

static struct weir__slab **free_slab_list(struct weir__page_heap *heap,
                                          const struct weir__slab *slab)
{
    return slab->dirty ? &heap->dirty_slabs : &heap->clean_slabs;
}

static void free_slab_link(struct weir__page_heap *heap, struct weir__slab *slab)
{
    struct weir__slab **list = free_slab_list(heap, slab);
    slab->prev = NULL;
    slab->next = *list;
    if (slab->next)
        slab->next->prev = slab;
    else if (slab->dirty)
        heap->oldest_dirty = slab;
    *list = slab;
    heap->nfree_slabs++;
    heap->ndirty_slabs += slab->dirty;
}

static void free_slab_unlink(struct weir__page_heap *heap, struct weir__slab *slab)
{
    if (slab->next)
        slab->next->prev = slab->prev;
    else if (slab->dirty)
        heap->oldest_dirty = slab->prev;
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        *free_slab_list(heap, slab) = slab->next;
    heap->nfree_slabs--;
    heap->ndirty_slabs -= slab->dirty;
}

static void chunk_give(struct weir__page_heap *heap, struct weir__chunk *chunk)
{
    heap->reserved -= WEIR__CHUNK;
    heap->headers -= sizeof *chunk;
    weir__map_set(chunk, WEIR__CHUNK, WEIR__MAP_FOREIGN);
    weir__region_tell(chunk, WEIR__CHUNK, false);
    chunk_retire(heap, chunk);
}

/* All 63 slabs of the chunk are free. */
static void chunk_remove(struct weir__page_heap *heap, struct weir__chunk *chunk)
{
    for (unsigned i = 1; i < WEIR__CHUNK_SLABS - chunk->u.head.nfresh; i++)
        free_slab_unlink(heap, &chunk->slabs[i]);
    if (chunk->u.head.next)
        chunk->u.head.next->u.head.prev = chunk->u.head.prev;
    if (chunk->u.head.prev)
        chunk->u.head.prev->u.head.next = chunk->u.head.next;
    else
        heap->chunks = chunk->u.head.next;
    if (heap->fresh == chunk)
        heap->fresh = NULL;
    chunk_give(heap, chunk);
}

/* -- slabs --------------------------------------------------------------------- */

static struct weir__slab *slab_fresh(struct weir__page_heap *heap)
{
    if (!heap->fresh || !heap->fresh->u.head.nfresh)
        heap->fresh = chunk_add(heap);
    if (!heap->fresh)
        return NULL;
    return &heap->fresh->slabs[WEIR__CHUNK_SLABS - heap->fresh->u.head.nfresh--];
}

struct weir__slab *weir__page_heap_take_slab(struct weir__page_heap *heap)
{
    weir__lock_take(&heap->lock);
    struct weir__slab *slab = heap->dirty_slabs ? heap->dirty_slabs : heap->clean_slabs;
    if (slab)
        free_slab_unlink(heap, slab);
    else
        slab = slab_fresh(heap);
    if (slab) {
        weir__chunk_of(slab)->u.head.nfree--;
        heap->nused_slabs++;
        slab->dirty = false;
        slab->next = slab->prev = NULL;
    }
    weir__page_heap_decay_locked(heap);
    weir__lock_drop(&heap->lock);
    return slab;
}

void weir__page_heap_give_slab(struct weir__page_heap *heap, struct weir__slab *slab)
{
    weir__lock_take(&heap->lock);
    __atomic_store_n(&slab->owner, NULL, __ATOMIC_RELEASE);
    slab->zeroed = false;
    slab->dirty = true;
    slab->freed_at = weir__page_heap_clock(heap);
    free_slab_link(heap, slab);
    heap->nused_slabs--;
    weir__chunk_of(slab)->u.head.nfree++;
    weir__page_heap_given_locked(heap, WEIR__SLAB);
    weir__page_heap_decay_locked(heap);
    weir__lock_drop(&heap->lock);
}

/* A dirty slab off its list gets on the one it belongs to. */
static void slab_purged(struct weir__page_heap *heap, struct weir__slab *slab, bool purged)
{
    slab->zeroed = purged;
    slab->dirty = !purged;
    free_slab_link(heap, slab);
}

static size_t slab_purge(struct weir__page_heap *heap, struct weir__slab *slab)
{
    size_t purged = heap->backing->purge(weir__slab_memory(slab), WEIR__SLAB);
    free_slab_unlink(heap, slab);
    slab_purged(heap, slab, purged > 0);
    return purged;
}

unsigned weir__slabs_cut_locked(struct weir__page_heap *heap, struct weir__slab **slabs,
                                unsigned most)
{
    unsigned count = 0;
    while (count < most && heap->oldest_dirty) {
        struct weir__slab *slab = slabs[count++] = heap->oldest_dirty;
        free_slab_unlink(heap, slab);
        weir__chunk_of(slab)->u.head.nfree--; /* so that the chunk stays */
    }
    return count;
}

void weir__slab_uncut_locked(struct weir__page_heap *heap, struct weir__slab *slab, bool purged)
{
    weir__chunk_of(slab)->u.head.nfree++;
    slab_purged(heap, slab, purged);
}

static size_t slabs_trim(struct weir__page_heap *heap)
{
    size_t bytes = 0;
    for (struct weir__chunk *chunk = heap->chunks, *next; chunk; chunk = next) {
        next = chunk->u.head.next;
        if (chunk->u.head.nfree == CHUNK_USABLE) {
            bytes += (CHUNK_USABLE - chunk->u.head.nfresh) << WEIR__SLAB_SHIFT;
            chunk_remove(heap, chunk);
        }
    }
    for (struct weir__slab *slab = heap->dirty_slabs, *next; slab; slab = next) {
        next = slab->next;
        bytes += slab_purge(heap, slab);
    }
    return bytes;
}

/* -- giving back ----------------------------------------------------------------- */

size_t weir__page_heap_trim(struct weir__page_heap *heap)
{
    size_t bytes = 0;
    weir__lock_take(&heap->lock);
    weir__page_heap_settle_locked(heap);
    bytes += weir__span_purge_locked(heap, 0, SIZE_MAX);
    bytes += weir__span_release_locked(heap) + slabs_trim(heap);
    weir__lock_drop(&heap->lock);
    if (heap->backing->trim)
        heap->backing->trim();
    return bytes;
}

uint32_t weir__page_heap_clock(const struct weir__page_heap *heap)
{
    return heap->now;
}

static bool is_stale(const struct weir__page_heap *heap, uint32_t freed_at)
{
    return (int32_t)(heap->now - freed_at) >= (int32_t)weir__policy.decay_ms;
}

static void decay_step(struct weir__page_heap *heap)
{
    size_t dirty = heap->hole_dirty + heap->ndirty_slabs * WEIR__SLAB;
    size_t quota = dirty / (2 * weir__policy.decay_ms / weir__policy.step_ms) + WEIR__CHUNK;
    if (heap->hole_dirty)
        quota -= weir__min(quota, weir__span_purge_locked(heap, weir__policy.decay_ms, quota));
    for (struct weir__region *region = heap->regions; region && quota; region = region->next)
        if (region->touched > region->frontier && !region->busy &&
            is_stale(heap, region->lowered_at))
            quota -= weir__min(quota, weir__span_purge_tail_locked(heap, region));
    for (struct weir__slab *slab = heap->oldest_dirty, *next; slab && quota; slab = next) {
        next = slab->prev;
        if (!is_stale(heap, slab->freed_at))
            break;
        quota -= weir__min(quota, slab_purge(heap, slab));
    }
}

void weir__page_heap_decay_locked(struct weir__page_heap *heap)
{
    if (weir__likely(++heap->ops < weir__policy.look_ops))
        return;
    heap->ops = 0;
    heap->now = (uint32_t)((weir__os_coarse_time() - heap->clock_start) / 1000000);
    if (heap->now - heap->decayed_at < weir__policy.step_ms)
        return;
    heap->decayed_at = heap->now;
    decay_step(heap);
}

void weir__page_heap_decay(struct weir__page_heap *heap)
{
    weir__lock_take(&heap->lock);
    heap->ops = weir__policy.look_ops;
    weir__page_heap_decay_locked(heap);
    weir__lock_drop(&heap->lock);
}

void weir__page_heap_destroy(struct weir__page_heap *heap)
{
    for (struct weir__chunk *chunk = heap->chunks, *next; chunk; chunk = next) {
        next = chunk->u.head.next;
        chunk_give(heap, chunk);
    }
    while (heap->regions) {
        struct weir__region *region = heap->regions;
        heap->regions = region->next;
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

bool weir__page_heap_is_valid(struct weir__page_heap *heap)
{
    size_t live = 0, free_slabs = 0, chunk_free = 0;
    bool valid = true;
    weir__lock_take(&heap->lock);
    weir__page_heap_settle_locked(heap);
    for (struct weir__region *region = heap->regions; region && valid; region = region->next)
        valid = region_is_valid(region, &live);
    for (struct weir__slab *slab = heap->dirty_slabs; slab; slab = slab->next)
        free_slabs += slab->owner == NULL && slab->dirty;
    valid = valid && free_slabs == heap->ndirty_slabs;
    for (struct weir__slab *slab = heap->clean_slabs; slab; slab = slab->next)
        free_slabs += slab->owner == NULL && !slab->dirty;
    for (struct weir__chunk *chunk = heap->chunks; chunk; chunk = chunk->u.head.next)
        chunk_free += chunk->u.head.nfree - chunk->u.head.nfresh;
    valid = valid && live == heap->span_live && free_slabs == heap->nfree_slabs &&
            chunk_free == heap->nfree_slabs;
    weir__lock_drop(&heap->lock);
    return valid;
}
