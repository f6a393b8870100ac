/*
 * unwind/own.h - through weir's own frames, which lie between a leaf and the frame that called
 * weir. The return addresses in weir's own code that lead to who takes stacks are few: a thread
 * keeps the rules (unwind/rule.h) of those that it met in a table that stays in the nearest cache.
 * Exact, as unwind/unwind.h is: the rule of such an address stays what it is, for weir's code does
 * not go while it runs. Owns nothing but what its caller hands it. One thread.
 */
#ifndef WEIR_UNWIND_OWN_H
#define WEIR_UNWIND_OWN_H

#include "unwind/registers.h"

#define WEIR__OWN_SLOTS 128u

/* The caller's frame is found by the stack pointer or by the frame pointer, and the words that say
 * its pc and fp are in this one. */
struct weir__own_rule {
    uint64_t pc;                 /* 0: no rule */
    int16_t frame, pc_at, fp_at; /* in words; the latter two from the caller's stack pointer on;
                                    fp_at 0: the register has it */
    uint8_t kind;                /* enum weir__own_kind */
};

enum weir__own_kind {
    WEIR__OWN_SP,
    WEIR__OWN_FP,
    WEIR__OWN_RECORD /* a record of two words lies at the frame pointer and ends the frame, as code
                        with frame pointers has it on x86: OWN_FP with 2, -1, -2 */
};

struct weir__own {
    uint32_t count;
    struct weir__own_rule rules[WEIR__OWN_SLOTS];
};

/* No rules. */
void weir__own_forget(struct weir__own *own);

/* Remembers the rule of a return address, if it is of those that are kept here. */
void weir__own_learn(struct weir__own *own, uint64_t pc);

WEIR__INLINE uint32_t weir__own_slot(uint64_t pc)
{
    return (uint32_t)(pc * UINT64_C(0x9e3779b97f4a7c15) >> 57);
}
_Static_assert(WEIR__OWN_SLOTS == 1u << (64 - 57), "a slot is the upper bits");

/* The rule of an address; NULL: it is not known. */
WEIR__INLINE const struct weir__own_rule *weir__own_find(const struct weir__own *own, uint64_t pc)
{
    uint32_t i = weir__own_slot(pc);
    while (weir__unlikely(own->rules[i].pc != pc)) {
        if (!own->rules[i].pc)
            return NULL;
        i = (i + 1) % WEIR__OWN_SLOTS;
    }
    return &own->rules[i];
}

WEIR__INLINE bool weir__own_step_plain(const struct weir__own_rule *rule, struct weir__registers *r,
                                       uint64_t high)
{
    const uint64_t *frame =
        (const uint64_t *)(uintptr_t)(rule->kind == WEIR__OWN_SP ? r->sp : r->fp) + rule->frame;
    int least = rule->pc_at < rule->fp_at ? -rule->pc_at : -rule->fp_at;
    uint64_t size = (uintptr_t)frame - r->sp;
    if (weir__unlikely(size > high - r->sp) || weir__unlikely(size < 8 * (uint64_t)least))
        return false;
    r->pc = weir__registers_strip(weir__stack_word(frame + rule->pc_at));
    r->fp = rule->fp_at ? weir__stack_word(frame + rule->fp_at) : r->fp;
    r->sp = (uintptr_t)frame;
    r->lr = 0;
    return true;
}

/* From a frame on the thread's stack, which ends at `high`, to its caller. False: the rule does not
 * fit; *r is as it was. */
WEIR__INLINE bool weir__own_step(const struct weir__own_rule *rule, struct weir__registers *r,
                                 uint64_t high)
{
    const uint64_t *record = (const uint64_t *)(uintptr_t)r->fp;
    if (weir__unlikely(rule->kind != WEIR__OWN_RECORD))
        return weir__own_step_plain(rule, r, high);
    if (weir__unlikely(r->fp < r->sp) || weir__unlikely(r->fp > high - 16))
        return false;
    r->sp = r->fp + 16;
    r->pc = weir__stack_word(record + 1);
    r->fp = weir__stack_word(record);
    r->lr = 0;
    return true;
}

#endif
