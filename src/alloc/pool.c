/* alloc/pool.c - weir_pool: a page heap of its own and the allocator over it. */
#include "alloc/pool.h"

#include "alloc/context.h"
#include "backing/backing.h"
#include "backing/meta.h"
#include "base/error.h"
#include "base/handle.h"

#include <errno.h>

struct weir_pool {
    struct weir__handle handle; /* first */
    weir_allocator *allocator;  /* never changes */
    struct weir__page_heap page_heap;
};

_Static_assert(sizeof(struct weir_pool) <= WEIR__META_KEPT, "a dead one is known by its mark");

bool weir__pool_is_live(const weir_pool *pool)
{
    return weir__handle_is_live(&pool->handle, WEIR__HANDLE_POOL);
}

struct weir__page_heap *weir__pool_page_heap(weir_pool *pool)
{
    return &pool->page_heap;
}

weir_pool *weir_pool_create(const weir_pool_options *options)
{
    static const weir_pool_options defaults;
    const weir_pool_options *o = options ? options : &defaults;
    weir_pool *pool = weir__meta_allocate(sizeof *pool);
    if (!pool)
        return weir__fail_null(ENOMEM, "no memory for a pool");
    weir__page_heap_init(&pool->page_heap, weir__backing_get(), weir__policy_get());
    weir_allocator_options made = {.name = o->name, .parent = o->parent, .limit = o->limit};
    pool->allocator = weir__context_make(&made, &pool->page_heap, "pool");
    if (!pool->allocator) {
        weir__meta_free(pool, sizeof *pool);
        return NULL;
    }
    weir__handle_begin(&pool->handle, WEIR__HANDLE_POOL);
    return pool;
}

/* One without children that lives on the pool, itself or through an ancestor; NULL:
 * none is left. */
static weir_allocator *pool_leaf(weir_pool *pool)
{
    weir_allocator *leaf = NULL;
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        for (weir_allocator *up = a; up && !weir__context_child(a); up = weir__context_parent(up))
            if (up->body->page_heap == &pool->page_heap || up->body->user == &pool->page_heap)
                leaf = a;
    return leaf;
}

int weir_pool_destroy(weir_pool *pool)
{
    if (!pool)
        return weir__fail(EINVAL, "no pool: NULL was given");
    if (!weir__handle_end(&pool->handle, WEIR__HANDLE_POOL))
        return weir__fail(EINVAL, "no live pool");
    weir_allocator *leaf;
    weir__context_lock();
    while ((leaf = pool_leaf(pool)))
        weir__context_unmake(leaf);
    weir__page_heap_destroy(&pool->page_heap);
    weir__context_unlock();
    weir__meta_free(pool, sizeof *pool);
    return 0;
}

weir_allocator *weir_pool_allocator(weir_pool *pool)
{
    return pool ? pool->allocator : NULL;
}

int weir_pool_stats(const weir_pool *pool, weir_stats *stats)
{
    return pool ? weir_stats_get(pool->allocator, stats)
                : weir__fail(EINVAL, "no pool: NULL was given");
}

size_t weir_pool_trim(weir_pool *pool)
{
    return pool ? weir_trim(pool->allocator) : 0;
}
