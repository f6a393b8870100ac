/* pool/quarantine.c - see quarantine.h. */
#include "pool/quarantine.h"

#include "backing/meta.h"
#include "base/draw.h"
#include "pool/late_misuse.h"

/* A bag has room for so many batches; and a choice of half a batch at least where memory allows. */
#define BAG_BATCHES 2

struct weir__quarantine *weir__quarantine_make(struct weir__shard *shard, uint32_t mark)
{
    struct weir__quarantine *made = weir__meta_allocate(sizeof *made);
    if (!made)
        return NULL;
    made->shard = shard;
    made->mark = mark;
    made->random = (weir__canary_word(made) ^ weir__canary_turned(weir__canary_secret, mark)) | 1;
    return made;
}

void weir__quarantine_unmake(struct weir__quarantine *quarantine)
{
    if (!quarantine)
        return;
    for (unsigned i = 0; i < WEIR__CLASSES; i++) {
        struct weir__bag *bag = &quarantine->bags[i];
        weir__assert(!bag->count);
        if (bag->blocks)
            weir__meta_free(bag->blocks, bag->room * sizeof *bag->blocks);
    }
    weir__meta_free(quarantine, sizeof *quarantine);
}

static void held_add(struct weir__quarantine *quarantine, unsigned sizeclass, int blocks)
{
    uint32_t *held = &quarantine->held[sizeclass];
    weir__relaxed_set(*held, *held + (uint32_t)blocks);
}

/* -- what was written to ---------------------------------------------------------------------- */

static const void *owner_of(const struct weir__cached *cached)
{
    return weir__slab_true_owner(weir__slab_of(cached->block));
}

/* The copy is not true: the block was freed twice at one instant, or its entry was overwritten. */
static WEIR__NOINLINE void odd_keep(const struct weir__cached *cached)
{
    const struct weir__slab *slab = weir__slab_of(cached->block);
    bool overwritten = weir__slab_is_overwritten(slab, weir__entry_get(cached->entry));
    weir__slab_misuse_keep(slab, overwritten ? WEIR_MISUSE_CORRUPTION : WEIR_MISUSE_DOUBLE_FREE,
                           cached->block, overwritten ? 0 : cached->former);
}

/* `detained` (NULL: nobody knows) says how it lived. */
static WEIR__NOINLINE void written_keep(const struct weir__cached *cached, size_t offset,
                                        const struct weir__detained *detained)
{
    weir__late_misuse_keep(&(struct weir__late_misuse){.what = WEIR_MISUSE_CORRUPTION,
                                                       .block = cached->block,
                                                       .owner = owner_of(cached),
                                                       .written = offset + 1,
                                                       .known = detained != NULL,
                                                       .requested = detained ? detained->size : 0,
                                                       .tag = detained ? detained->tag : 0});
}

static size_t written_at(const struct weir__cached *cached, size_t most)
{
    size_t stride = weir__slab_of(cached->block)->size;
    return stride ? weir__canary_written(cached->block, stride, most) : SIZE_MAX;
}

/* May it be used? Else it is kept, and stays out of use. */
static bool cached_is_sound(const struct weir__cached *cached, size_t most,
                            const struct weir__detained *detained)
{
    if (weir__unlikely(!weir__cached_is_true(cached))) {
        odd_keep(cached);
        return false;
    }
    size_t offset = written_at(cached, most);
    if (weir__likely(offset == SIZE_MAX))
        return true;
    written_keep(cached, offset, detained);
    return false;
}

/* -- bags ------------------------------------------------------------------------------------- */

static void center_give(const struct weir__cached *blocks, unsigned count)
{
    weir__center_give(weir__slab_center(weir__slab_of(blocks->block)), blocks, count);
}

static struct weir__bag *bag_get(struct weir__quarantine *quarantine, unsigned sizeclass)
{
    weir__assert(sizeclass < WEIR__CLASSES);
    struct weir__bag *bag = &quarantine->bags[sizeclass];
    if (weir__likely(bag->blocks != NULL))
        return bag;
    uint32_t room = BAG_BATCHES * weir__class_batch(sizeclass);
    bag->blocks = weir__meta_allocate(room * sizeof *bag->blocks);
    if (!bag->blocks)
        return NULL;
    bag->room = room;
    weir__relaxed_set(quarantine->bag_bytes, quarantine->bag_bytes + room * sizeof *bag->blocks);
    return bag;
}

/* A batch of those that came last goes to where the first of them belongs. */
static void bag_relieve(struct weir__quarantine *quarantine, struct weir__bag *bag,
                        unsigned sizeclass)
{
    uint32_t count = bag->room / BAG_BATCHES;
    weir__assert(bag->count >= count);
    bag->count -= count;
    held_add(quarantine, sizeclass, -(int)count);
    center_give(bag->blocks + bag->count, count);
}

static void bag_put(struct weir__quarantine *quarantine, const struct weir__cached *cached,
                    unsigned sizeclass)
{
    struct weir__bag *bag = bag_get(quarantine, sizeclass);
    if (weir__unlikely(!bag)) {
        held_add(quarantine, sizeclass, -1);
        center_give(cached, 1);
        return;
    }
    if (weir__unlikely(bag->count == bag->room))
        bag_relieve(quarantine, bag, sizeclass);
    bag->blocks[bag->count++] = *cached;
}

/* False: it has none, and there are none to be had. */
static bool bag_fill(struct weir__quarantine *quarantine, struct weir__bag *bag, unsigned sizeclass)
{
    uint32_t batch = bag->room / BAG_BATCHES;
    if (weir__likely(bag->count > batch / 2))
        return true;
    struct weir__center *center = weir__shard_center(quarantine->shard, sizeclass);
    unsigned came = center ? weir__center_take(center, bag->blocks + bag->count) : 0;
    bag->count += came;
    held_add(quarantine, sizeclass, (int)came);
    return bag->count > 0;
}

/* Without a quarantine: the next there is. */
static bool take_directly(struct weir__shard *shard, unsigned sizeclass, struct weir__cached *taken)
{
    struct weir__cached blocks[WEIR__BATCH_MAX];
    struct weir__center *center = weir__shard_center(shard, sizeclass);
    unsigned count;
    while (center && (count = weir__center_take(center, blocks))) {
        *taken = blocks[--count];
        if (count)
            weir__center_give(center, blocks, count);
        if (cached_is_sound(taken, WEIR__QUARANTINE_AGAIN, NULL))
            return true;
    }
    return false;
}

bool weir__quarantine_take(struct weir__quarantine *quarantine, struct weir__shard *shard,
                           unsigned sizeclass, struct weir__cached *taken)
{
    struct weir__bag *bag = quarantine ? bag_get(quarantine, sizeclass) : NULL;
    if (weir__unlikely(!bag))
        return take_directly(shard, sizeclass, taken);
    while (bag_fill(quarantine, bag, sizeclass)) {
        uint32_t at = weir__draw(&quarantine->random, bag->count);
        *taken = bag->blocks[at];
        bag->blocks[at] = bag->blocks[--bag->count];
        held_add(quarantine, sizeclass, -1);
        if (weir__likely(cached_is_sound(taken, WEIR__QUARANTINE_AGAIN, NULL)))
            return true;
    }
    return false;
}

/* -- the ring --------------------------------------------------------------------------------- */

static struct weir__cached copy_of(const struct weir__quarantine *quarantine,
                                   const struct weir__detained *detained)
{
    uint32_t *entry = weir__slab_entry(weir__slab_of(detained->block), detained->block);
    return (struct weir__cached){detained->block, entry, quarantine->mark, detained->size};
}

static struct weir__detained ring_pop(struct weir__quarantine *quarantine)
{
    weir__assert(quarantine->count > 0);
    struct weir__detained oldest = quarantine->ring[quarantine->first];
    quarantine->first = (quarantine->first + 1) % WEIR__QUARANTINE_BLOCKS;
    quarantine->count--;
    quarantine->bytes -= weir__class_stride(oldest.sizeclass);
    return oldest;
}

/* The oldest may be used again. */
static void ring_release(struct weir__quarantine *quarantine)
{
    struct weir__detained oldest = ring_pop(quarantine);
    struct weir__cached cached = copy_of(quarantine, &oldest);
    if (weir__likely(cached_is_sound(&cached, WEIR__QUARANTINE_LOOK, &oldest)))
        bag_put(quarantine, &cached, oldest.sizeclass);
    else
        held_add(quarantine, oldest.sizeclass, -1);
}

void weir__quarantine_put(struct weir__quarantine *quarantine, const struct weir__cached *cached,
                          uint32_t tag)
{
    const struct weir__slab *slab = weir__slab_of(cached->block);
    unsigned sizeclass = weir__slab_class(slab);
    weir__assert(weir__slab_is_hardened(slab) &&
                 cached->former < slab->size + (uint32_t)!slab->size);
    weir__relaxed_set(*cached->entry, cached->mark);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* before the zeros: who sees those looks again */
    if (weir__likely(slab->size))
        weir__canary_clear(cached->block, cached->former, slab->size);
    if (weir__unlikely(!quarantine)) {
        center_give(cached, 1);
        return;
    }
    if (weir__likely(quarantine->count == WEIR__QUARANTINE_BLOCKS))
        ring_release(quarantine);
    uint32_t at = (quarantine->first + quarantine->count++) % WEIR__QUARANTINE_BLOCKS;
    quarantine->ring[at] =
        (struct weir__detained){cached->block, (uint16_t)cached->former, (uint16_t)tag, sizeclass};
    quarantine->bytes += weir__class_stride(sizeclass);
    held_add(quarantine, sizeclass, 1);
    while (weir__unlikely(quarantine->bytes > WEIR__QUARANTINE_BYTES))
        ring_release(quarantine);
}

void weir__quarantine_put_back(struct weir__quarantine *quarantine,
                               const struct weir__cached *cached)
{
    unsigned sizeclass = weir__slab_class(weir__slab_of(cached->block));
    if (quarantine) {
        held_add(quarantine, sizeclass, 1);
        bag_put(quarantine, cached, sizeclass);
    } else {
        center_give(cached, 1);
    }
}

/* -- all of it -------------------------------------------------------------------------------- */

static void bag_empty(struct weir__bag *bag, bool give)
{
    while (give && bag->count) {
        uint32_t part = weir__min(bag->count, bag->room / BAG_BATCHES);
        bag->count -= part;
        center_give(bag->blocks + bag->count, part);
    }
    bag->count = 0;
}

size_t weir__quarantine_empty(struct weir__quarantine *quarantine, bool give)
{
    size_t bytes = 0;
    while (give && quarantine->count)
        ring_release(quarantine);
    quarantine->count = 0;
    quarantine->bytes = 0;
    for (unsigned i = 0; i < WEIR__CLASSES; i++) {
        bytes += quarantine->held[i] * weir__class_bytes[i];
        bag_empty(&quarantine->bags[i], give);
        weir__relaxed_set(quarantine->held[i], 0);
    }
    return bytes;
}

static size_t cached_check(const struct weir__cached *cached, const struct weir__detained *detained)
{
    size_t offset = weir__cached_is_true(cached) ? written_at(cached, WEIR__SMALL_MAX) : SIZE_MAX;
    if (offset != SIZE_MAX)
        written_keep(cached, offset, detained);
    return offset != SIZE_MAX;
}

size_t weir__quarantine_check(const struct weir__quarantine *quarantine)
{
    size_t faults = 0;
    for (uint32_t i = 0; i < quarantine->count; i++) {
        const struct weir__detained *detained =
            &quarantine->ring[(quarantine->first + i) % WEIR__QUARANTINE_BLOCKS];
        struct weir__cached cached = copy_of(quarantine, detained);
        faults += cached_check(&cached, detained);
    }
    for (unsigned i = 0; i < WEIR__CLASSES; i++)
        for (uint32_t at = 0; at < quarantine->bags[i].count; at++)
            faults += cached_check(&quarantine->bags[i].blocks[at], NULL);
    return faults;
}

size_t weir__quarantine_bytes(const struct weir__quarantine *quarantine)
{
    return quarantine ? sizeof *quarantine + weir__relaxed_get(quarantine->bag_bytes) : 0;
}
