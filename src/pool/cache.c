/* pool/cache.c - the slow side of thread caches; the lock is held throughout. */
#include "pool/cache.h"

#include "backing/meta.h"

#include <string.h>

#define BIN_BLOCKS_MOST 1024
#define BIN_BYTES_MOST  (256 * WEIR__KIB)
#define GROWN_MOST      (4 * WEIR__MIB)

/* Of one that much streams through. */
#define STREAM_BLOCKS_MOST (16 * (size_t)WEIR__BATCH_MAX)
#define STREAM_BYTES_MOST  (64 * WEIR__KIB)

_Static_assert(WEIR__BINS <= UINT8_MAX, "cache->latest holds any");

_Static_assert(BIN_BYTES_MOST <= UINT32_MAX, "bin->grown holds it");

void weir__cache_init(struct weir__cache *cache, struct weir__shard *shard, struct weir__bin *own)
{
    weir__assert(!weir__cache_used(cache) && !cache->grown);
    weir__lock_init(&cache->lock, WEIR__RANK_HEAP);
    cache->shard = shard;
    cache->own = own;
    cache->bins = own ? own : weir__no_bins;
    cache->foreign = weir__no_bins;
    if (own)
        memcpy(own, weir__no_bins, sizeof weir__no_bins);
}

static bool bin_is_foreign(unsigned at)
{
    weir__assert(at < WEIR__BINS);
    return at >= WEIR__CLASSES;
}

static bool bin_is_made(const struct weir__cache *cache, unsigned at)
{
    return cache->used[bin_is_foreign(at)] >> at % WEIR__CLASSES & 1;
}

/* The center of the class of a used bin: it was made with the bin. */
static struct weir__center *bin_center(const struct weir__cache *cache, unsigned at)
{
    weir__assert(bin_is_made(cache, at));
    return weir__shard_find(cache->shard, at % WEIR__CLASSES);
}

/* Nothing is taken from a foreign bin, so it begins with half the room. */
static size_t first_room(const struct weir__cache *cache, unsigned at)
{
    return (bin_is_foreign(at) || !cache->own ? 1u : 2u) * weir__class_batch(at % WEIR__CLASSES);
}

static void used_flip(struct weir__cache *cache, unsigned at)
{
    uint64_t *used = &cache->used[bin_is_foreign(at)];
    weir__relaxed_set(*used, *used ^ (uint64_t)1 << at % WEIR__CLASSES);
}

static void bytes_change(struct weir__cache *cache, size_t more, size_t less)
{
    weir__assert(cache->bytes + more >= less);
    weir__relaxed_set(cache->bytes, cache->bytes + more - less);
}

static bool bin_set_room(struct weir__cache *cache, struct weir__bin *bin, size_t room)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    size_t before = weir__bin_bytes(bin);
    if (!weir__bin_resize(bin, room))
        return false;
    bytes_change(cache, weir__bin_bytes(bin), before);
    return true;
}

static bool bins_make(struct weir__cache *cache, bool foreign)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin **bins = foreign ? &cache->foreign : &cache->bins;
    if (*bins != weir__no_bins)
        return true;
    struct weir__bin *made = weir__meta_allocate(sizeof weir__no_bins);
    if (!made)
        return false;
    memcpy(made, weir__no_bins, sizeof weir__no_bins);
    __atomic_store_n(bins, made, __ATOMIC_RELEASE); /* figures read them */
    bytes_change(cache, sizeof weir__no_bins, 0);
    return true;
}

/* Frees those that are all unused. */
static void bins_unmake(struct weir__cache *cache, bool foreign)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin **bins = foreign ? &cache->foreign : &cache->bins, *made = *bins;
    if (cache->used[foreign] || made == weir__no_bins || made == cache->own)
        return;
    weir__relaxed_set(*bins, weir__no_bins);
    weir__meta_free(made, sizeof weir__no_bins);
    bytes_change(cache, 0, sizeof weir__no_bins);
}

/* Readers of figures look at `used` first: it is set last, and cleared first. */
static bool bin_make(struct weir__cache *cache, unsigned at)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    bool foreign = bin_is_foreign(at);
    if (bin_is_made(cache, at))
        return true;
    if (!weir__shard_center(cache->shard, at % WEIR__CLASSES) || !bins_make(cache, foreign))
        return false;
    if (!bin_set_room(cache, weir__cache_bin(cache, at), first_room(cache, at))) {
        bins_unmake(cache, foreign);
        return false;
    }
    used_flip(cache, at);
    return true;
}

static void bin_unmake(struct weir__cache *cache, unsigned at)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin *bin = weir__cache_bin(cache, at);
    weir__assert(bin_is_made(cache, at) && cache->grown >= bin->grown);
    used_flip(cache, at);
    cache->grown -= bin->grown;
    bytes_change(cache, 0, weir__bin_bytes(bin));
    weir__bin_unmake(bin);
}

/* Twice the room, up to so many blocks and bytes, and if the cache may have it. */
static bool bin_widen(struct weir__cache *cache, unsigned at, size_t blocks_most, size_t bytes_most)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    weir__assert(bin_is_made(cache, at));
    struct weir__bin *bin = weir__cache_bin(cache, at);
    size_t room = weir__bin_room(bin), bytes = room * weir__class_stride(at % WEIR__CLASSES);
    if (2 * room > blocks_most || 2 * bytes > bytes_most || cache->grown + bytes > GROWN_MOST ||
        !bin_set_room(cache, bin, 2 * room))
        return false;
    bin->grown += (uint32_t)bytes;
    cache->grown += bytes;
    return true;
}

/* One that only fills up is a consumer's: more room would only keep blocks from their producer. */
static bool bin_grow(struct weir__cache *cache, unsigned sizeclass)
{
    struct weir__bin *bin = &cache->bins[sizeclass];
    if (!bin->refilled || !bin_widen(cache, sizeclass, BIN_BLOCKS_MOST, BIN_BYTES_MOST))
        return false;
    bin->refilled = false;
    return true;
}

/* Blocks of one class stream through: nothing else was refilled, or sent home, since this bin was.
 * Then more at a time is moved. */
static void bin_stream(struct weir__cache *cache, unsigned at)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    if (cache->latest[bin_is_foreign(at)] == at)
        bin_widen(cache, at, STREAM_BLOCKS_MOST, STREAM_BYTES_MOST);
    cache->latest[bin_is_foreign(at)] = (uint8_t)at;
}

/* Their entries were written by the threads that freed them; who hands them out reads them first
 * (pool/cached.h), and would wait for each line by itself. */
static void entries_prefetch(const struct weir__cached *from, const struct weir__cached *to)
{
    for (; from < to; from++)
        __builtin_prefetch(from->entry, 1);
}

/* A bin with more room takes more at a time, up to half of it. */
bool weir__cache_refill(struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    weir__assert(cache->bins[sizeclass].top == cache->bins[sizeclass].base);
    if (!bin_make(cache, sizeclass))
        return false;
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = bin_center(cache, sizeclass);
    bin_stream(cache, sizeclass);
    bin->refilled = true;
    unsigned part = (unsigned)weir__bin_room(bin) / 2, batch = center->batch;
    struct weir__cached *top =
        bin->top + weir__center_take_many(center, bin->top, part > batch ? part - batch + 1 : 1,
                                          weir__cache_bin(cache, sizeclass + WEIR__CLASSES));
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
    if (!bin_set_room(cache, bin, room))
        return;
    cache->grown -= bin->grown;
    bin->grown = 0;
    bin->refilled = false;
}

/* Puts the blocks of the foreign bin that belong where its oldest does first; how many. */
static unsigned bin_sort(struct weir__bin *bin, const struct weir__center *own)
{
    weir__assert(bin->top > bin->base);
    const struct weir__center *home = weir__center_of(own, &bin->base[0]);
    struct weir__cached *end = bin->base + 1;
    for (struct weir__cached *at = end; at < bin->top; at++)
        if (weir__slab_center(weir__slab_of(at->block)) == home) {
            struct weir__cached other = *end;
            *end++ = *at;
            *at = other;
        }
    return (unsigned)(end - bin->base);
}

/* To their homes, the oldest block's first, until at most `kept` are left. */
static void bin_send(struct weir__bin *bin, struct weir__center *own, size_t kept)
{
    while ((size_t)(bin->top - bin->base) > kept) {
        unsigned count = bin_sort(bin, own);
        weir__center_bring_home(own, bin->base, count);
        weir__bin_shift(bin, count);
    }
}

static void bin_drain(struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = bin_center(cache, sizeclass);
    size_t room = weir__bin_room(bin), batch = center->batch, half = room / 2 / batch * batch;
    if (weir__unlikely(bin_give(bin, center, room - weir__max(half, batch))))
        bin_shrink(cache, sizeclass);
}

static void foreign_drain(struct weir__cache *cache, unsigned at)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin *bin = weir__cache_bin(cache, at);
    bin_send(bin, bin_center(cache, at), weir__bin_room(bin) / 2);
    bin_stream(cache, at);
}

bool weir__cache_drain(struct weir__cache *cache, unsigned at)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    bool foreign = bin_is_foreign(at);
    if (!bin_make(cache, at))
        return false;
    struct weir__bin *bin = weir__cache_bin(cache, at);
    if (bin->top < bin->limit || (!foreign && bin_grow(cache, at)))
        return true;
    if (foreign)
        foreign_drain(cache, at);
    else
        bin_drain(cache, at);
    weir__check(weir__bin_is_valid(bin) && bin->top < bin->limit);
    weir__assert_walk(weir__cache_is_sound(cache));
    return true;
}

static size_t bin_empty(struct weir__cache *cache, unsigned at, bool give)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin *bin = weir__cache_bin(cache, at);
    struct weir__center *center = give ? bin_center(cache, at) : NULL;
    size_t count = (size_t)(bin->top - bin->base);
    while (give && bin->top > bin->base) {
        unsigned part = (unsigned)weir__min((size_t)(bin->top - bin->base), center->batch);
        weir__bin_set_top(bin, bin->top - part);
        weir__center_give(center, bin->top, part);
    }
    bin_unmake(cache, at);
    return count * weir__class_bytes[at % WEIR__CLASSES];
}

size_t weir__cache_empty(struct weir__cache *cache, bool give)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    size_t bytes = 0;
    for (unsigned first = 0; first < WEIR__BINS; first += WEIR__CLASSES)
        for (uint64_t used = cache->used[bin_is_foreign(first)]; used; used &= used - 1)
            bytes += bin_empty(cache, first + (unsigned)__builtin_ctzll(used), give);
    bins_unmake(cache, false);
    bins_unmake(cache, true);
    weir__assert_valid(weir__cache_is_sound(cache));
    return bytes;
}

/* -- checking ----------------------------------------------------------------------- */

static bool bin_is_valid(const struct weir__cache *cache, unsigned at, bool strict)
{
    const struct weir__bin *bin = weir__cache_bin(cache, at);
    bool used = bin_is_made(cache, at);
    return weir__bin_is_valid(bin) && used == (weir__bin_room(bin) > 0) &&
           (!used || weir__center_cached_are_valid(bin_center(cache, at), bin->base,
                                                   weir__bin_count(bin), strict));
}

static size_t bins_bytes(const struct weir__bin *bins, const struct weir__bin *own)
{
    size_t bytes = bins == own || bins == weir__no_bins ? 0 : sizeof weir__no_bins;
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++)
        bytes += weir__bin_bytes(&bins[sizeclass]);
    return bytes;
}

static bool cache_check(const struct weir__cache *cache, bool strict)
{
    size_t grown = 0;
    if (bins_bytes(cache->bins, cache->own) + bins_bytes(cache->foreign, NULL) != cache->bytes)
        return false;
    for (unsigned at = 0; at < WEIR__BINS; at++) {
        if (!bin_is_valid(cache, at, strict))
            return false;
        grown += weir__cache_bin(cache, at)->grown;
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
