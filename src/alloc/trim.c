/* alloc/trim.c - giving memory back on request; see weir/allocator.h and trim.h. */
#include "alloc/trim.h"

#include "alloc/context.h"
#include "alloc/misuse.h"

static int center_flush(struct weir__center *center, void *unused)
{
    (void)unused;
    if (!weir__center_is_empty(center))
        weir__center_flush(center);
    return 0;
}

static void caches_flush(weir_allocator *a)
{
    weir__assert(a->body->page_heap);
    weir__heaps_flush(a);
    weir__body_each_center(a->body, center_flush, NULL);
}

size_t weir__trim_locked(weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    size_t bytes = 0;
    for (weir_allocator *at = a; at; at = weir__context_after(at, a)) {
        struct weir__body *body = at->body;
        if (!body->page_heap) {
            bytes += body->functions.trim ? body->functions.trim(body->user) : 0;
            continue;
        }
        caches_flush(at);
        weir__heaps_leave(at);
        if (body->owns_page_heap && at != a)
            bytes += weir__page_heap_trim(body->page_heap, false);
    }
    if (a->body->page_heap)
        bytes += weir__page_heap_trim(a->body->page_heap, false);
    return bytes;
}

size_t weir_trim(weir_allocator *a)
{
    if (!weir__allocator_check(a, NULL))
        return 0;
    weir__context_lock();
    size_t bytes = weir__trim_locked(a);
    weir__context_unlock();
    weir__late_misuses_report();
    return bytes;
}

size_t weir__trim_host(void)
{
    size_t bytes = 0;
    weir__context_lock();
    for (weir_allocator *a = weir__context_after(NULL, NULL), *next; a; a = next) {
        next = weir__context_after(a, NULL);
        if (!weir__context_parent(a) && !a->body->functions.zero)
            bytes += weir__trim_locked(a);
    }
    weir__context_unlock();
    return bytes;
}

void weir__trim_all(void)
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
