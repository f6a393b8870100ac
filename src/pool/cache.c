/* pool/cache.c - the slow side of thread caches; the lock is held throughout. */
#include "pool/cache.h"

#include "backing/meta.h"

#include <string.h>

#define BIN_SLOTS_MOST 1024
#define BIN_BYTES_MOST (256 * WEIR__KIB)
#define GROWN_MOST     (4 * WEIR__MIB)

struct weir__slot weir__no_slot;

void weir__cache_init(struct weir__cache *cache)
{
    for (unsigned class = 0; class < WEIR__CLASSES; class ++)
        cache->bins[class] = (struct weir__bin)WEIR__BIN_UNUSED;
    weir__lock_init(&cache->lock, WEIR__RANK_HEAP);
}

/* In bin->grown beside the bytes, whose low bits are 0: it ran empty since it last grew. One
 * that only fills up is a consumer's: more room would only keep blocks from their producer. */
#define BIN_REFILLED ((size_t)1)

static size_t bin_first_slots(const struct weir__center *center)
{
    return 2u * center->batch;
}

static size_t bin_slots(const struct weir__bin *bin)
{
    return (size_t)(bin->limit - bin->base);
}

/* Room for slots above the one without a block; NULL: no memory. */
static struct weir__slot *slots_make(size_t slots)
{
    struct weir__slot *below = weir__meta_allocate((slots + 1) * sizeof *below);
    return below ? below + 1 : NULL;
}

static void slots_free(struct weir__slot *base, size_t slots)
{
    weir__meta_free(base - 1, (slots + 1) * sizeof *base);
}

/* Readers of figures look at `used` first: it is set last, and cleared first. */
static bool bin_make(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    if (cache->used >> class & 1)
        return true;
    size_t slots = bin_first_slots(&cache->centers[class]);
    struct weir__slot *base = slots_make(slots);
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
    __atomic_store_n(&cache->used, cache->used & ~((uint64_t)1 << class), __ATOMIC_RELAXED);
    slots_free(bin->base, bin_slots(bin));
    cache->grown -= bin->grown & ~BIN_REFILLED;
    bin->grown = 0;
    __atomic_store_n(&bin->base, &weir__no_slot + 1, __ATOMIC_RELAXED);
    weir__bin_set_top(bin, &weir__no_slot + 1);
    bin->limit = &weir__no_slot + 1;
}

/* Twice the room, if the class and the cache may have it. */
static bool bin_grow(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    size_t slots = bin_slots(bin), bytes = slots * weir__class_bytes[class];
    if (!(bin->grown & BIN_REFILLED) || 2 * slots > BIN_SLOTS_MOST || 2 * bytes > BIN_BYTES_MOST ||
        cache->grown + bytes > GROWN_MOST)
        return false;
    struct weir__slot *base = slots_make(2 * slots), *old = bin->base;
    if (!base)
        return false;
    memcpy(base, old, slots * sizeof *base);
    __atomic_store_n(&bin->base, base, __ATOMIC_RELAXED);
    weir__bin_set_top(bin, base + slots);
    bin->limit = base + 2 * slots;
    bin->grown = (bin->grown + bytes) & ~BIN_REFILLED;
    cache->grown += bytes;
    slots_free(old, slots);
    return true;
}

/* A bin with more room takes more at a time, a quarter of it. */
bool weir__cache_refill(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    struct weir__center *center = &cache->centers[class];
    if (!bin_make(cache, class))
        return false;
    bin->grown |= BIN_REFILLED;
    struct weir__slot *top = bin->top, *enough = bin->base + bin_slots(bin) / 4;
    unsigned count;
    do {
        count = weir__center_take(center, top);
        top += count;
    } while (count && top + center->batch <= enough);
    bool filled = top > bin->top;
    weir__bin_set_top(bin, top);
    return filled;
}

/* Gives from below, oldest first, until at most `kept` are left; is the class loose? */
static bool bin_give(struct weir__bin *bin, unsigned batch, size_t kept)
{
    bool loose = false;
    size_t given = 0, count = (size_t)(bin->top - bin->base);
    while (count - given > kept) {
        unsigned part = (unsigned)weir__min(count - given, batch);
        loose |= weir__center_give(bin->base + given, part);
        given += part;
    }
    memmove(bin->base, bin->base + given, (count - given) * sizeof *bin->base);
    weir__bin_set_top(bin, bin->top - given);
    return loose;
}

/* Back to two batches' room: each block that it holds may be the last of its slab. */
static void bin_shrink(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    unsigned batch = cache->centers[class].batch;
    size_t slots = bin_first_slots(&cache->centers[class]), former = bin_slots(bin);
    struct weir__slot *base = former > slots ? slots_make(slots) : NULL, *old = bin->base;
    if (!base)
        return;
    bin_give(bin, batch, batch);
    size_t count = (size_t)(bin->top - bin->base);
    memcpy(base, old, count * sizeof *base);
    __atomic_store_n(&bin->base, base, __ATOMIC_RELAXED);
    weir__bin_set_top(bin, base + count);
    bin->limit = base + slots;
    cache->grown -= bin->grown & ~BIN_REFILLED;
    bin->grown = 0;
    slots_free(old, former);
}

bool weir__cache_drain(struct weir__cache *cache, unsigned class)
{
    struct weir__bin *bin = &cache->bins[class];
    struct weir__center *center = &cache->centers[class];
    if (!bin_make(cache, class))
        return false;
    if (bin->top < bin->limit || bin_grow(cache, class))
        return true;
    unsigned batch = center->batch;
    size_t slots = bin_slots(bin), half = slots / 2 / batch * batch;
    if (weir__unlikely(bin_give(bin, batch, slots - weir__max(half, (size_t)batch))))
        bin_shrink(cache, class);
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
