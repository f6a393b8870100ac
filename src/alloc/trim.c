/* alloc/trim.c - giving memory back on request; see weir/allocator.h. */
#include "alloc/context.h"
#include "alloc/misuse.h"

static void centers_flush(const struct weir__body *body)
{
    struct weir__center *center;
    for (unsigned i = 0; (center = weir__body_center(body, i)); i++)
        if (!weir__center_is_empty(center))
            weir__center_flush(center);
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
        weir__heaps_flush(at);
        centers_flush(body);
        if (body->owns_page_heap && at != a)
            bytes += weir__page_heap_trim(body->page_heap);
    }
    if (a->body->page_heap)
        bytes += weir__page_heap_trim(a->body->page_heap);
    weir__context_unlock();
    weir__late_misuses_report();
    return bytes;
}
