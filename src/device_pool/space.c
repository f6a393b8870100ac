/*
 * device_pool/space.c - memory taken from the device and given back: segments, or granules put
 * behind reserved addresses.
 *
 * Growth is bounded: before more is taken than growth_percent above the greatest use so
 * far, what is idle elsewhere goes back first. So the memory held follows the use however
 * the free blocks lie.
 */
#include "backing/meta.h"
#include "base/error.h"
#include "device_pool/pool.h"

#include <errno.h>

#define SMALL_SEGMENT (2 * WEIR__MIB)
#define LARGE_SEGMENT (20 * WEIR__MIB)
#define SMALL_BELOW   (1 * WEIR__MIB) /* requests */
#define LARGE_BELOW   (10 * WEIR__MIB)
#define TINY_BELOW    (16 * WEIR__KIB) /* expandable ranges */
#define APART_FROM    (32 * WEIR__MIB)
#define PIN_RATIO     32 /* a request pins at most so many times its size */

/* In expandable ranges granules go back one by one, so only the smallest blocks lie apart,
 * and not before there is something that they could pin. */
static enum weir__device_kind expandable_kind(const struct weir__device *d, size_t size)
{
    return size < TINY_BELOW && d->reserved >= APART_FROM ? WEIR__DEVICE_SMALL : WEIR__DEVICE_LARGE;
}

enum weir__device_kind weir__device_kind_of(const struct weir__device *d, size_t size)
{
    if (d->mode == WEIR_DEVICE_EXPANDABLE)
        return expandable_kind(d, size);
    if (size < SMALL_BELOW)
        return WEIR__DEVICE_SMALL;
    return size < LARGE_BELOW ? WEIR__DEVICE_LARGE : WEIR__DEVICE_HUGE;
}

size_t weir__device_range_max(const struct weir__device *d, size_t size)
{
    if (d->mode == WEIR_DEVICE_EXPANDABLE)
        return SIZE_MAX;
    return weir__max(LARGE_SEGMENT, size > SIZE_MAX / PIN_RATIO ? SIZE_MAX : size * PIN_RATIO);
}

/* -- ranges ------------------------------------------------------------------------------- */

/* Registers [base, base + size), one block of `state`; two records are reserved. */
static struct weir__device_block *range_add(struct weir__device *d, void *base, size_t size,
                                            unsigned kind, enum weir__device_state state)
{
    struct weir__device_range *range = weir__device_meta(d, sizeof *range);
    if (!range)
        return NULL;
    struct weir__device_block *block = weir__device_record(d);
    *range = (struct weir__device_range){
        .base = base, .size = size, .kind = (uint8_t)kind, .first = block};
    range->expandable = state == WEIR__DEVICE_VOID;
    weir__list_push(&d->ranges, &range->link);
    d->nranges++;
    block->address = base;
    block->size = size;
    block->range = range;
    block->stream = &d->any;
    block->state = (uint8_t)state;
    return block;
}

/* Forgets a range of one unlisted block. */
static void range_remove(struct weir__device *d, struct weir__device_range *range)
{
    weir__list_remove(&d->ranges, &range->link);
    d->nranges--;
    weir__device_record_free(d, range->first);
    weir__device_meta_free(d, range, sizeof *range);
}

static void reserved_add(struct weir__device *d, size_t size)
{
    d->reserved += size;
    d->driver_allocations++;
    if (d->reserved > d->peak_reserved)
        d->peak_reserved = d->reserved;
}

static void reserved_subtract(struct weir__device *d, size_t size)
{
    d->reserved -= size;
    d->driver_frees++;
}

static bool limit_allows(const struct weir__device *d, size_t more)
{
    return d->reserved <= d->reserve_limit && more <= d->reserve_limit - d->reserved;
}

/* How much more than allowed `more` bytes for a request of `size` would make it. */
static size_t growth_excess(const struct weir__device *d, size_t more, size_t size)
{
    if (!d->growth_percent)
        return 0;
    size_t unit = d->mode == WEIR_DEVICE_EXPANDABLE ? d->table.granularity : LARGE_SEGMENT;
    size_t peak = weir__max(weir__max(d->peak_in_use, d->wanted), d->in_use + size);
    size_t share = peak / 100 * d->growth_percent;
    size_t whole = (peak + unit - 1) / unit * unit; /* a segment is no power of two */
    size_t allowed = peak + weir__max(share, whole - peak);
    return d->reserved + more > allowed ? d->reserved + more - allowed : 0;
}

static void growth_check(struct weir__device *d, size_t more, size_t size)
{
    if (!growth_excess(d, more, size))
        return;
    weir__device_settle(d, NULL, false);
    size_t excess = growth_excess(d, more, size);
    if (excess)
        weir__device_release(d, excess);
}

/* -- segments ----------------------------------------------------------------------------- */

static int segment_grow(struct weir__device *d, size_t size, struct weir__device_block **block)
{
    enum weir__device_kind kind = weir__device_kind_of(d, size);
    size_t length = kind == WEIR__DEVICE_SMALL   ? SMALL_SEGMENT
                    : kind == WEIR__DEVICE_LARGE ? LARGE_SEGMENT
                                                 : weir__round_up(size, SMALL_SEGMENT);
    void *base;
    growth_check(d, length, size);
    if (!limit_allows(d, length))
        return ENOMEM;
    int error = d->table.allocate(d->table.user, length, &base);
    if (error)
        return error;
    *block = range_add(d, base, length, kind, WEIR__DEVICE_FREE);
    if (!*block) {
        d->table.deallocate(d->table.user, base, length);
        return ENOBUFS;
    }
    reserved_add(d, length);
    return 0;
}

static size_t segment_release(struct weir__device *d, struct weir__device_block *block)
{
    struct weir__device_range *range = block->range;
    size_t size = range->size;
    if (block->size != size || d->table.deallocate(d->table.user, range->base, size))
        return 0;
    weir__device_unlist(block);
    range_remove(d, range);
    reserved_subtract(d, size);
    return size;
}

/* -- expandable ranges -------------------------------------------------------------------- */

/* Addresses are plenty: four times the device, so that holes need not be closed. */
static int addresses_add(struct weir__device *d, size_t size, unsigned kind)
{
    size_t unit = d->table.granularity, free_bytes, total = 0;
    if (d->table.memory_info(d->table.user, &free_bytes, &total))
        total = 64 * WEIR__GIB;
    total = weir__min(total, SIZE_MAX / 16);
    size_t least = weir__round_up(size, unit), length = weir__round_up(total, unit) * 4;
    void *base;
    int error = ENOMEM;
    for (length = weir__max(length, least); error && length >= least; length /= 2) {
        length = weir__round_up(length, unit);
        error = d->table.reserve(d->table.user, length, &base);
        if (!error)
            break;
    }
    if (error)
        return error;
    struct weir__device_block *block = range_add(d, base, length, kind, WEIR__DEVICE_VOID);
    if (!block) {
        d->table.unreserve(d->table.user, base, length);
        return ENOBUFS;
    }
    weir__device_void_list(d, block);
    return 0;
}

/* Where a request would go: into `empty`, from the free block before it on. */
struct place {
    struct weir__device_block *empty;
    size_t more; /* bytes to map */
};

static size_t place_cost(const struct weir__device *d, const struct weir__device_stream *stream,
                         const struct weir__device_block *empty, size_t size)
{
    size_t unit = d->table.granularity;
    size_t before = weir__device_usable(d, empty->prev, stream) ? empty->prev->size : 0;
    size_t more = weir__round_up(size > before ? size - before : 1, unit);
    if (more <= empty->size)
        return more;
    size_t after = weir__device_usable(d, empty->next, stream) ? empty->next->size : 0;
    return size - before <= empty->size + after ? empty->size : SIZE_MAX;
}

/* The cheapest, lowest address on a tie; false: there is none. */
static bool place_find(const struct weir__device *d, const struct weir__device_stream *stream,
                       size_t size, struct place *place)
{
    *place = (struct place){NULL, SIZE_MAX};
    const struct weir__link *at = d->voids[weir__device_kind_of(d, size)].first;
    for (; at; at = at->next) {
        struct weir__device_block *empty = weir__device_block_of(at);
        size_t more = place_cost(d, stream, empty, size);
        if (more < place->more ||
            (more == place->more && place->empty && empty->address < place->empty->address))
            *place = (struct place){empty, more};
    }
    return place->empty != NULL;
}

/* Memory behind the start of a void: a free block for all, which swallows its usable
 * neighbors; unlisted. */
static struct weir__device_block *
place_fill(struct weir__device *d, struct weir__device_stream *stream, const struct place *place)
{
    struct weir__device_block *block = place->empty;
    weir__device_void_unlist(d, block);
    if (place->more < block->size)
        weir__device_void_list(d, weir__device_split(d, block, place->more));
    block->state = WEIR__DEVICE_FREE;
    block->stream = &d->any;
    block->sequence = 0;
    bool beside = (weir__device_usable(d, block->prev, stream) && block->prev->stream == stream) ||
                  (weir__device_usable(d, block->next, stream) && block->next->stream == stream);
    if (beside)
        block->stream = stream;
    block = weir__device_join(d, block);
    weir__device_unlist(block);
    return block;
}

static int expandable_grow(struct weir__device *d, struct weir__device_stream *stream, size_t size,
                           struct weir__device_block **block)
{
    struct place place;
    enum weir__device_kind kind = weir__device_kind_of(d, size);
    if (!place_find(d, stream, size, &place)) {
        int error = addresses_add(d, size, kind);
        if (error)
            return error;
        if (!place_find(d, stream, size, &place))
            return ENOMEM;
    }
    if (growth_excess(d, place.more, size)) {
        growth_check(d, place.more, size);
        if (!place_find(d, stream, size, &place))
            return ENOMEM;
    }
    if (!limit_allows(d, place.more))
        return ENOMEM;
    int error = d->table.map(d->table.user, place.empty->address, place.more);
    if (error)
        return error;
    reserved_add(d, place.more);
    *block = place_fill(d, stream, &place);
    return 0;
}

/* A void joins the voids next to it. */
static void void_join(struct weir__device *d, struct weir__device_block *block)
{
    struct weir__device_block *low = block->prev, *high = block->next;
    if (high && high->state == WEIR__DEVICE_VOID) {
        weir__device_void_unlist(d, high);
        weir__device_merge(d, block, high);
    }
    if (low && low->state == WEIR__DEVICE_VOID) {
        weir__device_void_unlist(d, low);
        weir__device_merge(d, low, block);
        block = low;
    }
    weir__device_void_list(d, block);
}

/* Takes the memory away behind whole granules of a free block, from its end. */
static size_t expandable_release(struct weir__device *d, struct weir__device_block *block,
                                 size_t bytes)
{
    size_t unit = d->table.granularity;
    uintptr_t address = (uintptr_t)block->address;
    uintptr_t low = weir__round_up(address, unit),
              high = weir__round_down(address + block->size, unit);
    if (high <= low)
        return 0;
    if (high - low > bytes)
        low = high - weir__round_up(bytes, unit);
    size_t taken = 0;
    if (weir__device_ledger_reserve(d, 2))
        return 0;
    while (high - taken > low &&
           !d->table.unmap(d->table.user, block->address + (high - taken - unit - address), unit))
        taken += unit;
    if (!taken)
        return 0;
    low = high - taken;
    weir__device_unlist(block);
    if (high < address + block->size)
        weir__device_list(weir__device_split(d, block, high - address));
    if (low > address) {
        struct weir__device_block *rest = weir__device_split(d, block, low - address);
        weir__device_list(block);
        block = rest;
    }
    block->state = WEIR__DEVICE_VOID;
    block->stream = &d->any;
    void_join(d, block);
    reserved_subtract(d, high - low);
    return high - low;
}

/* -- without a pool ----------------------------------------------------------------------- */

static int direct_take(struct weir__device *d, struct weir__device_stream *stream, size_t size,
                       struct weir__device_block **block)
{
    void *base;
    if (!limit_allows(d, size))
        return ENOMEM;
    int error = d->table.allocate_on
                    ? d->table.allocate_on(d->table.user, size, stream->handle, &base)
                    : d->table.allocate(d->table.user, size, &base);
    if (error)
        return error;
    *block = range_add(d, base, size, weir__device_kind_of(d, size), WEIR__DEVICE_FREE);
    if (*block) {
        reserved_add(d, size);
        return 0;
    }
    if (d->table.deallocate_on)
        d->table.deallocate_on(d->table.user, base, size, stream->handle);
    else
        d->table.deallocate(d->table.user, base, size);
    return ENOBUFS;
}

/* The block's uses are over. */
static bool uses_end(struct weir__device *d, struct weir__device_block *block)
{
    for (struct weir__device_use *use = block->uses; use; use = use->next)
        if (!weir__device_stream_is_over(d, use->stream))
            return false;
    weir__device_uses_drop(d, block);
    return true;
}

/* What cannot be freed is kept, free for all; where the device does not say that its work is
 * over, as a block of a pool that was freed. */
void weir__device_give_direct(struct weir__device *d, struct weir__device_block *block,
                              struct weir__device_stream *stream)
{
    struct weir__device_range *range = block->range;
    bool ordered = d->table.deallocate_on && !stream->gone;
    block->address = range->base;
    if (!uses_end(d, block)) {
        weir__device_defer(d, block, stream);
        return;
    }
    if (!ordered && !weir__device_stream_is_over(d, stream)) {
        weir__device_free_block(d, block, stream);
        return;
    }
    stream->freed += !stream->gone;
    if (!(ordered ? d->table.deallocate_on(d->table.user, range->base, range->size, stream->handle)
                  : d->table.deallocate(d->table.user, range->base, range->size))) {
        reserved_subtract(d, range->size);
        range_remove(d, range);
        return;
    }
    if (ordered && !weir__device_stream_is_over(d, stream)) {
        weir__device_free_block(d, block, stream);
        return;
    }
    block->state = WEIR__DEVICE_FREE;
    block->stream = &d->any;
    weir__device_list(block);
}

/* -- either ------------------------------------------------------------------------------- */

int weir__device_grow(struct weir__device *d, struct weir__device_stream *stream, size_t size,
                      struct weir__device_block **block)
{
    if (size > SIZE_MAX / 4)
        return ENOMEM;
    if (d->mode == WEIR_DEVICE_DRIVER)
        return direct_take(d, stream, size, block);
    return d->mode == WEIR_DEVICE_EXPANDABLE ? expandable_grow(d, stream, size, block)
                                             : segment_grow(d, size, block);
}

size_t weir__device_release(struct weir__device *d, size_t bytes)
{
    size_t released = 0;
    for (unsigned kind = WEIR__DEVICE_KINDS; kind-- > 0;) {
        struct weir__device_bins *bins = &d->any.bins[kind];
        for (int bin = weir__device_bins_before(bins, WEIR__DEVICE_BINS); bin >= 0;
             bin = weir__device_bins_before(bins, bin))
            for (struct weir__link *at = bins->lists[bin].first, *next; at; at = next) {
                struct weir__device_block *b = weir__device_block_of(at);
                next = at->next; /* what is split off b goes to other bins, or before it */
                if (released >= bytes)
                    return released;
                released += b->range->expandable ? expandable_release(d, b, bytes - released)
                                                 : segment_release(d, b);
            }
    }
    return released;
}

/* What memory lies behind goes, run by run, then the addresses. */
static void expandable_destroy(struct weir__device *d, struct weir__device_range *range)
{
    size_t unit = d->table.granularity;
    struct weir__device_block *block = range->first;
    while (block) {
        struct weir__device_block *from = block;
        size_t size = 0;
        for (; block && (block->state == WEIR__DEVICE_VOID) == (from->state == WEIR__DEVICE_VOID);
             block = block->next)
            size += block->size;
        for (size_t at = 0; from->state != WEIR__DEVICE_VOID && at < size; at += unit)
            d->table.unmap(d->table.user, from->address + at, unit);
    }
    d->table.unreserve(d->table.user, range->base, range->size);
}

void weir__device_ranges_destroy(struct weir__device *d)
{
    while (d->ranges.first) {
        struct weir__device_range *range = weir__device_range_of(d->ranges.first);
        weir__list_remove(&d->ranges, &range->link);
        for (struct weir__device_block *b = range->first; b; b = b->next)
            weir__device_uses_drop(d, b);
        if (range->expandable)
            expandable_destroy(d, range);
        else
            d->table.deallocate(d->table.user, range->base, range->size);
        weir__device_meta_free(d, range, sizeof *range);
    }
}
