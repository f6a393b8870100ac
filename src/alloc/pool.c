/* alloc/pool.c - weir_pool: a page heap of its own and the allocator over it. */
#include "alloc/pool.h"

#include "alloc/context.h"
#include "backing/backing.h"
#include "backing/meta.h"
#include "base/error.h"
#include "base/handle.h"
#include "os/wait.h"

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

/* Lives it on the pool, itself or through an ancestor? */
static bool lives_on(const weir_allocator *a, const weir_pool *pool)
{
    for (; a; a = weir__context_parent(a))
        if (a->body->page_heap == &pool->page_heap || a->body->user == &pool->page_heap)
            return true;
    return false;
}

/* Children before their parents. */
static void contexts_unmake(const weir_pool *pool)
{
    weir__assert(weir__context_is_mine());
    for (weir_allocator *a = weir__context_after(NULL, NULL), *next; a; a = next) {
        next = weir__context_after(a, NULL);
        while (a && !weir__context_child(a) && lives_on(a, pool)) {
            weir_allocator *parent = weir__context_parent(a);
            weir__context_unmake(a);
            a = parent;
        }
    }
}

/* Do calls of their callbacks go on in other threads? */
static bool contexts_are_called(const weir_pool *pool)
{
    weir__assert(weir__context_is_mine());
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        if (weir__context_is_called(a) && lives_on(a, pool))
            return true;
    return false;
}

int weir_pool_destroy(weir_pool *pool)
{
    if (!pool)
        return weir__fail(EINVAL, "no pool: NULL was given");
    if (!weir__handle_end(&pool->handle, WEIR__HANDLE_POOL))
        return weir__fail(EINVAL, "no live pool");
    bool visiting = weir__context_is_mine();
    weir__context_lock();
    for (unsigned attempt = 0; !visiting && contexts_are_called(pool); attempt++) {
        weir__context_unlock();
        weir__os_backoff(attempt);
        weir__context_lock();
    }
    contexts_unmake(pool);
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
