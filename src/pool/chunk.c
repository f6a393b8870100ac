/* pool/chunk.c - see chunk.h. Retired chunks have their own lock. */
#include "pool/chunk.h"

#include "base/draw.h"
#include "base/fault.h"
#include "os/locks.h"
#include "os/pages.h"
#include "pool/budget.h"
#include "pool/slab_list.h"

#include <string.h>

/* -- what cannot be read or written --------------------------------------------------- */

/* Slabs of a page heap's first chunk that are open from the start, and how they grow: so what runs
 * far past a block of a small program ends where nothing was used yet. Four calls of the system a
 * page heap; a further chunk is open as a whole. */
#define OPEN_SLABS ((size_t)8)

/* The blocks of a slab, where they have whole pages to themselves. */
static bool slab_pages(const struct weir__slab *slab, char **start, size_t *size)
{
    size_t before = slab->first * weir__slab_stride(slab);
    *start = weir__slab_memory(slab) + before;
    *size = WEIR__SLAB - before;
    return before % weir__os_page_size() == 0 && before < WEIR__SLAB;
}

/* Failing is not an error: then uses of its blocks are not found. */
static void slab_close(struct weir__slab *slab)
{
    char *start;
    size_t size;
    slab->closed = slab_pages(slab, &start, &size) && weir__os_shut(start, size);
}

static bool slab_open(struct weir__slab *slab)
{
    char *start;
    size_t size;
    if (slab->closed && slab_pages(slab, &start, &size))
        slab->closed = !weir__os_open(start, size);
    return !slab->closed;
}

/* -- retired chunks ---------------------------------------------------------------- */

static struct {
    weir__lock lock;
    struct weir__list chunks;
} retired WEIR__AT_START = {.lock = WEIR__LOCK(REGIONS)};
WEIR__LOCKS_KNOW(REGIONS, &retired.lock);

/* All of it may be read and written again. False: the system refuses. */
static bool chunk_open(struct weir__chunk *chunk)
{
    size_t nopen = chunk->u.head.nopen;
    bool open = !nopen || nopen == WEIR__CHUNK_SLABS ||
                weir__os_open((char *)chunk + (nopen << WEIR__SLAB_SHIFT),
                              (WEIR__CHUNK_SLABS - nopen) << WEIR__SLAB_SHIFT);
    for (unsigned i = 1; i < WEIR__CHUNK_SLABS && open; i++)
        open = slab_open(&chunk->slabs[i]);
    return open;
}

void weir__chunk_retire_one(const struct weir__backing *backing, void *memory)
{
    weir__assert(((uintptr_t)memory & (WEIR__CHUNK - 1)) == 0);
    struct weir__chunk *chunk = memory;
    if (!chunk_open(chunk))
        return; /* its addresses are lost */
    backing->purge((char *)memory + WEIR__SLAB, WEIR__CHUNK - WEIR__SLAB);
    chunk->u.head.backing = backing;
    weir__lock_take(&retired.lock);
    weir__list_push(&retired.chunks, &chunk->u.head.link);
    weir__lock_drop(&retired.lock);
}

void weir__chunk_retire(const struct weir__backing *backing, struct weir__list *list)
{
    for (struct weir__chunk *chunk; (chunk = weir__chunk_of_link(list->first));) {
        weir__list_remove(list, &chunk->u.head.link);
        weir__chunk_retire_one(backing, chunk);
    }
}

struct weir__chunk *weir__chunk_revive(const struct weir__backing *backing)
{
    weir__lock_take(&retired.lock);
    struct weir__chunk *chunk = weir__chunk_of_link(retired.chunks.first);
    while (chunk && chunk->u.head.backing != backing)
        chunk = weir__chunk_of_link(chunk->u.head.link.next);
    if (chunk)
        weir__list_remove(&retired.chunks, &chunk->u.head.link);
    weir__lock_drop(&retired.lock);
    if (chunk)
        memset(&chunk->u.head, 0, sizeof chunk->u.head);
    return chunk;
}

/* -- chunks of a page heap ---------------------------------------------------------- */

static struct weir__chunk *chunk_take(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    if (weir__fault_now())
        return NULL;
    struct weir__chunk *chunk = weir__chunk_revive(heap->backing);
    return chunk ? chunk : heap->backing->take(WEIR__CHUNK, WEIR__CHUNK);
}

/* The same with the page heap's placement; NULL also where pages cannot be as they must. */
static struct weir__chunk *chunk_take_placed(struct weir__page_heap *heap)
{
    struct weir__chunk *chunk = chunk_take(heap);
    if (!chunk)
        return NULL;
    if (!heap->placement.huge_pages)
        weir__os_huge_pages(chunk, WEIR__CHUNK, false);
    weir__os_placement_apply(&heap->placement, chunk, WEIR__CHUNK);
    if (weir__os_placement_settle(&heap->placement, chunk, WEIR__CHUNK))
        return chunk;
    weir__os_placement_undo(&heap->placement, chunk, WEIR__CHUNK);
    weir__chunk_retire_one(heap->backing, chunk);
    return NULL;
}

/* How much of a chunk that was taken is open: a first one's end is shut. */
static size_t chunk_shut(const struct weir__page_heap *heap, struct weir__chunk *chunk)
{
    bool whole = heap->hardened || heap->chunks.first || heap->backing != &weir__backing_system ||
                 heap->placement.huge_pages || heap->placement.numa_node;
    if (whole || !weir__os_shut((char *)chunk + (OPEN_SLABS << WEIR__SLAB_SHIFT),
                                WEIR__CHUNK - (OPEN_SLABS << WEIR__SLAB_SHIFT)))
        return WEIR__CHUNK_SLABS;
    return OPEN_SLABS;
}

/* Opens twice as much if the next slab is not. False: the system refuses. */
static bool chunk_reach(struct weir__chunk *chunk, size_t slab)
{
    size_t nopen = chunk->u.head.nopen;
    if (weir__likely(slab < nopen))
        return true;
    if (!weir__os_open((char *)chunk + (nopen << WEIR__SLAB_SHIFT), nopen << WEIR__SLAB_SHIFT))
        return false;
    chunk->u.head.nopen = 2 * nopen;
    return true;
}

/* -- hardened page heaps --------------------------------------------------------------- */

/* One slab in so many cannot be read or written, and serves nobody. */
#define GUARD_EVERY 8
/* A free one is drawn of the first so many of its list. */
#define DRAWN_OF 8

static bool slab_is_guard(const struct weir__page_heap *heap, size_t number)
{
    return heap->hardened && number % GUARD_EVERY == 0;
}

static void free_slab_link(struct weir__page_heap *heap, struct weir__slab *slab);

/* Closes the guards of a new chunk and makes the others free, in any order. */
static void chunk_harden(struct weir__page_heap *heap, struct weir__chunk *chunk)
{
    struct weir__slab *slabs[WEIR__CHUNK_SLABS];
    size_t count = 0;
    for (size_t i = 1; i < WEIR__CHUNK_SLABS; i++) {
        struct weir__slab *slab = &chunk->slabs[i];
        if (!slab_is_guard(heap, i)) {
            slabs[count++] = slab;
            continue;
        }
        slab->first = 0;
        weir__relaxed_set(slab->size, 0);
        weir__relaxed_set(slab->bin, 0);
        slab_close(slab);
    }
    chunk->u.head.nfresh = WEIR__CHUNK_USABLE - count;
    while (count) {
        size_t at = weir__draw(&heap->random, (uint32_t)count);
        slabs[at]->dirty = false;
        free_slab_link(heap, slabs[at]);
        slabs[at] = slabs[--count];
    }
}

/* -- adding and removing -------------------------------------------------------------- */

static struct weir__chunk *chunk_add(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    struct weir__chunk *chunk = chunk_take_placed(heap);
    if (!chunk)
        return NULL;
    chunk->u.head.nopen = chunk_shut(heap, chunk);
    for (unsigned i = 1; i < WEIR__CHUNK_SLABS; i++)
        chunk->slabs[i].zeroed = true;
    chunk->u.head.page_heap = heap;
    chunk->u.head.nfree = chunk->u.head.nfresh = WEIR__CHUNK_USABLE;
    if (!weir__map_set(chunk, WEIR__CHUNK, WEIR__MAP_SLABS)) {
        weir__os_placement_undo(&heap->placement, chunk, WEIR__CHUNK);
        heap->backing->give(chunk, WEIR__CHUNK, WEIR__CHUNK);
        return NULL;
    }
    weir__list_push(&heap->chunks, &chunk->u.head.link);
    heap->reserved += WEIR__CHUNK;
    heap->headers += WEIR__CHUNK_HEADERS;
    weir__region_tell(chunk, WEIR__CHUNK, true);
    if (heap->hardened)
        chunk_harden(heap, chunk);
    return chunk;
}

/* To `list`: the memory is purged when the lock is dropped. */
static void chunk_remove(struct weir__page_heap *heap, struct weir__chunk *chunk,
                         struct weir__list *list)
{
    if (heap->fresh == chunk)
        heap->fresh = NULL;
    heap->reserved -= WEIR__CHUNK;
    heap->headers -= WEIR__CHUNK_HEADERS;
    weir__map_set(chunk, WEIR__CHUNK, WEIR__MAP_FOREIGN);
    weir__region_tell(chunk, WEIR__CHUNK, false);
    weir__os_placement_undo(&heap->placement, chunk, WEIR__CHUNK);
    weir__list_remove(&heap->chunks, &chunk->u.head.link);
    weir__list_push(list, &chunk->u.head.link);
}

/* -- free slabs --------------------------------------------------------------------- */

static struct weir__slab **free_slab_list(struct weir__page_heap *heap,
                                          const struct weir__slab *slab)
{
    return slab->dirty ? &heap->dirty_slabs : &heap->clean_slabs;
}

static void free_slab_link(struct weir__page_heap *heap, struct weir__slab *slab)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(!slab->home);
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
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(heap->nfree_slabs > 0);
    weir__slab_list_check(free_slab_list(heap, slab), slab);
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

static struct weir__slab *slab_fresh(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    if (!heap->fresh || !heap->fresh->u.head.nfresh)
        heap->fresh = chunk_add(heap);
    if (!heap->fresh)
        return NULL;
    size_t number = WEIR__CHUNK_SLABS - heap->fresh->u.head.nfresh;
    if (!chunk_reach(heap->fresh, number))
        return NULL;
    heap->fresh->u.head.nfresh--;
    return &heap->fresh->slabs[number];
}

/* Of a hardened page heap, any of the first free ones. NULL: there is none. */
static WEIR__NOINLINE struct weir__slab *free_slab_draw(struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    if (!heap->nfree_slabs)
        chunk_add(heap);
    struct weir__slab *slab = heap->dirty_slabs ? heap->dirty_slabs : heap->clean_slabs;
    if (slab)
        for (size_t steps = weir__draw(&heap->random, DRAWN_OF); steps && slab->next; steps--)
            slab = slab->next;
    return slab;
}

struct weir__slab *weir__chunk_take_slab(struct weir__page_heap *heap)
{
    weir__lock_take(&heap->lock);
    struct weir__slab *slab = heap->dirty_slabs ? heap->dirty_slabs : heap->clean_slabs;
    if (weir__unlikely(heap->hardened))
        slab = free_slab_draw(heap);
    if (slab)
        free_slab_unlink(heap, slab);
    else if (!heap->hardened)
        slab = slab_fresh(heap);
    if (slab) {
        weir__chunk_of(slab)->u.head.nfree--;
        heap->nused_slabs++;
        slab->dirty = false;
        slab->next = slab->prev = NULL;
    }
    weir__page_heap_tick_locked(heap);
    weir__lock_drop(&heap->lock);
    weir__assert_walk(weir__page_heap_is_valid(heap));
    return slab;
}

void weir__chunk_give_slab(struct weir__page_heap *heap, struct weir__slab *slab)
{
    if (weir__unlikely(!slab_open(slab)))
        return; /* nobody gets it until its chunk goes */
    weir__lock_take(&heap->lock);
    __atomic_store_n(&slab->home, WEIR__HOME_NONE, __ATOMIC_RELEASE);
    slab->zeroed = false;
    slab->dirty = true;
    slab->freed_at = heap->now;
    free_slab_link(heap, slab);
    heap->nused_slabs--;
    weir__chunk_of(slab)->u.head.nfree++;
    weir__budget_given_locked(heap, WEIR__SLAB);
    weir__page_heap_tick_locked(heap);
    weir__lock_drop(&heap->lock);
    weir__assert_walk(weir__page_heap_is_valid(heap));
}

void weir__chunk_close_slab(const struct weir__page_heap *heap, struct weir__slab *slab)
{
    weir__assert(slab->home && !slab->closed);
    if (!heap->placement.huge_pages) /* it would split one */
        slab_close(slab);
}

struct weir__slab *weir__chunk_cut_slab_locked(struct weir__page_heap *heap, uint32_t idle_ms)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    struct weir__slab *slab = heap->oldest_dirty;
    if (!slab || heap->now - slab->freed_at < idle_ms)
        return NULL;
    free_slab_unlink(heap, slab);
    weir__chunk_of(slab)->u.head.nfree--;
    return slab;
}

void weir__chunk_uncut_slab_locked(struct weir__page_heap *heap, struct weir__slab *slab,
                                   bool purged)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    weir__assert(!slab->home);
    weir__chunk_of(slab)->u.head.nfree++;
    slab->zeroed = purged;
    slab->dirty = !purged;
    free_slab_link(heap, slab);
}

void weir__chunk_restamp_locked(struct weir__page_heap *heap, uint32_t before)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    for (struct weir__slab *slab = heap->dirty_slabs; slab && slab->freed_at == before;
         slab = slab->next)
        slab->freed_at = heap->now - 1;
}

size_t weir__chunk_release_locked(struct weir__page_heap *heap, struct weir__list *list)
{
    weir__assert(weir__lock_is_mine(&heap->lock));
    size_t bytes = 0;
    for (struct weir__chunk *chunk = weir__chunk_of_link(heap->chunks.first), *next; chunk;
         chunk = next) {
        next = weir__chunk_of_link(chunk->u.head.link.next);
        if (chunk->u.head.nfree != WEIR__CHUNK_USABLE)
            continue;
        size_t used = WEIR__CHUNK_USABLE - chunk->u.head.nfresh;
        for (unsigned i = 1; i <= (heap->hardened ? WEIR__CHUNK_USABLE : used); i++)
            if (!slab_is_guard(heap, i))
                free_slab_unlink(heap, &chunk->slabs[i]);
        bytes += used << WEIR__SLAB_SHIFT;
        chunk_remove(heap, chunk, list);
    }
    return bytes;
}

void weir__chunk_release_all(struct weir__page_heap *heap, struct weir__list *list)
{
    while (heap->chunks.first)
        chunk_remove(heap, weir__chunk_of_link(heap->chunks.first), list);
}

/* -- checking ----------------------------------------------------------------------- */

/* Slabs of a list that are linked both ways and of the kind; SIZE_MAX: another is there. */
static size_t free_slabs_count(const struct weir__slab *slab, bool dirty,
                               const struct weir__slab **last)
{
    size_t count = 0;
    for (*last = NULL; slab; *last = slab, slab = slab->next, count++)
        if (slab->home || slab->dirty != dirty || slab->prev != *last)
            return SIZE_MAX;
    return count;
}

bool weir__chunk_is_valid(const struct weir__page_heap *heap)
{
    size_t nfree = 0, bytes = 0;
    const struct weir__slab *oldest;
    size_t clean = free_slabs_count(heap->clean_slabs, false, &oldest);
    size_t dirty = free_slabs_count(heap->dirty_slabs, true, &oldest);
    for (const struct weir__link *link = heap->chunks.first; link; link = link->next) {
        const struct weir__chunk *chunk = weir__chunk_of_link(link);
        nfree += chunk->u.head.nfree - chunk->u.head.nfresh;
        bytes += WEIR__CHUNK_HEADERS;
        if (chunk->u.head.page_heap != heap || chunk->u.head.nfree < chunk->u.head.nfresh ||
            chunk->u.head.nfree > WEIR__CHUNK_USABLE || weir__map_get(chunk) != WEIR__MAP_SLABS ||
            (link->next && link->next->prev != link))
            return false;
    }
    return dirty == heap->ndirty_slabs && dirty + clean == heap->nfree_slabs &&
           nfree == heap->nfree_slabs && bytes == heap->headers &&
           (!dirty || heap->oldest_dirty == oldest);
}
