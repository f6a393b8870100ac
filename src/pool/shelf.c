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
    weir__lock_take(&page_heap->lock);
    page_heap->nshelves++;
    weir__lock_drop(&page_heap->lock);
    return shelf;
}

void weir__shelf_unmake(struct weir__shelf *shelf)
{
    if (shelf == &weir__no_shelf)
        return;
    weir__lock_take(&shelf->page_heap->lock);
    shelf->page_heap->nshelves--;
    weir__lock_drop(&shelf->page_heap->lock);
    weir__meta_free(shelf, sizeof *shelf);
}

void weir__shelf_empty_locked(struct weir__shelf *shelf)
{
    weir__assert(weir__lock_is_mine(&shelf->page_heap->lock));
    weir__check(weir__shelf_is_valid(shelf));
    *shelf->bytes -= (size_t)shelf->pages << WEIR__GRANULE_SHIFT;
    weir__span_release_locked(shelf->page_heap, shelf->slots, shelf->count);
    weir__relaxed_set(shelf->count, 0);
    weir__relaxed_set(shelf->pages, 0);
}

size_t weir__shelf_empty(struct weir__shelf *shelf, uint64_t until)
{
    size_t bytes = weir__shelf_bytes(shelf);
    if (shelf == &weir__no_shelf)
        return 0;
    shelf->until = until;
    if (!bytes)
        return 0;
    weir__lock_take(&shelf->page_heap->lock);
    weir__shelf_empty_locked(shelf);
    weir__lock_drop(&shelf->page_heap->lock);
    weir__page_heap_relieve(shelf->page_heap);
    weir__assert_walk(weir__page_heap_is_valid(shelf->page_heap));
    return bytes;
}

bool weir__shelf_is_valid(const struct weir__shelf *shelf)
{
    uint32_t pages = 0;
    if (shelf->count > WEIR__SHELF_SLOTS)
        return false;
    for (uint32_t slot = 0; slot < shelf->count; slot++) {
        const struct weir__span *span = shelf->slots[slot].span;
        if (span->state != WEIR__PAGE_SPAN || span->u.live.direct ||
            weir__label_is_live(weir__span_label(span)) || span->npages != shelf->npages[slot] ||
            weir__span_start(span) != shelf->slots[slot].start)
            return false;
        pages += span->npages;
    }
    return shelf == &weir__no_shelf || (pages == shelf->pages && pages <= WEIR__SHELF_MOST);
}
