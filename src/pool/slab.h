/*
 * pool/slab.h - 64 KiB of equal blocks and the ledger of their entries.
 *
 * Owns the ledger and the chain of its free blocks; knows nothing of who uses a block.
 *
 * Slabs are cut from 4 MiB chunks. A chunk begins with the headers of its 64
 * slabs, so that a pointer leads to its slab by arithmetic alone and headers do
 * not fight for the same cache sets:
 *
 *   chunk   | clear | headers 64 x 64 B | entries 64 x 64 B | clear | slab 1 | ... | slab 63
 *   slab    | clear, color | entries (classes below 4 KiB) | clear | block k | ... | tail
 *
 * Slabs are 64 KiB apart, so entries at their very start would all compete for the same few
 * sets of the caches: they start at a cache line that depends on the slab's number, within
 * what the blocks under them leave (measured: 0.9 misses of the first cache for a free in
 * a mix of 16 to 4096 bytes before).
 *
 * Programs write past the ends of their blocks. So what lies there first is clear: WEIR__SLAB_CLEAR
 * bytes between the ledger and its blocks, WEIR__SLAB_CLEAR_BEFORE before it, WEIR__CHUNK_CLEAR
 * around the headers.
 *
 * Block i starts at i * size from the slab's start; the first k indices lie under
 * the ledger and are never handed out. So index = offset / size exactly when the
 * pointer is a block's start, and every index of the slab has an entry.
 *
 * All fields but home..bin are under the lock of the class center (of the page heap while the
 * slab is free). home..bin do not change while a block is live, but for the shard in `home`: a
 * slab may move to a sibling of its center (pool/family.h). Then `home` and `center` are written
 * under the locks of both, and read by anyone.
 *
 * A chunk's address range is never given back (pool/chunk.h), so that headers and entries
 * may be read for any pointer into it at any time. `entries` is NULL or leads into the chunk.
 */
#ifndef WEIR_POOL_SLAB_H
#define WEIR_POOL_SLAB_H

#include "base/list.h"
#include "pool/cached.h"
#include "pool/class.h"
#include "pool/entry.h"
#include "pool/home.h"
#include "pool/map.h"

#include <weir/error.h>

#define WEIR__SLAB_SHIFT  16
#define WEIR__SLAB        ((size_t)1 << WEIR__SLAB_SHIFT)
#define WEIR__CHUNK_SLABS (WEIR__CHUNK / WEIR__SLAB)
#define WEIR__SLAB_CLEAR_BEFORE                                                                    \
    64                         /* at least, between the blocks of the slab before and a ledger */
#define WEIR__SLAB_CLEAR  256  /* between a ledger and the blocks behind it */
#define WEIR__INLINE_MIN  4096 /* classes from here keep their entries in the chunk */
#define WEIR__SLAB_CANARY 8    /* bytes that a hardened block leaves of its place at least */

struct weir__backing;
struct weir__center;
struct weir__page_heap;

struct weir__slab {
    uint64_t home;                  /* pool/home.h; atomic */
    uint32_t *entries;              /* one for every index of the slab */
    uint32_t reciprocal;            /* ceil(2^32 / size) */
    uint16_t bin;                   /* class << WEIR__BIN_SHIFT */
    uint16_t fresh;                 /* indices from here on were never handed out */
    uint16_t end;                   /* one past the last index */
    uint16_t free_head;             /* chain of used and freed indices, index + 1; 0: none */
    uint16_t nout;                  /* blocks not in the slab: live or cached */
    bool zeroed : 1;                /* the memory from `fresh` on is known to be zero */
    bool closed : 1;                /* its blocks cannot be read or written; never a free one's */
    bool dirty;                     /* free slab: was used since it was last purged */
    struct weir__center *center;    /* atomic */
    struct weir__slab *next, *prev; /* a list of its center, or of free slabs */
    uint32_t freed_at;              /* free slab: the page heap's clock when it came back */
    uint16_t first; /* index that is handed out: the ledger and its color lie before */
    uint16_t size;  /* of its blocks; how far apart they are: weir__slab_stride */
};

/* Next to the headers, in each direction: what the program writes past the last block of the chunk
 * before, or before the first block of this one, hits nothing. Nor does it cost memory. */
#define WEIR__CHUNK_CLEAR (16 * WEIR__KIB)

struct weir__chunk {
    char clear[WEIR__CHUNK_CLEAR];
    struct weir__slab slabs[WEIR__CHUNK_SLABS];
    union {
        uint32_t entries[WEIR__CHUNK_SLABS][WEIR__SLAB / WEIR__INLINE_MIN];
        struct { /* slab 0 is this header and has no entries */
            struct weir__page_heap *page_heap;
            const struct weir__backing *backing; /* while no page heap has the chunk */
            struct weir__link link;              /* of its page heap, or of no page heap's */
            size_t nfree;                        /* slabs not in use, of 63 */
            size_t nfresh;                       /* slabs never used: the last ones */
            size_t nopen;                        /* that may be read and written: the first ones */
        } head;
    } u;
};

_Static_assert(WEIR__SLAB / WEIR__GRAIN <= UINT16_MAX, "fresh, end and nout hold any index");
_Static_assert(WEIR__SMALL_MAX <= UINT16_MAX, "slab->size and weir__class_bytes hold any size");
#define WEIR__HEADER_SHIFT 6
_Static_assert(sizeof(struct weir__slab) == 1 << WEIR__HEADER_SHIFT, "one cache line a header");
_Static_assert(sizeof(struct weir__chunk) + WEIR__CHUNK_CLEAR <= WEIR__SLAB,
               "the chunk header fits slab 0, and is clear of slab 1");
#define WEIR__CHUNK_HEADERS (sizeof(struct weir__chunk) - WEIR__CHUNK_CLEAR)
_Static_assert(WEIR__SMALL_MAX < WEIR__ENTRY_SIZE_MASK, "an entry holds any size, and one more");
_Static_assert(WEIR__SLAB / WEIR__GRAIN <= WEIR__ENTRY_NEXT_MAX, "an entry holds any index + 1");
_Static_assert(WEIR__SMALL_MAX <= WEIR__SLAB / 4, "a slab has several blocks");
_Static_assert(WEIR__CLASSES << WEIR__BIN_SHIFT <= UINT16_MAX, "slab->bin holds any class");

/* The chunk of slabs that holds `pointer`: a block, or a slab's header. */
WEIR__INLINE struct weir__chunk *weir__chunk_of(const void *pointer)
{
    return (struct weir__chunk *)((uintptr_t)pointer & ~(WEIR__CHUNK - 1));
}

/* The slab that `pointer` lies in; its chunk is known to be one of slabs. */
WEIR__INLINE struct weir__slab *weir__slab_of(const void *pointer)
{
    /* The header's offset by one shift: gcc would add WEIR__CHUNK_CLEAR to an index first. */
    size_t at = ((uintptr_t)pointer >> (WEIR__SLAB_SHIFT - WEIR__HEADER_SHIFT)) &
                ((WEIR__CHUNK_SLABS - 1) << WEIR__HEADER_SHIFT);
    char *headers = (char *)weir__chunk_of(pointer) + offsetof(struct weir__chunk, slabs);
    return (struct weir__slab *)(headers + at);
}

WEIR__INLINE char *weir__slab_memory(const struct weir__slab *slab)
{
    struct weir__chunk *chunk = weir__chunk_of(slab);
    return (char *)chunk + ((size_t)(slab - chunk->slabs) << WEIR__SLAB_SHIFT);
}

/*
 * The index of the block that starts at `pointer`; false when none starts there.
 * Multiplying by ceil(2^32/size) gives the quotient above and, below, a remainder
 * smaller than the factor exactly for multiples (Lemire, Kaser, Kurz 2019).
 */
WEIR__INLINE bool weir__slab_index(const struct weir__slab *slab, const void *pointer,
                                   uint64_t *index)
{
    uint32_t factor = __atomic_load_n(&slab->reciprocal, __ATOMIC_ACQUIRE); /* then entries */
    uint64_t product = (uint64_t)((uintptr_t)pointer & (WEIR__SLAB - 1)) * factor;
    if (weir__unlikely((uint32_t)product >= factor))
        return false;
    *index = product >> 32;
    return true;
}

/* The entry of the block that starts at `pointer`, or NULL when none starts there. */
WEIR__INLINE uint32_t *weir__slab_entry(const struct weir__slab *slab, const void *pointer)
{
    uint64_t index;
    if (!weir__slab_index(slab, pointer, &index))
        return NULL;
    uint32_t *entries = weir__own_get(slab->entries);
    if (!entries)
        __builtin_unreachable(); /* they are set before the reciprocal */
    return &entries[index];
}

WEIR__INLINE unsigned weir__slab_class(const struct weir__slab *slab)
{
    return weir__own_get(slab->bin) >> WEIR__BIN_SHIFT;
}

WEIR__INLINE size_t weir__slab_stride(const struct weir__slab *slab)
{
    return slab->size ? slab->size : WEIR__EMPTY_STRIDE;
}

WEIR__INLINE void *weir__slab_block(const struct weir__slab *slab, unsigned index)
{
    weir__assert(index < slab->end);
    return weir__slab_memory(slab) + (size_t)index * weir__slab_stride(slab);
}

/* Bytes of entries at the start of a slab of blocks this large. */
WEIR__INLINE size_t weir__slab_ledger(size_t size)
{
    weir__assert(size >= WEIR__GRAIN && size <= WEIR__SMALL_MAX);
    return (WEIR__SLAB + size - 1) / size * sizeof(uint32_t);
}

/* Blocks that were ever handed out. */
WEIR__INLINE unsigned weir__slab_used(const struct weir__slab *slab)
{
    weir__assert(slab->fresh >= slab->first);
    return slab->fresh - slab->first;
}

/* Any thread: whose blocks these are, and where they are kept. For a slab with a live or cached
 * block of the caller's the owner stays true; the center does while its lock is held. */
WEIR__INLINE const void *weir__slab_owner(const struct weir__slab *slab)
{
    return weir__home_owner(__atomic_load_n(&slab->home, __ATOMIC_ACQUIRE));
}

/* The same, hardened or not (pool/home.h): what weir__slab_owner says of a hardened one equals no
 * owner. */
WEIR__INLINE const void *weir__slab_true_owner(const struct weir__slab *slab)
{
    return weir__home_true_owner(__atomic_load_n(&slab->home, __ATOMIC_ACQUIRE));
}

WEIR__INLINE bool weir__slab_is_hardened(const struct weir__slab *slab)
{
    return __atomic_load_n(&slab->home, __ATOMIC_ACQUIRE) & WEIR__HOME_HARDENED;
}

WEIR__INLINE struct weir__center *weir__slab_center(const struct weir__slab *slab)
{
    return __atomic_load_n(&slab->center, __ATOMIC_ACQUIRE);
}

/* Makes a free slab serve blocks of `class` at `home`. */
void weir__slab_init(struct weir__slab *slab, unsigned sizeclass, uint64_t home,
                     struct weir__center *center);

/* The same of a hardened one: all that is free in it is zero, and where its entries lie in the
 * chunk, the first block of several is left out, so that something lies below each
 * (pool/canary.h). */
void weir__slab_init_hardened(struct weir__slab *slab, unsigned sizeclass, uint64_t home,
                              struct weir__center *center);

/* The factor that its index is found by. */
WEIR__INLINE uint32_t weir__slab_reciprocal(unsigned sizeclass)
{
    weir__assert(sizeclass < WEIR__CLASSES);
    size_t size = weir__class_stride(sizeclass);
    return (uint32_t)((((uint64_t)1 << 32) + size - 1) / size);
}

/* May its entries lie there: at its start, or in its chunk's header? */
WEIR__INLINE bool weir__slab_may_have_entries(const struct weir__slab *slab,
                                              const uint32_t *entries)
{
    const struct weir__chunk *chunk = weir__chunk_of(slab);
    const uint32_t *apart = chunk->u.entries[slab - chunk->slabs];
    return entries == apart || (uintptr_t)entries - (uintptr_t)weir__slab_memory(slab) < WEIR__SLAB;
}

/* Moves it to another center of its class and owner, both locked. */
WEIR__INLINE void weir__slab_move(struct weir__slab *slab, uint64_t home,
                                  struct weir__center *center)
{
    weir__assert(weir__home_owner(home) == weir__slab_owner(slab));
    __atomic_store_n(&slab->center, center, __ATOMIC_RELEASE);
    __atomic_store_n(&slab->home, home, __ATOMIC_RELEASE);
}

/* Blocks that it has in all. */
WEIR__INLINE unsigned weir__slab_capacity(const struct weir__slab *slab)
{
    return slab->end - slab->first;
}

WEIR__INLINE bool weir__slab_has_free(const struct weir__slab *slab)
{
    return slab->free_head || slab->fresh < slab->end;
}

/* Takes up to `wanted` blocks out and marks them cached; how many. A chain that was
 * overwritten is noted and made anew (nout may have changed by more then). */
unsigned weir__slab_take(struct weir__slab *slab, struct weir__cached *blocks, unsigned wanted);

/* Puts a cached block back, which is thought to be of this slab. False: the copy is not true
 * (pool/cached.h), or the entry was overwritten; noted, and nothing was put. */
bool weir__slab_put(struct weir__slab *slab, const struct weir__cached *cached);

/* Does the entry claim what no request of the slab's class can have asked for? */
WEIR__INLINE bool weir__slab_is_overwritten(const struct weir__slab *slab, uint32_t value)
{
    size_t size = weir__entry_size(value);
    if (weir__entry_is_live(value) && slab->size && weir__slab_is_hardened(slab))
        size += WEIR__SLAB_CANARY;
    if (weir__entry_is_live(value))
        return size > slab->size ||
               (!(value & WEIR__ENTRY_ALIGNED) && size < weir__class_least[weir__slab_class(slab)]);
    return !weir__entry_is_cached(value) && size > 0;
}

/* Keeps the misuse of a block (late_misuse.h, which says what `what` and `requested` are). */
void weir__slab_misuse_keep(const struct weir__slab *slab, weir_misuse what, const void *block,
                            size_t requested);

/* Walks the chain and all entries. */
bool weir__slab_is_valid(const struct weir__slab *slab);

#endif
