/* pool/slab.c - see slab.h. No lock of its own: the class lock is held. */
#include "pool/slab.h"

#include <string.h>

/* A prime larger than the number of lines in any slab's room, so that all of them are used. */
#define COLOR_STEP 101

/* Where the words start: lines of the room that blocks 0 to first - 1 leave, taken in turn
 * by slabs that follow each other. */
static size_t slab_color(const struct weir__slab *slab, size_t size)
{
    size_t room = weir__slab_first(slab) * size - weir__slab_words(size);
    size_t number = ((uintptr_t)slab & (WEIR__CHUNK - 1)) / sizeof *slab;
    return number * COLOR_STEP % (room / WEIR__LINE + 1) * WEIR__LINE;
}

void weir__slab_init(struct weir__slab *slab, unsigned class, const void *owner,
                     struct weir__center *center)
{
    size_t size = weir__class_bytes[class];
    struct weir__chunk *chunk = (struct weir__chunk *)((uintptr_t)slab & ~(WEIR__CHUNK - 1));
    slab->bin = (uint16_t)(class << WEIR__BIN_SHIFT);
    slab->fresh = (uint16_t)weir__slab_first(slab);
    if (size >= WEIR__INLINE_MIN) {
        slab->words = chunk->u.words[slab - chunk->slabs];
        memset(slab->words, 0, weir__slab_words(size));
    } else {
        slab->words = (uint32_t *)(weir__slab_memory(slab) + slab_color(slab, size));
        if (!slab->zeroed)
            memset(slab->words, 0, weir__slab_words(size));
    }
    slab->reciprocal = (uint32_t)((((uint64_t)1 << 32) + size - 1) / size);
    slab->end = (uint16_t)(WEIR__SLAB / size);
    slab->free_head = 0;
    slab->nout = 0;
    slab->center = center;
    __atomic_store_n(&slab->owner, owner, __ATOMIC_RELEASE);
}

unsigned weir__slab_take(struct weir__slab *slab)
{
    unsigned index;
    uint32_t word = WEIR__WORD_CACHED;
    if (slab->free_head) {
        index = slab->free_head - 1u;
        slab->free_head = (uint16_t)(weir__word_get(&slab->words[index]) & WEIR__WORD_NEXT_MASK);
    } else {
        index = slab->fresh++;
        if (slab->zeroed)
            word |= WEIR__WORD_ZERO;
    }
    weir__word_set(&slab->words[index], word);
    slab->nout++;
    return index;
}

bool weir__slab_put(struct weir__slab *slab, uint32_t *word)
{
    if (!weir__word_is_cached(weir__word_get(word)))
        return false;
    weir__word_set(word, WEIR__WORD_USED | slab->free_head);
    slab->free_head = (uint16_t)(word - slab->words + 1);
    slab->nout--;
    return true;
}
