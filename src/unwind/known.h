/*
 * unwind/known.h - whole stacks that a thread had before, with the words that decided them. A stack
 * is one of these if its leaf has the same pc and stack pointer and each of those words is what it
 * was: then it has the same frames, and nothing is unwound. Exact, as unwind/unwind.h is. Owns
 * nothing but what its caller hands it. Knows nothing of rules.
 *
 * A stack has a slot by its leaf. Where the stack there differs in its nth word, the slot of what
 * that word says now is looked at next, and so on: stacks with one leaf form a tree, and what is
 * below a stack has its words before the nth: they are not compared again. Slots have their stacks
 * in a ring of memory, where the oldest give way.
 *
 * One thread. A comparison costs 0.5 ns a word, where they are cached.
 */
#ifndef WEIR_UNWIND_KNOWN_H
#define WEIR_UNWIND_KNOWN_H

#include "unwind/registers.h"

#define WEIR__KNOWN_SLOTS 512u
#define WEIR__KNOWN_UNITS 8192u                      /* of 8 bytes */
#define WEIR__KNOWN_WORDS 512u                       /* at most, of one stack */
#define WEIR__KNOWN_REACH ((uint64_t)8 * UINT16_MAX) /* bytes from the leaf's sp to a word */

struct weir__known_leaf {
    uint64_t pc, sp, fp;
};

/* A word of a stack, by its place. */
struct weir__known_words {
    uint32_t count;
    bool needs_fp; /* the leaf's frame pointer has a say */
    uint64_t at[WEIR__KNOWN_WORDS];
};

/* In the ring: this, then the words' values, then where they are in words above `sp`. */
struct weir__known_stack {
    struct weir__known_leaf leaf;
    uint32_t number;
    uint32_t above; /* the stack that it is below in the tree, by its place in the ring, */
    uint16_t same;  /* with which it has so many words in common; 0: nothing is known of that */
    uint16_t count; /* a multiple of 8: the first word is there again, which never is the first that
                       differs */
    bool needs_fp;
    uint64_t values[];
};

struct weir__known {
    uint64_t place; /* where the latest search ended: its stack belongs there, */
    uint32_t above; /* below this one, with so many words in common */
    uint32_t same;
    uint32_t head; /* units ever used of the ring, counted from somewhere */
    struct {
        uint32_t tag, at;
    } slots[WEIR__KNOWN_SLOTS];
    uint32_t once[WEIR__KNOWN_SLOTS]; /* places that were searched in vain once */
    uint64_t ring[WEIR__KNOWN_UNITS];
};

/* No stacks. */
void weir__known_forget(struct weir__known *k);

/* A search goes on from a stack whose leaf is the same. 0: it is not known. */
uint32_t weir__known_find_below(struct weir__known *k, uint64_t place, uint32_t same, uint64_t pc,
                                uint64_t sp, uint64_t fp);

/* Did a search end at this place before? A stack that comes once is not worth being kept. */
bool weir__known_is_wanted(struct weir__known *k);

/* Keeps the stack that was searched for last, as it is now, with a number that is not 0. The words
 * lie within WEIR__KNOWN_REACH above leaf->sp. */
void weir__known_keep(struct weir__known *k, const struct weir__known_leaf *leaf,
                      const struct weir__known_words *words, uint32_t number);

/* -- the search ------------------------------------------------------------------------------- */

/* Of a place the slot is the upper bits, and the tag more than those. */
WEIR__INLINE uint64_t weir__known_place(uint64_t place, uint64_t with)
{
    return (place ^ with) * UINT64_C(0x9e3779b97f4a7c15);
}

WEIR__INLINE uint32_t weir__known_slot(uint64_t place)
{
    return (uint32_t)(place >> 55);
}
_Static_assert(WEIR__KNOWN_SLOTS == 1u << (64 - 55), "a slot is the upper bits");

WEIR__INLINE uint32_t weir__known_tag(uint64_t place)
{
    return (uint32_t)(place >> 24);
}

/* The stack that has the slot of the place; NULL: none. */
WEIR__INLINE const struct weir__known_stack *weir__known_at(const struct weir__known *k,
                                                            uint64_t place)
{
    uint32_t i = weir__known_slot(place), at = k->slots[i].at;
    if (k->slots[i].tag != weir__known_tag(place) || k->head - at > WEIR__KNOWN_UNITS)
        return NULL;
    return (const struct weir__known_stack *)&k->ring[at % WEIR__KNOWN_UNITS];
}

WEIR__INLINE uint64_t weir__known_differs(const uint64_t *is, const uint16_t *at,
                                          const uint64_t *was)
{
    return weir__stack_word(is + *at) ^ *was;
}

/* How many words are what they were, where those before `from` are. Eight at a time: a test for
 * each costs more than the reading, and nearly all stacks that are looked at are the same. */
WEIR__INLINE uint32_t weir__known_same(const struct weir__known_stack *s, uint32_t from,
                                       uint64_t sp)
{
    const uint64_t *is = (const uint64_t *)(uintptr_t)sp, *was = s->values;
    uint32_t i = from & ~7u, n = s->count;
    const uint16_t *at = (const uint16_t *)(was + n);
    for (; i < n; i += 8) {
        uint64_t differ = weir__known_differs(is, at + i, was + i) |
                          weir__known_differs(is, at + i + 1, was + i + 1) |
                          weir__known_differs(is, at + i + 2, was + i + 2) |
                          weir__known_differs(is, at + i + 3, was + i + 3) |
                          weir__known_differs(is, at + i + 4, was + i + 4) |
                          weir__known_differs(is, at + i + 5, was + i + 5) |
                          weir__known_differs(is, at + i + 6, was + i + 6) |
                          weir__known_differs(is, at + i + 7, was + i + 7);
        if (weir__unlikely(differ))
            break;
    }
    if (weir__unlikely(i < n))
        while (!weir__known_differs(is, at + i, was + i))
            i++;
    return i;
}

/* The number of the calling thread's stack with this leaf; 0: it is not known. Its words lie on the
 * thread's own stack, above sp. */
WEIR__INLINE uint32_t weir__known_find(struct weir__known *k, uint64_t pc, uint64_t sp, uint64_t fp)
{
    uint64_t place = weir__known_place(pc, sp << 20 | sp >> 44);
    const struct weir__known_stack *s = weir__known_at(k, place);
    if (weir__unlikely(!s) || s->leaf.pc != pc || s->leaf.sp != sp) {
        k->place = place;
        k->same = 0;
        return 0;
    }
    uint32_t same = weir__known_same(s, 0, sp);
    if (weir__likely(same == s->count) && (!s->needs_fp || s->leaf.fp == fp))
        return s->number;
    return weir__known_find_below(k, place, same, pc, sp, fp);
}

#endif
