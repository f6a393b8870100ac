/* unwind/way.c - see way.h. */
#include "unwind/way.h"

#include "unwind/unwind.h"

#include <string.h>

void weir__ways_forget(struct weir__ways *ways)
{
    memset(ways, 0, sizeof *ways);
}

static struct weir__way_word word_of(uint64_t sp, uint64_t at)
{
    return (struct weir__way_word){weir__stack_word((const void *)(uintptr_t)at), at - sp};
}

/* A frame that is found by the frame pointer: wherever that is, it says the same place. */
static void place_add(struct weir__way *way, const struct weir__frame *leaf, uint64_t fp_at)
{
    if (fp_at) {
        way->place[way->places] = word_of(leaf->sp, fp_at);
        way->place[way->places++].value -= leaf->sp;
    } else {
        way->uses_fp = true;
        way->fp_by = leaf->fp - leaf->sp;
    }
}

static bool way_make(struct weir__way *way, const struct weir__frame *frames, uint32_t n,
                     uint64_t sp)
{
    uint64_t low = frames[0].sp, fp_at = 0;
    *way = (struct weir__way){.pc = frames[0].pc, .by = (uint32_t)(sp - low)};
    for (uint32_t i = 0; i < n; i++) {
        const struct weir__frame *f = &frames[i];
        struct weir__rule rule = weir__rule_of(f->pc);
        bool by_fp = rule.frame == WEIR__RULE_FP;
        if (!f->pc_at || f->pc_at >= sp || f->fp_at >= sp ||
            (!by_fp && rule.frame != WEIR__RULE_SP) || rule.fp == WEIR__RULE_AT_FP ||
            rule.ra == WEIR__RULE_AT_FP)
            return false;
        if (by_fp)
            place_add(way, &frames[0], fp_at);
        fp_at = f->fp_at ? f->fp_at : fp_at;
    }
    for (uint32_t i = n - 1; i-- > 0;)
        way->words[way->count++] = word_of(low, frames[i].pc_at);
    for (; way->count % 4; way->count++)
        way->words[way->count] = way->words[0];
    way->pc_at = (uint32_t)(frames[n - 1].pc_at - low);
    way->fp_at = fp_at ? (uint32_t)(fp_at - low) : 0;
    return true;
}

void weir__ways_keep(struct weir__ways *ways, const struct weir__frame *frames, uint32_t n,
                     uint64_t sp)
{
    struct weir__way way;
    if (!n || n > WEIR__WAY_FRAMES || sp - frames[0].sp > UINT32_MAX ||
        !way_make(&way, frames, n, sp))
        return;
    ways->all[ways->next] = way;
    ways->latest = ways->next;
    ways->next = (ways->next + 1) % WEIR__WAYS;
}
