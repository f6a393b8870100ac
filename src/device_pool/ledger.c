/*
 * device_pool/ledger.c - records of blocks, and the way from a live block's address to its
 * record.
 */
#include "backing/meta.h"
#include "device_pool/pool.h"

#include <errno.h>

#define CHUNK (16 * WEIR__KIB) /* of records; never given back before the pool goes */

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

static void *index_allocate(void *d, size_t size)
{
    return weir__device_meta(d, size);
}

static void index_free(void *d, void *table, size_t size)
{
    weir__device_meta_free(d, table, size);
}

static const struct weir__map_memory index_memory = {index_allocate, index_free};

struct index_entry {
    void *address; /* the key */
    struct weir__device_block *block;
};

int weir__device_ledger_reserve(struct weir__device *d, size_t n)
{
    if (weir__unlikely(d->nspare < n) && !chunk_add(d))
        return ENOMEM;
    return weir__pointer_map_reserve(&d->index, sizeof(struct index_entry), &index_memory, d)
               ? 0
               : ENOMEM;
}

void weir__device_index_add(struct weir__device *d, struct weir__device_block *block)
{
    struct index_entry *entry = weir__pointer_map_put(&d->index, block->address);
    entry->block = block;
}

struct weir__device_block *weir__device_index_find(struct weir__device *d, const void *address)
{
    const struct index_entry *entry = weir__pointer_map_find(&d->index, address);
    return entry ? entry->block : NULL;
}

void weir__device_index_remove(struct weir__device *d, const void *address)
{
    weir__pointer_map_remove(&d->index, weir__pointer_map_find(&d->index, address));
}

void weir__device_ledger_destroy(struct weir__device *d)
{
    weir__pointer_map_clear(&d->index);
    while (d->chunks) {
        struct weir__device_block *chunk = d->chunks;
        d->chunks = chunk->next;
        weir__device_meta_free(d, chunk, CHUNK);
    }
}
