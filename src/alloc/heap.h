/*
 * alloc/heap.h - a thread's part of an allocator: its window onto the figures and its cache of
 * free blocks. Made at the thread's first slow operation, taken back when the thread ends,
 * emptied when it idles. The lists of heaps are under the context lock. Knows nothing of how
 * blocks are taken (alloc/small.h); alloc/local.h says where a thread finds its own.
 *
 * A near allocator's heaps have their bins behind them, where the fast ways find them without a
 * load. A far one's have bins while they hold blocks; one that idles is a window and little more.
 *
 * A thread that has a heap of an allocator has one of each above it, for its window there counts
 * what the thread does below (track/window.h).
 *
 * A thread that cannot have a heap (it ends, or there is no memory for one) uses the allocator's
 * common heap, under its lock; where there is no memory for that either, the reserve, which serves
 * one operation of the process at a time.
 */
#ifndef WEIR_ALLOC_HEAP_H
#define WEIR_ALLOC_HEAP_H

#include "alloc/local.h"
#include "pool/cache.h"
#include "pool/quarantine.h"
#include "pool/shelf.h"
#include "track/window.h"

struct weir__shown;

struct weir__heap {
    struct weir__window window;
    uint32_t live; /* weir__here.live of its thread, of a near one; the owner writes */
    uint32_t mark; /* of the copies of blocks that it frees (pool/cached.h); never changes */
    struct weir__shelf *shelf; /* as the bins of the cache; made when it is first needed */
    uint64_t home;             /* of the slabs of its centers (pool/home.h), whose blocks the fast
                                * ways may have; never changes */
    struct weir__cache cache;
    struct weir__quarantine *quarantine; /* of a hardened context's, as the bins; NULL: none yet */
    weir_allocator *owner;     /* this and `local` are set before the heap is in a list, and stay */
    struct weir__local *local; /* of the thread whose heap it is; NULL: common, or the reserve */
    struct weir__link link;    /* of the allocator, latest first; context lock */
    unsigned nbelow;           /* heaps of its thread whose windows lead to its own; context lock */
    uint64_t seen;             /* operations at the last scavenge; context lock */
    unsigned slow;             /* slow operations, to pace the scavenger; atomic */
    bool placed;               /* its memory is of weir__heap_places; never changes */
};

_Static_assert(offsetof(struct weir__heap, window) == 0, "its first line is its tally");

struct weir__near_heap {
    struct weir__heap heap;
    struct weir__bin bins[WEIR__CLASSES];
};

/* Of the heap in a slot (never looked at where that is none): by who is in an operation. */
WEIR__INLINE struct weir__bin *weir__heap_near_bins(struct weir__heap *heap)
{
    return ((struct weir__near_heap *)heap)->bins;
}

struct weir__heap *weir__heap_find(weir_allocator *a);

/* The calling thread's heap, made if need be; NULL where it cannot have one. `a` is ready. */
WEIR__INLINE struct weir__heap *weir__heap_own(weir_allocator *a)
{
    struct weir__heap *heap = weir__heap_cached(a);
    return weir__likely(heap != &weir__no_heap) ? heap : weir__heap_find(a);
}

/* The same with its lock held, or else another that serves; never NULL. By who holds no lock, and
 * then calls weir__heap_drop. */
struct weir__heap *weir__heap_take(weir_allocator *a);
void weir__heap_drop(struct weir__heap *heap);

/* Of the body's list, and the one after. */
WEIR__INLINE struct weir__heap *weir__heap_of(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__heap, link);
}

/* -- with the context lock held ---------------------------------------------------------- */

/* Takes every thread's heap out of the allocator and frees it; with `flush` its free
 * blocks go back to the centers. */
void weir__heaps_release(weir_allocator *a, bool flush);

/* In a forked child: frees the heaps of the threads that are not there. */
void weir__heaps_orphaned(weir_allocator *a);

/* Empties every heap of `a`, busy or not. Bytes. */
size_t weir__heaps_flush(weir_allocator *a);

/* Frees the calling thread's heap of `a`, if that is far: it holds none at the moment,
 * and makes another when it wants one. */
void weir__heaps_leave(weir_allocator *a);

/* Bytes of the heaps of `a` and their bins. */
size_t weir__heaps_bytes(const weir_allocator *a);

/* Waits until what was being done under the lock of each heap of `a` is done. */
void weir__heaps_barrier(weir_allocator *a);

/* Operations of every heap of `a`. */
uint64_t weir__heaps_operations(const weir_allocator *a);

/* Adds the free blocks of each class in the heaps of `a`. A moment's figures. */
void weir__heaps_cached(const weir_allocator *a, size_t counts[WEIR__CLASSES]);

/* Bytes of spans on the shelves of the heaps of `a`. A moment's figure. */
size_t weir__heaps_shelved(const weir_allocator *a);

/* Gives the spans on a heap's shelf to the page heap; bytes. By who may use it, the lock held; no
 * context lock is needed. */
size_t weir__heap_shelf_empty(struct weir__heap *heap);

/* -- no lock held ---------------------------------------------------------------------- */

/* Empties the shelves with spans of this page heap, unless another thread is at the contexts. */
void weir__heaps_shelves_empty(const struct weir__page_heap *page_heap);

/* Empties the heaps of threads that did nothing since the last scavenge (seconds ago), and frees
 * those of them that are far and the calling thread's. */
void weir__heaps_scavenge(void);

/* Paces that: called at the end of slow routes with what weir__heap_take gave, which was dropped
 * and may be gone afterwards. */
void weir__heap_slow_done(const weir_allocator *a, struct weir__heap *heap);

/* Is the calling thread in the middle of counting? */
bool weir__heaps_are_entered(void);

/* -- in sight of another process ---------------------------------------------------------- */

/*
 * Memory for the heaps of the CPU allocator's threads whose first line (track/shown.h)
 * another process can read. `take` gives zeroed memory and the tally's number, or NULL;
 * `give` takes it back when what the tally said has moved on.
 */
struct weir__heap_places {
    void *(*take)(size_t size, uint32_t *number);
    void (*give)(void *heap, size_t size);
};

/* From here on the CPU allocator's figures are in *shown and in the tallies of the heaps
 * that are made. Once, while the process has one thread. */
void weir__heaps_show(const struct weir__heap_places *places, struct weir__shown *shown);

/*
 * In a forked child, from weir__forked_first: the tallies are the parent's. `place` puts a
 * zero tally in front of each heap (`own`: of the thread that lives) and changes its number;
 * the figures go on in *shown (NULL: nobody reads).
 */
typedef void weir__heap_placer(void *heap, size_t size, bool own, uint32_t *number);
void weir__heaps_place_again(weir__heap_placer *place, struct weir__shown *shown);

/* Nobody reads the figures any more; what the tallies say stays. */
void weir__heaps_place_apart(weir__heap_placer *place);

#endif
