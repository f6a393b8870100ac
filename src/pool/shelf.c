/* pool/shelf.c - see shelf.h. */
#include "pool/shelf.h"

#include "backing/meta.h"

struct weir__shelf weir__no_shelf = {.pages = WEIR__SHELF_MOST};

struct weir__shelf *weir__shelf_make(struct weir__page_heap *page_heap, size_t *bytes)
{
    weir__assert(page_heap && bytes);
    struct weir__shelf *shelf = weir__meta_allocate(sizeof *shelf);
    if (!shelf)
        return NULL;
    shelf->page_heap = page_heap;
    shelf->bytes = bytes;
    return shelf;
}

void weir__shelf_unmake(struct weir__shelf *shelf)
{
    if (shelf != &weir__no_shelf)
        weir__meta_free(shelf, sizeof *shelf);
}

static void list_empty_locked(struct weir__shelf *shelf, struct weir__shelf_list *list)
{
    weir__assert(weir__lock_is_mine(&shelf->page_heap->lock));
    struct weir__span *next = list->first;
    for (struct weir__span *span; (span = next);) {
        next = weir__shelf_after(span);
        *shelf->bytes -= weir__span_bytes(span);
        weir__relaxed_set(shelf->pages, shelf->pages - span->npages);
        weir__span_give_locked(shelf->page_heap, span);
    }
    weir__own_set(list->first, NULL);
}

size_t weir__shelf_empty(struct weir__shelf *shelf, uint64_t until)
{
    size_t bytes = weir__shelf_bytes(shelf);
    if (shelf == &weir__no_shelf)
        return 0;
    weir__check(weir__shelf_is_valid(shelf));
    if (bytes) {
        weir__lock_take(&shelf->page_heap->lock);
        for (struct weir__shelf_list *list = shelf->lists; shelf->pages; list++)
            list_empty_locked(shelf, list);
        weir__lock_drop(&shelf->page_heap->lock);
        weir__page_heap_relieve(shelf->page_heap);
    }
    shelf->until = until;
    shelf->grown = weir__relaxed_get(shelf->page_heap->grown);
    return bytes;
}

/* -- checking ----------------------------------------------------------------------- */

static bool list_is_valid(struct weir__shelf *shelf, const struct weir__shelf_list *list,
                          uint32_t *pages)
{
    if (list->first && list->start != weir__span_start(list->first))
        return false;
    for (const struct weir__span *span = list->first; span; span = weir__shelf_after(span)) {
        if (span->state != WEIR__PAGE_SPAN || span->u.live.direct ||
            span->npages > WEIR__SHELF_PAGES || weir__shelf_list(shelf, span->npages) != list)
            return false;
        *pages += span->npages;
        if (*pages > WEIR__SHELF_MOST)
            return false;
    }
    return true;
}

bool weir__shelf_is_valid(const struct weir__shelf *shelf)
{
    uint32_t pages = 0;
    for (unsigned i = 0; i < WEIR__SHELF_LISTS; i++)
        if (!list_is_valid((struct weir__shelf *)(uintptr_t)shelf, &shelf->lists[i], &pages))
            return false;
    return shelf == &weir__no_shelf || pages == shelf->pages;
}
