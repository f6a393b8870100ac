/* alloc/body.c - see body.h. */
#include "alloc/body.h"

#include "alloc/context.h"
#include "alloc/cpu.h"
#include "alloc/pool.h"
#include "alloc/source.h"
#include "backing/meta.h"

_Static_assert(offsetof(struct weir__body, meter) == 0, "the meter's address is the body's");

void weir__body_shard_add(struct weir__body *body, struct weir__shard *shard)
{
    weir__assert(weir__context_is_mine());
    weir__assert(body->nshards < WEIR__SHARDS && body->page_heap);
    for (unsigned i = 0; i < WEIR__CLASSES; i++) {
        weir__center_init(&shard->centers[i], i, body->page_heap, body->handle);
        weir__family_join(&body->family, &shard->centers[i], weir__body_center(body, i),
                          body->nshards);
    }
    body->shards[body->nshards] = shard;
    __atomic_store_n(&body->nshards, body->nshards + 1, __ATOMIC_RELEASE);
}

struct weir__shard *weir__body_shard_choose(struct weir__body *body)
{
    weir__assert(weir__context_is_mine());
    struct weir__shard *least = body->shards[0];
    for (unsigned i = 1; i < body->nshards; i++)
        if (body->shards[i]->nheaps < least->nheaps)
            least = body->shards[i];
    if (!least || !least->nheaps || body->nshards == WEIR__SHARDS)
        return least;
    struct weir__shard *made = weir__meta_allocate(sizeof *made);
    if (!made)
        return least;
    weir__body_shard_add(body, made);
    return made;
}

/* `destroy` and `stats` are called for the parent alone. */
static void source_inherit(struct weir__body *body, const struct weir__body *parent)
{
    weir__assert(!parent->page_heap);
    body->functions = parent->functions;
    body->functions.destroy = NULL;
    body->functions.stats = NULL;
    body->user = parent->user;
    body->backing = parent->backing;
}

static void source_pool(struct weir__body *body, struct weir__page_heap *page_heap)
{
    body->page_heap = page_heap;
    body->backing = page_heap->backing->name;
}

void weir__body_source(struct weir__body *body, const weir_allocator_options *options,
                       const struct weir__body *parent, struct weir__page_heap *page_heap)
{
    const weir_allocator_functions *functions = options->functions;
    weir__registry_init(&body->registry);
    body->user = options->user;
    body->backing = options->backing ? options->backing : "user";
    body->owns_page_heap = page_heap != NULL;
    if (!page_heap && options->pool)
        page_heap = weir__pool_page_heap(options->pool);
    if (options->source == WEIR_SOURCE_POOL &&
        weir__source_replaces_pool(body, parent, page_heap)) {
        body->owns_page_heap = false;
        return;
    }
    if (!page_heap && options->source == WEIR_SOURCE_POOL)
        page_heap = parent ? parent->page_heap : weir__cpu.body->page_heap;
    if (page_heap)
        source_pool(body, page_heap);
    else if (options->source == WEIR_SOURCE_POOL)
        source_inherit(body, parent ? parent : weir__cpu.body);
    else if (options->source == WEIR_SOURCE_FUNCTIONS)
        body->functions = *functions;
    else
        body->functions = *weir__source_functions(options->source, &body->backing);
}

void weir__body_begin(struct weir__body *body, weir_allocator *handle, struct weir__body *parent,
                      struct weir__shard *shard, size_t limit)
{
    weir__assert(weir__context_is_mine());
    weir__assert(handle->state != WEIR__STATE_READY);
    body->handle = handle;
    handle->body = body;
    weir__family_init(&body->family);
    weir__meter_init(&body->meter, parent ? &parent->meter : NULL, limit);
    if (shard)
        weir__body_shard_add(body, shard);
    weir__heap_common_init(handle);
    weir__relaxed_set(handle->heap_at, weir__heap_slot_take());
    __atomic_store_n(&handle->state, WEIR__STATE_READY, __ATOMIC_RELEASE);
}

void weir__body_free(struct weir__body *body)
{
    weir__assert(body->nshards <= WEIR__SHARDS);
    for (unsigned i = 0; i < body->nshards; i++)
        weir__meta_free(body->shards[i], sizeof *body->shards[i]);
    weir__meta_free(body, sizeof *body);
}
