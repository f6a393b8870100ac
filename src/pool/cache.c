/* pool/cache.c - the slow side of thread caches; the lock is held throughout. */
#include "pool/cache.h"

#include "backing/meta.h"

#include <string.h>

#define BIN_BLOCKS_MOST 1024
#define BIN_BYTES_MOST  (256 * WEIR__KIB)
#define GROWN_MOST      (4 * WEIR__MIB)

struct weir__cached weir__no_cached;

void weir__cache_init(struct weir__cache *cache)
{
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++)
        cache->bins[sizeclass] = (struct weir__bin)WEIR__BIN_UNUSED;
}

/* In bin->grown beside the bytes, whose low bits are 0: it ran empty since it last grew. One
 * that only fills up is a consumer's: more room would only keep blocks from their producer. */
#define BIN_REFILLED ((size_t)1)

static size_t bin_first_room(const struct weir__center *center)
{
    return 2u * center->batch;
}

static size_t bin_room(const struct weir__bin *bin)
{
    return (size_t)(bin->limit - bin->base);
}

/* Room for slots above the one without a block; NULL: no memory. */
static struct weir__cached *room_make(size_t room)
{
    struct weir__cached *below = weir__meta_allocate((room + 1) * sizeof *below);
    return below ? below + 1 : NULL;
}

static void room_free(struct weir__cached *base, size_t room)
{
    weir__meta_free(base - 1, (room + 1) * sizeof *base);
}

/* Readers of figures look at `used` first: it is set last, and cleared first. */
static bool bin_make(struct weir__cache *cache, unsigned sizeclass)
{
    struct weir__bin *bin = &cache->bins[sizeclass];
    if (cache->used >> sizeclass & 1)
        return true;
    size_t room = bin_first_room(&cache->centers[sizeclass]);
    struct weir__cached *base = room_make(room);
    if (!base)
        return false;
    bin->limit = base + room;
    weir__bin_set_top(bin, base);
    __atomic_store_n(&bin->base, base, __ATOMIC_RELAXED);
    __atomic_store_n(&cache->used, cache->used | (uint64_t)1 << sizeclass, __ATOMIC_RELAXED);
    return true;
}

static void bin_unmake(struct weir__cache *cache, unsigned sizeclass)
{
    struct weir__bin *bin = &cache->bins[sizeclass];
    __atomic_store_n(&cache->used, cache->used & ~((uint64_t)1 << sizeclass), __ATOMIC_RELAXED);
    room_free(bin->base, bin_room(bin));
    cache->grown -= bin->grown & ~BIN_REFILLED;
    bin->grown = 0;
    __atomic_store_n(&bin->base, &weir__no_cached + 1, __ATOMIC_RELAXED);
    weir__bin_set_top(bin, &weir__no_cached + 1);
    bin->limit = &weir__no_cached + 1;
}

/* Twice the room, if the class and the cache may have it. */
static bool bin_grow(struct weir__cache *cache, unsigned sizeclass)
{
    struct weir__bin *bin = &cache->bins[sizeclass];
    size_t room = bin_room(bin), bytes = room * weir__class_bytes[sizeclass];
    if (!(bin->grown & BIN_REFILLED) || 2 * room > BIN_BLOCKS_MOST || 2 * bytes > BIN_BYTES_MOST ||
        cache->grown + bytes > GROWN_MOST)
        return false;
    struct weir__cached *base = room_make(2 * room), *old = bin->base;
    if (!base)
        return false;
    memcpy(base, old, room * sizeof *base);
    __atomic_store_n(&bin->base, base, __ATOMIC_RELAXED);
    weir__bin_set_top(bin, base + room);
    bin->limit = base + 2 * room;
    bin->grown = (bin->grown + bytes) & ~BIN_REFILLED;
    cache->grown += bytes;
    room_free(old, room);
    return true;
}

/* A bin with more room takes more at a time, a quarter of it. */
bool weir__cache_refill(struct weir__cache *cache, unsigned sizeclass)
{
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = &cache->centers[sizeclass];
    if (!bin_make(cache, sizeclass))
        return false;
    bin->grown |= BIN_REFILLED;
    struct weir__cached *top = bin->top, *enough = bin->base + bin_room(bin) / 4;
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
static void bin_shrink(struct weir__cache *cache, unsigned sizeclass)
{
    struct weir__bin *bin = &cache->bins[sizeclass];
    unsigned batch = cache->centers[sizeclass].batch;
    size_t room = bin_first_room(&cache->centers[sizeclass]), former = bin_room(bin);
    struct weir__cached *base = former > room ? room_make(room) : NULL, *old = bin->base;
    if (!base)
        return;
    bin_give(bin, batch, batch);
    size_t count = (size_t)(bin->top - bin->base);
    memcpy(base, old, count * sizeof *base);
    __atomic_store_n(&bin->base, base, __ATOMIC_RELAXED);
    weir__bin_set_top(bin, base + count);
    bin->limit = base + room;
    cache->grown -= bin->grown & ~BIN_REFILLED;
    bin->grown = 0;
    room_free(old, former);
}

bool weir__cache_drain(struct weir__cache *cache, unsigned sizeclass)
{
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = &cache->centers[sizeclass];
    if (!bin_make(cache, sizeclass))
        return false;
    if (bin->top < bin->limit || bin_grow(cache, sizeclass))
        return true;
    unsigned batch = center->batch;
    size_t room = bin_room(bin), half = room / 2 / batch * batch;
    if (weir__unlikely(bin_give(bin, batch, room - weir__max(half, (size_t)batch))))
        bin_shrink(cache, sizeclass);
    return true;
}

static size_t bin_empty(struct weir__cache *cache, unsigned sizeclass, bool give)
{
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = &cache->centers[sizeclass];
    size_t count = (size_t)(bin->top - bin->base);
    while (give && bin->top > bin->base) {
        unsigned part = (unsigned)weir__min((size_t)(bin->top - bin->base), center->batch);
        weir__bin_set_top(bin, bin->top - part);
        weir__center_give(bin->top, part);
    }
    bin_unmake(cache, sizeclass);
    return count * weir__class_bytes[sizeclass];
}

size_t weir__cache_empty(struct weir__cache *cache, bool give)
{
    size_t bytes = 0;
    while (cache->used)
        bytes += bin_empty(cache, (unsigned)__builtin_ctzll(cache->used), give);
    return bytes;
}
