/*
 * alloc/hardened_small.h - small blocks of hardened contexts: taken, given, resized. No state:
 * where blocks wait is pool/quarantine.h's, what lies around them pool/canary.h's.
 *
 * A hardened context has bins that nothing is ever put into, and slabs whose owner equals no
 * allocator (pool/home.h): so the fast ways (alloc/small.h) leave at what they compare anyway, and
 * other contexts pay nothing. All of its small blocks go this way: the quick ways within an
 * operation of the thread's window, as the fast ways of others do, and where that is closed, or a
 * block is damaged, or a bag of the quarantine empty or full, under the lock of the heap.
 *
 * Any thread; no lock held but where it says so.
 */
#ifndef WEIR_ALLOC_HARDENED_SMALL_H
#define WEIR_ALLOC_HARDENED_SMALL_H

#include "alloc/hardened.h"
#include "alloc/heap.h"

/* The class of a small block with room for its canary; negative: it is a large one. */
WEIR__INLINE int weir__hardened_class(size_t size, size_t alignment)
{
    size_t whole = size ? size + WEIR__CANARY : 0;
    if (weir__likely(whole <= WEIR__SMALL_MAX && whole) &&
        weir__likely(alignment == WEIR_DEFAULT_ALIGNMENT))
        return weir__class_map64[weir__class_index(whole)] >> WEIR__BIN_SHIFT;
    return weir__class_of(whole, weir__max(alignment, WEIR__GRAIN));
}

/* -- the quick ways: no lock, no call of another layer -------------------------------------------
 */

/* Did the thread's heap ever have a block of a hardened context? Then it has no other. */
WEIR__INLINE bool weir__heap_is_wary(const struct weir__heap *heap)
{
    return weir__own_get(heap->quarantine) != NULL;
}

/* A small block of the thread's heap, which is wary; zero. NULL: go the slow way. */
void *weir__hardened_allocate(struct weir__heap *heap, size_t size, size_t alignment);

/* Frees the live block of `a` at `place`, of anything. False: nothing happened; the same. */
bool weir__hardened_free(const weir_allocator *a, void *block, struct weir__place place);

/* -- the slow ways ------------------------------------------------------------------------------
 */

/* As weir__allocate_once. */
void *weir__hardened_allocate_once(weir_allocator *a, struct weir__request *request);

/* As weir__small_resize_slow. */
bool weir__hardened_resize(weir_allocator *a, void *block, const struct weir__found *found,
                           size_t size, bool *refused);

/* Of the heap whose lock is held, which is dropped meanwhile where memory is short: *taken is a
 * free block. False: no memory. */
bool weir__hardened_take_locked(struct weir__heap *heap, unsigned sizeclass,
                                struct weir__cached *taken);

/* Back, as it was taken. */
void weir__hardened_give_locked(struct weir__heap *heap, const struct weir__cached *taken);

/* One that was live by a moment ago: it is cleared and waits. */
void weir__hardened_put_locked(struct weir__heap *heap, const struct weir__cached *freed,
                               uint32_t tag);

/* A block that was taken is live from here on; `live` are the bits of its entry but the size. */
void weir__hardened_begin(const struct weir__cached *taken, size_t size, uint32_t live);

#endif
