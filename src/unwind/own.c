/* unwind/own.c - see own.h. */
#include "unwind/own.h"

#include "unwind/rule.h"

#include <string.h>

#define RULES_MOST (WEIR__OWN_SLOTS / 4 * 3)

void weir__own_forget(struct weir__own *own)
{
    memset(own, 0, sizeof *own);
}

/* In words, of a place below the caller's stack pointer; 0: it is not, or too far. */
static int16_t words_below(int32_t by)
{
    bool fits = by < 0 && by % 8 == 0 && by / 8 >= INT16_MIN;
    return (int16_t)(fits ? by / 8 : 0);
}

static bool rule_make(struct weir__own_rule *made, uint64_t pc)
{
    struct weir__rule rule = weir__rule_of(pc);
    bool by_fp = rule.frame == WEIR__RULE_FP, kept = rule.fp == WEIR__RULE_KEPT;
    if ((!by_fp && rule.frame != WEIR__RULE_SP) || rule.ra != WEIR__RULE_AT_FRAME ||
        (!kept && rule.fp != WEIR__RULE_AT_FRAME) || rule.frame_by % 8 ||
        rule.frame_by / 8 > INT16_MAX || rule.frame_by / 8 < INT16_MIN)
        return false;
    *made = (struct weir__own_rule){.pc = pc,
                                    .frame = (int16_t)(rule.frame_by / 8),
                                    .pc_at = words_below(rule.ra_by),
                                    .fp_at = (int16_t)(kept ? 0 : words_below(rule.fp_by)),
                                    .kind = by_fp ? WEIR__OWN_FP : WEIR__OWN_SP};
    if (by_fp && made->frame == 2 && made->pc_at == -1 && made->fp_at == -2 &&
        !WEIR__HAS_LINK_REGISTER)
        made->kind = WEIR__OWN_RECORD;
    return made->pc_at && (kept || made->fp_at);
}

void weir__own_learn(struct weir__own *own, uint64_t pc)
{
    struct weir__own_rule made;
    uint32_t i = weir__own_slot(pc);
    while (own->rules[i].pc && own->rules[i].pc != pc)
        i = (i + 1) % WEIR__OWN_SLOTS;
    if (own->rules[i].pc || own->count == RULES_MOST || !rule_make(&made, pc))
        return;
    own->rules[i] = made;
    own->count++;
}
