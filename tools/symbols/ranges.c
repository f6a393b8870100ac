#include "tools/symbols/ranges.h"

#include "tools/common/memory.h"

#include <stdlib.h>

void ranges_add(struct ranges *ranges, uint64_t from, uint64_t to, uint32_t rank, uint32_t what)
{
    if (to <= from)
        return;
    ranges->at = memory_grow(ranges->at, ranges->n, sizeof *ranges->at);
    ranges->at[ranges->n++] = (struct range){from, to, rank, what};
}

static int range_compare(const void *left, const void *right)
{
    const struct range *a = left, *b = right;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* -- those that have the address reached: a heap, the greatest rank first
 * -------------------------- */

struct heap {
    const struct range **at;
    size_t n;
};

static void heap_swap(struct heap *heap, size_t i, size_t k)
{
    const struct range *one = heap->at[i];
    heap->at[i] = heap->at[k];
    heap->at[k] = one;
}

static void heap_push(struct heap *heap, const struct range *range)
{
    size_t i = heap->n++;
    heap->at[i] = range;
    for (; i > 0 && heap->at[(i - 1) / 2]->rank < heap->at[i]->rank; i = (i - 1) / 2)
        heap_swap(heap, i, (i - 1) / 2);
}

static void heap_pop(struct heap *heap)
{
    heap->at[0] = heap->at[--heap->n];
    for (size_t i = 0, child; (child = 2 * i + 1) < heap->n; i = child) {
        if (child + 1 < heap->n && heap->at[child + 1]->rank > heap->at[child]->rank)
            child++;
        if (heap->at[i]->rank >= heap->at[child]->rank)
            return;
        heap_swap(heap, i, child);
    }
}

/* -- laying out ----------------------------------------------------------------------------------
 */

static void laid_add(struct ranges *laid, const struct range *range, uint64_t from, uint64_t to)
{
    struct range *last = laid->n ? &laid->at[laid->n - 1] : NULL;
    if (last && last->to == from && last->what == range->what)
        last->to = to;
    else
        ranges_add(laid, from, to, range->rank, range->what);
}

/* From *reached up to `end`, by those in the heap. */
static void laid_upto(struct ranges *laid, struct heap *heap, uint64_t *reached, uint64_t end)
{
    while (heap->n && *reached < end) {
        const struct range *top = heap->at[0];
        if (top->to <= *reached) {
            heap_pop(heap);
            continue;
        }
        uint64_t to = top->to < end ? top->to : end;
        laid_add(laid, top, *reached, to);
        *reached = to;
    }
    *reached = end;
}

void ranges_lay_out(struct ranges *ranges)
{
    struct ranges laid = {0};
    struct heap heap = {memory_array(NULL, ranges->n, sizeof *heap.at), 0};
    uint64_t reached = 0;
    if (ranges->n)
        qsort(ranges->at, ranges->n, sizeof *ranges->at, range_compare);
    for (size_t i = 0; i < ranges->n; i++) {
        laid_upto(&laid, &heap, &reached, ranges->at[i].from);
        heap_push(&heap, &ranges->at[i]);
    }
    laid_upto(&laid, &heap, &reached, UINT64_MAX);
    free(heap.at);
    free(ranges->at);
    *ranges = laid;
}

const struct range *ranges_find(const struct ranges *ranges, uint64_t address)
{
    size_t low = 0, high = ranges->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->at[middle].to <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ranges->n && ranges->at[low].from <= address ? &ranges->at[low] : NULL;
}

void ranges_free(struct ranges *ranges)
{
    free(ranges->at);
    *ranges = (struct ranges){0};
}
