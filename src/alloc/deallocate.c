/*
 * alloc/deallocate.c - the way of a free. The fast path is alloc/small.h's.
 */
#include "alloc/block.h"
#include "alloc/small.h"
#include "alloc/trace.h"
#include "pool/span.h"

#include <errno.h>

void weir_deallocate(weir_allocator *a, void *block)
{
    if (weir__likely(weir__small_deallocate(a, NULL, block)))
        return;
    if (block)
        weir__deallocate_slow(a, block);
}

void weir_deallocate_sized(weir_allocator *a, void *block, size_t size)
{
    struct weir__found found;
    if (!block || !weir__block_expect(a, block, &found))
        return;
    if (found.requested != size) {
        weir__misuse(WEIR_MISUSE_SIZE_MISMATCH, block, a->name);
        return;
    }
    weir_deallocate(a, block);
}

/* -- the slow way ------------------------------------------------------------------------ */

static void bin_push(struct weir__bin *bin, struct weir__cached cached)
{
    *bin->top = cached;
    weir__bin_set_top(bin, bin->top + 1);
}

/* While SHARED: into the thread's own bin without its lock. False: the other way. */
static bool small_give_shared(struct weir__heap *heap, struct weir__cached cached,
                              unsigned sizeclass, size_t requested)
{
    struct weir__bin *bin = &heap->cache.bins[sizeclass];
    if (!heap->slot || !weir__shared_enter(&heap->window))
        return false;
    struct weir__cached *top = weir__own_get(bin->top);
    bool room = top != weir__own_get(bin->limit);
    if (weir__likely(room)) {
        weir__entry_set(cached.entry, WEIR__ENTRY_CACHED);
        *top = cached;
        weir__own_set(bin->top, top + 1);
    }
    weir__shared_leave(&heap->window, room ? -(int64_t)requested : 0, 0, room);
    return room;
}

static void small_free(weir_allocator *a, void *block, const struct weir__found *found)
{
    struct weir__heap *heap = weir__heap_get(a);
    unsigned sizeclass = weir__slab_class(found->slab);
    struct weir__cached cached = {block, found->entry};
    if (weir__meters_are_shared() && small_give_shared(heap, cached, sizeclass, found->requested))
        return;
    weir__lock_take(&heap->cache.lock);
    bool room = weir__cache_drain(&heap->cache, sizeclass);
    weir__heap_count(heap, -(int64_t)found->requested, 0, 1);
    weir__entry_set(found->entry, WEIR__ENTRY_CACHED);
    if (room)
        bin_push(&heap->cache.bins[sizeclass], cached);
    else
        weir__center_give(&cached, 1);
    uint64_t sequence = weir__heap_sequence(heap);
    weir__lock_drop(&heap->cache.lock);
    if (weir__unlikely(sequence != 0))
        weir__trace_freed(a, sequence, block, found->requested);
    weir__scavenge_now_and_then(heap);
}

/* While a trace is recorded every free comes by: a small block goes into the thread's own
 * bin without the search for what may be wrong. False: the other way. */
static bool small_free_traced(weir_allocator *a, void *block)
{
    struct weir__heap *heap = weir__heap_cached(a);
    if (weir__likely(!weir__trace_hooks()) || !heap->slot || !weir__map_is_slabs(block))
        return false;
    struct weir__slab *slab = weir__slab_of(block);
    uint64_t index;
    if (weir__own_get(slab->owner) != a || !weir__slab_index(slab, block, &index))
        return false;
    uint32_t *entry = &slab->entries[index];
    struct weir__bin *bin = weir__cache_bin(&heap->cache, slab->bin);
    weir__lock_take(&heap->cache.lock);
    uint32_t value = weir__entry_get(entry);
    bool done = weir__entry_is_live(value) && bin->top != bin->limit;
    if (done) {
        weir__heap_count(heap, -(int64_t)weir__entry_size(value), 0, 1);
        weir__entry_set(entry, WEIR__ENTRY_CACHED);
        bin_push(bin, (struct weir__cached){block, entry});
    }
    uint64_t sequence = weir__heap_sequence(heap);
    weir__lock_drop(&heap->cache.lock);
    if (sequence)
        weir__trace_freed(a, sequence, block, weir__entry_size(value));
    if (done)
        weir__scavenge_now_and_then(heap);
    return done;
}

/* A live span of `a` that starts at block, or NULL. */
WEIR__INLINE struct weir__span *large_find(const weir_allocator *a, const void *block)
{
    unsigned entry = weir__map_get(block);
    if (weir__unlikely(entry < WEIR__MAP_SPANS))
        return NULL;
    struct weir__span *span = weir__span_at(entry, block);
    if (weir__unlikely(!span || span->state != WEIR__PAGE_SPAN || span->u.live.owner != a ||
                       !weir__span_starts_at(span, block)))
        return NULL;
    return span;
}

/* large_free of a span whose free got a number in a trace: told when it is known that
 * the free was the first. */
static WEIR__NOINLINE bool large_free_traced(weir_allocator *a, struct weir__span *span,
                                             void *block, size_t requested, uint64_t sequence)
{
    bool first = weir__span_give(a->body->page_heap, span, &a->body->span_bytes);
    if (first) {
        weir__trace_freed(a, sequence, block, requested);
        return true;
    }
    weir__trace_adjusted(sequence, -(ptrdiff_t)requested, -1);
    sequence = 0;
    weir__account(a, (int64_t)requested, 1, 0, &sequence);
    if (sequence)
        weir__trace_adjusted(sequence, (ptrdiff_t)requested, 1);
    return false;
}

/* Counted before the pages go, so that nobody's use of them is counted earlier. Two
 * threads that free one span at a time: the page heap tells who was first. */
static bool large_free(weir_allocator *a, void *block)
{
    struct weir__span *span = large_find(a, block);
    if (!span)
        return false;
    size_t requested = span->u.live.requested;
    uint64_t sequence = 0;
    if (weir__unlikely(
            !weir__window_count(&weir__heap_cached(a)->window, -(int64_t)requested, 0, 1))) {
        weir__account(a, -(int64_t)requested, 0, 1, &sequence);
        if (weir__unlikely(sequence != 0))
            return large_free_traced(a, span, block, requested, sequence);
    }
    if (weir__likely(weir__span_give(a->body->page_heap, span, &a->body->span_bytes)))
        return true;
    weir__account(a, (int64_t)requested, 1, 0, &sequence);
    if (weir__unlikely(sequence != 0))
        weir__trace_adjusted(sequence, (ptrdiff_t)requested, 1);
    return false;
}

/* No large block of `a`. Apart, so that freeing one saves no registers for it. */
static WEIR__NOINLINE void other_free(weir_allocator *a, void *block)
{
    int saved = errno;
    struct weir__found found;
    if (a && small_free_traced(a, block)) {
        errno = saved;
        return;
    }
    if (!weir__allocator_check(a, block)) /* NULL too, which clang-tidy cannot see */
        return;
    if (!a->body->page_heap) // NOLINT(clang-analyzer-core.NullDereference)
        weir__foreign_free(a, block);
    else if (weir__block_expect(a, block, &found) && found.kind == WEIR__SMALL)
        small_free(a, block, &found);
    errno = saved;
}

WEIR__NOINLINE void weir__deallocate_slow(weir_allocator *a, void *block)
{
    if (weir__unlikely(!large_free(a, block)))
        other_free(a, block);
}
