/* alloc/block.c - see block.h. */
#include "alloc/block.h"

#include "alloc/context.h"
#include "alloc/corruption.h"
#include "alloc/cpu.h"
#include "alloc/small.h"
#include "alloc/trace.h"
#include "backing/backing.h"
#include "base/error.h"
#include "os/memory_tool.h"
#include "pool/span.h"
#include "track/freed.h"

#include <errno.h>

static struct weir__found found_bad(weir_misuse fault)
{
    return (struct weir__found){.kind = WEIR__KIND_NONE, .fault = fault};
}

/* What is wrong with a pointer into a slab at which no live block starts. */
static weir_misuse slab_fault(const struct weir__slab *slab, const void *pointer)
{
    weir__assert(weir__slab_of(pointer) == slab);
    uint64_t at;
    const uint32_t *entries = weir__relaxed_get(slab->entries);
    if (!entries)
        return WEIR_MISUSE_FOREIGN_POINTER;
    if (weir__slab_index(slab, pointer, &at)) {
        uint32_t value = weir__entry_get_stale(&entries[at]);
        bool was_live = weir__entry_is_cached(value) || (value & WEIR__ENTRY_USED);
        return was_live ? WEIR_MISUSE_DOUBLE_FREE : WEIR_MISUSE_FOREIGN_POINTER;
    }
    size_t offset = (uintptr_t)pointer & (WEIR__SLAB - 1);
    size_t index = offset / weir__class_stride(weir__slab_class(slab));
    return weir__entry_is_live(weir__entry_get_stale(&entries[index]))
               ? WEIR_MISUSE_INTERIOR_POINTER
               : WEIR_MISUSE_FOREIGN_POINTER;
}

/* A chunk that goes back is cleared, its header with it, so that what a stale lookup read of it
 * may not fit together. */
static bool entry_is_readable(const struct weir__slab *slab, const uint32_t *entry)
{
    return ((uintptr_t)entry ^ (uintptr_t)slab) < WEIR__CHUNK;
}

/* The slab may change hands while a stale pointer is looked up: its header and entries stay
 * readable, so the answer is of before or after. */
static struct weir__found small_find(const weir_allocator *a, const void *pointer,
                                     struct weir__place place)
{
    weir__assert(place.slab);
    struct weir__slab *slab = place.slab;
    const void *owner = weir__slab_true_owner(slab);
    if (weir__header_is_corrupt(slab))
        return found_bad(WEIR_MISUSE_CORRUPTION);
    if (!owner) /* a free slab; its center stays noted from when it was used */
        return found_bad(weir__slab_center(slab) ? WEIR_MISUSE_DOUBLE_FREE
                                                 : WEIR_MISUSE_FOREIGN_POINTER);
    uint32_t value = 0;
    if (place.entry && entry_is_readable(slab, place.entry))
        value = weir__entry_get_stale(place.entry);
    if (!weir__entry_is_live(value))
        return found_bad(slab_fault(slab, pointer));
    if (owner != a)
        return found_bad(WEIR_MISUSE_OTHER_ALLOCATOR);
    if (weir__entry_is_corrupt(slab, value))
        return found_bad(WEIR_MISUSE_CORRUPTION);
    unsigned sizeclass = weir__slab_class(slab);
    bool hardened = weir__slab_is_hardened(slab);
    size_t usable = hardened ? weir__entry_size(value) : weir__class_bytes[sizeclass];
    size_t natural = weir__low_bit(weir__class_stride(sizeclass));
    bool aligned = value & WEIR__ENTRY_ALIGNED;
    return (struct weir__found){.kind = WEIR__KIND_SMALL,
                                .place = place,
                                .requested = weir__entry_size(value),
                                .usable = usable,
                                .alignment =
                                    aligned ? natural : weir__min(natural, WEIR_DEFAULT_ALIGNMENT),
                                .tag = weir__entry_tag(value),
                                .old = value & WEIR__ENTRY_OLD};
}

static weir_misuse span_fault(const struct weir__region *region, const void *pointer)
{
    size_t page =
        (size_t)((const char *)pointer - weir__relaxed_get(region->base)) >> WEIR__GRANULE_SHIFT;
    if (page >= weir__relaxed_get(region->touched))
        return WEIR_MISUSE_FOREIGN_POINTER;
    return weir__span_covers(region, page) ? WEIR_MISUSE_INTERIOR_POINTER : WEIR_MISUSE_DOUBLE_FREE;
}

static struct weir__found large_find(const weir_allocator *a, const void *pointer,
                                     struct weir__place place)
{
    uint64_t label;
    struct weir__span *span = weir__place_span(place, pointer, &label);
    if (!span)
        return found_bad(span_fault(weir__region_of_map(weir__place_what(place)), pointer));
    if (weir__span_owner(span) != a)
        return found_bad(WEIR_MISUSE_OTHER_ALLOCATOR);
    return (struct weir__found){.kind = WEIR__KIND_LARGE,
                                .place = place,
                                .span = span,
                                .requested = weir__label_size(label),
                                .usable = weir__span_usable_by(span, label),
                                .alignment = weir__label_alignment(label),
                                .tag = weir__relaxed_get(span->u.live.tag),
                                .old = label & WEIR__LABEL_OLD,
                                .sampled = label & WEIR__LABEL_SAMPLED,
                                .guarded = weir__span_is_exact(span)};
}

/* Is it within a live block of any allocator over functions? */
static bool covered(const void *pointer)
{
    bool found = false;
    weir__context_lock();
    for (weir_allocator *any = weir__context_after(NULL, NULL); any && !found;
         any = weir__context_after(any, NULL))
        if (any->body && !any->body->page_heap)
            found = weir__registry_covers(&any->body->registry, pointer);
    weir__context_unlock();
    return found;
}

/* Is it a live block of any other allocator over functions? */
static bool elsewhere(const weir_allocator *a, const void *pointer)
{
    bool found = false;
    struct weir__foreign entry;
    weir__context_lock();
    for (weir_allocator *other = weir__context_after(NULL, NULL); other && !found;
         other = weir__context_after(other, NULL))
        if (other != a && other->body && !other->body->page_heap)
            found = weir__registry_find(&other->body->registry, pointer, &entry);
    weir__context_unlock();
    return found;
}

/* It lies in a pool. */
static struct weir__found pooled_find(const weir_allocator *a, const void *pointer,
                                      struct weir__place place)
{
    weir__assert(weir__place_what(place) != WEIR__MAP_FOREIGN);
    return place.slab ? small_find(a, pointer, place) : large_find(a, pointer, place);
}

/* Not in the registry of `a`. A provider may carve its blocks out of others' (an arena does): what
 * `a` itself freed there comes first, then whose block starts there, then whose it is within. */
static weir_misuse provided_fault(const weir_allocator *a, const void *pointer,
                                  struct weir__place place)
{
    if (weir__freed_by(pointer, a))
        return WEIR_MISUSE_DOUBLE_FREE;
    bool other = elsewhere(a, pointer) ||
                 (weir__place_what(place) != WEIR__MAP_FOREIGN &&
                  pooled_find(a, pointer, place).fault == WEIR_MISUSE_OTHER_ALLOCATOR);
    if (other)
        return WEIR_MISUSE_OTHER_ALLOCATOR;
    if (covered(pointer))
        return WEIR_MISUSE_INTERIOR_POINTER;
    return weir__freed_has(pointer) ? WEIR_MISUSE_DOUBLE_FREE : WEIR_MISUSE_FOREIGN_POINTER;
}

static struct weir__found provided_find(const weir_allocator *a, const void *pointer,
                                        struct weir__place place)
{
    struct weir__foreign entry;
    if (a->body->page_heap || !weir__registry_find(&a->body->registry, pointer, &entry))
        return found_bad(provided_fault(a, pointer, place));
    return (struct weir__found){.kind = WEIR__KIND_PROVIDED,
                                .entry = entry,
                                .requested = entry.requested,
                                .usable = entry.requested,
                                .alignment = (size_t)1 << entry.align_shift,
                                .tag = entry.tag,
                                .old = entry.old,
                                .sampled = entry.sampled};
}

struct weir__found weir__block_at(const weir_allocator *a, const void *pointer,
                                  struct weir__place place)
{
    weir__assert(weir__allocator_is_ready(a));
    if (weir__place_what(place) == WEIR__MAP_FOREIGN || !a->body->page_heap)
        return provided_find(a, pointer, place);
    return pooled_find(a, pointer, place);
}

struct weir__found weir__block_find(const weir_allocator *a, const void *pointer)
{
    struct weir__place place = weir__place_of(pointer);
    return weir__block_at(a, pointer, place);
}

void weir__block_misuse(const weir_allocator *a, const void *pointer, weir_misuse fault)
{
    if (fault == WEIR_MISUSE_CORRUPTION)
        weir__corruption_report(pointer, a->name);
    else
        weir__misuse(fault, pointer, a->name);
}

bool weir__block_expect(const weir_allocator *a, const void *pointer, struct weir__found *found)
{
    if (!weir__allocator_check(a, pointer))
        return false;
    *found = weir__block_find(a, pointer);
    if (found->kind == WEIR__KIND_NONE && weir__backing_is_malloc())
        weir__os_memory_describe(pointer);
    if (found->kind == WEIR__KIND_NONE)
        weir__block_misuse(a, pointer, found->fault);
    return found->kind != WEIR__KIND_NONE;
}

size_t weir__usable_size_slow(const weir_allocator *a, const void *block)
{
    uint64_t label;
    const struct weir__span *span = weir__place_plain_span(weir__place_of(block), block, &label);
    struct weir__found found;
    if (weir__likely(span && weir__span_owner(span) == a))
        return weir__span_bytes(span) - weir__label_offset(label);
    return block && weir__block_expect(a, block, &found) ? found.usable : 0;
}

size_t weir_usable_size(const weir_allocator *a, const void *block)
{
    return weir__usable_size(a, block);
}

size_t weir_requested_size(const weir_allocator *a, const void *block)
{
    struct weir__found found;
    return block && weir__block_expect(a, block, &found) ? found.requested : 0;
}

weir_tag weir_block_tag(const weir_allocator *a, const void *block)
{
    struct weir__found found;
    return block && weir__block_expect(a, block, &found) ? found.tag : 0;
}

/* A destroyed allocator owns nothing. */
bool weir_owns(const weir_allocator *a, const void *pointer)
{
    if (!pointer || !a || (a == &weir__cpu && !weir__allocator_check(a, NULL)))
        return false;
    if (!weir__allocator_is_ready(a))
        return false;
    return weir__block_find(a, pointer).kind != WEIR__KIND_NONE;
}

/* -- whose it is ------------------------------------------------------------------------- */

/* Over functions, the one that was made last. */
static weir_allocator *provided_owner(const void *pointer)
{
    weir_allocator *owner = NULL;
    struct weir__foreign entry;
    weir__context_lock();
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        if (!a->body->page_heap && (!owner || a->serial > owner->serial) &&
            weir__registry_find(&a->body->registry, pointer, &entry))
            owner = a;
    weir__context_unlock();
    return owner;
}

static weir_allocator *pooled_owner(const void *pointer, struct weir__place place)
{
    uint64_t label;
    const struct weir__span *span = place.slab ? NULL : weir__place_span(place, pointer, &label);
    const weir_allocator *owner = place.slab ? weir__slab_true_owner(place.slab)
                                  : span     ? weir__span_owner(span)
                                             : NULL;
    bool live = weir__allocator_is_ready(owner) &&
                pooled_find(owner, pointer, place).kind != WEIR__KIND_NONE;
    return live ? (weir_allocator *)(uintptr_t)owner : NULL;
}

weir_allocator *weir_allocator_of(const void *pointer)
{
    int saved = errno;
    if (!pointer || !weir__allocator_check(&weir__cpu, NULL))
        return NULL;
    struct weir__place place = weir__place_of(pointer);
    weir_allocator *owner = provided_owner(pointer);
    if (!owner && weir__place_what(place) != WEIR__MAP_FOREIGN)
        owner = pooled_owner(pointer, place);
    errno = saved;
    return owner;
}

/* -- requests that failed ----------------------------------------------------------------- */

void weir__block_failed_silently(weir_allocator *a, const struct weir__request *request)
{
    weir__meter_failed(&a->body->meter);
    weir__trace_failed(a, request->size, request->alignment, ENOMEM);
}

void *weir__block_failed(weir_allocator *a, const struct weir__request *request, const char *why)
{
    weir__block_failed_silently(a, request);
    return weir__fail_null(ENOMEM, "allocator \"%s\": %zu bytes: %s", a->name, request->size, why);
}
