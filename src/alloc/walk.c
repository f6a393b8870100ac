/*
 * alloc/walk.c - every live block of an allocator, and the generations that
 * weir_checkpoint tells apart by a bit of the ledger.
 */
#include "alloc/walk.h"

#include "alloc/context.h"
#include "base/error.h"
#include "pool/trap.h"

#include <errno.h>

struct walk {
    weir_block_visitor *visit;
    void *user;
    bool mark; /* make them old, visit only those that were not */
};

static int walk_visit(const struct walk *walk, const weir_block *block)
{
    if (!walk->visit || (walk->mark && !block->since_checkpoint))
        return 0;
    return walk->visit(block, walk->user);
}

/* Its owner may free it at any moment: the bit is set only if it is still live. */
static bool entry_age(uint32_t *entry)
{
    uint32_t value = weir__entry_get(entry);
    while (weir__entry_is_live(value))
        if (__atomic_compare_exchange_n(entry, &value, value | WEIR__ENTRY_OLD, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
    return false;
}

static int entry_visit(void *block, uint32_t *entry, struct weir__slab *slab, void *user)
{
    const struct walk *walk = user;
    uint32_t value = weir__entry_get(entry);
    if (!weir__entry_is_live(value) || (walk->mark && !entry_age(entry)))
        return 0;
    size_t size = weir__entry_size(value);
    size_t usable = weir__slab_is_hardened(slab) ? size : weir__class_bytes[weir__slab_class(slab)];
    return walk_visit(walk, &(weir_block){block, size, usable, weir__entry_tag(value),
                                          !(value & WEIR__ENTRY_OLD)});
}

static int center_visit(struct weir__center *center, void *walk)
{
    return weir__center_is_empty(center) ? 0 : weir__center_each_live(center, entry_visit, walk);
}

struct span_walk {
    const struct walk *walk;
    const weir_allocator *owner;
};

static int span_visit(struct weir__span *span, void *user)
{
    const struct span_walk *of = user;
    uint64_t label = weir__span_label(span); /* its owner may free it at any moment */
    if (weir__span_owner(span) != of->owner || !weir__label_is_live(label) ||
        (of->walk->mark && !weir__span_make_old(span)))
        return 0;
    size_t offset = weir__label_offset(label);
    return walk_visit(
        of->walk, &(weir_block){weir__span_start(span) + offset, weir__label_size(label),
                                weir__span_usable_by(span, label),
                                weir__relaxed_get(span->u.live.tag), !(label & WEIR__LABEL_OLD)});
}

static int foreign_visit(struct weir__foreign *entry, void *user)
{
    const struct walk *walk = user;
    weir_block block = {entry->block, entry->requested, entry->requested, entry->tag, !entry->old};
    if (walk->mark)
        entry->old = true;
    return walk_visit(walk, &block);
}

/* No slab moves meanwhile (pool/family.h): each is seen once. */
static int slabs_walk(struct weir__body *body, struct walk *walk)
{
    weir__lock_take(&body->family.lock);
    int stop = weir__body_each_center(body, center_visit, walk);
    weir__lock_drop(&body->family.lock);
    return stop;
}

static int walk_all(weir_allocator *a, struct walk *walk)
{
    weir__assert(weir__allocator_is_ready(a));
    struct weir__body *body = a->body;
    if (!body->page_heap)
        return weir__registry_each(&body->registry, foreign_visit, walk);
    int stop = slabs_walk(body, walk);
    if (!stop) {
        struct span_walk of = {walk, a};
        weir__lock_take(&body->page_heap->lock);
        stop = weir__span_each_locked(body->page_heap, span_visit, &of);
        weir__lock_drop(&body->page_heap->lock);
        if (!stop)
            stop = weir__trap_each(span_visit, &of);
    }
    return stop;
}

int weir_allocator_walk(weir_allocator *a, weir_block_visitor *visit, void *user)
{
    if (!visit)
        return weir__fail(EINVAL, "no visitor: NULL was given");
    if (!weir__allocator_check(a, NULL))
        return EINVAL;
    walk_all(a, &(struct walk){visit, user, false});
    return 0;
}

int weir__allocator_mark_old(weir_allocator *a, weir_block_visitor *visit, void *user)
{
    if (!weir__allocator_check(a, NULL))
        return 0;
    return walk_all(a, &(struct walk){visit, user, true});
}
