/*
 * unwind/known.h - whole stacks that a thread had before, with the words that decided them. A stack
 * is one of these if its leaf has the same pc and stack pointer and each of those words is what it
 * was: then it has the same frames, and nothing is unwound. Exact, as unwind/unwind.h is. Owns
 * nothing but what its caller hands it. Knows nothing of rules.
 *
 * A stack has a slot by its leaf. Where the stack there differs in its nth word, the slot of what
 * that word says now is looked at next, and so on: stacks with one leaf form a tree. Slots have
 * their stacks in a ring of memory, where the oldest give way.
 *
 * One thread. A comparison costs 0.5 ns a word, where they are cached.
 */
#ifndef WEIR_UNWIND_KNOWN_H
#define WEIR_UNWIND_KNOWN_H

#include "base/bits.h"

#define WEIR__KNOWN_SLOTS 512u
#define WEIR__KNOWN_UNITS 7168u                      /* of 8 bytes */
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

struct weir__known {
    uint64_t place; /* where the latest search ended: its stack belongs there */
    uint32_t head;  /* units ever used of the ring, counted from somewhere */
    struct {
        uint32_t tag, at;
    } slots[WEIR__KNOWN_SLOTS];
    uint32_t once[WEIR__KNOWN_SLOTS]; /* places that were searched in vain once */
    uint64_t ring[WEIR__KNOWN_UNITS];
};

/* No stacks. */
void weir__known_forget(struct weir__known *k);

/* The number of the calling thread's stack with this leaf; 0: it is not known. Its words lie on the
 * thread's own stack, above sp. */
uint32_t weir__known_find(struct weir__known *k, uint64_t pc, uint64_t sp, uint64_t fp);

/* Did a search end at this place before? A stack that comes once is not worth being kept. */
bool weir__known_is_wanted(struct weir__known *k);

/* Keeps the stack that was searched for last, as it is now, with a number that is not 0. The words
 * lie within WEIR__KNOWN_REACH above leaf->sp. */
void weir__known_keep(struct weir__known *k, const struct weir__known_leaf *leaf,
                      const struct weir__known_words *words, uint32_t number);

#endif
