/*
 * pool/span.h - live spans: taken, given back, visited. Each holds one large block.
 * Owns the layout of regions; the lists of holes are pool/hole.h's. Takes the page heap's lock.
 */
#ifndef WEIR_POOL_SPAN_H
#define WEIR_POOL_SPAN_H

#include "pool/fill.h"
#include "pool/page_heap.h"

/* Pages for a block of `size` bytes; at least one. */
WEIR__INLINE uint32_t weir__span_pages(size_t size)
{
    return (uint32_t)((size - (size != 0)) >> WEIR__GRANULE_SHIFT) + 1;
}

/* What they have more. */
WEIR__INLINE size_t weir__span_slack(size_t size)
{
    return size ? -size & (WEIR__GRANULE - 1) : WEIR__GRANULE - 1;
}

/* What a span remembers of its request, in addition to the size, and what became of it. */
struct weir__shelf;
struct weir__claim {
    const void *owner;
    size_t
        *bytes; /* the owner's count of bytes in spans, whole pages; under the page heap's lock */
    struct weir__shelf
        *shelf; /* given back first; if anything lies on it, its heap's lock is held */
    uint32_t tag;
    bool asks;  /* rather than to touch pages that never were, while other shelves may hold some, */
    bool asked; /* out: it did, and got none */
    bool zeroed;    /* out: the usable bytes are known to be zero */
    char *block;    /* out: weir__span_block */
    bool later;     /* of a guarded one (pool/trap.h): the caller makes it live, by `label` */
    uint64_t label; /* out, of a guarded one */
};

/* A live span of at least `size` bytes at `alignment` (a power of two). NULL when there is no
 * memory. */
struct weir__span *weir__span_take(struct weir__page_heap *heap, size_t size, size_t alignment,
                                   struct weir__claim *claim);

/* Gives back a span whose label the caller claimed. */
void weir__span_give(struct weir__page_heap *heap, struct weir__span *span, size_t *bytes);

/* The same with the lock held, of what lay in these slots of a shelf; none of it stays idle. */
struct weir__shelf_slot;
void weir__span_release_locked(struct weir__page_heap *heap, const struct weir__shelf_slot *slots,
                               uint32_t count);

/* The same with the lock held, of a live one too, if nobody else may free it; the caller relieves
 * the page heap afterwards. */
void weir__span_give_locked(struct weir__page_heap *heap, struct weir__span *span);

/*
 * Blocks start at different cache lines within the slack of their last page, so that
 * equal large blocks do not all compete for the same cache sets. Which one depends on the
 * place alone: who gets the same place again finds the same lines warm, and no page that
 * was not touched before. (Multiplicative hashing, Knuth 6.4.)
 */
WEIR__INLINE unsigned weir__span_color(const char *start, size_t slack, size_t alignment)
{
    weir__assert(slack < WEIR__GRANULE || alignment > WEIR__LINE);
    if (alignment > WEIR__LINE)
        return 0;
    uint32_t hash = (uint32_t)((uintptr_t)start >> WEIR__GRANULE_SHIFT) * 2654435761u;
    return (unsigned)((uint64_t)hash * (slack / WEIR__LINE + 1) >> 32);
}

/* By who has the span, which starts there: its block from here on. */
WEIR__INLINE char *weir__span_make_live(struct weir__span *span, char *start, size_t size,
                                        size_t alignment, uint32_t tag)
{
    weir__assert(start == weir__span_start(span) && size <= weir__span_bytes(span));
    unsigned color = weir__span_color(start, weir__span_slack(size), alignment);
    if (WEIR__FILLS)
        span->u.live.filled = (uint8_t)color;
    weir__relaxed_set(span->u.live.tag, tag);
    weir__label_set(&span->u.live.label, weir__label_make(size, alignment, color));
    return start + (size_t)color * WEIR__LINE;
}

/* Marks it as allocated before the latest checkpoint. False: it is not live. */
WEIR__INLINE bool weir__span_make_old(struct weir__span *span)
{
    uint64_t label = weir__span_label(span);
    while (weir__label_is_live(label))
        if (weir__label_swap(&span->u.live.label, &label, label | WEIR__LABEL_OLD))
            return true;
    return false;
}

/* Marks it as sampled (track/sample.h). False: it is not live. */
WEIR__INLINE bool weir__span_make_sampled(struct weir__span *span)
{
    uint64_t label = weir__span_label(span);
    while (weir__label_is_live(label))
        if (weir__label_swap(&span->u.live.label, &label, label | WEIR__LABEL_SAMPLED))
            return true;
    return false;
}

/* Patterns (pool/fill.h), by who has the span: it is free from here on; it was, and goes to an
 * allocator, which is told of what was written meanwhile. */
void weir__span_pattern(const struct weir__span *span);
void weir__span_pattern_check(const struct weir__span *span, const void *taker);
WEIR__INLINE void weir__span_fill_freed(const struct weir__span *span)
{
    if (WEIR__FILLS)
        weir__span_pattern(span);
}
WEIR__INLINE void weir__span_check_freed(const struct weir__span *span, const void *taker)
{
    if (WEIR__FILLS)
        weir__span_pattern_check(span, taker);
}

/* Makes a hole of the idle span: before anything else looks at the layout. */
void weir__span_flush_idle_locked(struct weir__page_heap *heap);

/* For every span, live or on a shelf, in address order a region; `visit` may give it back. */
typedef int weir__span_visitor(struct weir__span *span, void *user);
int weir__span_each_locked(struct weir__page_heap *heap, weir__span_visitor *visit, void *user);

/* Does a live span hold that page of the region? Walks back over headers, for reporting
 * misuse only; any thread, a moment's answer. */
bool weir__span_covers(const struct weir__region *region, size_t page);

/* Puts a hole back that was cut out (pool/hole.h). Neighbors that were freed meanwhile are joined,
 * and all of it counts as dirty then. Lock held. */
void weir__span_uncut_hole_locked(struct weir__page_heap *heap, struct weir__span *hole,
                                  bool purged);

/* Are layouts, holes and sums whole? Lock held. */
bool weir__span_is_valid(const struct weir__page_heap *heap);

#endif
