/*
 * alloc/find.c - from a pointer to its block, and what is wrong with it when there
 * is none. Reads only; never dereferences what weir does not own.
 */
#include "alloc/block.h"
#include "pool/span.h"

static struct weir__found found_bad(weir_misuse fault)
{
    return (struct weir__found){.kind = WEIR__BAD, .fault = fault};
}

/* No live block starts here, in a slab: which crime is it? */
static weir_misuse slab_fault(const struct weir__slab *slab, const uint32_t *entries,
                              const void *pointer)
{
    uint64_t at;
    if (weir__slab_index(slab, pointer, &at)) {
        uint32_t value = weir__entry_get(&entries[at]);
        bool was_live = weir__entry_is_cached(value) || (value & WEIR__ENTRY_USED);
        return was_live ? WEIR_MISUSE_DOUBLE_FREE : WEIR_MISUSE_FOREIGN_POINTER;
    }
    size_t offset = (uintptr_t)pointer & (WEIR__SLAB - 1);
    size_t index = offset / weir__class_bytes[weir__slab_class(slab)];
    return weir__entry_is_live(weir__entry_get(&entries[index])) ? WEIR_MISUSE_INTERIOR_POINTER
                                                                 : WEIR_MISUSE_FOREIGN_POINTER;
}

/* The slab may change hands while a stale pointer is looked up: its header and entries stay
 * readable (pool/slab.h), so the answer is of before or after. */
static struct weir__found small_find(const weir_allocator *a, const void *pointer)
{
    struct weir__slab *slab = weir__slab_of(pointer);
    const void *owner = __atomic_load_n(&slab->owner, __ATOMIC_ACQUIRE);
    if (!owner) /* a free slab; its center stays noted from when it was used */
        return found_bad(slab->center ? WEIR_MISUSE_DOUBLE_FREE : WEIR_MISUSE_FOREIGN_POINTER);
    uint32_t *entries = __atomic_load_n(&slab->entries, __ATOMIC_RELAXED);
    if (!entries)
        return found_bad(WEIR_MISUSE_FOREIGN_POINTER);
    uint64_t index;
    uint32_t *entry = weir__slab_index(slab, pointer, &index) ? &entries[index] : NULL;
    uint32_t value = entry ? weir__entry_get(entry) : 0;
    if (!entry || !weir__entry_is_live(value))
        return found_bad(slab_fault(slab, entries, pointer));
    if (owner != a)
        return found_bad(WEIR_MISUSE_OTHER_ALLOCATOR);
    size_t usable = weir__class_bytes[weir__slab_class(slab)], natural = weir__low_bit(usable);
    bool aligned = value & WEIR__ENTRY_ALIGNED;
    return (struct weir__found){.kind = WEIR__SMALL,
                                .slab = slab,
                                .entry = entry,
                                .requested = weir__entry_size(value),
                                .usable = usable,
                                .alignment =
                                    aligned ? natural : weir__min(natural, WEIR_DEFAULT_ALIGNMENT),
                                .tag = weir__entry_tag(value)};
}

static weir_misuse span_fault(const struct weir__region *region, const void *pointer)
{
    size_t page = (size_t)((const char *)pointer - region->base) >> WEIR__GRANULE_SHIFT;
    if (page >= region->touched)
        return WEIR_MISUSE_FOREIGN_POINTER;
    return weir__span_covers(region, page) ? WEIR_MISUSE_INTERIOR_POINTER : WEIR_MISUSE_DOUBLE_FREE;
}

static struct weir__found large_find(const weir_allocator *a, const void *pointer, unsigned entry)
{
    struct weir__span *span = weir__span_at(entry, pointer);
    if (!span || __atomic_load_n(&span->state, __ATOMIC_ACQUIRE) != WEIR__PAGE_SPAN ||
        !weir__span_starts_at(span, pointer))
        return found_bad(span_fault(weir__region_of_map(entry), pointer));
    if (span->u.live.owner != a)
        return found_bad(WEIR_MISUSE_OTHER_ALLOCATOR);
    return (struct weir__found){.kind = WEIR__LARGE,
                                .span = span,
                                .requested = span->u.live.requested,
                                .usable = weir__span_usable(span),
                                .alignment = (size_t)1 << span->u.live.align_shift,
                                .tag = span->u.live.tag};
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

/* The map says that it lies in a pool. */
static struct weir__found pooled_find(const weir_allocator *a, const void *pointer, unsigned entry)
{
    return entry == WEIR__MAP_SLABS ? small_find(a, pointer) : large_find(a, pointer, entry);
}

/* Not in the registry of `a`; functions may give memory out of a pool's blocks, so
 * that only a block's start tells whose it is. */
static weir_misuse foreign_fault(const weir_allocator *a, const void *pointer, unsigned entry)
{
    bool other = elsewhere(a, pointer) ||
                 (entry != WEIR__MAP_FOREIGN &&
                  pooled_find(a, pointer, entry).fault == WEIR_MISUSE_OTHER_ALLOCATOR);
    return other ? WEIR_MISUSE_OTHER_ALLOCATOR : WEIR_MISUSE_FOREIGN_POINTER;
}

static struct weir__found foreign_find(const weir_allocator *a, const void *pointer, unsigned where)
{
    struct weir__foreign entry;
    if (a->body->page_heap || !weir__registry_find(&a->body->registry, pointer, &entry))
        return found_bad(foreign_fault(a, pointer, where));
    return (struct weir__found){.kind = WEIR__OTHER,
                                .foreign = entry,
                                .requested = entry.requested,
                                .usable = entry.requested,
                                .alignment = (size_t)1 << entry.align_shift,
                                .tag = entry.tag};
}

struct weir__found weir__block_find(const weir_allocator *a, const void *pointer)
{
    unsigned entry = weir__map_get(pointer);
    if (entry == WEIR__MAP_FOREIGN || !a->body->page_heap)
        return foreign_find(a, pointer, entry);
    return pooled_find(a, pointer, entry);
}

bool weir__block_expect(const weir_allocator *a, const void *pointer, struct weir__found *found)
{
    if (!weir__allocator_check(a, pointer))
        return false;
    *found = weir__block_find(a, pointer);
    if (found->kind == WEIR__BAD)
        weir__misuse(found->fault, pointer, a->name);
    return found->kind != WEIR__BAD;
}

size_t weir_usable_size(weir_allocator *a, const void *block)
{
    struct weir__found found;
    return block && weir__block_expect(a, block, &found) ? found.usable : 0;
}

size_t weir_requested_size(weir_allocator *a, const void *block)
{
    struct weir__found found;
    return block && weir__block_expect(a, block, &found) ? found.requested : 0;
}

weir_tag weir_block_tag(weir_allocator *a, const void *block)
{
    struct weir__found found;
    return block && weir__block_expect(a, block, &found) ? found.tag : 0;
}

bool weir_owns(weir_allocator *a, const void *pointer)
{
    if (!pointer || !weir__allocator_check(a, pointer))
        return false;
    return weir__block_find(a, pointer).kind != WEIR__BAD;
}
