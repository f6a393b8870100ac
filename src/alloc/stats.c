/*
 * alloc/stats.c - figures of an allocator and its descendants. What the meter knows
 * is exact at one instant; what lies in caches and slabs is gathered a moment later.
 */
#include "alloc/context.h"
#include "alloc/cpu.h"
#include "backing/meta.h"
#include "base/error.h"
#include "base/sized.h"
#include "pool/fenced.h"
#include "track/reading.h"
#include "track/soft.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* The first release's struct; later ones are longer. */
#define STATS_FIRST WEIR__SIZE_WITH(weir_stats, bytes_allocated)

size_t weir_total_allocated(const weir_allocator *a)
{
    struct weir__meter_reading reading = {0};
    struct weir__body *body = weir__body_of(a);
    if (body)
        weir__meter_read(&body->meter, &reading);
    return reading.total;
}

size_t weir_allocation_count(const weir_allocator *a)
{
    struct weir__meter_reading reading = {0};
    struct weir__body *body = weir__body_of(a);
    if (body)
        weir__meter_read(&body->meter, &reading);
    return reading.count;
}

size_t weir_peak_allocated(const weir_allocator *a)
{
    struct weir__body *body = weir__body_of(a);
    return body ? weir__meter_peak(&body->meter) : 0;
}

void weir_reset_peak(weir_allocator *a)
{
    struct weir__body *body = weir__body_of(a);
    if (body)
        weir__meter_reset_peak(&body->meter);
}

/* -- memory ------------------------------------------------------------------------------ */

struct figures {
    size_t in_use, cached, reserved, metadata;
    size_t objects; /* metadata that is weir's own objects (backing/meta.h), not counted there */
};

/* A sum with a part that is not available is not available either. */
static void figure_add(size_t *sum, size_t part)
{
    if (*sum == WEIR_UNSUPPORTED || part == WEIR_UNSUPPORTED)
        *sum = WEIR_UNSUPPORTED;
    else
        *sum += part;
}

static void figures_add(struct figures *sum, const struct figures *part)
{
    figure_add(&sum->in_use, part->in_use);
    figure_add(&sum->cached, part->cached);
    figure_add(&sum->reserved, part->reserved);
    figure_add(&sum->metadata, part->metadata);
    sum->objects += part->objects;
}

/* What the centers of a class and the threads' caches have, of one allocator. */
struct classes {
    struct figures *sum;
    size_t out[WEIR__CLASSES], batched[WEIR__CLASSES];
};

static int center_add(struct weir__center *center, void *user)
{
    struct classes *c = user;
    struct weir__center_figures at;
    size_t size = weir__class_bytes[center->sizeclass];
    if (weir__center_is_empty(center))
        return 0;
    weir__center_figures(center, &at);
    c->out[center->sizeclass] += at.out;
    c->batched[center->sizeclass] += at.batched;
    c->sum->cached += at.returned * size;
    c->sum->reserved += at.slabs << WEIR__SLAB_SHIFT;
    c->sum->metadata += at.ledger;
    return 0;
}

/* `in_caches`: blocks of the class in thread caches. */
static void class_add(const struct classes *c, unsigned sizeclass, size_t in_caches)
{
    size_t size = weir__class_bytes[sizeclass], out = c->out[sizeclass];
    if (!out)
        return;
    size_t held = weir__min(in_caches + c->batched[sizeclass], out);
    c->sum->in_use += (out - held) * size;
    c->sum->cached += held * size;
}

static void page_heap_add(struct weir__page_heap *page_heap, struct figures *f)
{
    weir__lock_take(&page_heap->lock);
    f->cached += weir__page_heap_dirty_locked(page_heap) + weir__fenced_warm_locked(page_heap);
    f->reserved = page_heap->reserved + page_heap->guarded;
    f->metadata += page_heap->headers;
    weir__lock_drop(&page_heap->lock);
}

static void pooled_add(struct weir__body *body, struct figures *f)
{
    weir__assert(body->page_heap);
    struct figures own = {0};
    size_t cached[WEIR__CLASSES] = {0};
    struct classes classes = {.sum = &own};
    weir__heaps_cached(body->handle, cached);
    weir__lock_take(&body->family.lock); /* no slab moves: each is counted once */
    weir__body_each_center(body, center_add, &classes);
    weir__lock_drop(&body->family.lock);
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++)
        class_add(&classes, sizeclass, cached[sizeclass]);
    size_t shelved = weir__heaps_shelved(body->handle);
    weir__lock_take(&body->page_heap->lock);
    shelved = weir__min(shelved, body->span_bytes);
    own.in_use += body->span_bytes - shelved;
    own.cached += shelved;
    own.reserved += body->span_bytes;
    weir__lock_drop(&body->page_heap->lock);
    own.objects += weir__body_bytes(body) + weir__heaps_bytes(body->handle);
    if (body->owns_page_heap)
        page_heap_add(body->page_heap, &own);
    figures_add(f, &own);
}

static void provided_add(struct weir__body *body, struct figures *f)
{
    weir__assert(!body->page_heap);
    size_t entries;
    weir_stats said = {.size = sizeof said};
    said.in_use = said.reserved = weir__registry_bytes(&body->registry, &entries);
    if (body->functions.stats)
        body->functions.stats(body->user, &said);
    figures_add(f, &(struct figures){said.in_use, said.cached, said.reserved, said.metadata, 0});
    f->objects += weir__body_bytes(body) + weir__heaps_bytes(body->handle) + entries;
}

/* Has an allocator above, up to `top`, functions that report for the blocks of `a` too? */
static bool reported_above(const weir_allocator *a, const weir_allocator *top)
{
    const struct weir__body *own = a->body;
    while (a != top) {
        a = weir__context_parent(a);
        const weir_allocator_functions *above = &a->body->functions;
        if (above->stats && above->destroy && above->allocate == own->functions.allocate &&
            a->body->user == own->user)
            return true;
    }
    return false;
}

/* Does one above, up to `top`, own the page heap of `a`? */
static bool reserved_above(const weir_allocator *a, const weir_allocator *top)
{
    const struct weir__page_heap *heap = a->body->page_heap;
    while (a != top) {
        a = weir__context_parent(a);
        if (a->body->owns_page_heap && a->body->page_heap == heap)
            return true;
    }
    return false;
}

/* A page heap's owner counts what descendants on the same page heap have reserved already. */
static void figures_gather(weir_allocator *top, struct figures *f)
{
    weir__context_lock();
    for (weir_allocator *a = top; a; a = weir__context_after(a, top)) {
        struct figures own = {0};
        struct weir__body *body = a->body;
        if (body->page_heap)
            pooled_add(body, &own);
        else
            provided_add(body, &own);
        if (!body->page_heap && reported_above(a, top))
            own.in_use = own.reserved = 0;
        if (body->page_heap && !body->owns_page_heap && reserved_above(a, top))
            own.reserved = 0;
        figures_add(f, &own);
    }
    weir__context_unlock();
    figure_add(&f->metadata, top == &weir__cpu ? weir__meta_in_use() : f->objects);
}

int weir_stats_get(const weir_allocator *a, weir_stats *stats)
{
    struct weir__meter_reading reading;
    struct figures f = {0};
    if (!stats)
        return weir__fail(EINVAL, "no room for statistics: NULL was given");
    if (!weir__size_fits(stats->size, STATS_FIRST))
        return weir__fail(EINVAL, "weir_stats.size is %zu: no such struct", stats->size);
    struct weir__body *body = weir__body_of(a);
    if (!body)
        return EINVAL;
    figures_gather((weir_allocator *)(uintptr_t)a, &f);
    weir__meter_read(&body->meter, &reading);
    if (f.in_use < reading.total) /* gathered while others allocated */
        f.in_use = reading.total;
    weir_stats made = {.total_allocated = reading.total,
                       .peak_allocated = reading.peak,
                       .allocation_count = reading.count,
                       .allocations = reading.allocations,
                       .deallocations = reading.frees,
                       .failures = reading.failures,
                       .in_use = f.in_use,
                       .cached = f.cached,
                       .reserved = f.reserved,
                       .limit = weir__meter_limit(&body->meter),
                       .slow_operations = reading.slow_operations,
                       .metadata = f.metadata,
                       .backing = body->backing,
                       .refusals_asked = weir__relaxed_get(body->meter.refusals_asked),
                       .refusals_averted = weir__relaxed_get(body->meter.refusals_averted),
                       .soft_limit = weir__soft_limit(&body->meter),
                       .soft_limit_crossings = reading.crossings,
                       .bytes_allocated = reading.bytes};
    weir__figures_give(stats, STATS_FIRST, &made, sizeof made);
    return 0;
}
