/* alloc/hardened_small.c - see hardened_small.h. */
#include "alloc/hardened_small.h"

#include "alloc/count.h"
#include "alloc/large.h"
#include "alloc/small.h"
#include "alloc/trace.h"
#include "alloc/trim.h"
#include "base/error.h"
#include "pool/quarantine.h"

#include <errno.h>
#include <string.h>

/* -- taking and giving ------------------------------------------------------------------------- */

/* NULL: no memory. */
static struct weir__quarantine *quarantine_get_locked(struct weir__heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    if (weir__likely(heap->quarantine != NULL))
        return heap->quarantine;
    struct weir__quarantine *made = weir__quarantine_make(heap->cache.shard, heap->mark);
    __atomic_store_n(&heap->quarantine, made, __ATOMIC_RELEASE); /* figures read it */
    return made;
}

static bool take_locked(struct weir__heap *heap, unsigned sizeclass, struct weir__cached *taken)
{
    return weir__quarantine_take(quarantine_get_locked(heap), heap->cache.shard, sizeclass, taken);
}

/* If there is no memory, everything free is trimmed (alloc/trim.h) and it tries again. */
bool weir__hardened_take_locked(struct weir__heap *heap, unsigned sizeclass,
                                struct weir__cached *taken)
{
    if (weir__likely(take_locked(heap, sizeclass, taken)))
        return true;
    weir__lock_drop(&heap->cache.lock);
    weir__trim_all();
    weir__lock_take(&heap->cache.lock);
    return take_locked(heap, sizeclass, taken);
}

void weir__hardened_give_locked(struct weir__heap *heap, const struct weir__cached *taken)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    weir__quarantine_put_back(heap->quarantine, taken);
}

void weir__hardened_put_locked(struct weir__heap *heap, const struct weir__cached *freed,
                               uint32_t tag)
{
    weir__quarantine_put(quarantine_get_locked(heap), freed, tag);
}

/* The entry last: who checks goes by it. */
void weir__hardened_begin(const struct weir__cached *taken, size_t size, uint32_t live)
{
    size_t stride = weir__slab_of(taken->block)->size;
    if (weir__likely(stride))
        weir__canary_write(taken->block, size, stride);
    __atomic_store_n(taken->entry, live | (uint32_t)size, __ATOMIC_RELEASE);
}

/* -- the quick ways ---------------------------------------------------------------------------- */

WEIR__INLINE void *allocate_quick(struct weir__heap *heap, enum weir__reach reach, size_t size,
                                  size_t alignment)
{
    struct weir__cached taken;
    int sizeclass = weir__hardened_class(size, alignment);
    int64_t to;
    if (sizeclass < 0 || !weir__allocating_enter_any(&heap->window, reach, (int64_t)size, &to))
        return NULL;
    struct weir__quarantine *quarantine = weir__own_get(heap->quarantine);
    if (weir__unlikely(!quarantine) ||
        weir__unlikely(!weir__quarantine_take_quick(quarantine, (unsigned)sizeclass, &taken))) {
        weir__allocating_undo(&heap->window, reach, (int64_t)size);
        return NULL;
    }
    weir__hardened_begin(&taken, size, weir__small_live_at(alignment));
    weir__allocating_leave(&heap->window, reach, (int64_t)size, to);
    return taken.block;
}

static WEIR__NOINLINE void *allocate_quick_below(struct weir__heap *heap, size_t size,
                                                 size_t alignment)
{
    return allocate_quick(heap, WEIR__REACH_ANY, size, alignment);
}

void *weir__hardened_allocate(struct weir__heap *heap, size_t size, size_t alignment)
{
    return weir__window_is_last(&heap->window)
               ? allocate_quick(heap, WEIR__REACH_ROOT, size, alignment)
               : allocate_quick_below(heap, size, alignment);
}

/* Its live block at `place` is as it was around it. */
WEIR__INLINE bool free_quick(struct weir__heap *heap, enum weir__reach reach, void *block,
                             struct weir__place place, uint32_t value)
{
    uint32_t size = (uint32_t)weir__entry_size(value);
    struct weir__cached freed = {block, place.entry, heap->mark, size};
    if (weir__unlikely(!weir__freeing_enter(&heap->window, reach)))
        return false;
    struct weir__quarantine *quarantine = weir__own_get(heap->quarantine);
    if (weir__unlikely(!quarantine) ||
        weir__unlikely(!weir__quarantine_put_quick(quarantine, &freed, weir__entry_tag(value)))) {
        weir__freeing_undo(&heap->window, reach);
        return false;
    }
    weir__freeing_leave(&heap->window, reach, (int64_t)size);
    return true;
}

static WEIR__NOINLINE bool free_quick_below(struct weir__heap *heap, void *block,
                                            struct weir__place place, uint32_t value)
{
    return free_quick(heap, WEIR__REACH_ANY, block, place, value);
}

/* Is what lies around it as it was? Else the slow way looks closer. */
WEIR__INLINE bool is_whole(struct weir__place place, const void *block, size_t size)
{
    size_t stride = place.slab->size;
    return weir__unlikely(!stride) ||
           (weir__likely(weir__canary_holds(block, size, stride)) &&
            weir__canary_holds_below(place.slab, block,
                                     (size_t)(place.entry - place.slab->entries)));
}

bool weir__hardened_free(const weir_allocator *a, void *block, struct weir__place place)
{
    if (!place.slab || !place.entry || !weir__slab_is_hardened(place.slab) ||
        weir__unlikely(weir__slab_true_owner(place.slab) != a))
        return false;
    uint32_t value = weir__entry_get(place.entry);
    if (weir__unlikely(!weir__entry_is_live(value)) ||
        weir__unlikely(weir__slab_is_overwritten(place.slab, value)) ||
        weir__unlikely(!is_whole(place, block, weir__entry_size(value))))
        return false;
    struct weir__heap *heap = weir__heap_cached(a);
    return weir__window_is_last(&heap->window)
               ? free_quick(heap, WEIR__REACH_ROOT, block, place, value)
               : free_quick_below(heap, block, place, value);
}

/* -- counted ----------------------------------------------------------------------------------- */

static void *small_allocate(weir_allocator *a, unsigned sizeclass, struct weir__request *request)
{
    struct weir__cached taken;
    struct weir__heap *heap = weir__heap_take(a);
    bool found = weir__hardened_take_locked(heap, sizeclass, &taken);
    bool counted = found && weir__count_locked(heap, (int64_t)request->size, 1, 0);
    if (weir__likely(counted))
        weir__hardened_begin(&taken, request->size, weir__small_live_of(request));
    else if (found)
        weir__hardened_give_locked(heap, &taken);
    uint64_t sequence = weir__count_sequence(heap);
    weir__heap_drop(heap);
    if (weir__unlikely(!counted))
        return found ? weir__request_refuse(request, "over the limit", weir__meter_refused)
                     : weir__request_refuse(request, "out of memory", NULL);
    if (request->zeroed)
        *request->zeroed = true;
    if (weir__unlikely(sequence != 0))
        weir__trace_allocated(a, sequence,
                              &(struct weir__trace_block){taken.block, request->size, 0,
                                                          request->size, request->alignment,
                                                          weir__entry_tag(weir__here.live)});
    weir__heap_slow_done(a, heap);
    return taken.block;
}

void *weir__hardened_allocate_once(weir_allocator *a, struct weir__request *request)
{
    weir__assert(weir__allocator_is_ready(a) && a->body->hardened);
    int sizeclass = weir__hardened_class(request->size, request->alignment);
    if (weir__unlikely(sizeclass < 0))
        return weir__large_allocate_once(a, request);
    struct weir__heap *heap = weir__heap_cached(a);
    void *quick = request->guarded || !weir__heap_is_wary(heap)
                      ? NULL
                      : weir__hardened_allocate(heap, request->size, request->alignment);
    if (weir__likely(quick != NULL)) {
        if (request->zeroed)
            *request->zeroed = true;
        return quick;
    }
    unsigned due = weir__small_due(a, weir__heap_own(a), request);
    bool none = true;
    void *block = due ? weir__large_allocate_due(a, request, due, &none) : NULL;
    if (weir__unlikely(!none))
        return block;
    return small_allocate(a, (unsigned)sizeclass, request);
}

/* -- resizing ---------------------------------------------------------------------------------- */

/* Zeros from one offset of a block to another, not beyond its tail. */
static void part_clear(void *block, size_t from, size_t to, size_t stride)
{
    to = weir__min(to, stride - WEIR__CANARY);
    if (from < to)
        memset((char *)block + from, 0, to - from);
}

/* The bytes of both canaries agree where they meet, and the former stays until the entry says the
 * new size. */
bool weir__hardened_resize(weir_allocator *a, void *block, const struct weir__found *found,
                           size_t size, bool *refused)
{
    size_t stride = found->place.slab->size, former = found->requested;
    uint64_t sequence = 0;
    if ((a->body->moves && size > former) ||
        weir__hardened_class(size, found->alignment) != (int)weir__slab_class(found->place.slab))
        return false;
    if (stride)
        weir__canary_write(block, size, stride);
    weir__entry_resize(found->place.entry, size);
    if (!weir__count(a, (int64_t)size - (int64_t)former, 0, 0, &sequence)) {
        weir__entry_resize(found->place.entry, former);
        part_clear(block, weir__max(former + WEIR__CANARY, size), size + WEIR__CANARY, stride);
        *refused = true;
        return false;
    }
    if (stride && size > former)
        part_clear(block, former, weir__min(former + WEIR__CANARY, size), stride);
    else if (stride)
        part_clear(block, size + WEIR__CANARY, former + WEIR__CANARY, stride);
    if (weir__unlikely(sequence != 0))
        weir__trace_resized(
            a, sequence, block,
            &(struct weir__trace_block){block, size, former, size, found->alignment, found->tag});
    return true;
}
