/* pool/slab.c - see slab.h. No lock of its own: the class lock is held. */
#include "pool/slab.h"

#include <string.h>

/* A prime larger than the number of lines in any slab's room, so that all of them are used. */
#define COLOR_STEP 101

/* Where the entries start: lines of the room that blocks 0 to first - 1 leave, taken in turn
 * by slabs that follow each other. */
static size_t slab_color(const struct weir__slab *slab, size_t size)
{
    size_t room = weir__slab_first(slab) * size - weir__slab_ledger(size);
    size_t number = ((uintptr_t)slab & (WEIR__CHUNK - 1)) / sizeof *slab;
    return number * COLOR_STEP % (room / WEIR__LINE + 1) * WEIR__LINE;
}

void weir__slab_init(struct weir__slab *slab, unsigned sizeclass, const void *owner,
                     struct weir__center *center)
{
    size_t size = weir__class_bytes[sizeclass];
    struct weir__chunk *chunk = (struct weir__chunk *)((uintptr_t)slab & ~(WEIR__CHUNK - 1));
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

unsigned weir__slab_take(struct weir__slab *slab)
{
    unsigned index;
    uint32_t entry = WEIR__ENTRY_CACHED;
    if (slab->free_head) {
        index = slab->free_head - 1u;
        slab->free_head =
            (uint16_t)(weir__entry_get(&slab->entries[index]) & WEIR__ENTRY_NEXT_MASK);
    } else {
        index = slab->fresh++;
        if (slab->zeroed)
            entry |= WEIR__ENTRY_ZERO;
    }
    weir__entry_set(&slab->entries[index], entry);
    slab->nout++;
    return index;
}

bool weir__slab_put(struct weir__slab *slab, uint32_t *entry)
{
    if (!weir__entry_is_cached(weir__entry_get(entry)))
        return false;
    weir__entry_set(entry, WEIR__ENTRY_USED | slab->free_head);
    slab->free_head = (uint16_t)(entry - slab->entries + 1);
    slab->nout--;
    return true;
}
