/*
 * alloc/local.h - where a thread finds its heaps. Owns weir__here, and which allocator has which
 * place there. Knows nothing of what a heap is.
 *
 * Two kinds of allocators. The first roots of a process are near: each has a slot in every thread's
 * weir__here, and its handle holds the way to that slot from the thread pointer. All others, and so
 * all children, are far: each has a number, and a thread that uses it a table of heaps by number,
 * as long as its uses need. A handle's address says which kind it is of (alloc/handle.h). Numbers
 * are used again, latest first, so that tables stay as short as allocators are few.
 *
 *   near   handle.heap_at  -> weir__here.heaps[slot]     -> heap
 *   far    handle.number   -> weir__here.far[number]     -> heap
 *
 * Where a thread has no heap there is the one that is none. The slot that is none's and number 0
 * are nobody's: destroyed allocators lead there.
 */
#ifndef WEIR_ALLOC_LOCAL_H
#define WEIR_ALLOC_LOCAL_H

#include "alloc/handle.h"
#include "os/lock.h"
#include "os/thread.h"

struct weir__heap;

/* Placeholder for a thread without a heap: a closed window, so every operation takes the slow path.
 * All threads increment its two sequence counters without synchronization; nobody reads them. */
extern struct weir__heap weir__no_heap;

#define WEIR__HEAP_SLOTS 16

/* The calling thread's. Its own thread reads it without a lock. */
struct weir__local {
    struct weir__heap *heaps[WEIR__HEAP_SLOTS]; /* the last is always the one that is none */
    uint32_t live;           /* bits that the entry of a block gets from it: state and tag */
    uint32_t nfar;           /* of `far` */
    struct weir__heap **far; /* written by its thread; what it points to under the lock */
    weir__lock lock;         /* the pointers, while another thread may free a heap */
};
extern WEIR__TLS struct weir__local weir__here;

/* Never NULL, as the two that follow. The handle holds the whole way from the thread pointer, so
 * that this is one load after the handle's own. */
WEIR__INLINE struct weir__heap *weir__heap_near(const weir_allocator *a)
{
    return *(struct weir__heap **)((char *)__builtin_thread_pointer() + a->heap_at);
}

WEIR__INLINE struct weir__heap *weir__heap_far(const weir_allocator *a)
{
    uint32_t number = weir__own_get(a->number);
    return weir__likely(number < weir__here.nfar) ? weir__own_get(weir__here.far[number])
                                                  : &weir__no_heap;
}

WEIR__INLINE struct weir__heap *weir__heap_cached(const weir_allocator *a)
{
    return weir__likely(weir__allocator_is_near(a)) ? weir__heap_near(a) : weir__heap_far(a);
}

/* -- places of allocators: context lock held ------------------------------------------------ */

/* The slot that is none's, as heap_at. */
ptrdiff_t weir__slot_none(void);

/* One for a new allocator, as heap_at; that which is none's when all are taken. */
ptrdiff_t weir__slot_take(void);
void weir__slot_give(ptrdiff_t heap_at);

/* Of a new allocator; 0: no memory. */
uint32_t weir__number_take(void);
void weir__number_give(uint32_t number);

/* -- what is in them ------------------------------------------------------------------------ */

/* The calling thread has a place for its heap of `a` from here on. False: no memory. No lock held,
 * or the context lock. */
bool weir__local_ready(const weir_allocator *a);

/* Puts the thread's heap of `a` there; it has such a place. By the thread itself. */
void weir__local_put(const weir_allocator *a, struct weir__heap *heap);

/* The thread of `local` finds no heap of `a` there any more. Any thread, context lock held. */
void weir__local_hide(struct weir__local *local, const weir_allocator *a);

/* The calling thread's i-th; the one that is none where there is none, NULL past the last. */
struct weir__heap *weir__local_heap(size_t i);

/* The thread ends: frees the table. */
void weir__local_end(void);

#endif
