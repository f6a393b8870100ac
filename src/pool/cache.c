/* pool/cache.c - the slow side of thread caches; the lock is held throughout. */
#include "pool/cache.h"

#include "base/meta.h"

#include <string.h>

static size_t bin_slots(const struct weir__center *center)
{
    return 2u * center->batch;
}

/* Readers of figures may look at any moment: base last, and first when it goes. */
static bool bin_make(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    if (bin->base)
        return true;
    size_t slots = bin_slots(&cache->centers[class]);
    struct weir__slot *base = weir__meta_allocate(slots * sizeof *base);
    if (!base)
        return false;
    bin->limit = base + slots;
    weir__bin_set_top(bin, base);
    __atomic_store_n(&bin->base, base, __ATOMIC_RELAXED);
    __atomic_store_n(&cache->used, cache->used | (uint64_t)1 << class, __ATOMIC_RELAXED);
    return true;
}

static void bin_unmake(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    weir__meta_free(bin->base, bin_slots(&cache->centers[class]) * sizeof *bin->base);
    __atomic_store_n(&bin->base, NULL, __ATOMIC_RELAXED);
    weir__bin_set_top(bin, NULL);
    bin->limit = NULL;
    __atomic_store_n(&cache->used, cache->used & ~((uint64_t)1 << class), __ATOMIC_RELAXED);
}

bool weir__cache_refill(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    if (!bin_make(cache, class))
        return false;
    unsigned count = weir__center_take(&cache->centers[class], bin->top);
    weir__bin_set_top(bin, bin->top + count);
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
    weir__center_give(bin->base, batch);
    memmove(bin->base, bin->base + batch, (size_t)batch * sizeof *bin->base);
    weir__bin_set_top(bin, bin->top - batch);
    return true;
}

static size_t bin_empty(struct weir__cache *cache, unsigned class, bool give)
{
    struct weir__bin *bin = &cache->bins[class];
    struct weir__center *center = &cache->centers[class];
    size_t count = (size_t)(bin->top - bin->base);
    while (give && bin->top > bin->base) {
        unsigned part = (unsigned)weir__min((size_t)(bin->top - bin->base), center->batch);
        weir__bin_set_top(bin, bin->top - part);
        weir__center_give(bin->top, part);
    }
    bin_unmake(cache, class);
    return count * weir__class_bytes[class];
}

size_t weir__cache_empty(struct weir__cache *cache, bool give)
{
    size_t bytes = 0;
    while (cache->used)
        bytes += bin_empty(cache, (unsigned)__builtin_ctzll(cache->used), give);
    return bytes;
}
