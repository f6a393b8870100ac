/*
 * plan/tools.c - owns scratch memory and sorting of the planner. Memory comes from
 * weir's own metadata, so that planning never calls the host's malloc and a failure is
 * an ENOMEM like any other. Pure but for the scratch that is passed in.
 */
#include "backing/meta.h"
#include "plan/plan.h"

#include <errno.h>
#include <string.h>

/* A block's header takes a whole line, so that what follows is aligned. */
#define TOOLS_HEADER ((size_t)WEIR__LINE)

void *weir__plan_take(struct weir__plan_scratch *scratch, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - TOOLS_HEADER) {
        errno = ENOMEM;
        return NULL;
    }
    bytes += TOOLS_HEADER;
    struct weir__plan_block *block = weir__meta_allocate(bytes);
    if (!block)
        return NULL;
    block->next = scratch->blocks;
    block->size = bytes;
    scratch->blocks = block;
    scratch->held += bytes;
    scratch->peak = weir__max(scratch->peak, scratch->held);
    return (char *)block + TOOLS_HEADER;
}

void weir__plan_drop(struct weir__plan_scratch *scratch, struct weir__plan_block *mark)
{
    while (scratch->blocks != mark) {
        struct weir__plan_block *block = scratch->blocks;
        scratch->blocks = block->next;
        scratch->held -= block->size;
        weir__meta_free(block, block->size);
    }
}

static void sort_merge(const struct weir__plan_key *from, struct weir__plan_key *to, size_t low,
                       size_t middle, size_t high)
{
    size_t left = low, right = middle;
    for (size_t i = low; i < high; i++)
        if (left < middle && (right >= high || from[left].key <= from[right].key))
            to[i] = from[left++];
        else
            to[i] = from[right++];
}

void weir__plan_sort(struct weir__plan_key *keys, struct weir__plan_key *spare, size_t count)
{
    struct weir__plan_key *from = keys, *to = spare;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t low = 0; low < count; low += 2 * width)
            sort_merge(from, to, low, weir__min(low + width, count),
                       weir__min(low + 2 * width, count));
        struct weir__plan_key *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, count * sizeof *keys);
}
