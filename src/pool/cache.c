/* pool/cache.c - the slow side of thread caches; the lock is held throughout. */
#include "pool/cache.h"

#include "base/meta.h"

#include <string.h>

static size_t bin_slots(const struct weir__center *center)
{
    return 2u * center->batch;
}

static bool bin_make(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    if (bin->base)
        return true;
    size_t slots = bin_slots(&cache->centers[class]);
    struct weir__slot *base = weir__meta_allocate(slots * sizeof *base);
    if (!base)
        return false;
    *bin = (struct weir__bin){.top = base, .base = base, .limit = base + slots};
    cache->used |= (uint64_t)1 << class;
    return true;
}

bool weir__cache_refill(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    if (!bin_make(cache, class))
        return false;
    unsigned count = weir__center_take(&cache->centers[class], bin->top);
    bin->top += count;
    return count != 0;
}

bool weir__cache_drain(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    struct weir__center *center = &cache->centers[class];
    if (!bin_make(cache, class))
        return false;
    if (bin->top < bin->limit)
        return true;
    unsigned batch = center->batch;
    weir__center_give(center, bin->base, batch);
    memmove(bin->base, bin->base + batch, (size_t)batch * sizeof *bin->base);
    bin->top -= batch;
    return true;
}

static size_t bin_empty(struct weir__cache *cache, unsigned class, bool give)
{
    struct weir__bin *bin = &cache->bins[class];
    struct weir__center *center = &cache->centers[class];
    size_t count = (size_t)(bin->top - bin->base);
    while (give && bin->top > bin->base) {
        unsigned part = (unsigned)weir__min((size_t)(bin->top - bin->base), center->batch);
        bin->top -= part;
        weir__center_give(center, bin->top, part);
    }
    weir__meta_free(bin->base, bin_slots(center) * sizeof *bin->base);
    *bin = (struct weir__bin){0};
    return count * weir__class_bytes[class];
}

size_t weir__cache_empty(struct weir__cache *cache, bool give)
{
    size_t bytes = 0;
    for (; cache->used; cache->used &= cache->used - 1)
        bytes += bin_empty(cache, (unsigned)__builtin_ctzll(cache->used), give);
    return bytes;
}
