/* pool/cache.c - the slow side of thread caches; the lock is held throughout. */
#include "pool/cache.h"

#include "backing/meta.h"

#define BIN_BLOCKS_MOST 1024
#define BIN_BYTES_MOST  (256 * WEIR__KIB)
#define GROWN_MOST      (4 * WEIR__MIB)

_Static_assert(BIN_BYTES_MOST <= UINT32_MAX, "bin->grown holds it");

static void bins_init(struct weir__bin *bins)
{
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++)
        bins[sizeclass] = (struct weir__bin)WEIR__BIN_UNUSED;
}

void weir__cache_init(struct weir__cache *cache, struct weir__shard *shard, struct weir__bin *own)
{
    weir__assert(!cache->used && !cache->grown);
    weir__lock_init(&cache->lock, WEIR__RANK_HEAP);
    cache->shard = shard;
    cache->own = own;
    cache->bins = own ? own : weir__no_bins;
    if (own)
        bins_init(own);
}

static bool bins_make(struct weir__cache *cache)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    if (cache->bins != weir__no_bins)
        return true;
    struct weir__bin *made = weir__meta_allocate(WEIR__CLASSES * sizeof *made);
    if (!made)
        return false;
    bins_init(made);
    weir__relaxed_set(cache->bins, made);
    return true;
}

/* None is used. */
static void bins_unmake(struct weir__cache *cache)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    weir__assert(!cache->used);
    struct weir__bin *made = cache->bins;
    if (cache->own || made == weir__no_bins)
        return;
    weir__relaxed_set(cache->bins, weir__no_bins);
    weir__meta_free(made, WEIR__CLASSES * sizeof *made);
}

/* Two batches; one where bins come and go. */
static size_t first_room(const struct weir__cache *cache, unsigned sizeclass)
{
    return (cache->own ? 2u : 1u) * weir__class_batch(sizeclass);
}

/* The center that a used bin takes from: it was made with the bin. */
static struct weir__center *bin_center(const struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(cache->used >> sizeclass & 1);
    return weir__shard_find(cache->shard, sizeclass);
}

/* Readers of figures look at `used` first: it is set last, and cleared first. */
static bool bin_make(struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    if (cache->used >> sizeclass & 1)
        return true;
    if (!weir__shard_center(cache->shard, sizeclass) || !bins_make(cache))
        return false;
    if (!weir__bin_resize(&cache->bins[sizeclass], first_room(cache, sizeclass))) {
        if (!cache->used)
            bins_unmake(cache);
        return false;
    }
    weir__relaxed_set(cache->used, cache->used | (uint64_t)1 << sizeclass);
    return true;
}

static void bin_unmake(struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    weir__assert(cache->grown >= cache->bins[sizeclass].grown);
    struct weir__bin *bin = &cache->bins[sizeclass];
    weir__relaxed_set(cache->used, cache->used & ~((uint64_t)1 << sizeclass));
    cache->grown -= bin->grown;
    weir__bin_unmake(bin);
}

/* Twice the room, if the class and the cache may have it. One that only fills up is a
 * consumer's: more room would only keep blocks from their producer. */
static bool bin_grow(struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    weir__assert(cache->used >> sizeclass & 1);
    struct weir__bin *bin = &cache->bins[sizeclass];
    size_t room = weir__bin_room(bin), bytes = room * weir__class_bytes[sizeclass];
    if (!bin->refilled || 2 * room > BIN_BLOCKS_MOST || 2 * bytes > BIN_BYTES_MOST ||
        cache->grown + bytes > GROWN_MOST || !weir__bin_resize(bin, 2 * room))
        return false;
    bin->refilled = false;
    bin->grown += (uint32_t)bytes;
    cache->grown += bytes;
    return true;
}

/* Their entries were written by the threads that freed them; who hands them out reads them first
 * (pool/cached.h), and would wait for each line by itself. */
static void entries_prefetch(const struct weir__cached *from, const struct weir__cached *to)
{
    for (; from < to; from++)
        __builtin_prefetch(from->entry, 1);
}

/* A bin with more room takes more at a time, a quarter of it. */
bool weir__cache_refill(struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    weir__assert(cache->bins[sizeclass].top == cache->bins[sizeclass].base);
    if (!bin_make(cache, sizeclass))
        return false;
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = bin_center(cache, sizeclass);
    bin->refilled = true;
    struct weir__cached *top = bin->top, *enough = bin->base + weir__bin_room(bin) / 4;
    unsigned count;
    do {
        count = weir__center_take(center, top);
        top += count;
    } while (count && top + center->batch <= enough);
    bool filled = top > bin->top;
    entries_prefetch(bin->top, top);
    weir__bin_set_top(bin, top);
    weir__check(weir__bin_is_valid(bin));
    weir__assert_walk(weir__cache_is_sound(cache));
    return filled;
}

/* Gives from below, oldest first, until at most `kept` are left; is the class loose? */
static bool bin_give(struct weir__bin *bin, struct weir__center *center, size_t kept)
{
    weir__assert(kept <= weir__bin_room(bin));
    bool loose = false;
    size_t given = 0, count = (size_t)(bin->top - bin->base);
    while (count - given > kept) {
        unsigned part = (unsigned)weir__min(count - given, center->batch);
        loose |= weir__center_give(center, bin->base + given, part);
        given += part;
    }
    weir__bin_shift(bin, given);
    return loose;
}

/* Back to two batches' room: each block that it holds may be the last of its slab. */
static void bin_shrink(struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = bin_center(cache, sizeclass);
    size_t room = first_room(cache, sizeclass);
    if (weir__bin_room(bin) <= room)
        return;
    bin_give(bin, center, center->batch);
    if (!weir__bin_resize(bin, room))
        return;
    cache->grown -= bin->grown;
    bin->grown = 0;
    bin->refilled = false;
}

bool weir__cache_drain(struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    weir__assert(sizeclass < WEIR__CLASSES);
    if (!bin_make(cache, sizeclass))
        return false;
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = bin_center(cache, sizeclass);
    if (bin->top < bin->limit || bin_grow(cache, sizeclass))
        return true;
    size_t room = weir__bin_room(bin), batch = center->batch, half = room / 2 / batch * batch;
    if (weir__unlikely(bin_give(bin, center, room - weir__max(half, batch))))
        bin_shrink(cache, sizeclass);
    weir__check(weir__bin_is_valid(bin) && bin->top < bin->limit);
    weir__assert_walk(weir__cache_is_sound(cache));
    return true;
}

static size_t bin_empty(struct weir__cache *cache, unsigned sizeclass, bool give)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = give ? bin_center(cache, sizeclass) : NULL;
    size_t count = (size_t)(bin->top - bin->base);
    while (give && bin->top > bin->base) {
        unsigned part = (unsigned)weir__min((size_t)(bin->top - bin->base), center->batch);
        weir__bin_set_top(bin, bin->top - part);
        weir__center_give(center, bin->top, part);
    }
    bin_unmake(cache, sizeclass);
    return count * weir__class_bytes[sizeclass];
}

size_t weir__cache_empty(struct weir__cache *cache, bool give)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    size_t bytes = 0;
    while (cache->used)
        bytes += bin_empty(cache, (unsigned)__builtin_ctzll(cache->used), give);
    bins_unmake(cache);
    weir__assert_valid(weir__cache_is_sound(cache));
    return bytes;
}

size_t weir__cache_bytes(const struct weir__cache *cache)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    const struct weir__bin *bins = cache->bins;
    size_t bytes = cache->own || bins == weir__no_bins ? 0 : WEIR__CLASSES * sizeof *bins;
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++)
        bytes += weir__bin_bytes(&bins[sizeclass]);
    return bytes;
}

/* -- checking ----------------------------------------------------------------------- */

static bool bin_is_valid(const struct weir__cache *cache, unsigned sizeclass, bool strict)
{
    const struct weir__bin *bin = &cache->bins[sizeclass];
    bool used = cache->used >> sizeclass & 1;
    return weir__bin_is_valid(bin) && used == (weir__bin_room(bin) > 0) &&
           (!used || weir__center_cached_are_valid(bin_center(cache, sizeclass), bin->base,
                                                   weir__bin_count(bin), strict));
}

static bool cache_check(const struct weir__cache *cache, bool strict)
{
    size_t grown = 0;
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++) {
        if (!bin_is_valid(cache, sizeclass, strict))
            return false;
        grown += cache->bins[sizeclass].grown;
    }
    return grown == cache->grown;
}

bool weir__cache_is_valid(const struct weir__cache *cache)
{
    return cache_check(cache, true);
}

bool weir__cache_is_sound(const struct weir__cache *cache)
{
    return cache_check(cache, false);
}
