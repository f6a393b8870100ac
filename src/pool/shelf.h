/*
 * pool/shelf.h - a thread's shelf: a few spans that it freed and may take again without the page
 * heap's lock, by exact number of pages, the latest first. They stay laid out as spans.
 *
 * What lies there is free memory that joins no hole and that nobody else can have. So a thread that
 * does not find what it needs gives back all that it has before the page heap looks for it; all
 * threads do before memory is used that never was (weir__claim.asks); and a span is taken from the
 * shelf only where nothing free lies next to it: then it is the hole that best fit would choose. So
 * where blocks lie, and what is touched, is as if there were no shelf.
 *
 * Owns the spans that lie on it. Used as bins are (pool/cache.h): by the owner of the window within
 * an operation, or with the lock of its heap held; anyone else only with that lock held and while
 * the owner is kept out of operations.
 */
#ifndef WEIR_POOL_SHELF_H
#define WEIR_POOL_SHELF_H

#include "pool/span.h"

#define WEIR__SHELF_SLOTS 16u
#define WEIR__SHELF_PAGES 256u /* the largest span on it: 1 MiB */
#define WEIR__SHELF_MOST  512u /* pages of all: 2 MiB */

struct weir__shelf {
    uint32_t count; /* of slots in use; atomic: anyone reads, who may use it writes */
    uint32_t pages; /* of all; the same */
    uint64_t until; /* it is emptied when its owner's frees come to that */
    struct weir__page_heap *page_heap; /* never changes */
    size_t *bytes;                     /* of its owner's spans (weir__claim); never changes */
    uint32_t npages[WEIR__SHELF_SLOTS] __attribute__((aligned(WEIR__LINE)));
    struct weir__shelf_slot {
        char *start; /* next to the span: the address of a block hangs on one load */
        struct weir__span *span;
    } slots[WEIR__SHELF_SLOTS];
};

/* Empty, and admits nothing: of a heap that has none. */
extern struct weir__shelf weir__no_shelf;

/* Empty; NULL: no memory. */
struct weir__shelf *weir__shelf_make(struct weir__page_heap *page_heap, size_t *bytes);

/* Forgets what lies on it, and frees it. */
void weir__shelf_unmake(struct weir__shelf *shelf);

/* Gives all that lies on it to the page heap, and admits spans again until the owner's frees come
 * to `until`; bytes. */
size_t weir__shelf_empty(struct weir__shelf *shelf, uint64_t until);

/* The same with the page heap's lock held, which is relieved afterwards, until nothing more. */
void weir__shelf_empty_locked(struct weir__shelf *shelf);

/* Bytes on it; any thread, a moment's figure. */
WEIR__INLINE size_t weir__shelf_bytes(const struct weir__shelf *shelf)
{
    size_t pages = weir__relaxed_get(shelf->pages);
    return shelf == &weir__no_shelf ? 0 : pages << WEIR__GRANULE_SHIFT;
}

/* Is nothing free next to what lies in that slot? Of others' spans this tells of a moment. */
WEIR__INLINE bool weir__shelf_is_alone(const struct weir__shelf *shelf, uint32_t slot, bool only)
{
    if (weir__unlikely(weir__span_has_hole_beside(shelf->slots[slot].span, shelf->npages[slot])))
        return false;
    if (only)
        return true;
    uint32_t count = weir__own_get(shelf->count);
    const char *start = shelf->slots[slot].start;
    const char *end = start + ((size_t)shelf->npages[slot] << WEIR__GRANULE_SHIFT);
    for (uint32_t i = 0; i < count && count > 1; i++) {
        const char *other = shelf->slots[i].start;
        size_t bytes = (size_t)shelf->npages[i] << WEIR__GRANULE_SHIFT;
        if (weir__unlikely(other == end) || weir__unlikely(other + bytes == start))
            return false;
    }
    return true;
}

/* A span of so many pages, which is not live, and where it starts; NULL: there is none. `only`: one
 * slot at most is in use. */
WEIR__INLINE struct weir__span *weir__shelf_take(struct weir__shelf *shelf, uint32_t npages,
                                                 size_t alignment, bool only, char **start)
{
    weir__assert(npages && weir__is_power_of_two(alignment));
    uint32_t last = weir__own_get(shelf->count) - 1, slot = last;
    if (only && weir__unlikely(slot != 0))
        return NULL;
    if (only)
        slot = last = 0;
    while ((int32_t)slot >= 0 && shelf->npages[slot] != npages)
        slot--;
    if ((int32_t)slot < 0 || !weir__shelf_is_alone(shelf, slot, only))
        return NULL;
    struct weir__shelf_slot found = shelf->slots[slot];
    if (weir__unlikely(alignment > WEIR__GRANULE) && ((uintptr_t)found.start & (alignment - 1)))
        return NULL;
    weir__assert(found.span->state == WEIR__PAGE_SPAN && found.span->npages == npages);
    if (slot != last) {
        shelf->npages[slot] = shelf->npages[last];
        shelf->slots[slot] = shelf->slots[last];
    }
    weir__own_set(shelf->count, last);
    weir__own_set(shelf->pages, weir__own_get(shelf->pages) - npages);
    *start = found.start;
    return found.span;
}

/* May another be put there by who has freed so much? Else it is to be emptied first. */
WEIR__INLINE bool weir__shelf_admits(const struct weir__shelf *shelf, uint32_t npages,
                                     uint64_t frees)
{
    return npages <= WEIR__SHELF_PAGES && weir__own_get(shelf->count) < WEIR__SHELF_SLOTS &&
           weir__own_get(shelf->pages) + npages <= WEIR__SHELF_MOST && frees <= shelf->until;
}

/* Puts a span there that is admitted and not live; it starts there. */
WEIR__INLINE void weir__shelf_put(struct weir__shelf *shelf, struct weir__span *span, char *start)
{
    weir__assert(start == weir__span_start(span) && shelf->count < WEIR__SHELF_SLOTS);
    weir__assert(!weir__label_is_live(weir__span_label(span)));
    weir__span_fill_freed(span);
    uint32_t npages = span->npages, slot = weir__own_get(shelf->count);
    shelf->npages[slot] = npages;
    shelf->slots[slot] = (struct weir__shelf_slot){start, span};
    weir__own_set(shelf->count, slot + 1);
    weir__own_set(shelf->pages, weir__own_get(shelf->pages) + npages);
}

/* Are the spans in its slots such, and is the sum theirs? By who may use it. */
bool weir__shelf_is_valid(const struct weir__shelf *shelf);

#endif
