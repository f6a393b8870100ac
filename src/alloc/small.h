/*
 * alloc/small.h - the fast ways of small blocks, inlined into weir_allocate,
 * weir_deallocate and the preloaded malloc: a stack pop or push and three plain stores
 * of accounting, no lock, no atomic, no call. Their cost is guarded by
 * tests/test_callgrind.sh.
 *
 * `heap` is the calling thread's, or the one that is none (alloc/context.h).
 */
#ifndef WEIR_ALLOC_SMALL_H
#define WEIR_ALLOC_SMALL_H

#include "alloc/block.h"

/* Where there is accounting; folds away where not. */
WEIR__INLINE bool weir__allocating_enter(struct weir__window *w, int64_t size, int64_t *to)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)w, (void)size, (void)to;
    return true;
#else
    weir__window_enter(&w->allocating);
    *to = size + weir__own_get(w->taken) - weir__own_get(w->given);
    if (weir__likely(weir__window_admits(w, *to)))
        return true;
    weir__window_leave(&w->allocating, -1);
    return false;
#endif
}

WEIR__INLINE void weir__allocating_leave(struct weir__window *w, int64_t taken, int64_t to)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)w, (void)taken, (void)to;
#else
    weir__window_note(w, to, 1);
    weir__own_set(w->taken, weir__own_get(w->taken) + taken);
    weir__window_leave(&w->allocating, 1);
#endif
}

WEIR__INLINE void weir__allocating_undo(struct weir__window *w)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)w;
#else
    weir__window_leave(&w->allocating, -1);
#endif
}

/*
 * *block of the class that `map` names (size <= WEIR__SMALL_MAX), or false: go the slow
 * way. The order is that of window.h: enter, be admitted, take, leave; nothing of the
 * bin is looked at before the window is known to be open. *zeroed (may be NULL, which
 * folds away): the block is known to be zero.
 */
WEIR__INLINE bool weir__small_allocate(struct weir__heap *heap, size_t size, const uint16_t *map,
                                       void **block, bool *zeroed)
{
    struct weir__bin *bin = weir__cache_bin(&heap->cache, map[weir__class_index(size)]);
    struct weir__window *w = &heap->window;
    int64_t to;
    if (weir__unlikely(!weir__allocating_enter(w, (int64_t)size, &to)))
        return false;
    struct weir__cached *top = weir__own_get(bin->top);
    *block = top[-1].block;
    if (weir__unlikely(!*block)) {
        weir__allocating_undo(w);
        return false;
    }
    weir__own_set(bin->top, top - 1);
    if (zeroed)
        *zeroed = weir__entry_get(top[-1].entry) == WEIR__ENTRY_ZERO;
    weir__entry_set(top[-1].entry, heap->entry | (uint32_t)size);
    weir__allocating_leave(w, (int64_t)size, to);
    return true;
}

/* Where there is accounting; folds away where not. A free is admitted by any open
 * window. */
WEIR__INLINE bool weir__freeing_enter(struct weir__window *w)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)w;
    return true;
#else
    weir__window_enter(&w->freeing);
    if (weir__likely(!weir__window_is_closed(w)))
        return true;
    weir__window_leave(&w->freeing, -1);
    return false;
#endif
}

WEIR__INLINE void weir__freeing_leave(struct weir__window *w, int64_t freed)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)w, (void)freed;
#else
    weir__own_set(w->given, weir__own_get(w->given) + freed);
    weir__window_leave(&w->freeing, 1);
#endif
}

WEIR__INLINE void weir__freeing_undo(struct weir__window *w)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)w;
#else
    weir__window_leave(&w->freeing, -1);
#endif
}

/* `place` holds the heap (NULL: `a` says where); it is looked at late, when `a` owns a live
 * block and so is not NULL. True: freed. False: not a live small block of `a`, or its
 * thread cache is full or closed: go the slow way, which finds out which. */
WEIR__INLINE bool weir__small_deallocate(const weir_allocator *a, struct weir__heap *const *place,
                                         void *block)
{
    if (weir__unlikely(!weir__map_is_slabs(block)))
        return false;
    struct weir__slab *slab = weir__slab_of(block);
    if (weir__unlikely(weir__own_get(slab->owner) != a))
        return false;
    uint64_t index;
    if (weir__unlikely(!weir__slab_index(slab, block, &index)))
        return false;
    uint32_t *entry = &slab->entries[index], value = weir__own_get(*entry);
    if (weir__unlikely(!weir__entry_is_live(value)))
        return false;
    struct weir__heap *heap = place ? *place : weir__heap_cached(a);
    struct weir__bin *bin = weir__cache_bin(&heap->cache, slab->bin);
    struct weir__window *w = &heap->window;
    if (weir__unlikely(!weir__freeing_enter(w)))
        return false;
    struct weir__cached *top = weir__own_get(bin->top);
    if (weir__unlikely(top == weir__own_get(bin->limit))) {
        weir__freeing_undo(w);
        return false;
    }
    weir__own_set(*entry, weir__entry_cached(weir__own_get(*entry)));
    top->block = block;
    top->entry = entry;
    weir__own_set(bin->top, top + 1);
    weir__freeing_leave(w, (int64_t)weir__entry_size(value));
    return true;
}

/* What weir__small_resize found. */
enum weir__resize {
    WEIR__RESIZE_DONE,
    WEIR__RESIZE_MOVE, /* a live small block, but `size` is of another class */
    WEIR__RESIZE_SLOW  /* not a small block, or not to be counted here */
};

/*
 * Resizes a small block of `a` where it stands if `size` is of the same class by `map`.
 * *usable: its bytes now (not for SLOW). The `old` bit may be set by weir_checkpoint
 * meanwhile, hence the loop.
 */
WEIR__INLINE enum weir__resize weir__small_resize(const weir_allocator *a,
                                                  struct weir__heap *const *place, void *block,
                                                  size_t size, const uint16_t *map, size_t *usable)
{
    if (weir__unlikely(!weir__map_is_slabs(block)))
        return WEIR__RESIZE_SLOW;
    struct weir__slab *slab = weir__slab_of(block);
    if (weir__unlikely(weir__own_get(slab->owner) != a))
        return WEIR__RESIZE_SLOW;
    uint32_t *entry = weir__slab_entry(slab, block);
    uint32_t value = entry ? weir__entry_get(entry) : 0;
    if (weir__unlikely(!weir__entry_is_live(value)))
        return WEIR__RESIZE_SLOW;
    *usable = weir__class_bytes[weir__slab_class(slab)];
    if (size > WEIR__SMALL_MAX || map[weir__class_index(size)] != slab->bin)
        return WEIR__RESIZE_MOVE;
    int64_t delta = (int64_t)size - (int64_t)weir__entry_size(value);
    if (weir__unlikely(!weir__window_count(&(*place)->window, delta, 0, 0)))
        return WEIR__RESIZE_SLOW;
    while (!__atomic_compare_exchange_n(entry, &value,
                                        (value & ~WEIR__ENTRY_SIZE_MASK) | (uint32_t)size, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    return WEIR__RESIZE_DONE;
}

#endif
