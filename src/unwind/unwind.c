/* unwind/unwind.c - see unwind.h. */
#include "unwind/unwind.h"

#include "os/pages.h"
#include "os/stack.h"

#include <string.h>

#define BUSY_MOST   100                  /* then who jumped out of here is not waited for */
#define PROBE_BYTES ((uint64_t)16 << 20) /* of a stack that are looked at in one call */

struct weir__unwind_code weir__unwind_code;

void weir__unwind_start(void)
{
    struct weir__module own;
    if (weir__module_own(&own))
        weir__unwind_code = (struct weir__unwind_code){own.start, own.end};
}

void weir__unwind_reset(struct weir__unwind *u)
{
    u->low = u->high = u->floor = 0;
    u->depth = u->busy = 0;
    u->cut = false;
    weir__known_forget(&u->known);
    weir__own_forget(&u->own);
}

/* -- what can be read ---------------------------------------------------------------------------
 */

/* The memory that a walk may read: [low, high), and farther as it turns out, page by page, where
 * nothing is known of the stack. */
struct bounds {
    uint64_t low, high;
    bool asks;
};

static uint64_t page_of(uint64_t address)
{
    return address & ~(uint64_t)(weir__os_page_size() - 1);
}

static bool page_is_readable(uint64_t page)
{
    return __atomic_load_n(&weir__unwind_may_ask, __ATOMIC_RELAXED) && weir__os_readable(page);
}

/* Does the thread's stack reach down to `sp`? Page by page from where it is known: a coroutine's
 * stack may lie below, with something between that cannot be read. */
static bool stack_reaches(struct weir__unwind *u, uint64_t sp)
{
    if (sp >= u->high || sp < u->floor || u->low - sp > PROBE_BYTES)
        return false;
    while (u->low > sp) {
        uint64_t page = page_of(u->low - 1);
        if (!page_is_readable(page)) {
            u->floor = u->grows ? 0 : u->low;
            return false;
        }
        u->low = page;
    }
    return true;
}

static WEIR__NOINLINE struct bounds bounds_find(struct weir__unwind *u, uint64_t sp)
{
    if (!u->high)
        u->low = u->high = weir__os_stack_end(sp, &u->grows);
    if (stack_reaches(u, sp))
        return (struct bounds){sp, u->high, false};
    return (struct bounds){sp, page_of(sp) + weir__os_page_size(), true};
}

WEIR__INLINE struct bounds bounds_of(struct weir__unwind *u, uint64_t sp)
{
    if (weir__likely(sp >= u->low && sp < u->high))
        return (struct bounds){sp, u->high, false};
    return bounds_find(u, sp);
}

static WEIR__NOINLINE bool bounds_extend(struct bounds *b, uint64_t end)
{
    if (!b->asks || end < b->low || end - b->low > PROBE_BYTES)
        return false;
    while (b->high < end) {
        if (!page_is_readable(b->high))
            return false;
        b->high += weir__os_page_size();
    }
    return true;
}

WEIR__INLINE bool bounds_have(struct bounds *b, uint64_t at, uint64_t n)
{
    return weir__likely(at >= b->low && at <= b->high && n <= b->high - at && !(at & 7)) ||
           (at >= b->low && !(at & 7) && at + n > at && bounds_extend(b, at + n));
}

WEIR__INLINE uint64_t word_at(uint64_t at)
{
    return weir__stack_word((const void *)(uintptr_t)at);
}

/* -- one step -----------------------------------------------------------------------------------
 */

enum step { STEP_ON, STEP_END, STEP_CUT };

static WEIR__NOINLINE enum step step_signal(struct weir__frame *f, uint64_t sp, struct bounds *b,
                                            struct weir__registers *next)
{
    f->pc_at = f->fp_at = 0;
    if (!bounds_have(b, sp, weir__round_up(WEIR__SIGNAL_FRAME, 8)))
        return STEP_CUT;
    weir__registers_of_signal(sp, next);
    return next->sp > sp && bounds_have(b, next->sp & ~UINT64_C(7), 8) ? STEP_ON : STEP_CUT;
}

/* A record of two words at the frame pointer, which all code keeps that has no rules. */
static enum step step_chain(struct weir__frame *f, const struct weir__registers *now,
                            struct bounds *b, struct weir__registers *next)
{
    if (!now->fp)
        return STEP_END;
    if (now->fp < now->sp || !bounds_have(b, now->fp, 16))
        return STEP_CUT;
    f->fp_at = now->fp;
    f->pc_at = now->fp + 8;
    *next = (struct weir__registers){.pc = weir__registers_strip(word_at(f->pc_at)),
                                     .sp = now->fp + 16,
                                     .fp = word_at(f->fp_at)};
    return next->pc ? STEP_ON : STEP_END;
}

static bool step_frame(const struct weir__rule *rule, const struct weir__registers *now,
                       struct bounds *b, uint64_t *frame)
{
    uint64_t by = (uint64_t)(int64_t)rule->frame_by;
    if (rule->frame == WEIR__RULE_SP)
        *frame = now->sp + by;
    else if (rule->frame == WEIR__RULE_FP)
        *frame = now->fp + by;
    else if (bounds_have(b, now->fp + by, 8))
        *frame = word_at(now->fp + by);
    else
        return false;
    bool leaf = WEIR__HAS_LINK_REGISTER && rule->ra == WEIR__RULE_KEPT;
    return leaf ? *frame >= now->sp : *frame > now->sp;
}

static bool step_fp(const struct weir__rule *rule, const struct weir__registers *now,
                    struct weir__frame *f, struct bounds *b, uint64_t frame, uint64_t *fp)
{
    f->fp_at = 0;
    *fp = now->fp;
    if (rule->fp == WEIR__RULE_KEPT)
        return true;
    if (rule->fp == WEIR__RULE_LOST) { /* who needs it will find that it is nowhere */
        *fp = 0;
        return true;
    }
    f->fp_at = (rule->fp == WEIR__RULE_AT_FRAME ? frame : now->fp) + (uint64_t)(int64_t)rule->fp_by;
    if (!bounds_have(b, f->fp_at, 8))
        return false;
    *fp = word_at(f->fp_at);
    return true;
}

/* From `now` to its caller; notes in `f` which words said so. */
static WEIR__NOINLINE enum step step_slow(struct weir__frame *f, const struct weir__registers *now,
                                          struct bounds *b, struct weir__registers *next)
{
    struct weir__rule rule = weir__rule_of(now->pc);
    uint64_t frame;
    *next = (struct weir__registers){0};
    f->pc_at = f->fp_at = 0;
    f->uses_fp = rule.frame == WEIR__RULE_FP || rule.frame == WEIR__RULE_DEREF ||
                 rule.frame == WEIR__RULE_CHAIN || rule.fp == WEIR__RULE_AT_FP ||
                 rule.ra == WEIR__RULE_AT_FP;
    f->ends = rule.frame == WEIR__RULE_END || (rule.frame == WEIR__RULE_CHAIN && !now->fp);
    if (weir__unlikely(rule.frame == WEIR__RULE_END))
        return STEP_END;
    if (weir__unlikely(rule.frame == WEIR__RULE_SIGNAL))
        return step_signal(f, now->sp, b, next);
    if (weir__unlikely(rule.frame == WEIR__RULE_CHAIN))
        return step_chain(f, now, b, next);
    if (rule.frame == WEIR__RULE_CUT || !step_frame(&rule, now, b, &frame) ||
        !step_fp(&rule, now, f, b, frame, &next->fp))
        return STEP_CUT;
    uint64_t pc;
    if (WEIR__HAS_LINK_REGISTER && rule.ra == WEIR__RULE_KEPT) {
        pc = now->lr;
    } else {
        f->pc_at = (rule.ra == WEIR__RULE_AT_FP ? now->fp : frame) + (uint64_t)(int64_t)rule.ra_by;
        if (!bounds_have(b, f->pc_at, 8))
            return STEP_CUT;
        pc = weir__registers_strip(word_at(f->pc_at));
    }
    if (rule.frame == WEIR__RULE_DEREF || rule.fp == WEIR__RULE_LOST)
        f->pc_at = 0; /* another word had a say */
    next->pc = pc;
    next->sp = frame;
    next->lr = 0;
    return pc ? STEP_ON : STEP_END;
}

/* The same for the rules that nearly all frames have, on a stack whose end is known: every word
 * lies between the stack pointer and the caller's. */
WEIR__INLINE enum step step(struct weir__frame *f, struct weir__registers *now, struct bounds *b)
{
    enum {
        SP = WEIR__RULE_SP,
        FP = WEIR__RULE_FP,
        AT = WEIR__RULE_AT_FRAME,
        KEPT = WEIR__RULE_KEPT
    };
    struct weir__rule_words rule = weir__rule_words_of(now->pc);
    uint64_t kinds = rule.key >> WEIR__RULE_SHIFT, frame, size;
    if (kinds == WEIR__RULE_KINDS(SP, KEPT, AT) || kinds == WEIR__RULE_KINDS(SP, AT, AT))
        frame = now->sp + (uint64_t)weir__rule_by(rule.by, 0);
    else if (kinds == WEIR__RULE_KINDS(FP, AT, AT)) {
        frame = now->fp + (uint64_t)weir__rule_by(rule.by, 0);
        f->uses_fp = 1;
    } else
        goto slow;
    size = frame - now->sp;
    uint64_t pc_at = frame + (uint64_t)weir__rule_by(rule.by, 2), fp_at = 0, fp = now->fp;
    if (weir__unlikely(frame > b->high) || weir__unlikely(frame <= now->sp) ||
        weir__unlikely(frame & 7) || weir__unlikely(pc_at - now->sp >= size))
        goto slow;
    if (kinds != WEIR__RULE_KINDS(SP, KEPT, AT)) {
        fp_at = frame + (uint64_t)weir__rule_by(rule.by, 1);
        if (weir__unlikely(fp_at - now->sp >= size))
            goto slow;
        fp = word_at(fp_at);
    }
    f->pc_at = pc_at;
    f->fp_at = fp_at;
    now->pc = weir__registers_strip(word_at(pc_at));
    now->sp = frame;
    now->fp = fp;
    now->lr = 0;
    return weir__likely(now->pc) ? STEP_ON : STEP_END;
slow:;
    struct weir__registers next;
    enum step done = step_slow(f, now, b, &next);
    *now = next;
    return done;
}

/* -- the last stack -----------------------------------------------------------------------------
 */

/* Are the words that led from `f` to its caller what they were? They lie above a stack pointer that
 * the thread is at: on its own stack they can be read. */
WEIR__INLINE bool is_intact(const struct weir__frame *f, const struct weir__frame *caller)
{
    return weir__likely(f->pc_at) && weir__registers_strip(word_at(f->pc_at)) == caller->pc &&
           (!f->fp_at || word_at(f->fp_at) == caller->fp);
}

static bool is_intact_elsewhere(const struct weir__frame *f, const struct weir__frame *caller,
                                struct bounds *b)
{
    return f->pc_at && bounds_have(b, f->pc_at, 8) && (!f->fp_at || bounds_have(b, f->fp_at, 8)) &&
           is_intact(f, caller);
}

struct walk {
    struct weir__unwind *u;
    struct bounds bounds;
    uint32_t last;   /* frames of the last stack that may be met still: the first so many */
    uint32_t fresh;  /* frames found, leaf first */
    uint32_t kept;   /* frames of the last stack, from the root, that are the rest */
    bool cut, moved; /* the root is not the stack's; it is not that of the last, either */
};

/* Is `now` a frame of the last stack? Those below its stack pointer are passed. */
WEIR__INLINE bool walk_meets(struct walk *w, const struct weir__registers *now)
{
    const struct weir__frame *frames = w->u->frames;
    uint32_t last = w->last;
    while (last && frames[last - 1].sp < now->sp)
        last--;
    w->last = last;
    const struct weir__frame *f = &frames[last - 1];
    return last && f->sp == now->sp && f->pc == now->pc && f->fp == now->fp;
}

/* From a frame that was met: true, all to the root is unchanged. Else frames down to the one whose
 * caller is another are fresh again, and `now` is that one. */
WEIR__INLINE bool walk_follows(struct walk *w, struct weir__registers *now)
{
    const struct weir__frame *frames = w->u->frames;
    uint32_t met = w->last - 1, i = met;
    if (weir__unlikely(w->bounds.asks))
        while (i && is_intact_elsewhere(&frames[i], &frames[i - 1], &w->bounds))
            i--;
    else
        while (i && is_intact(&frames[i], &frames[i - 1]))
            i--;
    if (!i) {
        w->kept = w->last;
        w->cut = w->u->cut;
        return true;
    }
    for (uint32_t at = met; at > i && w->fresh < WEIR__UNWIND_MOST; at--)
        w->u->fresh[w->fresh++] = frames[at];
    if (i != met)
        *now = (struct weir__registers){frames[i].pc, frames[i].sp, frames[i].fp, 0};
    w->last = i;
    return false;
}

/* From `now` to its caller. */
WEIR__INLINE enum step walk_step(struct walk *w, struct weir__registers *now, bool own)
{
    struct weir__frame *f = &w->u->fresh[w->fresh++];
    f->pc = now->pc;
    f->sp = now->sp;
    f->fp = now->fp;
    f->node = 0;
    f->path = 0;
    f->own = own;
    f->uses_fp = f->ends = 0;
    return step(f, now, &w->bounds);
}

/* Through weir's own frames, which are no part of the stack, to the frame that called weir. */
static WEIR__NOINLINE enum step walk_own(struct walk *w, struct weir__registers *now)
{
    enum step done = STEP_ON;
    while (done == STEP_ON && weir__unwind_is_own(now->pc) && w->fresh < WEIR__UNWIND_MOST) {
        weir__own_learn(&w->u->own, now->pc);
        done = walk_step(w, now, true);
    }
    w->fresh = 0;
    return done;
}

static WEIR__NOINLINE void frames_walk(struct walk *w, struct weir__registers now, enum step done)
{
    while (done == STEP_ON) {
        if (walk_meets(w, &now) && walk_follows(w, &now))
            return;
        done = weir__likely(w->fresh < WEIR__UNWIND_MOST)
                   ? walk_step(w, &now, weir__unwind_is_own(now.pc))
                   : STEP_CUT;
    }
    w->cut = done == STEP_CUT;
}

/* Where there are too many frames, half of what fits is left, next to the leaf: a recursion that
 * goes on then finds a root that stays. */
static void walk_shorten(struct walk *w)
{
    struct weir__unwind *u = w->u;
    uint32_t most = WEIR__UNWIND_MOST / 2;
    if (w->kept + w->fresh <= WEIR__UNWIND_MOST)
        return;
    w->cut = true;
    if (w->fresh >= most) {
        w->fresh = most;
        w->kept = 0;
        return;
    }
    uint32_t left = most - w->fresh;
    memmove(u->frames, u->frames + (w->kept - left), left * sizeof *u->frames);
    for (uint32_t i = 0; i < left; i++)
        u->frames[i].node = 0;
    w->kept = left;
    w->moved = true;
}

static int walk_end(struct walk *w)
{
    struct weir__unwind *u = w->u;
    walk_shorten(w);
    uint32_t at = w->kept;
    for (uint32_t i = w->fresh; i-- > 0; at++)
        u->frames[at] = u->fresh[i];
    u->depth = at;
    u->cut = w->cut;
    return w->moved ? 0 : (int)w->kept;
}

int weir__unwind_walk(struct weir__unwind *u, uint64_t pc, uint64_t sp, uint64_t fp, uint64_t lr,
                      bool searched)
{
    struct weir__registers now = {pc, sp, fp, lr};
    struct walk w = {.u = u, .bounds = bounds_of(u, sp)};
    enum step done = STEP_ON;
    w.last = u->asked == w.bounds.asks ? u->depth : 0;
    if (!searched) {
        u->number = 0;
        if (weir__unwind_is_own(now.pc))
            done = walk_own(&w, &now);
        if (done == STEP_ON && !w.bounds.asks)
            u->number = weir__known_find(&u->known, now.pc, now.sp, now.fp);
        if (u->number)
            return 0;
    }
    u->asked = w.bounds.asks;
    frames_walk(&w, now, done);
    return walk_end(&w);
}

int weir__unwind_walk_anew(struct weir__unwind *u, uint64_t pc, uint64_t sp, uint64_t fp,
                           uint64_t lr)
{
    if (u->busy && u->busy++ < BUSY_MOST)
        return -1;
    u->depth = 0;
    u->epoch = __atomic_load_n(&weir__rules_epoch, __ATOMIC_ACQUIRE);
    weir__known_forget(&u->known);
    weir__relaxed_set(u->busy, 1);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return weir__unwind_walk(u, pc, sp, fp, lr, false);
}

/* -- keeping one --------------------------------------------------------------------------------
 */

static bool words_add(struct weir__known_words *words, const struct weir__frame *leaf, uint64_t at)
{
    if (words->count == WEIR__KNOWN_WORDS || at < leaf->sp || at - leaf->sp > WEIR__KNOWN_REACH)
        return false;
    words->at[words->count++] = at;
    return true;
}

/* The words that lead from frames[leaf] to the root, the leaf's first. A frame pointer has a say
 * only if a frame is found by it before another takes its place. False: others have a say, too. */
static bool words_of(const struct weir__unwind *u, uint32_t leaf, struct weir__known_words *words)
{
    bool needed[WEIR__UNWIND_MOST], live = false;
    for (uint32_t i = 0; i <= leaf; i++) {
        const struct weir__frame *f = &u->frames[i];
        if (!f->pc_at && !f->ends)
            return false;
        needed[i] = live && f->fp_at;
        live = f->uses_fp || (live && !f->fp_at);
    }
    words->count = 0;
    words->needs_fp = live;
    for (uint32_t i = leaf + 1; i-- > 0;) {
        const struct weir__frame *f = &u->frames[i];
        if ((f->pc_at && !words_add(words, &u->frames[leaf], f->pc_at)) ||
            (needed[i] && !words_add(words, &u->frames[leaf], f->fp_at)))
            return false;
    }
    return true;
}

static WEIR__NOINLINE void keep(struct weir__unwind *u, uint32_t leaf, uint32_t number)
{
    struct weir__known_words words;
    const struct weir__frame *f = &u->frames[leaf];
    if (words_of(u, leaf, &words))
        weir__known_keep(&u->known, &(struct weir__known_leaf){f->pc, f->sp, f->fp}, &words,
                         number);
}

void weir__unwind_keep(struct weir__unwind *u, uint32_t number)
{
    if (u->depth && !u->cut && !u->asked && weir__known_is_wanted(&u->known))
        keep(u, u->depth - 1, number);
}
