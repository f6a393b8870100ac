/* alloc/heap.c - see heap.h. */
#include "alloc/heap.h"

#include "alloc/body.h"
#include "alloc/context.h"
#include "alloc/cpu.h"
#include "alloc/guarded.h"
#include "alloc/inspect.h"
#include "alloc/misuse.h"
#include "alloc/soft_limit.h"
#include "backing/meta.h"
#include "os/clock.h"
#include "track/count.h"
#include "track/shown.h"
#include "track/trace_hook.h"

#include <errno.h>

/* Threads that did nothing for this long have their caches emptied; looked at only
 * every so many slow operations of a heap. */
#define IDLE_NS       1000000000u
#define LOOK_SLOW_OPS 64

/* Frees of a thread, counted twice, until its shelf is emptied with the next one of a span. */
#define SHELF_FREES (2 * 4096u)

/*
 * A thread has heaps only while its end will be known: one that stays would point into a dead
 * thread. The common heaps serve where the system does not watch threads for us, while it is
 * asked to (it may allocate for that), and when a thread's destructors, and the C library after
 * them, use weir and its heaps are gone: a second call at its end cannot be relied on.
 */
static WEIR__TLS enum { THREAD_NEW = 0, THREAD_ASKING, THREAD_WATCHED, THREAD_ENDED } thread_state;

/* Where the CPU allocator's new heaps lie; NULL: with weir's other objects. Set before there
 * are threads. */
static const struct weir__heap_places *places;

/* -- making and unmaking -------------------------------------------------------------- */

/* Marks start at 1 and come again after 2^29 heaps. A mark that came again could hide a second
 * free only of a block whose copies are that old. */
static uint32_t mark_next(void)
{
    static uint32_t number;
    uint32_t next = __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED) % WEIR__ENTRY_MARK_MAX;
    return WEIR__ENTRY_CACHED | (next + 1);
}

static struct weir__bin *heap_own_bins(struct weir__heap *heap)
{
    return heap->local && weir__allocator_is_near(heap->owner) ? weir__heap_near_bins(heap) : NULL;
}

/* NULL: it has none. */
static struct weir__heap *heap_above(const struct weir__heap *heap)
{
    return (struct weir__heap *)heap->window.up;
}

/* `above`: of the same thread and the parent of `a`, or NULL. */
static void heap_init(struct weir__heap *heap, weir_allocator *a, struct weir__local *local,
                      struct weir__heap *above)
{
    weir__assert(weir__context_is_mine());
    if (above)
        above->nbelow++;
    heap->owner = a;
    heap->local = local;
    heap->mark = mark_next();
    heap->shelf = &weir__no_shelf;
    struct weir__shard *shard = weir__body_shard_choose(a->body);
    heap->home = shard ? shard->home & ~WEIR__HOME_HARDENED : WEIR__HOME_NEVER;
    if (shard)
        shard->nheaps += local != NULL;
    weir__cache_init(&heap->cache, shard, heap_own_bins(heap));
    weir__window_attach(&heap->window, &a->body->meter, above ? &above->window : NULL,
                        local ? weir__thread_self() : NULL);
}

static size_t heap_size(const weir_allocator *a, const struct weir__local *local)
{
    return local && weir__allocator_is_near(a) ? sizeof(struct weir__near_heap)
                                               : sizeof(struct weir__heap);
}

static void heap_free(struct weir__heap *heap)
{
    size_t size = heap_size(heap->owner, heap->local);
    if (heap->placed)
        places->give(heap, size);
    else
        weir__meta_free(heap, size);
}

/* Bytes on its shelf, which its thread may be making; any thread with the context lock. */
static size_t heap_shelved(const struct weir__heap *heap)
{
    return weir__shelf_bytes(__atomic_load_n(&heap->shelf, __ATOMIC_ACQUIRE));
}

/* NULL: none; the same. */
static const struct weir__quarantine *quarantine_of(const struct weir__heap *heap)
{
    return __atomic_load_n(&heap->quarantine, __ATOMIC_ACQUIRE);
}

size_t weir__heap_shelf_empty(struct weir__heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    return weir__shelf_empty(heap->shelf, weir__own_get(heap->window.freeing) + SHELF_FREES);
}

/* What is free in it: with `give` to the centers and the page heap, else it is forgotten; bytes. By
 * who may use the bins, with the lock held. */
WEIR__INLINE size_t heap_empty(struct weir__heap *heap, bool give)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    size_t bytes = weir__cache_empty(&heap->cache, give);
    if (weir__unlikely(heap->quarantine != NULL))
        bytes += weir__quarantine_empty(heap->quarantine, give);
    return bytes + (give ? weir__heap_shelf_empty(heap) : 0);
}

static WEIR__NOINLINE void quarantine_unmake(struct weir__heap *heap)
{
    weir__quarantine_unmake(heap->quarantine);
    weir__relaxed_set(heap->quarantine, NULL);
}

/* No more spans lie there from here on. */
static void shelf_unmake(struct weir__heap *heap)
{
    weir__shelf_unmake(heap->shelf);
    weir__relaxed_set(heap->shelf, &weir__no_shelf);
}

/* Detaches its window and empties it; with `flush` what is free in it goes back. Nobody finds it
 * any more. */
static void heap_end(struct weir__heap *heap, bool flush)
{
    struct weir__heap *above = heap_above(heap);
    if (above)
        above->nbelow--;
    weir__lock_take(&heap->cache.lock);
    weir__window_detach(&heap->window);
    heap_empty(heap, flush);
    if (weir__unlikely(heap->quarantine != NULL))
        quarantine_unmake(heap);
    shelf_unmake(heap);
    weir__lock_drop(&heap->cache.lock);
    if (heap->cache.shard)
        heap->cache.shard->nheaps -= heap->local != NULL;
}

static void heap_unmake(struct weir__heap *heap, bool flush)
{
    heap_end(heap, flush);
    weir__list_remove(&heap->owner->body->heaps, &heap->link);
    heap_free(heap);
}

/* The thread finds no heap, for tags either. */
static void heap_hide_and_unmake(struct weir__heap *heap, bool flush)
{
    if (heap->local)
        weir__local_hide(heap->local, heap->owner);
    heap_unmake(heap, flush);
}

/* The same for one of the calling thread's and all below it. */
static void heap_hide_and_unmake_all(struct weir__heap *heap)
{
    struct weir__heap *below;
    for (size_t i = 0; heap->nbelow && (below = weir__local_heap(i)); i++)
        if (heap_above(below) == heap)
            heap_hide_and_unmake_all(below);
    heap_hide_and_unmake(heap, true);
}

static void thread_exit(void)
{
    int saved = errno;
    thread_state = THREAD_ENDED;
    struct weir__heap *heap;
    weir__context_lock();
    for (size_t i = 0; (heap = weir__local_heap(i)); i++)
        if (heap != &weir__no_heap)
            heap_hide_and_unmake_all(heap);
    weir__local_end();
    weir__context_unlock();
    void (*exited)(void) = __atomic_load_n(&weir__trace_thread_exited, __ATOMIC_ACQUIRE);
    if (exited)
        exited();
    errno = saved;
}

static struct weir__heap *heap_allocate(const weir_allocator *a)
{
    uint32_t number = 0;
    struct weir__heap *heap = NULL;
    size_t size = heap_size(a, &weir__here);
    if (places && a == &weir__cpu)
        heap = places->take(size, &number);
    if (!heap)
        return weir__meta_allocate(size);
    heap->placed = true;
    heap->window.number = number;
    return heap;
}

/* Asks again after a failure: memory may be there later. */
static bool thread_is_watched(void)
{
    if (thread_state == THREAD_NEW) {
        thread_state = THREAD_ASKING;
        thread_state = weir__thread_at_exit(thread_exit) ? THREAD_WATCHED : THREAD_NEW;
    }
    return thread_state == THREAD_WATCHED;
}

/* A heap that came to hold others is not taken from its thread by another; so `above` stays. */
static struct weir__heap *heap_make(weir_allocator *a, struct weir__heap *above)
{
    struct weir__heap *heap = weir__local_ready(a) ? heap_allocate(a) : NULL;
    if (!heap)
        return NULL;
    heap->live = weir__here.live;
    weir__context_lock();
    heap_init(heap, a, &weir__here, above);
    weir__list_push(&a->body->heaps, &heap->link);
    weir__local_put(a, heap);
    weir__context_unlock();
    return heap;
}

/* Those above it first. */
static struct weir__heap *heap_find(weir_allocator *a)
{
    weir_allocator *parent = weir__context_parent(a);
    struct weir__heap *above = parent ? weir__heap_own(parent) : NULL;
    return parent && !above ? NULL : heap_make(a, above);
}

struct weir__heap *weir__heap_find(weir_allocator *a)
{
    weir__assert(weir__allocator_is_ready(a));
    int saved = errno;
    struct weir__heap *heap = thread_is_watched() ? heap_find(a) : NULL;
    errno = saved;
    return heap;
}

/* -- for threads without one ------------------------------------------------------------ */

static struct weir__heap reserve; /* between reserve_take and reserve_drop; context lock */

/* NULL: no memory. */
static struct weir__heap *common_get(weir_allocator *a)
{
    struct weir__heap *common = __atomic_load_n(&a->body->common, __ATOMIC_ACQUIRE);
    if (weir__likely(common))
        return common;
    weir__context_lock();
    common = a->body->common;
    if (!common && (common = weir__meta_allocate(sizeof *common))) {
        heap_init(common, a, NULL, NULL);
        weir__list_push(&a->body->heaps, &common->link);
        __atomic_store_n(&a->body->common, common, __ATOMIC_RELEASE);
    }
    weir__context_unlock();
    return common;
}

/* It is in no list: who looks through those has the context lock. */
static struct weir__heap *reserve_take(weir_allocator *a)
{
    weir__context_lock();
    reserve = (struct weir__heap){.owner = NULL};
    heap_init(&reserve, a, NULL, NULL);
    return &reserve;
}

static void reserve_drop(void)
{
    weir__lock_drop(&reserve.cache.lock);
    heap_end(&reserve, true);
    weir__context_unlock();
}

struct weir__heap *weir__heap_take(weir_allocator *a)
{
    int saved = errno;
    struct weir__heap *heap = weir__heap_own(a);
    if (weir__unlikely(!heap) && !(heap = common_get(a)))
        heap = reserve_take(a);
    errno = saved;
    weir__lock_take(&heap->cache.lock);
    return heap;
}

void weir__heap_drop(struct weir__heap *heap)
{
    if (weir__unlikely(heap == &reserve))
        reserve_drop();
    else
        weir__lock_drop(&heap->cache.lock);
}

/* -- of all threads ----------------------------------------------------------------------- */

void weir__heaps_release(weir_allocator *a, bool flush)
{
    weir__assert(weir__context_is_mine());
    struct weir__heap *heap;
    while ((heap = weir__heap_of(a->body->heaps.first))) {
        weir__assert(!heap->nbelow); /* its children are gone */
        heap_hide_and_unmake(heap, flush);
    }
    a->body->common = NULL;
}

void weir__heaps_orphaned(weir_allocator *a)
{
    for (struct weir__heap *heap = weir__heap_of(a->body->heaps.first), *next; heap; heap = next) {
        next = weir__heap_of(heap->link.next);
        if (heap->local && heap->window.thread != weir__thread_self()) {
            weir__window_part(&heap->window);
            heap_unmake(heap, true);
        }
    }
}

/* -- in sight of another process ------------------------------------------------------- */

void weir__heaps_show(const struct weir__heap_places *new_places, struct weir__shown *shown)
{
    weir__context_lock();
    places = new_places;
    struct weir__heap *own = weir__heap_cached(&weir__cpu);
    if (own != &weir__no_heap)
        heap_hide_and_unmake_all(own);
    weir__shown_begin(&weir__cpu.body->meter, shown);
    weir__context_unlock();
}

static void placed_each(weir__heap_placer *place)
{
    for (struct weir__link *at = weir__cpu.body->heaps.first; at; at = at->next) {
        struct weir__heap *heap = weir__heap_of(at);
        if (heap->placed)
            place(heap, heap_size(&weir__cpu, heap->local),
                  heap->window.thread == weir__thread_self(), &heap->window.number);
    }
}

void weir__heaps_place_again(weir__heap_placer *place, struct weir__shown *shown)
{
    placed_each(place);
    weir__shown_forked(&weir__cpu.body->meter, shown);
}

void weir__heaps_place_apart(weir__heap_placer *place)
{
    placed_each(place);
    weir__cpu.body->meter.shown = NULL;
}

/* -- emptying ------------------------------------------------------------------------- */

static size_t heap_flush(struct weir__heap *heap)
{
    weir__assert(weir__context_is_mine());
    if (!weir__cache_used(&heap->cache) && !heap_shelved(heap) && !quarantine_of(heap))
        return 0;
    weir__lock_take(&heap->cache.lock);
    weir__window_close(&heap->window);
    size_t bytes = heap_empty(heap, true);
    weir__window_release(&heap->window);
    weir__lock_drop(&heap->cache.lock);
    return bytes;
}

/* The one after `heap` (NULL: the first). */
static struct weir__heap *heap_after(const weir_allocator *a, const struct weir__heap *heap)
{
    weir__assert(a->body);
    return weir__heap_of(heap ? heap->link.next : a->body->heaps.first);
}

size_t weir__heaps_flush(weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    size_t bytes = 0;
    for (struct weir__heap *heap = NULL; (heap = heap_after(a, heap));)
        bytes += heap_flush(heap);
    return bytes;
}

static void heap_shelf_flush(struct weir__heap *heap)
{
    weir__assert(weir__context_is_mine());
    if (!heap_shelved(heap))
        return;
    weir__lock_take(&heap->cache.lock);
    weir__window_close(&heap->window);
    weir__heap_shelf_empty(heap);
    weir__window_release(&heap->window);
    weir__lock_drop(&heap->cache.lock);
}

void weir__heaps_shelves_empty(const struct weir__page_heap *page_heap)
{
    if (!weir__context_try())
        return;
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        if (a->body->page_heap == page_heap)
            for (struct weir__heap *heap = NULL; (heap = heap_after(a, heap));)
                heap_shelf_flush(heap);
    weir__context_unlock();
}

void weir__heaps_barrier(weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    for (struct weir__heap *heap = NULL; (heap = heap_after(a, heap));) {
        weir__lock_take(&heap->cache.lock);
        weir__lock_drop(&heap->cache.lock);
    }
}

uint64_t weir__heaps_operations(const weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    uint64_t sum = 0;
    for (const struct weir__heap *heap = NULL; (heap = heap_after(a, heap));)
        sum += weir__window_operations(&heap->window);
    return sum;
}

void weir__heaps_cached(const weir_allocator *a, size_t counts[WEIR__CLASSES])
{
    for (const struct weir__heap *heap = NULL; (heap = heap_after(a, heap));)
        for (uint64_t used = weir__cache_used(&heap->cache); used; used &= used - 1) {
            unsigned sizeclass = (unsigned)__builtin_ctzll(used);
            counts[sizeclass] += weir__cache_count(&heap->cache, sizeclass);
        }
    for (const struct weir__heap *heap = NULL; (heap = heap_after(a, heap));)
        for (unsigned i = 0; quarantine_of(heap) && i < WEIR__CLASSES; i++)
            counts[i] += weir__relaxed_get(quarantine_of(heap)->held[i]);
}

size_t weir__heaps_shelved(const weir_allocator *a)
{
    size_t bytes = 0;
    for (const struct weir__heap *heap = NULL; (heap = heap_after(a, heap));)
        bytes += heap_shelved(heap);
    return bytes;
}

static bool heap_may_leave(const struct weir__heap *heap)
{
    return heap->local == &weir__here && !heap->nbelow && !weir__allocator_is_near(heap->owner);
}

void weir__heaps_leave(weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    struct weir__heap *heap = weir__heap_cached(a);
    if (heap != &weir__no_heap && heap_may_leave(heap))
        heap_hide_and_unmake(heap, true);
}

size_t weir__heaps_bytes(const weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    size_t bytes = 0;
    for (struct weir__heap *heap = NULL; (heap = heap_after(a, heap));) {
        const struct weir__shelf *shelf = __atomic_load_n(&heap->shelf, __ATOMIC_ACQUIRE);
        bytes += heap_size(a, heap->local) + weir__relaxed_get(heap->cache.bytes) +
                 (shelf == &weir__no_shelf ? 0 : sizeof *shelf) +
                 weir__quarantine_bytes(quarantine_of(heap));
    }
    return bytes;
}

static void heap_scavenge(struct weir__heap *heap)
{
    if (!weir__window_is_idle(&heap->window, &heap->seen))
        return;
    if (heap_may_leave(heap))
        heap_hide_and_unmake(heap, true);
    else
        heap_flush(heap);
}

void weir__heaps_scavenge(void)
{
    weir__context_lock();
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        for (struct weir__heap *heap = heap_after(a, NULL), *next; heap; heap = next) {
            next = heap_after(a, heap);
            heap_scavenge(heap);
        }
    weir__context_unlock();
}

static void scavenge_now_and_then(void)
{
    static uint64_t looked_at; /* coarse clock; any thread */
    uint64_t now = weir__os_coarse_time(), last = weir__relaxed_get(looked_at);
    if (now - last >= IDLE_NS && __atomic_compare_exchange_n(&looked_at, &last, now, false,
                                                             __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        weir__heaps_scavenge();
}

void weir__heap_slow_done(const weir_allocator *a, struct weir__heap *heap)
{
    unsigned slow = weir__relaxed_get(heap->slow) + 1; /* about, if common */
    weir__relaxed_set(heap->slow, slow);
    weir__slow_hook_call(a);
    weir__late_misuses_look();
    weir__soft_limits_look(a);
    if (weir__unlikely(slow % LOOK_SLOW_OPS == 0)) {
        scavenge_now_and_then();
        weir__guarded_turn();
    }
}

bool weir__heaps_are_entered(void)
{
    const struct weir__heap *heap;
    for (size_t i = 0; (heap = weir__local_heap(i)); i++)
        if (heap != &weir__no_heap && weir__window_is_inside(&heap->window))
            return true;
    return false;
}
