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

/* -- blocks and their copies ---------------------------------------------------------------------
 */

static const struct weir__slab *slab_of(const struct weir__detained *detained)
{
    return weir__slab_of(detained->block);
}

static unsigned class_of(const struct weir__detained *detained)
{
    return weir__slab_class(slab_of(detained));
}

WEIR__INLINE struct weir__cached copy_of(const struct weir__detained *detained)
{
    uint32_t *entry = weir__slab_entry(weir__slab_of(detained->block), detained->block);
    return (struct weir__cached){detained->block, entry, detained->mark, detained->size};
}

static struct weir__detained detained_of(const struct weir__cached *cached, uint32_t tag)
{
    return (struct weir__detained){cached->block, cached->mark, (uint16_t)cached->former,
                                   (uint16_t)tag};
}

/* -- what was written to ---------------------------------------------------------------------- */

/* The copy is not true: the block was freed twice at one instant, or its entry was overwritten. */
static WEIR__NOINLINE void odd_keep(const struct weir__cached *cached)
{
    const struct weir__slab *slab = weir__slab_of(cached->block);
    bool overwritten = weir__slab_is_overwritten(slab, weir__entry_get(cached->entry));
    weir__slab_misuse_keep(slab, overwritten ? WEIR_MISUSE_CORRUPTION : WEIR_MISUSE_DOUBLE_FREE,
                           cached->block, overwritten ? 0 : cached->former);
}

static WEIR__NOINLINE void written_keep(const struct weir__detained *detained, size_t offset)
{
    bool known = detained->tag != WEIR__QUARANTINE_NO_TAG;
    weir__late_misuse_keep(
        &(struct weir__late_misuse){.what = WEIR_MISUSE_CORRUPTION,
                                    .block = detained->block,
                                    .owner = weir__slab_true_owner(slab_of(detained)),
                                    .written = offset + 1,
                                    .known = known,
                                    .requested = known ? detained->size : 0,
                                    .tag = known ? detained->tag : 0});
}

WEIR__INLINE size_t written_at(const struct weir__detained *detained, size_t most)
{
    size_t stride = slab_of(detained)->size;
    if (weir__likely(stride <= WEIR__CANARY_SHORT && stride) &&
        weir__likely(weir__canary_is_zero_short(detained->block, stride)))
        return SIZE_MAX;
    return stride ? weir__canary_written(detained->block, stride, most) : SIZE_MAX;
}

/* May it be used? Else it is kept, and stays out of use. */
static bool is_sound(const struct weir__detained *detained, const struct weir__cached *copy)
{
    if (weir__unlikely(!weir__cached_is_true(copy))) {
        odd_keep(copy);
        return false;
    }
    size_t offset = written_at(detained, WEIR__QUARANTINE_LOOK);
    if (weir__likely(offset == SIZE_MAX))
        return true;
    written_keep(detained, offset);
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
    struct weir__detained *blocks = weir__meta_allocate(room * sizeof *blocks);
    if (!blocks)
        return NULL;
    bag->room = room;
    bag->blocks = blocks;
    weir__relaxed_set(quarantine->bag_bytes, quarantine->bag_bytes + room * sizeof *bag->blocks);
    return bag;
}

/* Of those that came last `count`, a batch at most, go to where the first of them belongs. */
static void bag_give(struct weir__bag *bag, uint32_t count)
{
    struct weir__cached blocks[WEIR__BATCH_MAX];
    unsigned sound = 0;
    weir__assert(bag->count >= count && count <= WEIR__BATCH_MAX);
    bag->count -= count;
    for (uint32_t i = 0; i < count; i++) {
        const struct weir__detained *detained = &bag->blocks[bag->count + i];
        blocks[sound] = copy_of(detained);
        sound += is_sound(detained, &blocks[sound]);
    }
    if (sound)
        center_give(blocks, sound);
}

static void bag_put(struct weir__quarantine *quarantine, const struct weir__detained *detained,
                    unsigned sizeclass)
{
    struct weir__bag *bag = bag_get(quarantine, sizeclass);
    if (weir__unlikely(!bag)) {
        struct weir__cached copy = copy_of(detained);
        held_add(quarantine, sizeclass, -1);
        if (is_sound(detained, &copy))
            center_give(&copy, 1);
        return;
    }
    if (weir__unlikely(bag->count == bag->room)) {
        held_add(quarantine, sizeclass, -(int)(bag->room / BAG_BATCHES));
        bag_give(bag, bag->room / BAG_BATCHES);
    }
    bag->blocks[bag->count++] = *detained;
}

/* Has it a choice? */
WEIR__INLINE bool bag_is_rich(const struct weir__bag *bag)
{
    return bag->count > bag->room / BAG_BATCHES / 2;
}

/* False: it has none, and there are none to be had. */
static bool bag_fill(struct weir__quarantine *quarantine, struct weir__bag *bag, unsigned sizeclass)
{
    if (weir__likely(bag_is_rich(bag)))
        return true;
    struct weir__cached blocks[WEIR__BATCH_MAX];
    struct weir__center *center = weir__shard_center(quarantine->shard, sizeclass);
    unsigned came = center ? weir__center_take(center, blocks) : 0;
    weir__assert(bag->count + came <= bag->room);
    for (unsigned i = 0; i < came; i++)
        bag->blocks[bag->count++] = detained_of(&blocks[i], WEIR__QUARANTINE_NO_TAG);
    held_add(quarantine, sizeclass, (int)came);
    return bag->count > 0;
}

WEIR__INLINE struct weir__detained bag_pop(struct weir__quarantine *quarantine,
                                           struct weir__bag *bag, unsigned sizeclass, uint32_t at)
{
    struct weir__detained popped = bag->blocks[at];
    bag->blocks[at] = bag->blocks[--bag->count];
    held_add(quarantine, sizeclass, -1);
    return popped;
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
        struct weir__detained detained = detained_of(taken, WEIR__QUARANTINE_NO_TAG);
        if (is_sound(&detained, taken))
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
        bool known = bag->suspect && bag->suspect <= bag->count;
        uint32_t at = known ? bag->suspect - 1 : weir__draw(&quarantine->random, bag->count);
        bag->suspect = 0;
        struct weir__detained drawn = bag_pop(quarantine, bag, sizeclass, at);
        *taken = copy_of(&drawn);
        if (weir__likely(is_sound(&drawn, taken)))
            return true;
    }
    return false;
}

bool weir__quarantine_take_quick(struct weir__quarantine *quarantine, unsigned sizeclass,
                                 struct weir__cached *taken)
{
    struct weir__bag *bag = &quarantine->bags[sizeclass];
    if (weir__unlikely(!bag_is_rich(bag)) || weir__unlikely(bag->suspect))
        return false;
    uint32_t at = weir__draw(&quarantine->random, bag->count);
    *taken = copy_of(&bag->blocks[at]);
    if (weir__unlikely(!weir__cached_is_true(taken)) ||
        weir__unlikely(written_at(&bag->blocks[at], WEIR__QUARANTINE_LOOK) != SIZE_MAX)) {
        bag->suspect = at + 1;
        return false;
    }
    bag_pop(quarantine, bag, sizeclass, at);
    return true;
}

/* -- the ring --------------------------------------------------------------------------------- */

WEIR__INLINE const struct weir__detained *ring_oldest(const struct weir__quarantine *quarantine)
{
    weir__assert(quarantine->count > 0);
    return &quarantine->ring[quarantine->first];
}

WEIR__INLINE void ring_pop(struct weir__quarantine *quarantine, size_t stride)
{
    quarantine->first = (quarantine->first + 1) % WEIR__QUARANTINE_BLOCKS;
    quarantine->count--;
    quarantine->bytes -= stride;
}

WEIR__INLINE bool ring_has_room(const struct weir__quarantine *quarantine, size_t stride)
{
    return quarantine->count < WEIR__QUARANTINE_BLOCKS &&
           quarantine->bytes + stride <= WEIR__QUARANTINE_BYTES;
}

/* The oldest may be used again. */
static void ring_release(struct weir__quarantine *quarantine)
{
    struct weir__detained oldest = *ring_oldest(quarantine);
    ring_pop(quarantine, weir__slab_stride(slab_of(&oldest)));
    bag_put(quarantine, &oldest, class_of(&oldest));
}

/* The same of as many as need be, to bags that have room. False: one has not. */
WEIR__INLINE bool ring_release_quick(struct weir__quarantine *quarantine, size_t stride)
{
    while (!ring_has_room(quarantine, stride)) {
        const struct weir__detained *oldest = ring_oldest(quarantine);
        struct weir__bag *bag = &quarantine->bags[class_of(oldest)];
        if (weir__unlikely(bag->count == bag->room))
            return false;
        bag->blocks[bag->count++] = *oldest;
        ring_pop(quarantine, weir__slab_stride(slab_of(oldest)));
    }
    return true;
}

/* The block is live no more, and cleared. */
WEIR__INLINE void block_end(const struct weir__cached *cached, const struct weir__slab *slab)
{
    weir__assert(weir__slab_is_hardened(slab) &&
                 cached->former < slab->size + (uint32_t)!slab->size);
    weir__relaxed_set(*cached->entry, cached->mark);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* before the zeros: who sees those looks again */
    if (weir__likely(slab->size))
        weir__canary_clear(cached->block, cached->former, slab->size);
}

/* There is room. */
WEIR__INLINE void ring_put(struct weir__quarantine *quarantine, const struct weir__cached *cached,
                           uint32_t tag, const struct weir__slab *slab)
{
    block_end(cached, slab);
    uint32_t at = (quarantine->first + quarantine->count++) % WEIR__QUARANTINE_BLOCKS;
    quarantine->ring[at] = detained_of(cached, tag);
    quarantine->bytes += weir__slab_stride(slab);
    held_add(quarantine, weir__slab_class(slab), 1);
}

void weir__quarantine_put(struct weir__quarantine *quarantine, const struct weir__cached *cached,
                          uint32_t tag)
{
    const struct weir__slab *slab = weir__slab_of(cached->block);
    if (weir__unlikely(!quarantine)) {
        block_end(cached, slab);
        center_give(cached, 1);
        return;
    }
    while (!ring_has_room(quarantine, weir__slab_stride(slab)))
        ring_release(quarantine);
    ring_put(quarantine, cached, tag, slab);
}

bool weir__quarantine_put_quick(struct weir__quarantine *quarantine,
                                const struct weir__cached *cached, uint32_t tag)
{
    const struct weir__slab *slab = weir__slab_of(cached->block);
    if (weir__unlikely(!ring_release_quick(quarantine, weir__slab_stride(slab))))
        return false;
    ring_put(quarantine, cached, tag, slab);
    return true;
}

void weir__quarantine_put_back(struct weir__quarantine *quarantine,
                               const struct weir__cached *cached)
{
    struct weir__detained detained = detained_of(cached, WEIR__QUARANTINE_NO_TAG);
    if (quarantine) {
        held_add(quarantine, class_of(&detained), 1);
        bag_put(quarantine, &detained, class_of(&detained));
    } else {
        center_give(cached, 1);
    }
}

/* -- all of it -------------------------------------------------------------------------------- */

static void bag_empty(struct weir__bag *bag, bool give)
{
    while (give && bag->count)
        bag_give(bag, (uint32_t)weir__min(bag->count, bag->room / BAG_BATCHES));
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

static size_t detained_check(const struct weir__detained *detained)
{
    struct weir__cached copy = copy_of(detained);
    size_t offset = weir__cached_is_true(&copy) ? written_at(detained, WEIR__SMALL_MAX) : SIZE_MAX;
    if (offset != SIZE_MAX)
        written_keep(detained, offset);
    return offset != SIZE_MAX;
}

size_t weir__quarantine_check(const struct weir__quarantine *quarantine)
{
    size_t faults = 0;
    for (uint32_t i = 0; i < quarantine->count; i++)
        faults +=
            detained_check(&quarantine->ring[(quarantine->first + i) % WEIR__QUARANTINE_BLOCKS]);
    for (unsigned i = 0; i < WEIR__CLASSES; i++)
        for (uint32_t at = 0; at < quarantine->bags[i].count; at++)
            faults += detained_check(&quarantine->bags[i].blocks[at]);
    return faults;
}

size_t weir__quarantine_bytes(const struct weir__quarantine *quarantine)
{
    return quarantine ? sizeof *quarantine + weir__relaxed_get(quarantine->bag_bytes) : 0;
}
