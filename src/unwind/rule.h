/*
 * unwind/rule.h - for a return address, where the frame it returns to ends: one rule, made from
 * .eh_frame once (unwind/cfi.h) and kept in a table keyed by address. Owns the table. Knows nothing
 * of stacks.
 *
 * A look-up takes no lock. Rules are added under one, the table is grown by doubling, and a former
 * table stays where it is, because threads may be reading it: twice the memory in all, 16 bytes
 * for each slot. At most WEIR__RULES_MOST rules are kept; what does not fit is made each time.
 *
 * An address is a *return address*: its rule is that of the byte before it. Of the place where a
 * signal came the address plus 1 is meant.
 */
#ifndef WEIR_UNWIND_RULE_H
#define WEIR_UNWIND_RULE_H

#include "base/bits.h"
#include "unwind/module.h"

#define WEIR__RULES_MOST (1u << 20)

enum weir__rule_frame {                     /* where the caller's stack pointer is */
                        WEIR__RULE_CUT = 1, /* not known */
                        WEIR__RULE_END,     /* there is no caller */
                        WEIR__RULE_SP,      /* sp + frame */
                        WEIR__RULE_FP,      /* fp + frame */
                        WEIR__RULE_DEREF,   /* the word at fp + frame */
                        WEIR__RULE_CHAIN,   /* a record of two words at fp: the caller's fp, and
                                               the return address; no module has this address */
                        WEIR__RULE_SIGNAL   /* a signal came: registers lie in a ucontext_t */
};

enum weir__rule_place {                      /* where a register of the caller is */
                        WEIR__RULE_KEPT = 0, /* in the register */
                        WEIR__RULE_AT_FRAME, /* at the caller's stack pointer + n */
                        WEIR__RULE_AT_FP,    /* at fp + n */
                        WEIR__RULE_LOST
};

struct weir__rule {
    uint8_t frame, fp, ra; /* enum weir__rule_frame; enum weir__rule_place, twice */
    int32_t frame_by, fp_by, ra_by;
};

/*
 * A rule in two words, as the table has it. `key`: the address in the low 48 bits, then 4 bits each
 * for frame, fp and ra. `by`: frame_by, fp_by and ra_by, 21 bits each with sign, in words of 8
 * bytes.
 */
struct weir__rule_words {
    uint64_t key, by;
};

#define WEIR__RULE_SHIFT 48
#define WEIR__RULE_BITS  21
/* key >> WEIR__RULE_SHIFT of a rule */
#define WEIR__RULE_KINDS(frame, fp, ra)                                                            \
    ((uint64_t)(frame) | (uint64_t)(fp) << 4 | (uint64_t)(ra) << 8)

WEIR__INLINE int64_t weir__rule_by(uint64_t by, unsigned nth)
{
    return ((int64_t)(by << (64 - WEIR__RULE_BITS * (nth + 1))) >> (64 - WEIR__RULE_BITS)) * 8;
}

/* The rule for a return address; made now if it is new. Never fails: WEIR__RULE_CUT. */
struct weir__rule weir__rule_of(uint64_t address);
struct weir__rule_words weir__rule_words_slow(uint64_t address);

/* The table: a slot's `key` is stored last, and 0 before; it is written once, and then only made
 * dead for good, all of whose bits from WEIR__RULE_SHIFT on are set. */
struct weir__rule_table {
    uint32_t mask, count;
    unsigned shift;
    struct weir__rule_words slots[];
};
extern struct weir__rule_table *weir__rule_table; /* atomic; NULL: none yet */

#define WEIR__RULE_ADDRESS ((UINT64_C(1) << WEIR__RULE_SHIFT) - 1)
#define WEIR__RULE_DEAD    (~WEIR__RULE_ADDRESS)

WEIR__INLINE uint32_t weir__rule_slot(const struct weir__rule_table *table, uint64_t address)
{
    return (uint32_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> table->shift);
}

WEIR__INLINE struct weir__rule_words weir__rule_words_of(uint64_t address)
{
    const struct weir__rule_table *table = __atomic_load_n(&weir__rule_table, __ATOMIC_ACQUIRE);
    if (weir__unlikely(!table))
        return weir__rule_words_slow(address);
    const struct weir__rule_words *slot = &table->slots[weir__rule_slot(table, address)];
    uint64_t key = __atomic_load_n(&slot->key, __ATOMIC_ACQUIRE);
    if (weir__unlikely((key & WEIR__RULE_ADDRESS) != address) ||
        weir__unlikely(key >= WEIR__RULE_DEAD))
        return weir__rule_words_slow(address);
    return (struct weir__rule_words){key, weir__relaxed_get(slot->by)};
}

/* What is kept for addresses from start to end is forgotten: their module went. */
void weir__rules_forget(uint64_t start, uint64_t end);

/* Counts the calls of the latter: stacks that were unwound before are not to be trusted. Atomic. */
extern uint32_t weir__rules_epoch;

/* May the system be asked whether memory can be read? Not in a sandbox. Atomic. */
extern bool weir__unwind_may_ask;

/* Called when an address is met in a module that was not met before, and when one is seen to have
 * gone; with no lock held. NULL: nobody asks. */
extern void (*weir__rule_module_met)(const struct weir__module *module);
extern void (*weir__rule_module_gone)(const struct weir__module *module);

/* Remembers the module, and tells if it is met for the first time; forgets and tells what the
 * loader has no more. */
void weir__rules_meet_module(const struct weir__module *module);
void weir__rules_check_modules(void);

#endif
