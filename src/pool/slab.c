/* pool/slab.c - the ledger of a slab and its chain. Has no lock: the center's is held. */
#include "pool/slab.h"

#include "os/pages.h"
#include "pool/fill.h"
#include "pool/late_misuse.h"

#include <string.h>

/* A prime larger than the number of lines in any slab's room, so that all of them are used. */
#define COLOR_STEP 101

/* Where the entries start: lines of the room that blocks 0 to first - 1 leave, taken in turn
 * by slabs that follow each other. */
static size_t slab_color(const struct weir__slab *slab, size_t size)
{
    size_t taken = WEIR__SLAB_CLEAR_BEFORE + weir__slab_ledger(size) + WEIR__SLAB_CLEAR;
    weir__assert(slab->first * size >= taken);
    size_t room = slab->first * size - taken;
    size_t number = (size_t)(slab - weir__chunk_of(slab)->slabs);
    return WEIR__SLAB_CLEAR_BEFORE + number * COLOR_STEP % (room / WEIR__LINE + 1) * WEIR__LINE;
}

/* Least room for colors; blocks of 64 bytes and less have entries in every set anyway. */
static size_t color_room(size_t size)
{
    return size <= 64 ? 0 : size < 256 ? 512 : 1024 - WEIR__LINE;
}

/* First index of blocks this large that lies neither under the ledger, its colors nor what is
 * clear. */
static size_t first_index(size_t size)
{
    weir__assert(size >= WEIR__GRAIN);
    if (size >= WEIR__INLINE_MIN)
        return 0;
    size_t before =
        WEIR__SLAB_CLEAR_BEFORE + weir__slab_ledger(size) + color_room(size) + WEIR__SLAB_CLEAR;
    return (before + size - 1) / size;
}

void weir__slab_init(struct weir__slab *slab, unsigned sizeclass, uint64_t home,
                     struct weir__center *center)
{
    weir__assert(sizeclass < WEIR__CLASSES && weir__home_owner(home));
    weir__assert(slab != weir__chunk_of(slab)->slabs);
    size_t size = weir__class_stride(sizeclass);
    struct weir__chunk *chunk = weir__chunk_of(slab);
    weir__relaxed_set(slab->bin, (uint16_t)(sizeclass << WEIR__BIN_SHIFT));
    weir__relaxed_set(slab->size, weir__class_bytes[sizeclass]);
    size_t first = first_index(size);
    if (sizeclass == WEIR__CLASS_EMPTY && weir__os_page_size() < WEIR__SLAB)
        first = weir__round_up(first * size, weir__os_page_size()) / size;
    slab->first = slab->fresh = (uint16_t)first;
    if (size >= WEIR__INLINE_MIN) {
        weir__relaxed_set(slab->entries, chunk->u.entries[slab - chunk->slabs]);
        memset(slab->entries, 0, weir__slab_ledger(size));
    } else {
        weir__relaxed_set(slab->entries,
                          (uint32_t *)(weir__slab_memory(slab) + slab_color(slab, size)));
        if (!slab->zeroed)
            memset(slab->entries, 0, weir__slab_ledger(size));
    }
    __atomic_store_n(&slab->reciprocal, weir__slab_reciprocal(sizeclass),
                     __ATOMIC_RELEASE); /* after entries: a stale lookup reads both */
    slab->end = (uint16_t)(WEIR__SLAB / size);
    slab->free_head = 0;
    slab->nout = 0;
    weir__relaxed_set(slab->center, center);
    __atomic_store_n(&slab->home, home, __ATOMIC_RELEASE);
}

void weir__slab_init_hardened(struct weir__slab *slab, unsigned sizeclass, uint64_t home,
                              struct weir__center *center)
{
    weir__assert(home & WEIR__HOME_HARDENED);
    size_t size = weir__class_bytes[sizeclass];
    if (!slab->zeroed && size)
        memset(weir__slab_memory(slab), 0, WEIR__SLAB);
    slab->zeroed = slab->zeroed || size;
    weir__slab_init(slab, sizeclass, home, center);
    if (size >= WEIR__INLINE_MIN && WEIR__SLAB / size >= 8)
        slab->first = slab->fresh = 1;
}

/* -- the chain ------------------------------------------------------------------ */

/* Entries that no block has are zero, so that this is false for them. */
WEIR__INLINE bool index_is_chained(const struct weir__slab *slab, size_t index)
{
    return index < slab->end && weir__entry_is_chained(weir__entry_get(&slab->entries[index]));
}

WEIR__INLINE void chain_push(struct weir__slab *slab, size_t index)
{
    weir__assert(index >= slab->first && index < slab->fresh);
    weir__entry_set(&slab->entries[index], weir__entry_chained(slab->free_head));
    slab->free_head = (uint16_t)(index + 1);
}

/* Makes the chain of the entries that say they are in it; what is not counts as out. */
static void chain_mend(struct weir__slab *slab)
{
    unsigned first = slab->first;
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
static WEIR__NOINLINE void chain_broken(struct weir__slab *slab, unsigned index)
{
    bool inside = index < slab->end;
    const void *at = inside ? weir__slab_block(slab, index) : weir__slab_memory(slab);
    weir__slab_misuse_keep(slab, WEIR_MISUSE_CORRUPTION, at, 0);
    chain_mend(slab);
}

/* The head of the chain is one that is in it; false: there is no chain. */
WEIR__INLINE bool chain_is_whole(struct weir__slab *slab)
{
    if (weir__likely(slab->free_head && index_is_chained(slab, slab->free_head - 1u)))
        return true;
    if (slab->free_head)
        chain_broken(slab, slab->free_head - 1u);
    return slab->free_head != 0;
}

WEIR__INLINE void block_take(struct weir__slab *slab, unsigned index, uint32_t mark,
                             struct weir__cached *cached)
{
    weir__assert(index >= slab->first && index < slab->end);
    uint32_t *entry = &slab->entries[index];
    *cached = (struct weir__cached){weir__slab_block(slab, index), entry, mark, 0};
    weir__entry_set(entry, mark);
}

static unsigned chain_take(struct weir__slab *slab, struct weir__cached *blocks, unsigned wanted)
{
    unsigned count = 0;
    for (; count < wanted && chain_is_whole(slab); count++) {
        unsigned index = slab->free_head - 1u;
        slab->free_head = (uint16_t)weir__entry_next(weir__entry_get(&slab->entries[index]));
        block_take(slab, index, WEIR__ENTRY_CACHED, &blocks[count]);
        slab->nout++;
    }
    return count;
}

static unsigned fresh_take(struct weir__slab *slab, struct weir__cached *blocks, unsigned wanted)
{
    weir__assert(slab->fresh <= slab->end);
    unsigned count = (unsigned)weir__min(wanted, slab->end - slab->fresh), index = slab->fresh;
    uint32_t mark = WEIR__ENTRY_CACHED | (slab->zeroed ? WEIR__ENTRY_ZERO : 0);
    for (unsigned i = 0; i < count; i++) {
        block_take(slab, index++, mark, &blocks[i]);
        if (!slab->zeroed)
            weir__fill_freed(blocks[i].block, slab->size);
    }
    slab->fresh = (uint16_t)index;
    slab->nout = (uint16_t)(slab->nout + count);
    return count;
}

unsigned weir__slab_take(struct weir__slab *slab, struct weir__cached *blocks, unsigned wanted)
{
    weir__assert(wanted <= WEIR__BATCH_MAX);
    unsigned count = chain_take(slab, blocks, wanted);
    return count + fresh_take(slab, blocks + count, wanted - count);
}

/* -- coming back ---------------------------------------------------------------- */

void weir__slab_misuse_keep(const struct weir__slab *slab, weir_misuse what, const void *block,
                            size_t requested)
{
    weir__late_misuse_keep(&(struct weir__late_misuse){.what = what,
                                                       .block = block,
                                                       .owner = weir__slab_true_owner(slab),
                                                       .requested = requested});
}

/* Is the block one of this slab, and the entry its own? Else the slab was made anew since
 * the copy was. */
WEIR__INLINE bool cached_is_of(const struct weir__slab *slab, const struct weir__cached *cached,
                               size_t index)
{
    return weir__likely(index < slab->end) &&
           ((uintptr_t)cached->block & (WEIR__SLAB - 1)) == index * weir__slab_stride(slab);
}

/* The copy is not true: its entry was overwritten, or another's free set it. */
static WEIR__NOINLINE bool slab_put_odd(const struct weir__slab *slab,
                                        const struct weir__cached *cached, uint32_t value)
{
    if (weir__slab_is_overwritten(slab, value))
        weir__slab_misuse_keep(slab, WEIR_MISUSE_CORRUPTION, cached->block, 0);
    else
        weir__slab_misuse_keep(slab, WEIR_MISUSE_DOUBLE_FREE, cached->block, cached->former);
    return false;
}

bool weir__slab_put(struct weir__slab *slab, const struct weir__cached *cached)
{
    weir__assert(weir__entry_is_cached(cached->mark));
    size_t index = (size_t)(cached->entry - slab->entries);
    uint32_t value =
        weir__likely(cached_is_of(slab, cached, index)) ? weir__entry_get(cached->entry) : 0;
    if (weir__unlikely(value != cached->mark))
        return slab_put_odd(slab, cached, value);
    if (weir__unlikely(cached->former > slab->size)) /* the copy itself was overwritten */
        weir__slab_misuse_keep(slab, WEIR_MISUSE_CORRUPTION, cached->block, 0);
    if (WEIR__FILLS && cached->mark & WEIR__ENTRY_ZERO && !weir__slab_is_hardened(slab))
        weir__fill_freed(cached->block, slab->size); /* a chained one has no flag */
    chain_push(slab, index);
    slab->nout--;
    return true;
}

/* -- checking --------------------------------------------------------------------- */

/* The entries before the first block's and from `fresh` on were never written. */
static bool rest_is_untouched(const struct weir__slab *slab)
{
    for (unsigned index = 0; index < slab->end; index++)
        if ((index < slab->first || index >= slab->fresh) && weir__entry_get(&slab->entries[index]))
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
    if (slab->fresh < slab->first || slab->fresh > slab->end)
        return false;
    for (unsigned index = slab->first; index < slab->fresh; index++) {
        uint32_t value = weir__entry_get(&slab->entries[index]);
        out += weir__entry_is_live(value) || weir__entry_is_cached(value);
        chained += weir__entry_is_chained(value);
        if (weir__slab_is_overwritten(slab, value))
            return false;
    }
    return out == slab->nout && out + chained == weir__slab_used(slab) &&
           chain_is_valid(slab, chained) && rest_is_untouched(slab);
}
