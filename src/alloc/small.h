/*
 * alloc/small.h - blocks out of slabs. The fast ways are inlined into weir_allocate,
 * weir_deallocate and the preloaded malloc: a stack pop or push and three plain stores
 * of accounting, no lock, no atomic, no call. Their cost is guarded by
 * tests/scripts/callgrind.sh.
 *
 * A fast way has the order of track/count.h: enter, be admitted, take, leave; nothing of a bin
 * is looked at before the window is known to be open. `heap` is the calling thread's, or the one
 * that is none (alloc/local.h). No state here: bins, windows and ledgers are their owners'.
 */
#ifndef WEIR_ALLOC_SMALL_H
#define WEIR_ALLOC_SMALL_H

#include "alloc/block.h"
#include "alloc/count.h"
#include "alloc/heap.h"
#include "pool/fill.h"

/* The block below `top` of the bin, which is a true copy (pool/cached.h), made live with the bits
 * *live and a size. *zeroed (may be NULL, which folds away): it is known to be zero. By who may use
 * the bin, as what follows. */
WEIR__INLINE void *weir__small_pop_true(struct weir__bin *bin, struct weir__cached *top,
                                        const uint32_t *live, size_t size, bool *zeroed)
{
    void *block = top[-1].block;
    if (!block)
        __builtin_unreachable(); /* a true copy has one */
    weir__own_set(bin->top, top - 1);
    if (zeroed)
        *zeroed = top[-1].mark & WEIR__ENTRY_ZERO;
    else
        weir__fill_taken(block, weir__slab_of(block)->size);
    weir__entry_set(top[-1].entry, weir__entry_get(live) | (uint32_t)size);
    return block;
}

/* The same. NULL: the bin is empty, or its top is not a true copy: go the slow way. */
WEIR__INLINE void *weir__small_pop(struct weir__bin *bin, const uint32_t *live, size_t size,
                                   bool *zeroed)
{
    struct weir__cached *top = weir__own_get(bin->top);
    if (weir__unlikely(!weir__cached_is_true(&top[-1])))
        return NULL;
    return weir__small_pop_true(bin, top, live, size, zeroed);
}

/* May the top block be handed out? Else go the slow way, which reports it. */
WEIR__INLINE bool weir__small_is_intact(const struct weir__bin *bin)
{
    return !WEIR__FILLS || weir__fill_is_intact(&weir__own_get(bin->top)[-1]);
}

/* False: the bin is full. */
WEIR__INLINE bool weir__small_push(struct weir__bin *bin, struct weir__cached cached)
{
    weir__assert(weir__entry_is_cached(cached.mark) && cached.block);
    struct weir__cached *top = weir__own_get(bin->top);
    if (weir__unlikely(top == weir__own_get(bin->limit)))
        return false;
    weir__entry_set(cached.entry, cached.mark);
    weir__own_set(top->block, cached.block);
    weir__relaxed_set(top->entry, cached.entry); /* apart: gcc would join two in a vector */
    weir__entry_set(&top->mark, cached.mark);
    weir__entry_set(&top->former, cached.former);
    weir__own_set(bin->top, top + 1);
    return true;
}

/* Where the entries of blocks get their bits from. `far` is constant and folds away. */
WEIR__INLINE const uint32_t *weir__small_live(const struct weir__heap *heap, bool far)
{
    return far ? &weir__here.live : &heap->live;
}

/* The bins of a heap: its own, of one in a slot behind it, and the foreign ones. All but those of
 * one in a slot are looked for in an operation only. Constant, and folds away. */
enum weir__small_bins { WEIR__BINS_NEAR, WEIR__BINS_FAR, WEIR__BINS_FOREIGN };

WEIR__INLINE struct weir__bin *weir__small_bin(struct weir__heap *heap, size_t offset,
                                               enum weir__small_bins which)
{
    struct weir__bin *bins = which == WEIR__BINS_NEAR  ? weir__heap_near_bins(heap)
                             : which == WEIR__BINS_FAR ? weir__own_get(heap->cache.bins)
                                                       : weir__own_get(heap->cache.foreign);
    return weir__bin_at(bins, offset);
}

/* The number of the bin for a block of the slab: the thread's own, or the foreign one. */
WEIR__INLINE unsigned weir__small_bin_number(const struct weir__heap *heap,
                                             const struct weir__slab *slab)
{
    bool own = weir__own_get(slab->home) == heap->home;
    return weir__slab_class(slab) + (own ? 0 : WEIR__CLASSES);
}

/* *block of the class that `map` names (size <= WEIR__SMALL_MAX), or false: go the slow way. The
 * heap is one in a slot if its window is known to be a root's, else a far one. */
WEIR__INLINE bool weir__small_allocate_from(struct weir__heap *heap, enum weir__reach reach,
                                            size_t size, const uint16_t *map, void **block,
                                            bool *zeroed)
{
    weir__assert(size <= WEIR__SMALL_MAX);
    bool far = reach != WEIR__REACH_ROOT;
    int64_t to;
    if (weir__unlikely(!weir__allocating_enter(&heap->window, reach, (int64_t)size, &to)))
        return false;
    struct weir__bin *bin =
        weir__small_bin(heap, map[weir__class_index(size)], far ? WEIR__BINS_FAR : WEIR__BINS_NEAR);
    const uint32_t *live = weir__small_live(heap, far);
    *block = weir__small_is_intact(bin) ? weir__small_pop(bin, live, size, zeroed) : NULL;
    if (weir__unlikely(!*block)) {
        weir__allocating_undo(&heap->window, reach, (int64_t)size);
        return false;
    }
    weir__allocating_leave(&heap->window, reach, (int64_t)size, to);
    return true;
}

WEIR__INLINE bool weir__small_allocate(struct weir__heap *near, size_t size, const uint16_t *map,
                                       void **block, bool *zeroed)
{
    return weir__small_allocate_from(near, WEIR__REACH_ROOT, size, map, block, zeroed);
}

/* The same with any alignment, a power of two; NULL: go the slow way. */
void *weir__small_allocate_aligned(struct weir__heap *heap, size_t size, size_t alignment);

/* The live small block of `a` at `place`; false: there is none, or who knows. *value: its entry. */
WEIR__INLINE bool weir__small_is_live(const weir_allocator *a, struct weir__place place,
                                      uint32_t *value)
{
    if (weir__unlikely(!place.slab) || weir__unlikely(weir__slab_owner(place.slab) != a) ||
        weir__unlikely(!place.entry))
        return false;
    *value = weir__entry_get_stale(place.entry);
    return weir__likely(weir__entry_is_live(*value));
}

/* The same, and *size: what the entry says of it, which is no more than the block has. False too
 * where it is more: then the entry was overwritten, and the slow way reports it. */
WEIR__INLINE bool weir__small_is_sound(const weir_allocator *a, struct weir__place place,
                                       uint16_t *size)
{
    uint32_t value;
    if (!weir__small_is_live(a, place, &value))
        return false;
    *size = (uint16_t)weir__entry_size(value);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what is live has a slab. */
    return weir__likely(*size <= weir__own_get(place.slab->size));
}

/* The live block of `place`, which is `size` bytes, into such a bin, as one operation that counts.
 * False: it is full or closed. */
WEIR__INLINE bool weir__small_free_into(struct weir__heap *heap, enum weir__small_bins which,
                                        enum weir__reach reach, void *block,
                                        struct weir__place place, size_t size)
{
    if (weir__unlikely(!weir__freeing_enter(&heap->window, reach)))
        return false;
    struct weir__bin *bin = weir__small_bin(heap, weir__own_get(place.slab->bin), which);
    struct weir__cached cached = {block, place.entry, heap->mark, (uint32_t)size};
    weir__fill_freed(block, place.slab->size);
    if (weir__unlikely(!weir__small_push(bin, cached))) {
        weir__freeing_undo(&heap->window, reach);
        return false;
    }
    weir__freeing_leave(&heap->window, reach, (int64_t)size);
    return true;
}

/* `heaps` holds the heap (NULL: `a` says where). True: freed. False: not a live block of a slab of
 * the heap's home, which is of `a` then, or `a` is far, or the bin is full or closed: try the next
 * two, then go the slow way, which finds out what is wrong. */
WEIR__INLINE bool weir__small_free(const weir_allocator *a, struct weir__heap *const *heaps,
                                   void *block, struct weir__place place)
{
    if (weir__unlikely(!place.slab) || weir__unlikely(!place.entry) ||
        (!heaps && weir__unlikely(!a)))
        return false;
    struct weir__heap *heap = heaps ? *heaps : weir__heap_near(a);
    if (weir__unlikely(weir__own_get(place.slab->home) != heap->home))
        return false;
    uint32_t value = weir__own_get(*place.entry);
    if (weir__unlikely(!weir__entry_is_live(value)))
        return false;
    uint16_t size = (uint16_t)weir__entry_size(value);
    if (weir__unlikely(size > weir__own_get(place.slab->size)))
        return false;
    return weir__small_free_into(heap, WEIR__BINS_NEAR, WEIR__REACH_ROOT, block, place, size);
}

/* The same as weir__small_free for a block of another home, apart from it: a call that the fast way
 * makes in its middle would cost every free. */
WEIR__INLINE bool weir__small_free_foreign(const weir_allocator *a, struct weir__heap *heap,
                                           void *block, struct weir__place place)
{
    uint16_t size;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what is sound has a slab. */
    if (!weir__small_is_sound(a, place, &size) || weir__own_get(place.slab->home) == heap->home)
        return false;
    return weir__small_free_into(heap, WEIR__BINS_FOREIGN, WEIR__REACH_ANY, block, place, size);
}

/* May it be a small block of `a`, which is far? Of any allocator, and NULL. */
WEIR__INLINE bool weir__small_is_far(const weir_allocator *a, struct weir__place place)
{
    return place.slab && place.entry && a && !weir__allocator_is_near(a);
}

/* The same as weir__small_free then, whosever slab it is of. */
WEIR__INLINE bool weir__small_free_far(const weir_allocator *a, enum weir__reach reach, void *block,
                                       struct weir__place place)
{
    struct weir__heap *heap = weir__heap_far(a);
    if (weir__unlikely(weir__own_get(place.slab->home) != heap->home))
        return weir__small_free_foreign(a, heap, block, place);
    uint32_t value = weir__own_get(*place.entry);
    if (weir__unlikely(!weir__entry_is_live(value)))
        return false;
    uint16_t size = (uint16_t)weir__entry_size(value);
    if (weir__unlikely(size > weir__own_get(place.slab->size)))
        return false;
    return weir__small_free_into(heap, WEIR__BINS_FAR, reach, block, place, size);
}

/* The usable bytes of a live block of `a`; 0 for NULL and, told as misuse, for anything else. */
WEIR__INLINE size_t weir__usable_size(const weir_allocator *a, const void *block)
{
    struct weir__place place = weir__place_quick(block);
    uint32_t value;
    if (weir__likely(weir__small_is_live(a, place, &value)))
        return place.slab->size;
    return weir__usable_size_slow(a, block);
}

/*
 * Resizes the live small block of `a` at `place` within the calling thread's `heap`: where it
 * stands if `bin` (a class << WEIR__BIN_SHIFT, which holds `size`) is its own, else by a move
 * between two bins. Either is one change of the figures. The block's address, or NULL: go the
 * slow way.
 */
void *weir__small_resize(weir_allocator *a, struct weir__heap *heap, void *block,
                         struct weir__place place, size_t size, size_t bin);

/*
 * The ways of a thread that has a traced total to itself (track/traced.h): those above, and each
 * operation tells its event. NULL or false: nothing happened, go the slow way.
 */
void *weir__small_allocate_numbered(struct weir__heap *heap, unsigned sizeclass,
                                    const struct weir__request *request);
bool weir__small_free_numbered(weir_allocator *a, struct weir__heap *const *heaps, void *block,
                               struct weir__place place);

/* The bits of the entry of a block that the calling thread allocates. */
WEIR__INLINE uint32_t weir__small_live_at(size_t alignment)
{
    return weir__here.live | (alignment > WEIR_DEFAULT_ALIGNMENT ? WEIR__ENTRY_ALIGNED : 0);
}

WEIR__INLINE uint32_t weir__small_live_of(const struct weir__request *request)
{
    return weir__small_live_at(request->alignment);
}

/* What is it due for (track/sample.h), and can have? `own` is the thread's heap, or NULL. */
unsigned weir__small_due(const weir_allocator *a, struct weir__heap *own,
                         const struct weir__request *request);

/* -- the slow ways: no lock held, errno kept but where NULL is returned -------------------- */

/* One try. NULL: it is refused. */
void *weir__small_allocate_slow(weir_allocator *a, unsigned sizeclass,
                                struct weir__request *request);

/* `found` is a live small block of `a`; whether it still is, is seen under the heap's lock. */
void weir__small_free_slow(weir_allocator *a, void *block, const struct weir__found *found);

/* Where it stands, if it may stay: true, or `size` is of another class. *refused: by a limit. */
bool weir__small_resize_slow(weir_allocator *a, void *block, const struct weir__found *found,
                             size_t size, bool *refused);

/* Out of a bin and back without being counted: for blocks that move. The entry of a block that
 * was taken is not live yet. False: no memory. */
bool weir__small_take(weir_allocator *a, unsigned sizeclass, struct weir__cached *taken);
void weir__small_give(weir_allocator *a, struct weir__cached given);

/* The same for a live block. False: it is live no more. */
bool weir__small_give_live(weir_allocator *a, void *block, const struct weir__found *found);

#endif
