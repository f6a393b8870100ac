/*
 * alloc/reallocate.c - resizing: where the block stands if its class or its pages
 * allow, else by moving it.
 */
#include "alloc/block.h"
#include "alloc/trace.h"
#include "pool/span.h"

#include <errno.h>
#include <string.h>

static void resized(weir_allocator *a, uint64_t sequence, const void *block,
                    const struct weir__found *found, size_t size)
{
    if (weir__unlikely(sequence != 0))
        weir__trace_resized(a, sequence,
                            &(struct weir__trace_block){block, size, found->requested,
                                                        weir_usable_size(a, block),
                                                        found->alignment, found->tag});
}

/* weir_checkpoint may set the `old` bit of a live entry meanwhile. */
static void entry_resize(uint32_t *entry, size_t size)
{
    uint32_t value = weir__entry_get(entry);
    while (!__atomic_compare_exchange_n(entry, &value,
                                        (value & ~WEIR__ENTRY_SIZE_MASK) | (uint32_t)size, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

/* 1: done; 0: it must move; -1: a limit. */
static int small_resize(weir_allocator *a, void *block, struct weir__found *found, size_t size)
{
    size_t alignment = weir__max(found->alignment, WEIR__GRAIN);
    if (size > WEIR__SMALL_MAX ||
        weir__class_of(size, alignment) != (int)weir__slab_class(found->slab))
        return 0;
    uint64_t sequence = 0;
    entry_resize(found->entry, size); /* first, as below: a walk never sees a size given up */
    if (!weir__account(a, (int64_t)size - (int64_t)found->requested, 0, 0, &sequence)) {
        entry_resize(found->entry, found->requested);
        return -1;
    }
    resized(a, sequence, block, found, size);
    return 1;
}

/* Grows a block that may move with its pages: counted before, because it cannot move back. A trace
 * knows blocks by their addresses: while one is recorded, such a block is copied. */
static int large_remap(weir_allocator *a, const struct weir__found *found, size_t size)
{
    struct weir__body *body = a->body;
    int64_t more = (int64_t)(size - found->requested);
    uint64_t sequence = 0;
    if (weir__trace_hooks())
        return 0;
    if (!weir__account(a, more, 0, 0, &sequence))
        return -1;
    bool done = weir__span_resize(body->page_heap, found->span, size, &body->span_bytes);
    if (!done)
        weir__account(a, -more, 0, 0, &sequence);
    return done;
}

static int large_resize(weir_allocator *a, void *block, struct weir__found *found, size_t size)
{
    struct weir__body *body = a->body;
    size_t old = found->requested;
    if (size <= WEIR__SMALL_MAX && old > WEIR__SMALL_MAX)
        return 0;
    uint64_t sequence = 0;
    if (weir__span_may_move(found->span) && size > old)
        return large_remap(a, found, size);
    if (!weir__span_resize(body->page_heap, found->span, size, &body->span_bytes))
        return 0;
    if (!weir__account(a, (int64_t)size - (int64_t)old, 0, 0, &sequence)) {
        weir__span_resize(body->page_heap, found->span, old, &body->span_bytes);
        return -1;
    }
    resized(a, sequence, block, found, size);
    return 1;
}

static void *block_move(weir_allocator *a, void *block, const struct weir__found *found,
                        size_t size)
{
    void *to = weir__allocate_slow(a, &(struct weir__request){size, found->alignment, NULL});
    if (!to)
        return NULL;
    size_t kept = weir__min(size, found->usable); /* all of it may have been used */
    int error = weir__allocator_copy(a, to, block, kept);
    if (error) {
        weir_deallocate(a, to);
        errno = error;
        return NULL;
    }
    weir_deallocate(a, block);
    return to;
}

/* `found` is the live block; its alignment there is what the result must have. */
static void *found_resize(weir_allocator *a, void *block, struct weir__found *found, size_t size)
{
    struct weir__request request = {size, found->alignment, NULL};
    if (size > PTRDIFF_MAX)
        return weir__allocate_failed(a, &request, "impossibly large");
    int done = found->kind == WEIR__SMALL   ? small_resize(a, block, found, size)
               : found->kind == WEIR__LARGE ? large_resize(a, block, found, size)
                                            : 0;
    if (done < 0)
        return weir__allocate_failed(a, &request, "over the limit");
    if (!done)
        return block_move(a, block, found, size);
    return found->kind == WEIR__LARGE ? weir__span_block(found->span) : block;
}

void *weir_reallocate(weir_allocator *a, void *block, size_t size)
{
    struct weir__found found;
    if (!block)
        return weir_allocate(a, size);
    if (!weir__block_expect(a, block, &found)) {
        errno = EINVAL;
        return NULL;
    }
    return found_resize(a, block, &found, size);
}

void *weir__reallocate_as(weir_allocator *a, void *block, size_t size, size_t alignment)
{
    struct weir__found found;
    if (!weir__block_expect(a, block, &found)) {
        errno = EINVAL;
        return NULL;
    }
    found.alignment = alignment;
    return found_resize(a, block, &found, size);
}
