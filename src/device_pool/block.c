/* device_pool/block.c - free blocks: listed by stream, kind and size; split and joined. */
#include "device_pool/pool.h"

void weir__device_list(struct weir__device_block *block)
{
    weir__device_bins_add(&block->stream->bins[block->range->kind], block);
    block->stream->nfree++;
}

void weir__device_unlist(struct weir__device_block *block)
{
    weir__device_bins_remove(&block->stream->bins[block->range->kind], block);
    block->stream->nfree--;
}

void weir__device_void_list(struct weir__device *d, struct weir__device_block *block)
{
    weir__list_push(&d->voids[block->range->kind], &block->link);
}

void weir__device_void_unlist(struct weir__device *d, struct weir__device_block *block)
{
    weir__list_remove(&d->voids[block->range->kind], &block->link);
}

struct weir__device_block *weir__device_split(struct weir__device *d,
                                              struct weir__device_block *block, size_t size)
{
    struct weir__device_block *rest = weir__device_record(d);
    rest->address = block->address + size;
    rest->size = block->size - size;
    rest->range = block->range;
    rest->stream = block->stream;
    rest->sequence = block->sequence;
    rest->state = block->state;
    rest->prev = block;
    rest->next = block->next;
    if (rest->next)
        rest->next->prev = rest;
    block->next = rest;
    block->size = size;
    return rest;
}

bool weir__device_usable(const struct weir__device *d, const struct weir__device_block *block,
                         const struct weir__device_stream *stream)
{
    return block && block->state == WEIR__DEVICE_FREE &&
           (block->stream == stream || block->stream == &d->any);
}

void weir__device_merge(struct weir__device *d, struct weir__device_block *low,
                        struct weir__device_block *high)
{
    low->size += high->size;
    low->next = high->next;
    if (low->next)
        low->next->prev = low;
    if (high->sequence > low->sequence)
        low->sequence = high->sequence;
    weir__device_record_free(d, high);
}

static bool neighbor_take(struct weir__device *d, struct weir__device_block *neighbor,
                          const struct weir__device_stream *stream)
{
    if (!weir__device_usable(d, neighbor, stream))
        return false;
    weir__device_unlist(neighbor);
    return true;
}

struct weir__device_block *weir__device_join(struct weir__device *d,
                                             struct weir__device_block *block)
{
    struct weir__device_stream *stream = block->stream;
    /* Beyond one that was free for all there may be another of the stream's. */
    while (neighbor_take(d, block->next, stream))
        weir__device_merge(d, block, block->next);
    while (neighbor_take(d, block->prev, stream)) {
        block = block->prev;
        weir__device_merge(d, block, block->next);
    }
    block->stream = stream;
    weir__device_list(block);
    return block;
}

struct weir__device_block *weir__device_find_usable(const struct weir__device *d,
                                                    const struct weir__device_stream *stream,
                                                    size_t size)
{
    enum weir__device_kind kind = weir__device_kind_of(d, size);
    size_t range_max = weir__device_range_max(d, size);
    struct weir__device_block *own = weir__device_bins_fit(&stream->bins[kind], size, range_max);
    struct weir__device_block *any = weir__device_bins_fit(&d->any.bins[kind], size, range_max);
    if (!own || !any)
        return own ? own : any;
    return any->size < own->size ? any : own;
}
