/* unwind/known.c - see known.h. */
#include "unwind/known.h"

#include "unwind/registers.h"

#define HOPS_MOST 12 /* stacks that one search looks at */

/* In the ring: this, then the words' values, then where they are in units above `sp`. `count` is a
 * multiple of 4: the first word is there again, which never is the first that differs. */
struct stack {
    struct weir__known_leaf leaf;
    uint32_t number;
    uint16_t count;
    bool needs_fp;
    uint64_t values[];
};

WEIR__INLINE uint64_t mix(uint64_t place, uint64_t with)
{
    uint64_t x = (place ^ with) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

WEIR__INLINE uint64_t word_at(uint64_t at)
{
    return weir__stack_word((const void *)(uintptr_t)at);
}

WEIR__INLINE uint16_t *offsets_of(struct stack *s)
{
    return (uint16_t *)(s->values + s->count);
}

/* What is where is forgotten by its age. */
void weir__known_forget(struct weir__known *k)
{
    if (k->head >= UINT32_MAX / 2)
        k->head = 0;
    k->head += 2 * WEIR__KNOWN_UNITS;
    for (uint32_t i = 0; k->head == 2 * WEIR__KNOWN_UNITS && i < WEIR__KNOWN_SLOTS; i++)
        k->slots[i].tag = k->slots[i].at = 0;
}

static struct stack *stack_at(struct weir__known *k, uint64_t place)
{
    uint32_t i = place % WEIR__KNOWN_SLOTS, at = k->slots[i].at;
    if (k->slots[i].tag != place >> 32 || k->head - at > WEIR__KNOWN_UNITS)
        return NULL;
    return (struct stack *)&k->ring[at % WEIR__KNOWN_UNITS];
}

/* How many words are what they were. Four at a time: a test for each costs more than the reading,
 * and nearly all stacks that are looked at are the same. */
WEIR__INLINE uint32_t words_same(struct stack *s, uint64_t sp)
{
    const uint16_t *at = offsets_of(s);
    const uint64_t *is = (const uint64_t *)(uintptr_t)sp, *was = s->values;
    uint32_t i = 0, n = s->count;
    for (; i < n; i += 4) {
        uint64_t differ = (weir__stack_word(is + at[i]) ^ was[i]) |
                          (weir__stack_word(is + at[i + 1]) ^ was[i + 1]) |
                          (weir__stack_word(is + at[i + 2]) ^ was[i + 2]) |
                          (weir__stack_word(is + at[i + 3]) ^ was[i + 3]);
        if (weir__unlikely(differ))
            break;
    }
    if (weir__unlikely(i < n))
        while (weir__stack_word(is + at[i]) == was[i])
            i++;
    return i;
}

uint32_t weir__known_find(struct weir__known *k, uint64_t pc, uint64_t sp, uint64_t fp)
{
    uint64_t place = mix(pc, mix(sp, 0));
    struct stack *s = stack_at(k, place);
    for (unsigned hops = 1; s; hops++) {
        if (s->leaf.pc != pc || s->leaf.sp != sp)
            break; /* two places have one tag: the latter stack takes it */
        uint32_t same = words_same(s, sp);
        bool fp_differs = s->needs_fp && s->leaf.fp != fp;
        if (weir__likely(same == s->count) && weir__likely(!fp_differs))
            return s->number;
        if (hops == HOPS_MOST)
            break; /* the last one gives way */
        place = mix(place + 1 + same,
                    same < s->count ? word_at(sp + 8 * (uint64_t)offsets_of(s)[same]) : fp);
        s = stack_at(k, place);
    }
    k->place = place;
    return 0;
}

bool weir__known_is_wanted(struct weir__known *k)
{
    uint32_t *once = &k->once[(k->place >> 8) % WEIR__KNOWN_SLOTS], tag = k->place >> 32;
    if (*once == tag)
        return true;
    *once = tag;
    return false;
}

/* Room for so many units in one piece. */
static uint32_t ring_take(struct weir__known *k, uint32_t units)
{
    uint32_t left = WEIR__KNOWN_UNITS - k->head % WEIR__KNOWN_UNITS;
    if (k->head >= UINT32_MAX / 2)
        weir__known_forget(k);
    else if (units > left)
        k->head += left;
    uint32_t at = k->head;
    k->head += units;
    return at;
}

void weir__known_keep(struct weir__known *k, const struct weir__known_leaf *leaf,
                      const struct weir__known_words *words, uint32_t number)
{
    uint32_t real = words->count, n = (real + 3) & ~3u;
    uint32_t units = (uint32_t)(sizeof(struct stack) / 8) + n + (n + 3) / 4;
    uint32_t at = ring_take(k, units), i = k->place % WEIR__KNOWN_SLOTS;
    struct stack *s = (struct stack *)&k->ring[at % WEIR__KNOWN_UNITS];
    *s = (struct stack){*leaf, number, (uint16_t)n, words->needs_fp};
    uint16_t *offsets = offsets_of(s);
    for (uint32_t w = 0; w < n; w++) {
        uint64_t word = words->at[w < real ? w : 0];
        s->values[w] = word_at(word);
        offsets[w] = (uint16_t)((word - leaf->sp) / 8);
    }
    k->slots[i].tag = (uint32_t)(k->place >> 32);
    k->slots[i].at = at;
}
