/* tools/trace/blocks.c - see blocks.h. */
#include "tools/trace/blocks.h"
#include "tools/common/memory.h"

#include <stdlib.h>
#include <string.h>

/* -- by address ------------------------------------------------------------------------------- */

struct placed {
    void *address; /* the key */
    size_t index;  /* of the live block there */
};

static void *map_allocate(void *user, size_t size)
{
    (void)user;
    return memory_zeroed(1, size);
}

static void map_free(void *user, void *table, size_t size)
{
    (void)user, (void)size;
    free(table);
}

static const struct weir__map_memory map_memory = {map_allocate, map_free};

static struct placed *placed_find(const struct trace_blocks *b, uint64_t address)
{
    return weir__pointer_map_find(&b->live, (void *)(uintptr_t)address);
}

struct trace_block *trace_blocks_find(const struct trace_blocks *b, uint64_t address)
{
    const struct placed *placed = placed_find(b, address);
    return placed ? &b->all[placed->index] : NULL;
}

/* Room was made. */
static void place(struct trace_blocks *b, const struct trace_block *block)
{
    struct placed *placed = weir__pointer_map_put(&b->live, (void *)(uintptr_t)block->address);
    placed->index = (size_t)(block - b->all);
}

void trace_blocks_move(struct trace_blocks *b, struct trace_block *block, uint64_t address)
{
    weir__pointer_map_remove(&b->live, placed_find(b, block->address));
    block->address = address;
    place(b, block);
}

/* -- of a context ----------------------------------------------------------------------------- */

static void context_room(struct trace_blocks *b, uint32_t context)
{
    size_t n = b->nfirst ? b->nfirst : 64;
    if (context < b->nfirst)
        return;
    while (n <= context)
        n *= 2;
    b->first = memory_array(b->first, n, sizeof *b->first);
    memset(b->first + b->nfirst, 0, (n - b->nfirst) * sizeof *b->first);
    b->nfirst = n;
}

static void context_link(struct trace_blocks *b, struct trace_block *block)
{
    uint32_t index = (uint32_t)(block - b->all) + 1;
    block->prev = 0;
    block->next = b->first[block->context];
    if (block->next)
        b->all[block->next - 1].prev = index;
    b->first[block->context] = index;
}

static void context_unlink(struct trace_blocks *b, const struct trace_block *block)
{
    if (block->next)
        b->all[block->next - 1].prev = block->prev;
    if (block->prev)
        b->all[block->prev - 1].next = block->next;
    else
        b->first[block->context] = block->next;
}

struct trace_block *trace_blocks_of(const struct trace_blocks *b, uint32_t context)
{
    return context < b->nfirst && b->first[context] ? &b->all[b->first[context] - 1] : NULL;
}

/* -- they come and go ------------------------------------------------------------------------- */

struct trace_block *trace_blocks_add(struct trace_blocks *b, const struct trace_block *block)
{
    context_room(b, block->context);
    weir__pointer_map_reserve(&b->live, sizeof(struct placed), &map_memory, NULL);
    if (!b->free)
        b->all = memory_grow(b->all, b->n, sizeof *b->all);
    struct trace_block *added = &b->all[b->free ? b->free - 1 : b->n++];
    if (b->free)
        b->free = added->next;
    *added = *block;
    added->live = true;
    context_link(b, added);
    place(b, added);
    return added;
}

void trace_blocks_remove(struct trace_blocks *b, struct trace_block *block)
{
    weir__pointer_map_remove(&b->live, placed_find(b, block->address));
    context_unlink(b, block);
    block->live = false;
    block->next = b->free;
    b->free = (uint32_t)(block - b->all) + 1;
}

void trace_blocks_free(struct trace_blocks *b)
{
    free(b->all);
    free(b->first);
    weir__pointer_map_clear(&b->live);
    *b = (struct trace_blocks){0};
}
