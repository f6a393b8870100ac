/* alloc/body.c - see body.h. */
#include "alloc/body.h"

#include "alloc/context.h"
#include "alloc/cpu.h"
#include "alloc/source.h"
#include "backing/meta.h"

_Static_assert(offsetof(struct weir__body, meter) == 0, "the meter's address is the body's");

int weir__body_each_center(struct weir__body *body, weir__center_visitor *visit, void *user)
{
    int stop = 0;
    for (struct weir__shard *shard = weir__body_shard(body); shard; shard = weir__shard_next(shard))
        for (struct weir__center *center = NULL;
             !stop && (center = weir__shard_after(shard, center));)
            stop = visit(center, user);
    return stop;
}

static struct weir__shard *shard_add(struct weir__body *body, unsigned number)
{
    weir__assert(weir__context_is_mine());
    struct weir__shard *made = weir__meta_allocate(sizeof *made);
    if (!made)
        return NULL;
    weir__shard_init_next(made, &body->shard, number);
    made->next = body->shard.next;
    __atomic_store_n(&body->shard.next, made, __ATOMIC_RELEASE);
    return made;
}

struct weir__shard *weir__body_shard_choose(struct weir__body *body)
{
    weir__assert(weir__context_is_mine());
    unsigned count = 0;
    struct weir__shard *least = weir__body_shard(body), *made = NULL;
    for (struct weir__shard *shard = least; shard; shard = weir__shard_next(shard), count++)
        if (shard->nheaps < least->nheaps)
            least = shard;
    if (least && least->nheaps && count < WEIR__SHARDS)
        made = shard_add(body, count);
    return made ? made : least;
}

struct weir__callback *weir__body_callback_make(struct weir__body *body,
                                                enum weir__callback_kind kind)
{
    weir__assert(weir__context_is_mine());
    if (!body->callbacks) {
        struct weir__callback *made = weir__meta_allocate(WEIR__CALLBACKS * sizeof *made);
        __atomic_store_n(&body->callbacks, made, __ATOMIC_RELEASE);
    }
    return weir__body_callback(body, kind);
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
    body->filled = parent->filled;
}

static void source_own(struct weir__body *body, weir_source source)
{
    body->functions = *weir__source_functions(source, &body->backing);
    body->user = NULL;
    body->filled = true;
}

static void source_pool(struct weir__body *body, struct weir__page_heap *page_heap,
                        weir_hardened hardened)
{
    body->page_heap = page_heap;
    body->backing = page_heap->backing->name;
    if (weir__unlikely(page_heap->hardened)) {
        body->hardened = true;
        body->moves = hardened == WEIR_HARDENED_MOVES;
    }
}

/* Whose pool it is to be on; NULL: on none. */
static struct weir__body *pool_choose(struct weir__body *body,
                                      const weir_allocator_options *options,
                                      const struct weir__body *parent, bool own)
{
    if (own || options->source == WEIR_SOURCE_OWN_POOL)
        return body;
    if (options->source != WEIR_SOURCE_POOL)
        return NULL;
    if (options->pool)
        return weir__body_pool(options->pool->body);
    return weir__body_pool(parent ? parent : weir__cpu.body);
}

struct weir__body *weir__body_pool(const struct weir__body *body)
{
    if (body->page_heap)
        return body->page_heap->owner;
    return weir__source_is_pool(body) ? body->user : NULL;
}

void weir__body_source(struct weir__body *body, const weir_allocator_options *options,
                       const struct weir__body *parent, struct weir__page_heap *page_heap)
{
    weir__registry_init(&body->registry);
    body->user = options->user;
    body->backing = options->backing ? options->backing : "user";
    body->owns_page_heap = page_heap != NULL;
    struct weir__body *pool = pool_choose(body, options, parent, page_heap != NULL);
    body->borrows = options->pool != NULL;
    if (body->borrows)
        pool->borrowers++;
    if (page_heap)
        page_heap->owner = body;
    if (pool && !page_heap)
        page_heap = pool->page_heap;
    if (page_heap)
        source_pool(body, page_heap, options->hardened);
    else if (pool)
        weir__source_replaces_pool(body, pool);
    else if (options->source == WEIR_SOURCE_FUNCTIONS)
        body->functions = *options->functions;
    else if (options->source == WEIR_SOURCE_POOL)
        source_inherit(body, parent);
    else
        source_own(body, options->source);
}

void weir__body_begin(struct weir__body *body, weir_allocator *handle, struct weir__body *parent,
                      size_t limit)
{
    weir__assert(weir__context_is_mine());
    weir__assert(handle->state != WEIR__STATE_READY);
    body->handle = handle;
    handle->body = body;
    weir__family_init(&body->family);
    weir__meter_init(&body->meter, parent ? &parent->meter : NULL, limit);
    if (body->page_heap)
        weir__shard_init(&body->shard, body->page_heap, &body->family, handle);
    __atomic_store_n(&handle->state, WEIR__STATE_READY, __ATOMIC_RELEASE);
}

static int center_count(struct weir__center *center, void *bytes)
{
    *(size_t *)bytes += sizeof *center;
    return 0;
}

size_t weir__body_bytes(const struct weir__body *body)
{
    size_t bytes = sizeof *body;
    for (const struct weir__shard *more = weir__shard_next(&body->shard); more;
         more = weir__shard_next(more))
        bytes += sizeof *more;
    weir__body_each_center((struct weir__body *)(uintptr_t)body, center_count, &bytes);
    return bytes;
}

void weir__body_free(struct weir__body *body)
{
    for (struct weir__shard *more = body->shard.next, *next; more; more = next) {
        next = more->next;
        weir__meta_free(more, sizeof *more);
    }
    weir__meta_free(body->callbacks, WEIR__CALLBACKS * sizeof *body->callbacks);
    weir__meta_free(body, sizeof *body);
}
