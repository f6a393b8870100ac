/*
 * pool/shelf.h - a thread's shelf: spans that it freed and may take again without the page heap's
 * lock, by exact number of pages, the latest first. They stay laid out as spans, and their labels
 * (pool/label.h) are the links between those of one list.
 *
 * What lies on a shelf is free memory that nobody else can have, and that joins no hole. So a shelf
 * holds little, and is emptied when it would hold more, now and then, and when the page heap grew
 * meanwhile; a thread that would make it grow empties its own first (weir__claim.again). So what is
 * touched stays that of best fit, about.
 *
 * Owns the spans that lie on it. Used as bins are (pool/cache.h): by the owner of the window within
 * an operation, or with the lock of its heap held; anyone else only with that lock held and while
 * the owner is kept out of operations.
 */
#ifndef WEIR_POOL_SHELF_H
#define WEIR_POOL_SHELF_H

#include "pool/span.h"

#define WEIR__SHELF_PAGES 256u /* the largest span on it: 1 MiB */
#define WEIR__SHELF_MOST  512u /* pages of all: 2 MiB */
#define WEIR__SHELF_EXACT 64u  /* lists of one size, and as many of several */
#define WEIR__SHELF_LISTS (2 * WEIR__SHELF_EXACT)

/* The first of a list, and where it lies: the address of a block that is taken hangs on one load.
 */
struct weir__shelf_list {
    char *start;
    struct weir__span *first; /* NULL: none */
};

struct weir__shelf {
    uint32_t pages;                    /* of all; atomic: anyone reads, who may use it writes */
    uint32_t grown;                    /* page_heap->grown when it was emptied */
    uint64_t until;                    /* it is emptied when the owner's frees come to that */
    struct weir__page_heap *page_heap; /* never changes */
    size_t *bytes;                     /* of its owner's spans (weir__claim); never changes */
    struct weir__shelf_list lists[WEIR__SHELF_LISTS];
};

/* Empty and full: of a heap that has none. */
extern struct weir__shelf weir__no_shelf;

/* Empty; NULL: no memory. */
struct weir__shelf *weir__shelf_make(struct weir__page_heap *page_heap, size_t *bytes);

/* Forgets what lies on it, and frees it. */
void weir__shelf_unmake(struct weir__shelf *shelf);

/* Gives everything on it to the page heap, and admits spans again until the owner's frees come to
 * `until`; bytes. */
size_t weir__shelf_empty(struct weir__shelf *shelf, uint64_t until);

/* Bytes on it; any thread, a moment's figure. */
WEIR__INLINE size_t weir__shelf_bytes(const struct weir__shelf *shelf)
{
    size_t pages = weir__relaxed_get(shelf->pages);
    return shelf == &weir__no_shelf ? 0 : pages << WEIR__GRANULE_SHIFT;
}

WEIR__INLINE struct weir__shelf_list *weir__shelf_list(struct weir__shelf *shelf, uint32_t npages)
{
    weir__assert(npages && npages <= WEIR__SHELF_PAGES);
    uint32_t index = npages - 1;
    if (index >= WEIR__SHELF_EXACT)
        index = WEIR__SHELF_EXACT + index % WEIR__SHELF_EXACT;
    return &shelf->lists[index];
}

/* What follows on its list a span that lies there, and what the label of one says that is put
 * before `next`. */
WEIR__INLINE struct weir__span *weir__shelf_after(const struct weir__span *span)
{
    weir__assert(!weir__label_is_live(weir__span_label(span)));
    return (struct weir__span *)(uintptr_t)weir__span_label(span);
}
WEIR__INLINE uint64_t weir__shelf_link(const struct weir__span *next)
{
    return (uintptr_t)next;
}

/* A span of so many pages, which is not live, and where it starts; NULL: there is none. */
WEIR__INLINE struct weir__span *weir__shelf_take(struct weir__shelf *shelf, uint32_t npages,
                                                 size_t alignment, char **start)
{
    struct weir__shelf_list *list = weir__shelf_list(shelf, npages);
    struct weir__span *span = weir__own_get(list->first);
    *start = weir__own_get(list->start);
    if (!span || span->npages != npages ||
        (weir__unlikely(alignment > WEIR__GRANULE) && ((uintptr_t)*start & (alignment - 1))))
        return NULL;
    weir__assert(span->state == WEIR__PAGE_SPAN && *start == weir__span_start(span));
    struct weir__span *next = weir__shelf_after(span);
    weir__own_set(list->first, next);
    if (next)
        weir__own_set(list->start, weir__span_start(next));
    weir__own_set(shelf->pages, weir__own_get(shelf->pages) - npages);
    return span;
}

/* May another be put there by who has freed so much? Else it is to be emptied first. */
WEIR__INLINE bool weir__shelf_admits(const struct weir__shelf *shelf, uint32_t npages,
                                     uint64_t frees)
{
    return weir__own_get(shelf->pages) + npages <= WEIR__SHELF_MOST &&
           shelf->grown == weir__relaxed_get(shelf->page_heap->grown) && frees <= shelf->until;
}

/* Puts a span first on its list, whose label links to what was; it starts there. */
WEIR__INLINE void weir__shelf_put(struct weir__shelf *shelf, struct weir__shelf_list *list,
                                  struct weir__span *span, char *start)
{
    weir__assert(start == weir__span_start(span));
    weir__assert(weir__shelf_after(span) == weir__own_get(list->first));
    weir__span_fill_freed(span);
    weir__own_set(list->start, start);
    weir__own_set(list->first, span);
    weir__own_set(shelf->pages, weir__own_get(shelf->pages) + span->npages);
}

/* Do lists, sizes and the sum agree? By who may use it. */
bool weir__shelf_is_valid(const struct weir__shelf *shelf);

#endif
