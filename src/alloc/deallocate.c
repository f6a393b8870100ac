/* alloc/deallocate.c - the calls that free; see weir/allocator.h. Owns nothing. */
#include "alloc/deallocate.h"

#include "alloc/body.h"
#include "alloc/hardened_small.h"
#include "alloc/large.h"
#include "alloc/provided.h"
#include "alloc/small.h"
#include "base/error.h"

#include <errno.h>

/* The pointer is NULL or no large block of `a`. Its own function, so that freeing a large
 * block saves no registers for it. */
static WEIR__NOINLINE void other_free(weir_allocator *a, void *block, struct weir__place place)
{
    if (weir__small_free_numbered(a, NULL, block, place))
        return;
    int saved = errno;
    if (!block)
        return;
    if (!weir__allocator_check(a, block)) /* NULL too, which clang-tidy cannot see */
        return;
    if (!a->body->page_heap) { // NOLINT(clang-analyzer-core.NullDereference)
        weir__provided_free(a, block);
    } else {
        struct weir__found found = weir__block_at(a, block, place);
        if (found.kind == WEIR__KIND_SMALL)
            weir__small_free_slow(a, block, &found);
        else if (found.sampled)
            weir__large_free(a, block, found.span, weir__span_label(found.span));
        else
            weir__block_misuse(a, block, found.kind ? WEIR_MISUSE_DOUBLE_FREE : found.fault);
    }
    errno = saved;
}

/* It lies in a slab: another thread's, or a hardened context's, or there is something wrong. */
static WEIR__NOINLINE void slab_free(weir_allocator *a, void *block, struct weir__place place)
{
    bool freed = a && (weir__slab_is_hardened(place.slab)
                           ? weir__hardened_free(a, block, place)
                           : weir__small_free_foreign(a, weir__heap_cached(a), block, place));
    if (weir__unlikely(!freed))
        other_free(a, block, place);
}

/* The fast way found nothing: it looks at the main leaf alone (pool/map.h). */
static WEIR__NOINLINE void distant_free(weir_allocator *a, void *block)
{
    struct weir__place place = weir__place_of(block);
    if (weir__place_what(place) == WEIR__MAP_FOREIGN)
        other_free(a, block, place);
    else if (!weir__small_free(a, NULL, block, place) &&
             !(weir__small_is_far(a, place) &&
               weir__small_free_far(a, WEIR__REACH_ANY, block, place)))
        weir__deallocate_slow(a, block, place);
}

/* The large block of `a` in this span, live by `label`. */
WEIR__INLINE void large_free(weir_allocator *a, struct weir__heap *heap, enum weir__reach reach,
                             void *block, struct weir__span *span, uint64_t label)
{
    if (weir__unlikely(!weir__large_push(a, heap, reach, block, span, &label)))
        weir__large_free(a, block, span, label);
}

static WEIR__NOINLINE void large_free_far(weir_allocator *a, void *block, struct weir__span *span,
                                          uint64_t label)
{
    struct weir__heap *heap = weir__heap_far(a);
    if (heap->window.up == heap->window.top)
        large_free(a, heap, WEIR__REACH_CHILD, block, span, label);
    else
        large_free(a, heap, WEIR__REACH_ANY, block, span, label);
}

WEIR__NOINLINE void weir__deallocate_slow(weir_allocator *a, void *block, struct weir__place place)
{
    uint64_t label;
    struct weir__span *span = weir__place_plain_span(place, block, &label);
    if (weir__likely(span && weir__span_owner(span) == a)) {
        if (weir__likely(weir__allocator_is_near(a)))
            large_free(a, weir__heap_near(a), WEIR__REACH_ROOT, block, span, label);
        else
            large_free_far(a, block, span, label);
    } else if (weir__place_what(place) == WEIR__MAP_FOREIGN) {
        distant_free(a, block);
    } else if (place.slab) {
        slab_free(a, block, place);
    } else {
        other_free(a, block, place);
    }
}

/* Of a context that is no child of a root, or hardened, or the slow way. */
static WEIR__NOINLINE void deallocate_farther(weir_allocator *a, void *block,
                                              struct weir__place place)
{
    if (weir__slab_is_hardened(place.slab)
            ? !weir__hardened_free(a, block, place)
            : !weir__small_free_far(a, WEIR__REACH_ANY, block, place))
        weir__deallocate_slow(a, block, place);
}

static WEIR__NOINLINE void deallocate_far(weir_allocator *a, void *block, struct weir__place place)
{
    if (weir__unlikely(!weir__small_free_far(a, WEIR__REACH_CHILD, block, place)))
        deallocate_farther(a, block, place);
}

void weir_deallocate(weir_allocator *a, void *block)
{
    struct weir__place place = weir__place_quick(block);
    if (weir__likely(weir__small_free(a, NULL, block, place)))
        return;
    if (weir__small_is_far(a, place))
        deallocate_far(a, block, place);
    else
        weir__deallocate_slow(a, block, place);
}

/* A live small block of `a`. */
static bool small_free(weir_allocator *a, void *block, struct weir__place place)
{
    return weir__allocator_is_near(a) ? weir__small_free(a, NULL, block, place)
                                      : weir__small_free_far(a, WEIR__REACH_ANY, block, place);
}

void weir_deallocate_sized(weir_allocator *a, void *block, size_t size)
{
    struct weir__found found;
    if (!block || !weir__block_expect(a, block, &found))
        return;
    if (found.requested != size)
        weir__misuse(WEIR_MISUSE_SIZE_MISMATCH, block, a->name);
    else if (found.kind != WEIR__KIND_SMALL || !small_free(a, block, found.place))
        weir__deallocate_slow(a, block, found.place);
}
