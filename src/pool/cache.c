/* pool/cache.c - the slow side of thread caches; the lock is held throughout. */
#include "pool/cache.h"

#define BIN_BLOCKS_MOST 1024
#define BIN_BYTES_MOST  (256 * WEIR__KIB)
#define GROWN_MOST      (4 * WEIR__MIB)

_Static_assert(BIN_BYTES_MOST <= UINT32_MAX, "bin->grown holds it");

void weir__cache_init(struct weir__cache *cache)
{
    weir__assert(!weir__cache_is_used(cache) && !cache->grown);
    weir__lock_init(&cache->lock, WEIR__RANK_HEAP);
    for (unsigned at = 0; at < WEIR__BINS; at++)
        cache->bins[at] = (struct weir__bin)WEIR__BIN_UNUSED;
}

static bool bin_is_foreign(unsigned at)
{
    weir__assert(at < WEIR__BINS);
    return at >= WEIR__CLASSES;
}

static struct weir__center *bin_center(const struct weir__cache *cache, unsigned at)
{
    weir__assert(cache->centers && at < WEIR__BINS);
    return &cache->centers[at % WEIR__CLASSES];
}

static size_t first_room(const struct weir__cache *cache, unsigned at)
{
    return 2u * bin_center(cache, at)->batch;
}

static bool bin_is_made(const struct weir__cache *cache, unsigned at)
{
    return cache->used[bin_is_foreign(at)] >> at % WEIR__CLASSES & 1;
}

static void used_flip(struct weir__cache *cache, unsigned at)
{
    uint64_t *used = &cache->used[bin_is_foreign(at)];
    weir__relaxed_set(*used, *used ^ (uint64_t)1 << at % WEIR__CLASSES);
}

/* Readers of figures look at `used` first: it is set last, and cleared first. */
static bool bin_make(struct weir__cache *cache, unsigned at)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    if (bin_is_made(cache, at))
        return true;
    if (!weir__bin_resize(&cache->bins[at], first_room(cache, at)))
        return false;
    used_flip(cache, at);
    return true;
}

static void bin_unmake(struct weir__cache *cache, unsigned at)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    weir__assert(bin_is_made(cache, at) && cache->grown >= cache->bins[at].grown);
    struct weir__bin *bin = &cache->bins[at];
    used_flip(cache, at);
    cache->grown -= bin->grown;
    weir__bin_unmake(bin);
}

/* Twice the room, if the class and the cache may have it. One that only fills up is a
 * consumer's: more room would only keep blocks from their producer. */
static bool bin_grow(struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    weir__assert(bin_is_made(cache, sizeclass));
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
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = &cache->centers[sizeclass];
    if (!bin_make(cache, sizeclass))
        return false;
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
    struct weir__center *center = &cache->centers[sizeclass];
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

/* Moves the blocks of the foreign bin that belong where its first does, up to a batch, into
 * `batch`; how many. */
static unsigned bin_sort(struct weir__bin *bin, const struct weir__center *own,
                         struct weir__cached *batch)
{
    const struct weir__center *home = weir__center_of(own, &bin->base[0]);
    struct weir__cached *kept = bin->base;
    unsigned count = 0;
    for (const struct weir__cached *at = bin->base; at < bin->top; at++)
        if (count < own->batch && weir__center_of(own, at) == home)
            batch[count++] = *at;
        else
            *kept++ = *at;
    weir__bin_set_top(bin, kept);
    return count;
}

/* The homes of the oldest first, until at most `kept` are left. */
static void bin_send(struct weir__bin *bin, struct weir__center *own, size_t kept)
{
    struct weir__cached batch[WEIR__BATCH_MAX];
    while ((size_t)(bin->top - bin->base) > kept) {
        unsigned count = bin_sort(bin, own, batch);
        weir__center_bring_home(own, batch, count);
    }
}

static void bin_drain(struct weir__cache *cache, unsigned sizeclass)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin *bin = &cache->bins[sizeclass];
    struct weir__center *center = &cache->centers[sizeclass];
    size_t room = weir__bin_room(bin), batch = center->batch, half = room / 2 / batch * batch;
    if (weir__unlikely(bin_give(bin, center, room - weir__max(half, batch))))
        bin_shrink(cache, sizeclass);
}

bool weir__cache_drain(struct weir__cache *cache, unsigned at)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin *bin = &cache->bins[at];
    bool foreign = bin_is_foreign(at);
    if (!bin_make(cache, at))
        return false;
    if (bin->top < bin->limit || (!foreign && bin_grow(cache, at)))
        return true;
    if (foreign)
        bin_send(bin, bin_center(cache, at), bin_center(cache, at)->batch);
    else
        bin_drain(cache, at);
    weir__check(weir__bin_is_valid(bin) && bin->top < bin->limit);
    weir__assert_walk(weir__cache_is_sound(cache));
    return true;
}

static size_t bin_empty(struct weir__cache *cache, unsigned at, bool give)
{
    weir__assert(weir__lock_is_mine(&cache->lock));
    struct weir__bin *bin = &cache->bins[at];
    struct weir__center *center = bin_center(cache, at);
    size_t count = (size_t)(bin->top - bin->base);
    if (give && bin_is_foreign(at))
        bin_send(bin, center, 0);
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
    for (unsigned at = 0; at < WEIR__BINS; at++)
        if (bin_is_made(cache, at))
            bytes += bin_empty(cache, at, give);
    weir__assert_valid(weir__cache_is_sound(cache));
    return bytes;
}

/* -- checking ----------------------------------------------------------------------- */

static bool bin_is_valid(const struct weir__cache *cache, unsigned at, bool strict)
{
    const struct weir__bin *bin = &cache->bins[at];
    return weir__bin_is_valid(bin) && bin_is_made(cache, at) == (weir__bin_room(bin) > 0) &&
           (!bin_is_foreign(at) || !bin->grown) &&
           weir__center_cached_are_valid(bin_center(cache, at), bin->base,
                                         weir__bin_count(bin), strict);
}

static bool cache_check(const struct weir__cache *cache, bool strict)
{
    size_t grown = 0;
    for (unsigned at = 0; at < WEIR__BINS; at++) {
        if (!bin_is_valid(cache, at, strict))
            return false;
        grown += cache->bins[at].grown;
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
