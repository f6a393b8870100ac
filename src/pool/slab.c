/* pool/slab.c - the ledger of a slab and its chain. No lock of its own: the center's is held. */
#include "pool/slab.h"

#include "pool/late_misuse.h"

#include <string.h>

/* A prime larger than the number of lines in any slab's room, so that all of them are used. */
#define COLOR_STEP 101

/* Where the entries start: lines of the room that blocks 0 to first - 1 leave, taken in turn
 * by slabs that follow each other. */
static size_t slab_color(const struct weir__slab *slab, size_t size)
{
    size_t room = weir__slab_first(slab) * size - weir__slab_ledger(size);
    size_t number = (size_t)(slab - weir__chunk_of(slab)->slabs);
    return number * COLOR_STEP % (room / WEIR__LINE + 1) * WEIR__LINE;
}

void weir__slab_init(struct weir__slab *slab, unsigned sizeclass, const void *owner,
                     struct weir__center *center)
{
    size_t size = weir__class_bytes[sizeclass];
    struct weir__chunk *chunk = weir__chunk_of(slab);
    slab->bin = (uint16_t)(sizeclass << WEIR__BIN_SHIFT);
    slab->fresh = (uint16_t)weir__slab_first(slab);
    if (size >= WEIR__INLINE_MIN) {
        slab->entries = chunk->u.entries[slab - chunk->slabs];
        memset(slab->entries, 0, weir__slab_ledger(size));
    } else {
        slab->entries = (uint32_t *)(weir__slab_memory(slab) + slab_color(slab, size));
        if (!slab->zeroed)
            memset(slab->entries, 0, weir__slab_ledger(size));
    }
    __atomic_store_n(&slab->reciprocal, (uint32_t)((((uint64_t)1 << 32) + size - 1) / size),
                     __ATOMIC_RELEASE); /* after entries: a stale lookup reads both */
    slab->end = (uint16_t)(WEIR__SLAB / size);
    slab->free_head = 0;
    slab->nout = 0;
    slab->center = center;
    __atomic_store_n(&slab->owner, owner, __ATOMIC_RELEASE);
}

/* -- the chain ------------------------------------------------------------------ */

static bool index_is_used(const struct weir__slab *slab, size_t index)
{
    return index >= weir__slab_first(slab) && index < slab->fresh;
}

static bool index_is_chained(const struct weir__slab *slab, size_t index)
{
    return index_is_used(slab, index) &&
           weir__entry_is_chained(weir__entry_get(&slab->entries[index]));
}

static void chain_push(struct weir__slab *slab, size_t index)
{
    weir__entry_set(&slab->entries[index], weir__entry_chained(slab->free_head));
    slab->free_head = (uint16_t)(index + 1);
}

/* Makes the chain of the entries that say they are in it; what is not counts as out. */
static void chain_mend(struct weir__slab *slab)
{
    unsigned first = weir__slab_first(slab);
    slab->free_head = 0;
    slab->nout = 0;
    for (unsigned index = slab->fresh; index-- > first;)
        if (index_is_chained(slab, index))
            chain_push(slab, index);
        else
            slab->nout++;
}

/* An entry between the head and the end was overwritten, or its block was handed out by a
 * second copy. */
static void chain_broken(struct weir__slab *slab, unsigned index)
{
    bool inside = index < slab->end;
    const void *at = inside ? weir__slab_block(slab, index) : weir__slab_memory(slab);
    weir__slab_note(slab, WEIR_MISUSE_CORRUPTION, at, 0);
    chain_mend(slab);
}

static void cached_set(struct weir__cached *cached, struct weir__slab *slab, unsigned index,
                       uint32_t mark)
{
    *cached = (struct weir__cached){weir__slab_block(slab, index), &slab->entries[index], mark, 0};
    weir__entry_set(cached->entry, mark);
    slab->nout++;
}

static bool chain_take(struct weir__slab *slab, struct weir__cached *cached)
{
    unsigned index = slab->free_head - 1u;
    if (weir__unlikely(!index_is_chained(slab, index))) {
        chain_broken(slab, index);
        if (!slab->free_head)
            return false;
        index = slab->free_head - 1u;
    }
    uint32_t value = weir__entry_get(&slab->entries[index]);
    slab->free_head = (uint16_t)weir__entry_next(value);
    cached_set(cached, slab, index, WEIR__ENTRY_CACHED);
    return true;
}

bool weir__slab_take(struct weir__slab *slab, struct weir__cached *cached)
{
    if (slab->free_head && chain_take(slab, cached))
        return true;
    if (slab->fresh == slab->end)
        return false;
    cached_set(cached, slab, slab->fresh++,
               WEIR__ENTRY_CACHED | (slab->zeroed ? WEIR__ENTRY_ZERO : 0));
    return true;
}

/* -- coming back ---------------------------------------------------------------- */

void weir__slab_note(const struct weir__slab *slab, weir_misuse what, const void *block,
                     size_t requested)
{
    weir__late_misuse_note(&(struct weir__late_misuse){
        .what = what, .block = block, .owner = slab->owner, .requested = requested});
}

/* False: the slab was made anew since the copy was: not its block. */
static bool cached_is_of(const struct weir__slab *slab, const struct weir__cached *cached)
{
    uint32_t *entry = weir__slab_entry(slab, cached->block);
    return entry && entry == cached->entry && index_is_used(slab, (size_t)(entry - slab->entries));
}

bool weir__slab_put(struct weir__slab *slab, const struct weir__cached *cached)
{
    bool known = cached_is_of(slab, cached);
    uint32_t value = known ? weir__entry_get(cached->entry) : 0;
    if (weir__likely(known && value == cached->mark)) {
        chain_push(slab, (size_t)(cached->entry - slab->entries));
        slab->nout--;
        return true;
    }
    if (weir__slab_is_overwritten(slab, value))
        weir__slab_note(slab, WEIR_MISUSE_CORRUPTION, cached->block, 0);
    else
        weir__slab_note(slab, WEIR_MISUSE_DOUBLE_FREE, cached->block, cached->requested);
    return false;
}

/* -- checking --------------------------------------------------------------------- */

/* The entries before the first block's and from `fresh` on were never written. */
static bool rest_is_untouched(const struct weir__slab *slab)
{
    for (unsigned index = 0; index < slab->end; index++)
        if (!index_is_used(slab, index) && weir__entry_get(&slab->entries[index]))
            return false;
    return true;
}

static bool chain_is_valid(const struct weir__slab *slab, size_t length)
{
    unsigned at = slab->free_head;
    for (; at && length; length--) {
        if (!index_is_chained(slab, at - 1u))
            return false;
        at = weir__entry_next(weir__entry_get(&slab->entries[at - 1u]));
    }
    return !at && !length;
}

bool weir__slab_is_valid(const struct weir__slab *slab)
{
    size_t out = 0, chained = 0;
    if (slab->fresh < weir__slab_first(slab) || slab->fresh > slab->end)
        return false;
    for (unsigned index = weir__slab_first(slab); index < slab->fresh; index++) {
        uint32_t value = weir__entry_get(&slab->entries[index]);
        out += weir__entry_is_live(value) || weir__entry_is_cached(value);
        chained += weir__entry_is_chained(value);
        if (weir__slab_is_overwritten(slab, value))
            return false;
    }
    return out == slab->nout && out + chained == weir__slab_used(slab) &&
           chain_is_valid(slab, chained) && rest_is_untouched(slab);
}
