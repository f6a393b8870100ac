/*
 * pool/canary.h - what a hardened block has around it, so that what is written there is seen. Owns
 * the secret, which is drawn before the first hardened block; knows nothing of who reports. No
 * lock: who has the block writes, anyone compares.
 *
 *   | before | requested bytes | canary, 8 bytes | zeros | tail, 8 bytes |     a place in a slab
 *
 * Each place has a word of its own, made of its address and the secret, no byte of which is zero.
 * The canary and the tail are bytes of it, at address x that with number x % 8: so they agree where
 * they meet. The tail stays from when the place is used first until its slab goes; so what lies
 * directly below a block is known, live or free, and a write below a block is seen where that block
 * is looked at. The rest of a free place is zero. Blocks of no bytes have
 * nothing of all this (WEIR__CLASS_EMPTY): their pages are closed.
 */
#ifndef WEIR_POOL_CANARY_H
#define WEIR_POOL_CANARY_H

#include "pool/slab.h"

#include <string.h>

#define WEIR__CANARY WEIR__SLAB_CANARY /* bytes of either */

extern uint64_t weir__canary_secret;

/* Draws the secret, the first time; any thread. */
void weir__canary_begin(void);

/* The word of the place that starts there. */
WEIR__INLINE uint64_t weir__canary_word(const void *place)
{
    uint64_t bits = ((uintptr_t)place ^ weir__canary_secret) * UINT64_C(0x9e3779b97f4a7c15);
    return (bits ^ bits >> 32) | UINT64_C(0x0101010101010101);
}

/* The word's bytes as they are from address x on, x % 8 being `at`. */
WEIR__INLINE uint64_t weir__canary_turned(uint64_t word, size_t at)
{
    unsigned bits = (unsigned)(8 * (at & 7));
    return word >> bits | word << (-bits & 63);
}

/* The tail of the place of `stride` bytes. */
WEIR__INLINE uint64_t *weir__canary_tail(const void *place, size_t stride)
{
    weir__assert(stride >= 2 * WEIR__CANARY);
    return (uint64_t *)((uintptr_t)place + stride - WEIR__CANARY);
}

/* Around a block of `size` bytes that begins to live in its place. Where the canary meets the tail
 * it is there already: who looks at the block above may see the tail at any time, and never a part
 * of it. */
WEIR__INLINE void weir__canary_write(void *block, size_t size, size_t stride)
{
    weir__assert(size + WEIR__CANARY <= stride);
    uint64_t word = weir__canary_word(block), turned = weir__canary_turned(word, size);
    char *end = (char *)block + size;
    size_t room = stride - WEIR__CANARY - size;
    weir__relaxed_set(*weir__canary_tail(block, stride), word);
    if (weir__likely(room >= sizeof turned))
        memcpy(end, &turned, sizeof turned);
    else
        for (size_t at = 0; at < room; at++)
            end[at] = (char)(turned >> 8 * at);
}

/* Are the canary and the tail of a live block of so many bytes as they were written? If others may
 * free the block meanwhile, a no counts only while its entry says that it lives. */
WEIR__INLINE bool weir__canary_holds(const void *block, size_t size, size_t stride)
{
    uint64_t word = weir__canary_word(block), turned;
    weir__torn_copy(&turned, (const char *)block + size, sizeof turned);
    return turned == weir__canary_turned(word, size) &&
           weir__relaxed_get(*weir__canary_tail(block, stride)) == word;
}

/* Is what lies directly below the block at `index` as it must be? True where nobody knows. */
bool weir__canary_holds_below_slow(const struct weir__slab *slab, const void *block, size_t index);
WEIR__INLINE bool weir__canary_holds_below(const struct weir__slab *slab, const void *block,
                                           size_t index)
{
    const char *below = (const char *)block - slab->size;
    if (weir__likely(index > slab->first) &&
        weir__likely(weir__relaxed_get(*weir__canary_tail(below, slab->size)) ==
                     weir__canary_word(below)))
        return true;
    return weir__canary_holds_below_slow(slab, block, index);
}

/* -- zeros ------------------------------------------------------------------------------------ */

/* Sixteen bytes of a place, whose size is a multiple of that. */
typedef uint64_t weir__canary_pair __attribute__((vector_size(16), aligned(8), may_alias));

#define WEIR__CANARY_SHORT                                                                         \
    256 /* bytes that are gone through here; beyond, the library is faster                         \
         */

/* A block of `size` bytes is free from here on: zero up to its tail. What lies behind the canary is
 * zero already. */
WEIR__INLINE void weir__canary_clear(void *block, size_t size, size_t stride)
{
    size_t end = weir__min(size + WEIR__CANARY, stride - WEIR__CANARY);
    if (weir__unlikely(end > WEIR__CANARY_SHORT)) {
        memset(block, 0, end);
        return;
    }
    for (char *at = block, *last = at + end; at + 8 < last; at += 16) {
        *(weir__canary_pair *)at = (weir__canary_pair){0, 0};
        __asm__("" : "+r"(at)); /* else gcc calls memset, which takes as long again */
    }
    if ((end - 1) % 16 < 8)
        *(uint64_t *)((char *)block + (end - 1) / 16 * 16) = 0;
}

/* Is all of it zero? */
bool weir__canary_is_zero(const void *part, size_t size);

/* The same of a short free place up to its tail. */
WEIR__INLINE bool weir__canary_is_zero_short(const void *place, size_t stride)
{
    const char *at = place, *tail = at + stride - WEIR__CANARY;
    weir__assert(stride % 16 == 0 && stride <= WEIR__CANARY_SHORT);
    weir__canary_pair sum = {0, 0};
    for (; at + 16 <= tail; at += 16)
        sum |= *(const weir__canary_pair *)at;
    return !(sum[0] | sum[1] | *(const uint64_t *)at);
}

/* Where something is not zero in the first bytes of a free place, up to its tail; SIZE_MAX:
 * nowhere. `most`: of longer ones so many bytes are looked at, at both ends. */
size_t weir__canary_written(const void *block, size_t stride, size_t most);

/* Which byte past a live block's last was written first; SIZE_MAX: none. */
size_t weir__canary_overwritten(const void *block, size_t size, size_t stride);

#endif
