/*
 * alloc/heap.c - a thread's part of each allocator: made at its first slow operation,
 * taken back when the thread ends, emptied when it idles. Owns weir__here and the
 * lists of heaps (context lock).
 */
#include "alloc/context.h"
#include "alloc/observe.h"
#include "backing/meta.h"

#include <errno.h>

struct weir__heap weir__no_heap = {.window.cap = WEIR__WINDOW_CLOSED,
                                   .cache.bins = {[0 ... WEIR__CLASSES - 1] = WEIR__BIN_UNUSED}};

WEIR__TLS struct weir__local weir__here = {
    .heaps = {[0 ... WEIR__HEAP_SLOTS - 1] = &weir__no_heap},
    .word = WEIR__WORD_LIVE,
    .lock = WEIR__LOCK(THREAD),
};

/* A thread's destructors, and the C library after them, may use weir when its heaps are
 * gone; whether the system would call us again nobody can know, and a heap that stays
 * would point into a dead thread. So the common heaps serve then. */
static WEIR__TLS bool thread_ended, thread_watched;

static uint32_t slots_taken; /* bits; context lock */

/* Where the CPU allocator's new heaps lie; NULL: with weir's other objects. Set before there
 * are threads. */
static const struct weir__heap_places *places;

/* The same in every thread: thread-local data lies at fixed distances. gcc -O1 --coverage
 * subtracts the distance from where the linker puts it, in an instruction that no linker
 * takes in a program; so it is loaded first. */
static ptrdiff_t slot_distance(unsigned slot)
{
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
    for (unsigned i = 0; i < WEIR__HEAP_SLOTS - 1; i++)
        if (!(slots_taken >> i & 1)) {
            slots_taken |= 1u << i;
            return slot_distance(i);
        }
    return weir__heap_slot_none();
}

void weir__heap_slot_give(ptrdiff_t heap_at)
{
    if (heap_at != weir__heap_slot_none())
        slots_taken &= ~(1u << (heap_at - slot_distance(0)) / (ptrdiff_t)sizeof(void *));
}

/* -- making and unmaking -------------------------------------------------------------- */

void weir__shard_add(weir_allocator *a, struct weir__shard *shard)
{
    struct weir__body *body = a->body;
    for (unsigned class = 0; class < WEIR__CLASSES; class ++)
        weir__center_init(&shard->centers[class], class, body->store, a);
    body->shards[body->nshards] = shard;
    __atomic_store_n(&body->nshards, body->nshards + 1, __ATOMIC_RELEASE);
}

/* A shard that no thread uses if there may be one, else the least used. */
static struct weir__shard *shard_choose(weir_allocator *a)
{
    struct weir__body *body = a->body;
    struct weir__shard *least = body->shards[0];
    for (unsigned i = 1; i < body->nshards; i++)
        if (body->shards[i]->nheaps < least->nheaps)
            least = body->shards[i];
    if (!least || !least->nheaps || body->nshards == WEIR__SHARDS)
        return least;
    struct weir__shard *made = weir__meta_allocate(sizeof *made);
    if (!made)
        return least;
    weir__shard_add(a, made);
    return made;
}

static void heap_init(struct weir__heap *heap, weir_allocator *a, const void *thread)
{
    heap->owner = a;
    weir__cache_init(&heap->cache);
    heap->shard = shard_choose(a);
    if (heap->shard) {
        heap->shard->nheaps += heap->slot != NULL;
        heap->cache.centers = heap->shard->centers;
    }
    weir__window_attach(&heap->window, &a->body->meter, thread);
}

void weir__heap_common_init(weir_allocator *a)
{
    heap_init(&a->body->common, a, NULL);
}

static void heap_link(struct weir__heap *heap)
{
    struct weir__body *body = heap->owner->body;
    heap->next = body->heaps;
    if (heap->next)
        heap->next->prev = heap;
    body->heaps = heap;
}

static void heap_unlink(struct weir__heap *heap)
{
    if (heap->next)
        heap->next->prev = heap->prev;
    if (heap->prev)
        heap->prev->next = heap->next;
    else
        heap->owner->body->heaps = heap->next;
}

/* Its thread shall not find it any more, not even to mark it with a tag. */
static void heap_hide(struct weir__heap *heap)
{
    weir__lock_take(&heap->local->lock);
    __atomic_store_n(heap->slot, &weir__no_heap, __ATOMIC_RELAXED);
    weir__lock_drop(&heap->local->lock);
}

static void heap_free(struct weir__heap *heap)
{
    if (heap->placed)
        places->give(heap, sizeof *heap);
    else
        weir__meta_free(heap, sizeof *heap);
}

/* Its window goes; its free blocks to the centres if `flush`. The thread does not find
 * it, or is not there. */
static void heap_unmake(struct weir__heap *heap, bool flush)
{
    weir__lock_take(&heap->cache.lock);
    weir__window_detach(&heap->window);
    weir__cache_empty(&heap->cache, flush);
    weir__lock_drop(&heap->cache.lock);
    heap_unlink(heap);
    if (heap->shard)
        heap->shard->nheaps--;
    heap_free(heap);
}

static void thread_exit(void)
{
    int saved = errno;
    thread_ended = true;
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

/* The place is filled before the system is asked to watch the thread: what it
 * allocates for that comes back here and finds it. */
static struct weir__heap *heap_make(weir_allocator *a, struct weir__heap **slot)
{
    struct weir__heap *heap = heap_allocate(a);
    if (!heap)
        return NULL;
    heap->slot = slot;
    heap->local = &weir__here;
    heap->word = weir__here.word;
    weir__context_lock();
    heap_init(heap, a, weir__thread_self());
    heap_link(heap);
    *slot = heap;
    weir__context_unlock();
    if (!thread_watched) {
        thread_watched = true;
        weir__thread_at_exit(thread_exit);
    }
    return heap;
}

struct weir__heap *weir__heap_find(weir_allocator *a)
{
    struct weir__heap *heap = NULL;
    int saved = errno;
    if (a->heap_at != weir__heap_slot_none() && !thread_ended)
        heap =
            heap_make(a, (struct weir__heap **)((char *)__builtin_thread_pointer() + a->heap_at));
    errno = saved;
    return heap ? heap : &a->body->common;
}

void weir__heaps_release(weir_allocator *a, bool flush)
{
    while (a->body->heaps) {
        heap_hide(a->body->heaps);
        heap_unmake(a->body->heaps, flush);
    }
    weir__lock_take(&a->body->common.cache.lock);
    weir__window_detach(&a->body->common.window);
    weir__cache_empty(&a->body->common.cache, flush);
    weir__lock_drop(&a->body->common.cache.lock);
}

void weir__heaps_orphaned(weir_allocator *a)
{
    for (struct weir__heap *heap = a->body->heaps, *next; heap; heap = next) {
        next = heap->next;
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
    weir__meter_show(&weir__cpu.body->meter, shown);
    weir__context_unlock();
}

void weir__heaps_place_again(void (*place)(void *heap, size_t size, bool own, uint32_t *number),
                             struct weir__shown *shown)
{
    struct weir__body *body = weir__cpu.body;
    for (struct weir__heap *heap = body->heaps; heap; heap = heap->next)
        if (heap->placed)
            place(heap, sizeof *heap, heap->window.thread == weir__thread_self(),
                  &heap->window.number);
    weir__meter_fork_tallies(&body->meter, shown);
}

void weir__heaps_place_apart(void (*place)(void *heap, size_t size, bool own, uint32_t *number))
{
    struct weir__body *body = weir__cpu.body;
    for (struct weir__heap *heap = body->heaps; heap; heap = heap->next)
        if (heap->placed)
            place(heap, sizeof *heap, heap->window.thread == weir__thread_self(),
                  &heap->window.number);
    body->meter.shown = NULL;
}

/* -- emptying ------------------------------------------------------------------------- */

static size_t heap_flush(struct weir__heap *heap)
{
    if (!weir__cache_used(&heap->cache))
        return 0;
    weir__lock_take(&heap->cache.lock);
    weir__window_close(&heap->window);
    size_t bytes = weir__cache_empty(&heap->cache, true);
    weir__window_release(&heap->window);
    weir__lock_drop(&heap->cache.lock);
    return bytes;
}

size_t weir__heaps_flush(weir_allocator *a)
{
    size_t bytes = heap_flush(&a->body->common);
    for (struct weir__heap *heap = a->body->heaps; heap; heap = heap->next)
        bytes += heap_flush(heap);
    return bytes;
}

__attribute__((unused)) static uint64_t heap_operations(const struct weir__heap *heap)
{
    return weir__window_allocations(&heap->window) + weir__window_frees(&heap->window);
}

/* Without accounting nobody is known to be idle, and no window keeps the owner out. */
static void heap_scavenge(struct weir__heap *heap)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)heap;
#else
    uint64_t now = heap_operations(heap);
    if (now == heap->seen)
        heap_flush(heap);
    heap->seen = now;
#endif
}

void weir__heaps_scavenge(void)
{
    weir__context_lock();
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL)) {
        if (!a->body->store)
            continue;
        heap_scavenge(&a->body->common);
        for (struct weir__heap *heap = a->body->heaps; heap; heap = heap->next)
            heap_scavenge(heap);
    }
    weir__context_unlock();
}
