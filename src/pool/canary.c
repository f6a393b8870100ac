/* pool/canary.c - see canary.h. */
#include "pool/canary.h"

#include "os/random.h"

uint64_t weir__canary_secret;

void weir__canary_begin(void)
{
    uint64_t none = 0;
    if (!weir__relaxed_get(weir__canary_secret))
        (void)__atomic_compare_exchange_n(&weir__canary_secret, &none, weir__os_random() | 1, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Who allocates the block there writes the tail first, then the entry. So a place whose entry says
 * that it was never live has a tail, or none yet. */
static bool tail_holds(const struct weir__slab *slab, const char *place, size_t index)
{
    const uint64_t *tail = weir__canary_tail(place, slab->size);
    uint64_t found = weir__relaxed_get(*tail), word = weir__canary_word(place);
    if (weir__likely(found == word))
        return true;
    if (found)
        return false;
    uint32_t value = __atomic_load_n(&slab->entries[index], __ATOMIC_ACQUIRE);
    return !weir__entry_is_live(value) || weir__relaxed_get(*tail) == word;
}

bool weir__canary_holds_below_slow(const struct weir__slab *slab, const void *block, size_t index)
{
    if (weir__unlikely(index == 0 || !slab->size))
        return true;
    const char *below = (const char *)block - slab->size;
    if (weir__likely(index > slab->first))
        return tail_holds(slab, below, index - 1);
    return weir__relaxed_get(*weir__canary_tail(below, slab->size)) == 0;
}

/* -- zeros ------------------------------------------------------------------------------------ */

#define WORDS_MOST 128 /* bytes that are compared word by word; beyond, memcmp is faster */

bool weir__canary_is_zero(const void *part, size_t size)
{
    const char *bytes = part;
    uint64_t sum = 0, word;
    if (size > WORDS_MOST) {
        memcpy(&word, bytes, sizeof word);
        return !word && !memcmp(bytes, bytes + sizeof word, size - sizeof word);
    }
    size_t at = 0;
    for (; at + sizeof word <= size; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        sum |= word;
    }
    for (; at < size; at++)
        sum |= (unsigned char)bytes[at];
    return !sum;
}

static size_t first_written(const char *bytes, size_t from, size_t to)
{
    for (size_t at = from; at < to; at++)
        if (bytes[at])
            return at;
    return SIZE_MAX;
}

size_t weir__canary_written(const void *block, size_t stride, size_t most)
{
    const char *bytes = block;
    size_t size = stride - WEIR__CANARY, part = weir__min(size, most / 2 & ~(size_t)7);
    weir__assert(size % 8 == 0 && most >= 16);
    if (size <= most)
        return weir__likely(weir__canary_is_zero(bytes, size)) ? SIZE_MAX
                                                               : first_written(bytes, 0, size);
    if (weir__likely(weir__canary_is_zero(bytes, part) &&
                     weir__canary_is_zero(bytes + size - part, part)))
        return SIZE_MAX;
    size_t at = first_written(bytes, 0, part);
    return at != SIZE_MAX ? at : first_written(bytes, size - part, size);
}

size_t weir__canary_overwritten(const void *block, size_t size, size_t stride)
{
    uint64_t word = weir__canary_word(block);
    const unsigned char *bytes = block;
    for (size_t at = size; at < stride; at++) {
        bool guarded = at < size + WEIR__CANARY || at >= stride - WEIR__CANARY;
        unsigned char byte;
        weir__torn_copy(&byte, bytes + at, 1);
        if (guarded && byte != (unsigned char)(word >> 8 * (at & 7)))
            return at - size;
    }
    return SIZE_MAX;
}
