/* alloc/trim.c - giving memory back: on request, and what idle threads hold. */
#include "alloc/block.h"
#include "alloc/observe.h"
#include "pool/double_free.h"

#include "os/clock.h"

/* Threads that did nothing for this long have their caches emptied; looked at only
 * every so many slow operations of a heap. */
#define IDLE_NS       1000000000u
#define LOOK_SLOW_OPS 64

/* Blocks may travel from center to center, each time fewer; other threads may add to
 * them, so there is an end to it. */
static void centers_flush(const struct weir__body *body)
{
    size_t moved = 1;
    for (unsigned pass = 0; moved && pass < WEIR__SHARDS + 1; pass++) {
        struct weir__center *center;
        moved = 0;
        for (unsigned i = 0; (center = weir__body_center(body, i)); i++)
            if (!weir__center_is_empty(center))
                moved += weir__center_flush(center);
    }
}

static void caches_flush(weir_allocator *a)
{
    weir__heaps_flush(a);
    centers_flush(a->body);
}

size_t weir_trim(weir_allocator *a)
{
    if (!weir__allocator_check(a, NULL))
        return 0;
    size_t bytes = 0;
    weir__context_lock();
    for (weir_allocator *at = a; at; at = weir__context_after(at, a)) {
        struct weir__body *body = at->body;
        if (!body->page_heap) {
            bytes += body->functions.trim ? body->functions.trim(body->user) : 0;
            continue;
        }
        caches_flush(at);
        if (body->owns_page_heap && at != a)
            bytes += weir__page_heap_trim(body->page_heap, false);
    }
    if (a->body->page_heap)
        bytes += weir__page_heap_trim(a->body->page_heap, false);
    weir__context_unlock();
    weir__double_frees_report();
    return bytes;
}

void weir__reclaim(void)
{
    weir__context_lock();
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        if (a->body->page_heap)
            caches_flush(a);
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        if (a->body->owns_page_heap)
            weir__page_heap_trim(a->body->page_heap, true);
    weir__context_unlock();
}

void (*weir__slow_watcher)(const struct weir__window *own);
bool weir__window_notes_blocks;

void weir__slow_watch(void (*watch)(const struct weir__window *own))
{
    __atomic_store_n(&weir__window_notes_blocks, watch != NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&weir__slow_watcher, watch, __ATOMIC_RELEASE);
}

void weir__scavenge_now_and_then(struct weir__heap *heap)
{
    static uint64_t looked_at; /* coarse clock; any thread */
    weir__watch_call(heap);
    if (weir__unlikely(__atomic_load_n(&weir__double_frees_noted, __ATOMIC_RELAXED)))
        weir__double_frees_report();
    unsigned slow = __atomic_load_n(&heap->slow, __ATOMIC_RELAXED) + 1; /* about, if common */
    __atomic_store_n(&heap->slow, slow, __ATOMIC_RELAXED);
    if (weir__likely(slow % LOOK_SLOW_OPS))
        return;
    uint64_t now = weir__os_coarse_time(), last = __atomic_load_n(&looked_at, __ATOMIC_RELAXED);
    if (now - last >= IDLE_NS && __atomic_compare_exchange_n(&looked_at, &last, now, false,
                                                             __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        weir__heaps_scavenge();
}
