/*
 * unwind/way.h - ways from a program into weir: the frames of weir's own code between a leaf and
 * the frame that called it. There are few, each has its words at fixed distances from the leaf's
 * stack pointer, and so one that was walked before is known by comparing those. Exact, as
 * unwind/unwind.h is. Owns nothing but what its caller hands it. One thread.
 */
#ifndef WEIR_UNWIND_WAY_H
#define WEIR_UNWIND_WAY_H

#include "unwind/registers.h"

#define WEIR__WAYS       4u
#define WEIR__WAY_FRAMES 8u

struct weir__way {
    uint64_t pc;           /* of the leaf; 0: no way */
    uint32_t by;           /* bytes from the leaf's stack pointer to that of who called weir */
    uint32_t pc_at, fp_at; /* the same to where its pc and fp are; fp_at 0: fp is in the register */
    uint32_t count;        /* of words; a multiple of 4, where the first is there again and again */
    uint32_t places;
    bool uses_fp; /* of the leaf: a frame is found by it */
    uint64_t fp_by;
    struct weir__way_word {
        uint64_t value, at;                        /* `at` from the leaf's stack pointer on */
    } words[WEIR__WAY_FRAMES];                     /* next to the caller first: there ways part */
    struct weir__way_word place[WEIR__WAY_FRAMES]; /* of a frame: less the leaf's stack pointer */
};

struct weir__ways {
    uint32_t latest; /* that was found, */
    uint32_t next;   /* and that gives way to a new one */
    struct weir__way all[WEIR__WAYS];
};

struct weir__frame;

/* No ways. */
void weir__ways_forget(struct weir__ways *ways);

/* The way that led through frames[0, n), leaf first, to the caller at `sp`. */
void weir__ways_keep(struct weir__ways *ways, const struct weir__frame *frames, uint32_t n,
                     uint64_t sp);

WEIR__INLINE uint64_t weir__way_word(const char *sp, const struct weir__way_word *w)
{
    return weir__stack_word(sp + w->at);
}

WEIR__INLINE bool weir__way_is(const struct weir__way *way, const struct weir__registers *r,
                               uint64_t high)
{
    const char *sp = (const char *)(uintptr_t)r->sp;
    if (way->pc != r->pc || way->by > high - r->sp || (way->uses_fp && r->fp - r->sp != way->fp_by))
        return false;
    for (const struct weir__way_word *w = way->words, *end = w + way->count; w < end; w += 4)
        if ((weir__way_word(sp, w) ^ w->value) | (weir__way_word(sp, w + 1) ^ w[1].value) |
            (weir__way_word(sp, w + 2) ^ w[2].value) | (weir__way_word(sp, w + 3) ^ w[3].value))
            return false;
    for (uint32_t i = 0; i < way->places; i++)
        if (weir__way_word(sp, &way->place[i]) - r->sp != way->place[i].value)
            return false;
    return true;
}

/* From the leaf at `r`, which lies on the thread's stack below `high`, to who called weir. False:
 * nothing is known, and r is as it was. */
WEIR__INLINE bool weir__ways_follow(struct weir__ways *ways, struct weir__registers *r,
                                    uint64_t high)
{
    uint32_t nth = ways->latest;
    const struct weir__way *way;
    for (uint32_t i = 0; i < WEIR__WAYS; i++, nth = (nth + 1) % WEIR__WAYS) {
        way = &ways->all[nth];
        if (!weir__way_is(way, r, high))
            continue;
        const uint64_t *pc = (const uint64_t *)(uintptr_t)(r->sp + way->pc_at);
        const uint64_t *fp = (const uint64_t *)(uintptr_t)(r->sp + way->fp_at);
        ways->latest = nth;
        r->pc = weir__registers_strip(weir__stack_word(pc));
        r->fp = way->fp_at ? weir__stack_word(fp) : r->fp;
        r->sp += way->by;
        r->lr = 0;
        return true;
    }
    return false;
}

#endif
