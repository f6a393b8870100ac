/* device_pool/figures.c - what is known of a pool: its statistics, the report of a request that
 * cannot be met, and whether its structures hold. */
#include "device_pool/pool.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>

static size_t bins_largest(const struct weir__device_bins *bins)
{
    size_t largest = 0;
    int bin = weir__device_bins_before(bins, WEIR__DEVICE_BINS);
    for (const struct weir__link *b = bin < 0 ? NULL : bins->lists[bin].first; b; b = b->next)
        largest = weir__max(largest, weir__device_block_of(b)->size);
    return largest;
}

static size_t largest_free(const struct weir__device *d)
{
    size_t largest = 0;
    for (unsigned kind = 0; kind < WEIR__DEVICE_KINDS; kind++) {
        largest = weir__max(largest, bins_largest(&d->any.bins[kind]));
        for (const struct weir__link *s = d->streams.first; s; s = s->next)
            largest = weir__max(largest, bins_largest(&weir__device_stream_of(s)->bins[kind]));
    }
    return largest;
}

static size_t cached_bytes(const struct weir__device *d)
{
    return d->reserved - d->in_use - d->waiting_bytes;
}

static void device_memory(struct weir__device *d, size_t *free_bytes, size_t *total)
{
    if (d->dead || d->table.memory_info(d->table.user, free_bytes, total))
        *free_bytes = *total = WEIR_UNSUPPORTED;
}

void weir__device_stats(struct weir__device *d, weir_device_stats *stats)
{
    size_t size = stats->size;
    weir__guard_take(&d->guard);
    *stats = (weir_device_stats){.size = size,
                                 .in_use = d->in_use,
                                 .peak_in_use = d->peak_in_use,
                                 .reserved = d->reserved,
                                 .peak_reserved = d->peak_reserved,
                                 .cached = cached_bytes(d),
                                 .waiting = d->waiting_bytes,
                                 .largest_free = largest_free(d),
                                 .segments = d->nranges,
                                 .streams = d->nstreams,
                                 .driver_allocations = d->driver_allocations,
                                 .driver_frees = d->driver_frees,
                                 .recoveries = d->recoveries,
                                 .mode = d->mode};
    device_memory(d, &stats->device_free, &stats->device_total);
    weir__guard_drop(&d->guard);
    if (stats->cached)
        stats->fragmentation = 1 - (double)stats->largest_free / (double)stats->cached;
}

void weir__device_reset_peaks(struct weir__device *d)
{
    weir__guard_take(&d->guard);
    d->peak_in_use = d->in_use;
    d->peak_reserved = d->reserved;
    weir__guard_drop(&d->guard);
}

void weir__device_figures(struct weir__device *d, size_t *in_use, size_t *cached, size_t *reserved,
                          size_t *metadata)
{
    weir__guard_take(&d->guard);
    *in_use = d->in_use;
    *cached = d->reserved - d->in_use;
    *reserved = d->reserved;
    *metadata = d->metadata;
    weir__guard_drop(&d->guard);
}

int weir__device_report_locked(struct weir__device *d, size_t size, int code)
{
    size_t free_bytes, total;
    if (code == ENOBUFS)
        return weir__fail(ENOMEM, "%s: %zu bytes: no host memory for book-keeping", d->name, size);
    if (code != ENOMEM)
        return weir__fail(code, "%s: %zu bytes: %s", d->name, size,
                          d->dead           ? "not usable in a forked child"
                          : code == ENOTSUP ? "there is no pool to hold them"
                                            : d->table.error_text(d->table.user));
    device_memory(d, &free_bytes, &total);
    char says[64] = "device free unknown", most[40] = "";
    if (total != WEIR_UNSUPPORTED)
        snprintf(says, sizeof says, "device free %zu of %zu", free_bytes, total);
    if (d->reserve_limit != SIZE_MAX)
        snprintf(most, sizeof most, " of at most %zu", d->reserve_limit);
    return weir__fail(ENOMEM,
                      "%s: out of device memory: asked %zu, live %zu, cached %zu (largest free "
                      "%zu), waiting %zu, reserved %zu%s, %s",
                      d->name, size, d->in_use, cached_bytes(d), largest_free(d), d->waiting_bytes,
                      d->reserved, most, says);
}

/* -- invariants --------------------------------------------------------------------------- */

struct sums {
    size_t live, waiting, free, nfree;
};

static bool block_is_valid(struct weir__device *d, struct weir__device_block *b, struct sums *sums)
{
    const struct weir__device_block *next = b->next;
    if (!b->size || (next && (next->prev != b || next->address != b->address + b->size ||
                              next->range != b->range)))
        return false;
    switch ((enum weir__device_state)b->state) {
    case WEIR__DEVICE_LIVE:
        sums->live += b->size;
        return weir__device_index_find(d, b->address) == b;
    case WEIR__DEVICE_WAITING:
        sums->waiting += b->size;
        return b->lost || b->uses;
    case WEIR__DEVICE_FREE:
        sums->free += b->size;
        sums->nfree++;
        return b->sequence <= b->stream->freed && !weir__device_index_find(d, b->address) &&
               !(next && next->state == WEIR__DEVICE_FREE && next->stream == b->stream);
    case WEIR__DEVICE_VOID:
        return b->range->expandable && !(next && next->state == WEIR__DEVICE_VOID);
    }
    return false;
}

static bool range_is_valid(struct weir__device *d, const struct weir__device_range *range,
                           struct sums *sums)
{
    size_t size = 0;
    if (d->mode != WEIR_DEVICE_DRIVER && (!range->first || range->first->address != range->base))
        return false;
    for (struct weir__device_block *b = range->first; b; size += b->size, b = b->next)
        if (!block_is_valid(d, b, sums))
            return false;
    return size == range->size;
}

bool weir__device_is_valid(struct weir__device *d)
{
    struct sums sums = {0};
    bool valid = true;
    weir__guard_take(&d->guard);
    for (const struct weir__link *r = d->ranges.first; r && valid; r = r->next)
        valid = range_is_valid(d, weir__device_range_of(r), &sums);
    size_t listed = d->any.nfree;
    for (const struct weir__link *s = d->streams.first; s; s = s->next)
        listed += weir__device_stream_of(s)->nfree;
    valid = valid && sums.live == d->in_use && sums.waiting == d->waiting_bytes &&
            sums.free == cached_bytes(d) && sums.nfree == listed;
    weir__guard_drop(&d->guard);
    return valid;
}
