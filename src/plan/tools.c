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

#define SORT_FEW 64 /* keys; below, counting bytes costs more than it saves */

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

/* Few keys: each is moved to its place among those before it. */
static void sort_few(struct weir__plan_key *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct weir__plan_key key = keys[i];
        size_t at = i;
        for (; at > 0 && keys[at - 1].key > key.key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

/* By one byte of the key, stable. */
static void sort_by_byte(const struct weir__plan_key *from, struct weir__plan_key *to, size_t count,
                         unsigned shift)
{
    size_t at[256] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++)
        at[from[i].key >> shift & 255]++;
    for (size_t b = 0; b < 256; b++) {
        size_t n = at[b];
        at[b] = sum;
        sum += n;
    }
    for (size_t i = 0; i < count; i++)
        to[at[from[i].key >> shift & 255]++] = from[i];
}

/* Byte by byte from the lowest; bytes that all keys share are passed over. */
void weir__plan_sort(struct weir__plan_key *keys, struct weir__plan_key *spare, size_t count)
{
    struct weir__plan_key *from = keys, *to = spare;
    uint64_t differ = 0;
    if (count < SORT_FEW) {
        sort_few(keys, count);
        return;
    }
    for (size_t i = 1; i < count; i++)
        differ |= keys[i].key ^ keys[0].key;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (!(differ >> shift & 255))
            continue;
        sort_by_byte(from, to, count, shift);
        struct weir__plan_key *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, count * sizeof *keys);
}
