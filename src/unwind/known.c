/* unwind/known.c - see known.h. */
#include "unwind/known.h"

#include "unwind/registers.h"

#include <string.h>

#define HOPS_MOST 12 /* stacks that one search looks at */

WEIR__INLINE uint64_t word_at(uint64_t at)
{
    return weir__stack_word((const void *)(uintptr_t)at);
}

static const uint16_t *offsets_of(const struct weir__known_stack *s)
{
    return (const uint16_t *)(s->values + s->count);
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

uint32_t weir__known_find_below(struct weir__known *k, uint64_t place, uint32_t same, uint64_t pc,
                                uint64_t sp, uint64_t fp)
{
    uint32_t above = k->slots[weir__known_slot(place)].at;
    const struct weir__known_stack *s = weir__known_at(k, place);
    k->same = 0;
    for (unsigned hops = 1; s && hops < HOPS_MOST; hops++) {
        bool by_fp = same == s->count;
        uint64_t with = by_fp ? fp : word_at(sp + 8 * (uint64_t)offsets_of(s)[same]);
        place = weir__known_place(place + 1 + same, with);
        k->above = above;
        k->same = by_fp ? 0 : same;
        s = weir__known_at(k, place);
        if (!s || s->leaf.pc != pc || s->leaf.sp != sp)
            break; /* where two places have one tag the latter stack takes it */
        same = weir__known_same(s, s->above == above && s->same == k->same ? k->same : 0, sp);
        if (weir__likely(same == s->count) && (!s->needs_fp || s->leaf.fp == fp))
            return s->number;
        above = k->slots[weir__known_slot(place)].at;
    }
    k->place = place; /* after so many the last one gives way */
    return 0;
}

bool weir__known_is_wanted(struct weir__known *k)
{
    uint32_t *once = &k->once[weir__known_slot(k->place)], tag = weir__known_tag(k->place);
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

/* The words that a stack has in common with the one that it is below lie at the same places? The
 * frame pointer may have a say in one of them alone. */
static bool is_below(const struct weir__known *k, const struct weir__known_stack *s)
{
    const struct weir__known_stack *above =
        (const struct weir__known_stack *)&k->ring[k->above % WEIR__KNOWN_UNITS];
    return k->same && k->head - k->above <= WEIR__KNOWN_UNITS && k->same < s->count &&
           memcmp(offsets_of(above), offsets_of(s), k->same * sizeof(uint16_t)) == 0;
}

void weir__known_keep(struct weir__known *k, const struct weir__known_leaf *leaf,
                      const struct weir__known_words *words, uint32_t number)
{
    uint32_t real = words->count, n = (real + 7) & ~7u, i = weir__known_slot(k->place);
    uint32_t units = (uint32_t)(sizeof(struct weir__known_stack) / 8) + n + n / 4;
    uint32_t at = ring_take(k, units);
    struct weir__known_stack *s = (struct weir__known_stack *)&k->ring[at % WEIR__KNOWN_UNITS];
    *s = (struct weir__known_stack){
        .leaf = *leaf, .number = number, .count = (uint16_t)n, .needs_fp = words->needs_fp};
    uint16_t *offsets = (uint16_t *)(s->values + n);
    for (uint32_t w = 0; w < n; w++) {
        uint64_t word = words->at[w < real ? w : 0];
        s->values[w] = word_at(word);
        offsets[w] = (uint16_t)((word - leaf->sp) / 8);
    }
    if (is_below(k, s)) {
        s->above = k->above;
        s->same = (uint16_t)k->same;
    }
    k->slots[i].tag = weir__known_tag(k->place);
    k->slots[i].at = at;
}
