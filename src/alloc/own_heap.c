/* alloc/own_heap.c - see own_heap.h. */
#include "alloc/own_heap.h"

#include "alloc/hardened.h"
#include "backing/backing.h"
#include "backing/meta.h"
#include "base/error.h"

#include <errno.h>

static struct weir__os_placement placement_of(const weir_allocator_options *options)
{
    return (struct weir__os_placement){options->huge_pages, options->numa_node};
}

int weir__own_heap_check(const weir_allocator_options *options)
{
    if (options->huge_pages < WEIR_HUGE_PAGES_DEFAULT ||
        options->huge_pages > WEIR_HUGE_PAGES_NEVER)
        return weir__fail(EINVAL, "allocator options: huge pages cannot be %d",
                          (int)options->huge_pages);
    if ((options->source != WEIR_SOURCE_POOL && options->source != WEIR_SOURCE_OWN_POOL) ||
        options->pool)
        return weir__fail(EINVAL, "allocator options: huge pages and nodes are for pools of their "
                                  "own: WEIR_SOURCE_OWN_POOL, or WEIR_SOURCE_POOL without one");
    return 0;
}

/* Says what the system does not give. */
static int placement_check(const struct weir__os_placement *placement)
{
    int error = weir__os_placement_check(placement);
    if (error == EINVAL)
        return weir__fail(EINVAL,
                          "allocator options: there is no node %u that this process may use",
                          placement->numa_node - 1);
    if (error == ENOTSUP)
        return weir__fail(ENOTSUP, "allocator options: this system gives no choice of %s",
                          placement->numa_node ? "nodes or of huge pages" : "huge pages");
    return error ? weir__fail(error, "allocator options: the system has no huge page now") : 0;
}

int weir__own_heap_make(const weir_allocator_options *options, const weir_allocator *parent,
                        struct weir__page_heap **made)
{
    struct weir__os_placement placement = placement_of(options);
    bool hint = !placement.numa_node && placement.huge_pages != WEIR_HUGE_PAGES_REQUIRED;
    *made = NULL;
    if (options->source == WEIR_SOURCE_POOL && parent && !parent->body->page_heap &&
        !weir__backing_is_malloc())
        return weir__fail(EINVAL, "allocator options: the memory of \"%s\" is not a pool's",
                          parent->name);
    int error = placement_check(&placement);
    if (error)
        return error;
    if (weir__backing_is_malloc())
        return hint ? 0
                    : weir__fail(ENOTSUP, "allocator options: malloc, which serves this process, "
                                          "gives no choice of pages");
    struct weir__page_heap *heap = weir__meta_allocate(sizeof *heap);
    if (!heap)
        return weir__fail(ENOMEM, "no memory for a pool");
    weir__page_heap_init(heap, weir__backing_get(), weir__policy_get());
    heap->placement = placement;
    if (options->hardened && options->hardened != WEIR_HARDENED_OFF)
        weir__hardened_page_heap(heap);
    *made = heap;
    return 0;
}

void weir__own_heap_destroy(struct weir__page_heap *heap)
{
    if (!heap)
        return;
    weir__page_heap_destroy(heap);
    weir__meta_free(heap, sizeof *heap);
}
