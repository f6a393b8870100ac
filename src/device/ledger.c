/*
 * device/ledger.c - records of blocks, and the way from a live block's address to its
 * record. Linear probing with backward-shift deletion (Knuth 6.4, R).
 */
#include "backing/meta.h"
#include "device/pool.h"

#include <errno.h>

#define INDEX_LEAST 64
#define CHUNK       (16 * WEIR__KIB) /* of records; never given back before the pool goes */

/* Chunks are chained through their first record. */
#define CHUNK_RECORDS (CHUNK / sizeof(struct weir__device_block))

void *weir__device_meta(struct weir__device *d, size_t size)
{
    void *object = weir__meta_allocate(size);
    if (object)
        d->metadata += size;
    return object;
}

void weir__device_meta_free(struct weir__device *d, void *object, size_t size)
{
    if (!object)
        return;
    d->metadata -= size;
    weir__meta_free(object, size);
}

/* -- records ------------------------------------------------------------------------------ */

static bool chunk_add(struct weir__device *d)
{
    struct weir__device_block *chunk = weir__device_meta(d, CHUNK);
    if (!chunk)
        return false;
    chunk->next = d->chunks;
    d->chunks = chunk;
    for (size_t i = 1; i < CHUNK_RECORDS; i++)
        weir__device_record_free(d, &chunk[i]);
    return true;
}

struct weir__device_block *weir__device_record(struct weir__device *d)
{
    struct weir__device_block *block = d->spare;
    d->spare = block->next;
    d->nspare--;
    *block = (struct weir__device_block){0};
    return block;
}

void weir__device_record_free(struct weir__device *d, struct weir__device_block *block)
{
    block->next = d->spare;
    d->spare = block;
    d->nspare++;
}

/* -- index -------------------------------------------------------------------------------- */

static size_t index_home(const struct weir__device_index *x, const void *address)
{
    uint64_t hash = ((uintptr_t)address / 64) * 0x9E3779B97F4A7C15u;
    return (size_t)(hash >> 20) & (x->capacity - 1);
}

static struct weir__device_block **index_slot(const struct weir__device_index *x,
                                              const void *address)
{
    size_t i = index_home(x, address);
    while (x->slots[i] && x->slots[i]->address != address)
        i = (i + 1) & (x->capacity - 1);
    return &x->slots[i];
}

static bool index_grow(struct weir__device *d)
{
    struct weir__device_index old = d->index, *x = &d->index;
    size_t capacity = old.capacity ? old.capacity * 2 : INDEX_LEAST;
    struct weir__device_block **slots = weir__device_meta(d, capacity * sizeof *slots);
    if (!slots)
        return false;
    x->slots = slots;
    x->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i])
            *index_slot(x, old.slots[i]->address) = old.slots[i];
    weir__device_meta_free(d, old.slots, old.capacity * sizeof *old.slots);
    return true;
}

int weir__device_ledger_reserve(struct weir__device *d, size_t n)
{
    if (weir__unlikely(d->nspare < n) && !chunk_add(d))
        return ENOMEM;
    if (weir__unlikely(d->index.used + 1 > d->index.capacity / 2) && !index_grow(d))
        return ENOMEM;
    return 0;
}

void weir__device_index_add(struct weir__device *d, struct weir__device_block *block)
{
    *index_slot(&d->index, block->address) = block;
    d->index.used++;
}

struct weir__device_block *weir__device_index_find(struct weir__device *d, const void *address)
{
    return d->index.capacity ? *index_slot(&d->index, address) : NULL;
}

/* Moves later entries of the run back so that no search stops short at the gap. */
void weir__device_index_remove(struct weir__device *d, const void *address)
{
    struct weir__device_index *x = &d->index;
    size_t mask = x->capacity - 1, gap = (size_t)(index_slot(x, address) - x->slots);
    for (size_t i = (gap + 1) & mask; x->slots[i]; i = (i + 1) & mask) {
        size_t home = index_home(x, x->slots[i]->address);
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            x->slots[gap] = x->slots[i];
            gap = i;
        }
    }
    x->slots[gap] = NULL;
    x->used--;
}

void weir__device_ledger_destroy(struct weir__device *d)
{
    weir__device_meta_free(d, d->index.slots, d->index.capacity * sizeof *d->index.slots);
    d->index = (struct weir__device_index){0};
    while (d->chunks) {
        struct weir__device_block *chunk = d->chunks;
        d->chunks = chunk->next;
        weir__device_meta_free(d, chunk, CHUNK);
    }
}
