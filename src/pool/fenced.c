/* pool/fenced.c - see fenced.h. */
#include "pool/fenced.h"

#include "backing/meta.h"
#include "base/fault.h"
#include "os/pages.h"
#include "pool/canary.h"

struct weir__fences {
    uint32_t first, count;
    size_t bytes;
    struct weir__span *spans[WEIR__FENCES];
};

/* -- the block in its pages ------------------------------------------------------------------- */

static size_t open_bytes(const struct weir__span *span)
{
    return weir__span_bytes(span) - WEIR__GRANULE;
}

/* From the first of its open pages to the block, which is `size` bytes and aligned. */
static size_t block_offset(size_t open, size_t size, size_t alignment)
{
    weir__assert(weir__is_power_of_two(alignment) && size <= open);
    if (alignment >= WEIR__GRANULE)
        return 0;
    return open - weir__round_up(size ? size : 1, alignment);
}

static unsigned char pattern_at(uint64_t word, const char *at)
{
    return (unsigned char)(word >> 8 * ((uintptr_t)at & 7));
}

struct weir__span *weir__fenced_take(struct weir__page_heap *heap, size_t size, size_t alignment,
                                     struct weir__claim *claim)
{
    weir__assert(heap->hardened);
    struct weir__span *span = weir__span_take(heap, size, alignment, claim);
    if (!span)
        return NULL;
    char *start = weir__span_start(span);
    size_t open = open_bytes(span), offset = block_offset(open, size, alignment);
    if (weir__fault_now() || !weir__os_open(start, open)) {
        weir__span_give(heap, span, claim->bytes);
        return NULL;
    }
    char *block = start + offset;
    uint64_t word = weir__canary_word(block);
    for (char *at = block + size; at < start + open; at++)
        *at = (char)pattern_at(word, at);
    weir__relaxed_set(span->u.live.tag, claim->tag);
    weir__label_set(&span->u.live.label,
                    weir__label_make_at(size, alignment, offset) | WEIR__LABEL_SAMPLED);
    claim->block = block;
    claim->zeroed = true;
    return span;
}

/* A page that nobody touched is not looked at: what lies before a block is in its first page. */
ptrdiff_t weir__fenced_written(const struct weir__span *span, uint64_t label)
{
    const char *start = weir__span_start(span), *block = start + weir__label_offset(label);
    const char *end = block + weir__label_size(label), *last = start + open_bytes(span);
    uint64_t word = weir__canary_word(block);
    for (const char *at = last; at > end; at--)
        if ((unsigned char)at[-1] != pattern_at(word, at - 1))
            return at - end;
    for (const char *at = start; at < block; at++)
        if (*at)
            return at - block;
    return 0;
}

/* -- those that wait -------------------------------------------------------------------------- */

static struct weir__span *fence_pop_locked(struct weir__page_heap *heap)
{
    struct weir__fences *fences = heap->fences;
    weir__assert(weir__lock_is_mine(&heap->lock) && fences->count);
    struct weir__span *oldest = fences->spans[fences->first];
    fences->first = (fences->first + 1) % WEIR__FENCES;
    fences->count--;
    fences->bytes -= weir__span_bytes(oldest);
    return oldest;
}

static void fence_push_locked(struct weir__page_heap *heap, struct weir__span *span)
{
    struct weir__fences *fences = heap->fences;
    weir__assert(weir__lock_is_mine(&heap->lock) && fences->count < WEIR__FENCES);
    fences->spans[(fences->first + fences->count++) % WEIR__FENCES] = span;
    fences->bytes += weir__span_bytes(span);
}

void weir__fenced_give(struct weir__page_heap *heap, struct weir__span *span, size_t *bytes)
{
    weir__assert(weir__span_is_fenced(span) && !weir__label_is_live(weir__span_label(span)));
    weir__lock_take(&heap->lock); /* who walks saw it live before, or sees that it is not */
    weir__lock_drop(&heap->lock);
    weir__os_close(weir__span_start(span), open_bytes(span));
    weir__lock_take(&heap->lock);
    *bytes -= weir__span_bytes(span);
    if (!heap->fences)
        heap->fences = weir__meta_allocate(sizeof *heap->fences);
    if (!heap->fences) {
        weir__span_give_locked(heap, span);
    } else {
        if (heap->fences->count == WEIR__FENCES)
            weir__span_give_locked(heap, fence_pop_locked(heap));
        fence_push_locked(heap, span);
        while (heap->fences->bytes > WEIR__FENCES_BYTES)
            weir__span_give_locked(heap, fence_pop_locked(heap));
    }
    weir__lock_drop(&heap->lock);
    weir__page_heap_relieve(heap);
    weir__assert_walk(weir__page_heap_is_valid(heap));
}

void weir__fenced_end_locked(struct weir__span *span)
{
    weir__assert(weir__span_is_fenced(span));
    weir__os_close(weir__span_start(span), open_bytes(span));
    weir__label_set(&span->u.live.label, 0);
}

void weir__fenced_release(struct weir__page_heap *heap, const void *owner)
{
    if (!heap->hardened)
        return;
    weir__lock_take(&heap->lock);
    for (uint32_t left = heap->fences ? heap->fences->count : 0; left; left--) {
        struct weir__span *span = fence_pop_locked(heap);
        if (!owner || weir__span_owner(span) == owner)
            weir__span_give_locked(heap, span);
        else
            fence_push_locked(heap, span);
    }
    weir__lock_drop(&heap->lock);
    weir__page_heap_relieve(heap);
}

void weir__fenced_unmake(struct weir__page_heap *heap)
{
    weir__meta_free(heap->fences, sizeof *heap->fences);
    heap->fences = NULL;
}
