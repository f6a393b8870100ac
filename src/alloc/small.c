/* alloc/small.c - the slow ways of small blocks; see small.h. */
#include "alloc/small.h"

#include "alloc/body.h"
#include "alloc/guarded.h"
#include "alloc/hardened_small.h"
#include "alloc/large.h"
#include "alloc/trace.h"
#include "alloc/trim.h"
#include "base/error.h"
#include "pool/late_misuse.h"
#include "track/shared.h"
#include "track/traced.h"

#include <errno.h>
#include <string.h>

/* -- allocating ----------------------------------------------------------------------- */

/* While SHARED: from the thread's own bin without its lock; it may have no heap. NULL: the other
 * way. */
static void *small_take_shared(struct weir__heap *heap, unsigned sizeclass,
                               const struct weir__request *request)
{
    if (!heap || !weir__shared_enter(&heap->window))
        return NULL;
    uint32_t live = weir__small_live_of(request);
    struct weir__bin *bin = weir__cache_bin(&heap->cache, sizeclass);
    void *block = weir__small_is_intact(bin)
                      ? weir__small_pop(bin, &live, request->size, request->zeroed)
                      : NULL;
    weir__shared_leave(&heap->window, block ? (int64_t)request->size : 0, block != NULL, 0);
    return block;
}

WEIR__INLINE void *allocate_aligned(struct weir__heap *heap, enum weir__reach reach, size_t size,
                                    size_t alignment)
{
    int sizeclass = weir__class_of(size, weir__max(alignment, WEIR__GRAIN));
    int64_t to;
    if (sizeclass < 0 || !weir__allocating_enter_any(&heap->window, reach, (int64_t)size, &to))
        return NULL;
    struct weir__bin *bin = &weir__own_get(heap->cache.bins)[(unsigned)sizeclass];
    uint32_t live = weir__small_live_at(alignment);
    void *block = weir__small_is_intact(bin) ? weir__small_pop(bin, &live, size, NULL) : NULL;
    if (weir__likely(block != NULL))
        weir__allocating_leave(&heap->window, reach, (int64_t)size, to);
    else
        weir__allocating_undo(&heap->window, reach, (int64_t)size);
    return block;
}

static WEIR__NOINLINE void *allocate_aligned_below(struct weir__heap *heap, size_t size,
                                                   size_t alignment)
{
    return allocate_aligned(heap, WEIR__REACH_ANY, size, alignment);
}

void *weir__small_allocate_aligned(struct weir__heap *heap, size_t size, size_t alignment)
{
    return weir__window_is_last(&heap->window)
               ? allocate_aligned(heap, WEIR__REACH_ROOT, size, alignment)
               : allocate_aligned_below(heap, size, alignment);
}

WEIR__INLINE void *allocate_numbered(struct weir__heap *heap, enum weir__reach reach,
                                     unsigned sizeclass, const struct weir__request *request,
                                     bool samples)
{
    uint32_t live = weir__small_live_of(request);
    int64_t to;
    if (!weir__window_may_number(&heap->window, reach) ||
        !weir__numbered_allocating_enter(&heap->window, reach, (int64_t)request->size, samples,
                                         &to))
        return NULL;
    struct weir__bin *bin = weir__cache_bin(&heap->cache, sizeclass);
    void *block = weir__small_is_intact(bin)
                      ? weir__small_pop(bin, &live, request->size, request->zeroed)
                      : NULL;
    if (weir__unlikely(!block)) {
        if (samples)
            weir__allocating_undo(&heap->window, reach, (int64_t)request->size);
        else
            weir__allocating_undo_passed(&heap->window, reach);
        return NULL;
    }
    uint64_t sequence = weir__trace_stamp((int64_t)request->size, 1);
    weir__allocating_leave(&heap->window, reach, (int64_t)request->size, to);
    weir__trace_allocated(heap->owner, sequence,
                          &(struct weir__trace_block){block, request->size, 0,
                                                      weir__class_bytes[sizeclass],
                                                      request->alignment, weir__entry_tag(live)});
    return block;
}

static WEIR__NOINLINE void *allocate_numbered_below(struct weir__heap *heap, unsigned sizeclass,
                                                    const struct weir__request *request,
                                                    bool samples)
{
    return allocate_numbered(heap, WEIR__REACH_ANY, sizeclass, request, samples);
}

void *weir__small_allocate_numbered(struct weir__heap *heap, unsigned sizeclass,
                                    const struct weir__request *request)
{
    return weir__window_is_last(&heap->window)
               ? allocate_numbered(heap, WEIR__REACH_ROOT, sizeclass, request, true)
               : allocate_numbered_below(heap, sizeclass, request, true);
}

/* The same of a block that is known not to be sampled. */
static WEIR__NOINLINE void *allocate_numbered_plain(struct weir__heap *heap, unsigned sizeclass,
                                                    const struct weir__request *request)
{
    return weir__window_is_last(&heap->window)
               ? allocate_numbered(heap, WEIR__REACH_ROOT, sizeclass, request, false)
               : allocate_numbered_below(heap, sizeclass, request, false);
}

/* Drops copies that are not true from the top. */
static void odd_top_keep_locked(const struct weir__heap *heap, const struct weir__cached *top)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    bool overwritten =
        weir__slab_is_overwritten(weir__slab_of(top->block), weir__entry_get(top->entry));
    weir__late_misuse_keep(&(struct weir__late_misuse){
        .what = overwritten ? WEIR_MISUSE_CORRUPTION : WEIR_MISUSE_DOUBLE_FREE,
        .block = top->block,
        .owner = heap->owner,
        .requested = overwritten ? 0 : top->former});
}

static void bin_clean_locked(struct weir__heap *heap, struct weir__bin *bin)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    while (bin->top > bin->base && weir__unlikely(!weir__cached_is_true(&bin->top[-1]))) {
        odd_top_keep_locked(heap, &bin->top[-1]);
        weir__bin_set_top(bin, bin->top - 1);
    }
}

/* The top was written to since it was freed: noted, and made as if it had not been. */
static void top_check_locked(const struct weir__heap *heap, const struct weir__bin *bin)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    weir__assert(bin->top > bin->base);
    size_t offset = weir__fill_written(&bin->top[-1]);
    if (weir__likely(offset == SIZE_MAX))
        return;
    weir__late_misuse_keep(&(struct weir__late_misuse){.what = WEIR_MISUSE_CORRUPTION,
                                                       .block = bin->top[-1].block,
                                                       .owner = heap->owner,
                                                       .written = offset + 1});
    weir__fill_again(&bin->top[-1]);
}

/* Refills the bin: its top is a true copy afterwards. False: no memory. */
static bool bin_fill_locked(struct weir__heap *heap, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    for (;;) {
        struct weir__bin *bin = weir__cache_bin(&heap->cache, sizeclass);
        bin_clean_locked(heap, bin);
        if (bin->top > bin->base) {
            if (WEIR__FILLS)
                top_check_locked(heap, bin);
            return true;
        }
        if (!weir__cache_refill(&heap->cache, sizeclass))
            return false;
    }
}

/* The same. If there is no memory, everything free is trimmed (alloc/trim.h) and it tries again. */
static bool bin_fill_or_trim_locked(struct weir__heap *heap, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    if (weir__likely(bin_fill_locked(heap, sizeclass)))
        return true;
    weir__lock_drop(&heap->cache.lock);
    weir__trim_all();
    weir__lock_take(&heap->cache.lock);
    return bin_fill_locked(heap, sizeclass);
}

WEIR__INLINE unsigned small_due(const weir_allocator *a, struct weir__heap *own,
                                const struct weir__request *request)
{
    unsigned due = weir__sample_due(own ? &own->window : NULL, (int64_t)request->size) |
                   (request->guarded ? WEIR__DUE_GUARD : 0);
    if (weir__likely(due != WEIR__DUE_GUARD) ||
        weir__guarded_fits(a, request->size, request->alignment))
        return due;
    return 0;
}

unsigned weir__small_due(const weir_allocator *a, struct weir__heap *own,
                         const struct weir__request *request)
{
    return small_due(a, own, request);
}

void *weir__small_allocate_slow(weir_allocator *a, unsigned sizeclass,
                                struct weir__request *request)
{
    weir__assert(weir__allocator_is_ready(a) && sizeclass < WEIR__CLASSES);
    weir__assert(request->size <= weir__class_bytes[sizeclass]);
    uint32_t live = weir__small_live_of(request);
    struct weir__heap *own = weir__heap_own(a);
    unsigned due = small_due(a, own, request);
    void *block;
    bool none;
    if (weir__unlikely(due != 0)) {
        block = weir__large_allocate_due(a, request, due, &none);
        if (!none)
            return block;
    }
    block = small_take_shared(own, sizeclass, request);
    if (block || (own && (block = allocate_numbered_plain(own, sizeclass, request))))
        return block;
    struct weir__heap *heap = weir__heap_take(a);
    bool filled = bin_fill_or_trim_locked(heap, sizeclass);
    struct weir__bin *bin = weir__cache_bin(&heap->cache, sizeclass);
    if (filled && weir__count_locked(heap, (int64_t)request->size, 1, 0))
        block = weir__small_pop_true(bin, bin->top, &live, request->size, request->zeroed);
    uint64_t sequence = weir__count_sequence(heap);
    weir__heap_drop(heap);
    if (weir__unlikely(!block))
        return filled ? weir__request_refuse(request, "over the limit", weir__meter_refused)
                      : weir__request_refuse(request, "out of memory", NULL);
    if (weir__unlikely(sequence != 0))
        weir__trace_allocated(
            a, sequence,
            &(struct weir__trace_block){block, request->size, 0, weir__class_bytes[sizeclass],
                                        request->alignment, weir__entry_tag(weir__here.live)});
    weir__heap_slow_done(a, heap);
    return block;
}

static bool small_take_locked(struct weir__heap *heap, unsigned sizeclass,
                              struct weir__cached *taken)
{
    if (!bin_fill_or_trim_locked(heap, sizeclass))
        return false;
    struct weir__bin *bin = weir__cache_bin(&heap->cache, sizeclass);
    *taken = bin->top[-1];
    weir__bin_set_top(bin, bin->top - 1);
    return true;
}

bool weir__small_take(weir_allocator *a, unsigned sizeclass, struct weir__cached *taken)
{
    weir__assert(sizeclass < WEIR__CLASSES);
    struct weir__heap *heap = weir__heap_take(a);
    bool done = weir__hardened_is(a) ? weir__hardened_take_locked(heap, sizeclass, taken)
                                     : small_take_locked(heap, sizeclass, taken);
    weir__heap_drop(heap);
    return done;
}

/* -- freeing -------------------------------------------------------------------------- */

/* What the heap makes of a live block that it frees. */
static struct weir__cached copy_of(const struct weir__heap *heap, void *block,
                                   const struct weir__found *found)
{
    weir__assert(found->kind == WEIR__KIND_SMALL && weir__slab_of(block) == found->place.slab);
    return (struct weir__cached){block, found->place.entry, heap->mark, (uint32_t)found->requested};
}

static void block_fill_freed(const struct weir__cached *cached)
{
    weir__fill_freed(cached->block, weir__slab_of(cached->block)->size);
}

/* While SHARED: into the thread's own bin without its lock. False: the other way. */
static bool small_give_shared(struct weir__heap *heap, struct weir__cached cached)
{
    if (!weir__shared_enter(&heap->window))
        return false;
    struct weir__bin *bin =
        weir__cache_bin(&heap->cache, weir__small_bin_number(heap, weir__slab_of(cached.block)));
    bool live = weir__entry_is_live(weir__entry_get(cached.entry));
    if (live)
        block_fill_freed(&cached);
    bool given = live && weir__small_push(bin, cached);
    weir__shared_leave(&heap->window, given ? -(int64_t)cached.former : 0, 0, given);
    return given;
}

/* Into its bin, or to its center where the bin cannot be made. */
static void small_push_locked(struct weir__heap *heap, struct weir__cached cached)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    const struct weir__slab *slab = weir__slab_of(cached.block);
    unsigned at = weir__small_bin_number(heap, slab);
    if (weir__cache_drain(&heap->cache, at) &&
        weir__small_push(weir__cache_bin(&heap->cache, at), cached))
        return;
    weir__entry_set(cached.entry, cached.mark);
    weir__center_give(weir__slab_center(slab), &cached, 1);
}

void weir__small_give(weir_allocator *a, struct weir__cached given)
{
    struct weir__heap *heap = weir__heap_take(a);
    if (weir__hardened_is(a))
        weir__hardened_give_locked(heap, &given);
    else
        small_push_locked(heap, given);
    weir__heap_drop(heap);
}

/* The copy of a block that was live by a moment ago. */
static void small_put_locked(const weir_allocator *a, struct weir__heap *heap,
                             const struct weir__cached *freed, uint32_t tag)
{
    if (weir__hardened_is(a)) {
        weir__hardened_put_locked(heap, freed, tag);
        return;
    }
    block_fill_freed(freed);
    small_push_locked(heap, *freed);
}

bool weir__small_give_live(weir_allocator *a, void *block, const struct weir__found *found)
{
    struct weir__heap *heap = weir__heap_take(a);
    struct weir__cached cached = copy_of(heap, block, found);
    bool live = weir__entry_is_live(weir__entry_get(cached.entry));
    if (weir__likely(live))
        small_put_locked(a, heap, &cached, found->tag);
    weir__heap_drop(heap);
    return live;
}

/* The live block of `place`, whose entry is `value`. */
WEIR__INLINE bool free_numbered(weir_allocator *a, struct weir__heap *heap, enum weir__reach reach,
                                void *block, struct weir__place place, size_t size)
{
    if (!weir__window_may_number(&heap->window, reach) ||
        !weir__numbered_freeing_enter(&heap->window, reach))
        return false;
    struct weir__bin *bin = weir__cache_bin(&heap->cache, weir__small_bin_number(heap, place.slab));
    weir__fill_freed(block, place.slab->size);
    if (weir__unlikely(!weir__small_push(
            bin, (struct weir__cached){block, place.entry, heap->mark, (uint32_t)size}))) {
        weir__freeing_undo(&heap->window, reach);
        return false;
    }
    uint64_t sequence = weir__trace_stamp(-(int64_t)size, -1);
    weir__freeing_leave(&heap->window, reach, (int64_t)size);
    weir__trace_freed(a, sequence, block, size);
    return true;
}

static WEIR__NOINLINE bool free_numbered_below(weir_allocator *a, struct weir__heap *heap,
                                               void *block, struct weir__place place, size_t size)
{
    return free_numbered(a, heap, WEIR__REACH_ANY, block, place, size);
}

bool weir__small_free_numbered(weir_allocator *a, struct weir__heap *const *heaps, void *block,
                               struct weir__place place)
{
    uint16_t size;
    if (!weir__small_is_sound(a, place, &size))
        return false;
    struct weir__heap *heap = heaps ? *heaps : weir__heap_cached(a);
    return weir__window_is_last(&heap->window)
               ? free_numbered(a, heap, WEIR__REACH_ROOT, block, place, size)
               : free_numbered_below(a, heap, block, place, size);
}

void weir__small_free_slow(weir_allocator *a, void *block, const struct weir__found *found)
{
    weir__assert(found->kind == WEIR__KIND_SMALL && weir__slab_of(block) == found->place.slab);
    bool hardened = weir__hardened_is(a);
    if (weir__unlikely(hardened && !weir__hardened_expect(a, block, found)))
        return;
    struct weir__heap *own = hardened ? NULL : weir__heap_own(a);
    if (own && small_give_shared(own, copy_of(own, block, found)))
        return;
    struct weir__heap *heap = weir__heap_take(a);
    struct weir__cached cached = copy_of(heap, block, found);
    bool live = weir__entry_is_live(weir__entry_get(found->place.entry));
    if (weir__likely(live)) {
        weir__count_locked(heap, -(int64_t)found->requested, 0, 1);
        small_put_locked(a, heap, &cached, found->tag);
    }
    uint64_t sequence = weir__count_sequence(heap);
    weir__heap_drop(heap);
    if (weir__unlikely(!live)) {
        weir__misuse(WEIR_MISUSE_DOUBLE_FREE, block, a->name);
        return;
    }
    if (weir__unlikely(sequence != 0))
        weir__trace_freed(a, sequence, block, found->requested);
    weir__heap_slow_done(a, heap);
}

/* -- resizing ------------------------------------------------------------------------- */

/* Moves it between two bins of the heap, within one operation of its window. NULL: a bin is not
 * ready, or the window closed. */
WEIR__INLINE void *move_entered(struct weir__heap *heap, void *block, struct weir__place place,
                                size_t size, size_t bin_offset)
{
    weir__assert(weir__window_is_inside(&heap->window));
    struct weir__bin *from =
        weir__cache_bin(&heap->cache, weir__small_bin_number(heap, place.slab));
    struct weir__bin *into = weir__small_bin(heap, bin_offset, WEIR__BINS_FAR);
    uint32_t value = weir__entry_get(place.entry);
    if (!weir__entry_is_live(value) || weir__own_get(from->top) == weir__own_get(from->limit))
        return NULL;
    uint32_t live = value & ~WEIR__ENTRY_SIZE_MASK;
    void *to = weir__small_is_intact(into) ? weir__small_pop(into, &live, size, NULL) : NULL;
    if (!to)
        return NULL;
    memcpy(to, block, weir__min(size, weir__class_bytes[weir__slab_class(place.slab)]));
    weir__fill_freed(block, place.slab->size);
    weir__small_push(from, (struct weir__cached){block, place.entry, heap->mark,
                                                 (uint32_t)weir__entry_size(value)});
    return to;
}

/* Where it stands or into another bin; NULL: nothing happened. */
WEIR__INLINE void *resize_entered(struct weir__heap *heap, void *block, struct weir__place place,
                                  size_t size, size_t bin)
{
    if (bin != weir__own_get(place.slab->bin))
        return move_entered(heap, block, place, size, bin);
    weir__entry_resize(place.entry, size);
    return block;
}

WEIR__INLINE void *numbered_resize(weir_allocator *a, struct weir__heap *heap,
                                   enum weir__reach reach, void *block, struct weir__place place,
                                   size_t size, size_t bin)
{
    uint32_t value = weir__entry_get(place.entry);
    size_t former = weir__entry_size(value);
    int64_t delta = (int64_t)size - (int64_t)former, to;
    if (!weir__window_may_number(&heap->window, reach) ||
        !weir__numbered_allocating_enter(&heap->window, reach, delta, true, &to))
        return NULL;
    void *after = resize_entered(heap, block, place, size, bin);
    if (!after) {
        weir__allocating_undo(&heap->window, reach, delta);
        return NULL;
    }
    uint64_t sequence = weir__trace_stamp(delta, 0);
    weir__resizing_leave(&heap->window, reach, delta, to);
    weir__trace_resized(a, sequence, block,
                        &(struct weir__trace_block){after, size, former, weir__slab_of(after)->size,
                                                    0, weir__entry_tag(value)});
    return after;
}

static WEIR__NOINLINE void *resize_numbered(weir_allocator *a, struct weir__heap *heap, void *block,
                                            struct weir__place place, size_t size, size_t bin)
{
    return weir__window_is_last(&heap->window)
               ? numbered_resize(a, heap, WEIR__REACH_ROOT, block, place, size, bin)
               : numbered_resize(a, heap, WEIR__REACH_ANY, block, place, size, bin);
}

/* `delta` bytes more. */
WEIR__INLINE void *resize(weir_allocator *a, struct weir__heap *heap, enum weir__reach reach,
                          void *block, struct weir__place place, size_t size, size_t bin,
                          int64_t delta)
{
    int64_t to;
    if (weir__unlikely(!weir__allocating_enter_any(&heap->window, reach, delta, &to)))
        return resize_numbered(a, heap, block, place, size, bin);
    block = resize_entered(heap, block, place, size, bin);
    if (block)
        weir__resizing_leave(&heap->window, reach, delta, to);
    else
        weir__allocating_undo(&heap->window, reach, delta);
    return block;
}

static WEIR__NOINLINE void *resize_below(weir_allocator *a, struct weir__heap *heap, void *block,
                                         struct weir__place place, size_t size, size_t bin,
                                         int64_t delta)
{
    return resize(a, heap, WEIR__REACH_ANY, block, place, size, bin, delta);
}

void *weir__small_resize(weir_allocator *a, struct weir__heap *heap, void *block,
                         struct weir__place place, size_t size, size_t bin)
{
    uint16_t former;
    if (!weir__small_is_sound(a, place, &former))
        return NULL;
    int64_t delta = (int64_t)size - (int64_t)former;
    return weir__window_is_last(&heap->window)
               ? resize(a, heap, WEIR__REACH_ROOT, block, place, size, bin, delta)
               : resize_below(a, heap, block, place, size, bin, delta);
}

/* The entry first: a walk never sees a size that was given up. */
bool weir__small_resize_slow(weir_allocator *a, void *block, const struct weir__found *found,
                             size_t size, bool *refused)
{
    weir__assert(found->kind == WEIR__KIND_SMALL);
    if (weir__hardened_is(a))
        return weir__hardened_resize(a, block, found, size, refused);
    size_t alignment = weir__max(found->alignment, WEIR__GRAIN);
    if (size > WEIR__SMALL_MAX ||
        weir__class_of(size, alignment) != (int)weir__slab_class(found->place.slab))
        return false;
    uint64_t sequence = 0;
    weir__entry_resize(found->place.entry, size);
    if (!weir__count(a, (int64_t)size - (int64_t)found->requested, 0, 0, &sequence)) {
        weir__entry_resize(found->place.entry, found->requested);
        *refused = true;
        return false;
    }
    if (weir__unlikely(sequence != 0))
        weir__trace_resized(a, sequence, block,
                            &(struct weir__trace_block){block, size, found->requested,
                                                        found->usable, found->alignment,
                                                        found->tag});
    return true;
}
