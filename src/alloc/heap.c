/* alloc/heap.c - see heap.h. */
#include "alloc/heap.h"

#include "alloc/body.h"
#include "alloc/context.h"
#include "alloc/cpu.h"
#include "alloc/inspect.h"
#include "alloc/misuse.h"
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

struct weir__heap weir__no_heap = {.window.cap = WEIR__WINDOW_CLOSED,
                                   .shelf = &weir__no_shelf,
                                   .window.numbered_cap = WEIR__WINDOW_CLOSED,
                                   .home = WEIR__HOME_NEVER,
                                   .cache.foreign = weir__no_bins,
                                   .cache.bins = {[0 ... WEIR__CLASSES - 1] = WEIR__BIN_UNUSED}};

WEIR__TLS struct weir__local weir__here = {
    .heaps = {[0 ... WEIR__HEAP_SLOTS - 1] = &weir__no_heap},
    .live = WEIR__ENTRY_LIVE,
    .lock = WEIR__LOCK(THREAD),
};

/*
 * A thread has heaps only while its end will be known: one that stays would point into a dead
 * thread. The common heaps serve where the system does not watch threads for us, while it is
 * asked to (it may allocate for that), and when a thread's destructors, and the C library after
 * them, use weir and its heaps are gone: a second call at its end cannot be relied on.
 */
static WEIR__TLS enum { THREAD_NEW = 0, THREAD_ASKING, THREAD_WATCHED, THREAD_ENDED } thread_state;

static uint32_t slots_taken; /* bits; context lock */

_Static_assert(WEIR__HEAP_SLOTS <= 32, "slots_taken has a bit for each");

/* Where the CPU allocator's new heaps lie; NULL: with weir's other objects. Set before there
 * are threads. */
static const struct weir__heap_places *places;

/* The same in every thread: thread-local data lies at fixed distances. gcc -O1 --coverage
 * subtracts the distance from where the linker puts it, in an instruction that no linker
 * takes in a program; so it is loaded first. */
static ptrdiff_t slot_distance(unsigned slot)
{
    weir__assert(slot < WEIR__HEAP_SLOTS);
    char *here = (char *)&weir__here;
    __asm__("" : "+r"(here));
    return here + offsetof(struct weir__local, heaps[slot]) - (char *)__builtin_thread_pointer();
}

ptrdiff_t weir__heap_slot_none(void)
{
    return slot_distance(WEIR__HEAP_SLOTS - 1);
}

ptrdiff_t weir__heap_slot_take(void)
{
    weir__assert(weir__context_is_mine());
    for (unsigned i = 0; i < WEIR__HEAP_SLOTS - 1; i++)
        if (!(slots_taken >> i & 1)) {
            slots_taken |= 1u << i;
            return slot_distance(i);
        }
    return weir__heap_slot_none();
}

void weir__heap_slot_give(ptrdiff_t heap_at)
{
    weir__assert(weir__context_is_mine());
    if (heap_at != weir__heap_slot_none())
        slots_taken &= ~(1u << (heap_at - slot_distance(0)) / (ptrdiff_t)sizeof(void *));
}

/* -- making and unmaking -------------------------------------------------------------- */

/* Marks start at 1 and come again after 2^29 heaps. A mark that came again could hide a second
 * free only of a block whose copies are that old. */
static uint32_t mark_next(void)
{
    static uint32_t number;
    uint32_t next = __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED) % WEIR__ENTRY_MARK_MAX;
    return WEIR__ENTRY_CACHED | (next + 1);
}

static void heap_init(struct weir__heap *heap, weir_allocator *a, const void *thread)
{
    weir__assert(weir__context_is_mine());
    heap->owner = a;
    heap->mark = mark_next();
    heap->shelf = &weir__no_shelf;
    weir__cache_init(&heap->cache);
    heap->shard = weir__body_shard_choose(a->body);
    heap->home = WEIR__HOME_NEVER;
    if (heap->shard) {
        heap->home = heap->shard->centers[0].home;
        heap->shard->nheaps += heap->slot != NULL;
        heap->cache.centers = heap->shard->centers;
    }
    weir__window_attach(&heap->window, &a->body->meter, thread);
}

void weir__heap_common_init(weir_allocator *a)
{
    heap_init(&a->body->common, a, NULL);
}

/* Takes the heap out of its thread's table: the thread finds no heap, for tags either. */
static void heap_hide(struct weir__heap *heap)
{
    weir__assert(*heap->slot == heap);
    weir__lock_take(&heap->local->lock);
    weir__relaxed_set(*heap->slot, &weir__no_heap);
    weir__lock_drop(&heap->local->lock);
}

static void heap_free(struct weir__heap *heap)
{
    if (heap->placed)
        places->give(heap, sizeof *heap);
    else
        weir__meta_free(heap, sizeof *heap);
}

size_t weir__heap_shelf_empty(struct weir__heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    return weir__shelf_empty(heap->shelf, weir__own_get(heap->window.freeing) + SHELF_FREES);
}

/* What is free in it: with `give` to the centers and the page heap, else it is forgotten; bytes. By
 * who may use the bins, with the lock held. */
static size_t heap_empty(struct weir__heap *heap, bool give)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    size_t bytes = weir__cache_empty(&heap->cache, give);
    return bytes + (give ? weir__heap_shelf_empty(heap) : 0);
}

/* No more spans lie there from here on. */
static void shelf_unmake(struct weir__heap *heap)
{
    weir__shelf_unmake(heap->shelf);
    weir__relaxed_set(heap->shelf, &weir__no_shelf);
}

/* Detaches its window and frees it; with `flush` what is free in it goes back. The thread
 * does not find it any more, or has ended. */
static void heap_unmake(struct weir__heap *heap, bool flush)
{
    weir__lock_take(&heap->cache.lock);
    weir__window_detach(&heap->window);
    heap_empty(heap, flush);
    shelf_unmake(heap);
    weir__lock_drop(&heap->cache.lock);
    weir__cache_unmake(&heap->cache);
    weir__list_remove(&heap->owner->body->heaps, &heap->link);
    if (heap->shard)
        heap->shard->nheaps--;
    heap_free(heap);
}

static void thread_exit(void)
{
    int saved = errno;
    thread_state = THREAD_ENDED;
    weir__context_lock();
    for (unsigned i = 0; i < WEIR__HEAP_SLOTS; i++)
        if (weir__here.heaps[i] != &weir__no_heap) {
            struct weir__heap *heap = weir__here.heaps[i];
            heap_hide(heap);
            heap_unmake(heap, true);
        }
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
    if (places && a == &weir__cpu)
        heap = places->take(sizeof *heap, &number);
    if (!heap)
        return weir__meta_allocate(sizeof *heap);
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

static struct weir__heap *heap_make(weir_allocator *a, struct weir__heap **slot)
{
    weir__assert(*slot == &weir__no_heap);
    struct weir__heap *heap = heap_allocate(a);
    if (!heap)
        return NULL;
    heap->slot = slot;
    heap->local = &weir__here;
    heap->live = weir__here.live;
    weir__context_lock();
    heap_init(heap, a, weir__thread_self());
    weir__list_push(&a->body->heaps, &heap->link);
    *slot = heap;
    weir__context_unlock();
    return heap;
}

struct weir__heap *weir__heap_find(weir_allocator *a)
{
    weir__assert(weir__allocator_is_ready(a));
    struct weir__heap *heap = NULL;
    int saved = errno;
    if (a->heap_at != weir__heap_slot_none() && thread_is_watched())
        heap =
            heap_make(a, (struct weir__heap **)((char *)__builtin_thread_pointer() + a->heap_at));
    errno = saved;
    return heap ? heap : &a->body->common;
}

void weir__heaps_release(weir_allocator *a, bool flush)
{
    weir__assert(weir__context_is_mine());
    struct weir__heap *heap;
    while ((heap = weir__heap_of(a->body->heaps.first))) {
        heap_hide(heap);
        heap_unmake(heap, flush);
    }
    weir__lock_take(&a->body->common.cache.lock);
    weir__window_detach(&a->body->common.window);
    heap_empty(&a->body->common, flush);
    shelf_unmake(&a->body->common);
    weir__lock_drop(&a->body->common.cache.lock);
    weir__cache_unmake(&a->body->common.cache);
}

void weir__heaps_orphaned(weir_allocator *a)
{
    for (struct weir__heap *heap = weir__heap_of(a->body->heaps.first), *next; heap; heap = next) {
        next = weir__heap_of(heap->link.next);
        if (heap->window.thread != weir__thread_self())
            heap_unmake(heap, true);
    }
}

/* -- in sight of another process ------------------------------------------------------- */

void weir__heaps_show(const struct weir__heap_places *new_places, struct weir__shown *shown)
{
    weir__context_lock();
    places = new_places;
    struct weir__heap *own = weir__heap_cached(&weir__cpu);
    if (own != &weir__no_heap) {
        heap_hide(own);
        heap_unmake(own, true);
    }
    weir__shown_begin(&weir__cpu.body->meter, shown);
    weir__context_unlock();
}

static void placed_each(weir__heap_placer *place)
{
    for (struct weir__link *at = weir__cpu.body->heaps.first; at; at = at->next) {
        struct weir__heap *heap = weir__heap_of(at);
        if (heap->placed)
            place(heap, sizeof *heap, heap->window.thread == weir__thread_self(),
                  &heap->window.number);
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
    if (!weir__cache_used(&heap->cache) && !weir__shelf_bytes(weir__relaxed_get(heap->shelf)))
        return 0;
    weir__lock_take(&heap->cache.lock);
    weir__window_close(&heap->window);
    size_t bytes = heap_empty(heap, true);
    weir__window_release(&heap->window);
    weir__lock_drop(&heap->cache.lock);
    return bytes;
}

/* The common heap, then each thread's: the one after `heap` (NULL: the first). */
static struct weir__heap *heap_after(const weir_allocator *a, const struct weir__heap *heap)
{
    weir__assert(a->body);
    if (!heap)
        return &a->body->common;
    return weir__heap_of(heap == &a->body->common ? a->body->heaps.first : heap->link.next);
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
    if (!weir__shelf_bytes(weir__relaxed_get(heap->shelf)))
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
}

size_t weir__heaps_shelved(const weir_allocator *a)
{
    size_t bytes = 0;
    for (const struct weir__heap *heap = NULL; (heap = heap_after(a, heap));)
        bytes += weir__shelf_bytes(weir__relaxed_get(heap->shelf));
    return bytes;
}

void weir__heaps_scavenge(void)
{
    weir__context_lock();
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        for (struct weir__heap *heap = NULL; (heap = heap_after(a, heap));)
            if (weir__window_is_idle(&heap->window, &heap->seen))
                heap_flush(heap);
    weir__context_unlock();
}

void weir__heap_slow_done(struct weir__heap *heap)
{
    static uint64_t looked_at; /* coarse clock; any thread */
    weir__slow_hook_call(heap);
    weir__late_misuses_look();
    unsigned slow = weir__relaxed_get(heap->slow) + 1; /* about, if common */
    weir__relaxed_set(heap->slow, slow);
    if (weir__likely(slow % LOOK_SLOW_OPS))
        return;
    uint64_t now = weir__os_coarse_time(), last = weir__relaxed_get(looked_at);
    if (now - last >= IDLE_NS && __atomic_compare_exchange_n(&looked_at, &last, now, false,
                                                             __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        weir__heaps_scavenge();
}

bool weir__heaps_are_entered(void)
{
    for (unsigned i = 0; i < WEIR__HEAP_SLOTS - 1; i++)
        if (weir__here.heaps[i] != &weir__no_heap &&
            weir__window_is_inside(&weir__here.heaps[i]->window))
            return true;
    return false;
}
