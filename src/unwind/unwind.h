/*
 * unwind/unwind.h - the call stack of the calling thread. Owns nothing but what its caller hands
 * it: a struct weir__unwind a thread, which keeps the stack that was taken last. Knows nothing of
 * what stacks are for.
 *
 * A stack is unwound from its leaf by rules (unwind/rule.h) until a frame has the pc, the stack
 * pointer and the frame pointer of a frame of the last one. From there on only the words that
 * decided those frames are compared: while they are unchanged, the frames are. Where one is not,
 * unwinding goes on. This is exact: what is returned is what unwinding alone would have returned.
 * And a stack that was numbered (weir__unwind_keep) may be found whole (unwind/known.h): its number
 * is all that there is of it then.
 *
 * Bounds. Words are read between the stack pointer and the end of the stack that it is on, frames
 * ascend, and there are at most WEIR__UNWIND_MOST. What does not fit ends the stack, which is then
 * *cut*: of a deeper one the frames next to the leaf are there. A stack that is not the thread's
 * (sigaltstack, a coroutine's) is read as far as its memory goes, and no farther: the system is
 * asked for each page, and where it may not be asked (weir__unwind_may_ask), such a stack is cut.
 *
 * Any thread and any signal handler: a handler that interrupts its own thread in here gets no
 * stack. No lock and no allocation but for an address that is met for the first time. errno is
 * kept.
 *
 * What it costs: docs/internals/performance.md, and `make record-cost`.
 */
#ifndef WEIR_UNWIND_UNWIND_H
#define WEIR_UNWIND_UNWIND_H

#include "unwind/known.h"
#include "unwind/own.h"
#include "unwind/registers.h"
#include "unwind/rule.h"

#define WEIR__UNWIND_MOST 512

struct weir__frame {
    uint64_t pc; /* a return address (unwind/rule.h) */
    uint64_t sp, fp;
    uint64_t pc_at, fp_at; /* the words that say the caller's pc and fp. 0: pc, not by a word alone;
                              fp, it is the same */
    uint32_t node;         /* for who takes stacks: kept with the frame; 0 of a new one */
    uint32_t path : 28;    /* the same */
    uint32_t own : 1;      /* weir's own code, in its own library */
    uint32_t uses_fp : 1;  /* its fp has a say in where the caller's frame is, or what its fp is */
    uint32_t ends : 1;     /* the root: by its rule, or by its fp */
};

struct weir__unwind {
    uint64_t low, high; /* of the thread's stack, known to be readable; 0: unknown yet */
    uint64_t floor;     /* it does not go below; 0: not known */
    bool grows;         /* the initial thread's */
    uint32_t epoch;     /* of the rules, when `frames` were found */
    uint32_t depth;     /* frames; 0: none */
    uint32_t busy;      /* its thread is in here; times that it was found so, in a row */
    bool cut;           /* the root of `frames` is not that of the stack */
    bool asked;         /* they lie on a stack that is not the thread's */
    uint32_t number;    /* of the latest stack, which was found whole; 0: it was not */
    struct weir__own own;
    struct weir__known known;
    struct weir__frame frames[WEIR__UNWIND_MOST]; /* root first */
    struct weir__frame fresh[WEIR__UNWIND_MOST];  /* leaf first; within a call */
};

/* Weir's own code; nothing if it is a part of the program. Written by weir__unwind_start. */
extern struct weir__unwind_code {
    uint64_t start, end;
} weir__unwind_code;

/* Finds weir's own code. Once, before the first stack. */
void weir__unwind_start(void);

/* For a thread that begins; all of it was zero, or another's that ended. */
void weir__unwind_reset(struct weir__unwind *u);

/*
 * The stack from `from` on, which is the calling thread's own and has the caller's frame in it, is
 * in u->frames when it returns, but for weir's own frames next to the leaf. How many of the frames,
 * from the root, are those of the last stack; the others have node 0. Negative: there is no stack
 * (a signal handler that came in here). u->number not 0: the stack is the one that has this number,
 * and u->frames are another's.
 *
 * The caller calls weir__unwind_done when it is through with the frames.
 */
WEIR__INLINE int weir__unwind_take(struct weir__unwind *u, struct weir__registers from);

/* The stack in u->frames, which was taken just now, has this number, not 0: if it comes again, it
 * may be found whole. */
void weir__unwind_keep(struct weir__unwind *u, uint32_t number);
WEIR__INLINE void weir__unwind_done(struct weir__unwind *u);

/* -- taking one ------------------------------------------------------------------------------- */

/* `searched`: it is a frame that called weir, and no stack that is kept has it as its leaf. */
int weir__unwind_walk(struct weir__unwind *u, uint64_t pc, uint64_t sp, uint64_t fp, uint64_t lr,
                      bool searched);

/* The same of a thread that was found in here before, or whose stacks are of former rules. */
int weir__unwind_walk_anew(struct weir__unwind *u, uint64_t pc, uint64_t sp, uint64_t fp,
                           uint64_t lr);

WEIR__INLINE bool weir__unwind_is_own(uint64_t pc)
{
    return pc - weir__unwind_code.start - 1 < weir__unwind_code.end - weir__unwind_code.start;
}

/* Through weir's own frames to the one that called weir. False: by rules, frame by frame. */
WEIR__INLINE bool weir__unwind_leave(const struct weir__unwind *u, struct weir__registers *now)
{
    uint64_t high = u->high, first = weir__unwind_code.start + 1;
    uint64_t bytes = weir__unwind_code.end - weir__unwind_code.start;
    if (weir__unlikely(now->sp < u->low) || weir__unlikely(now->sp >= high))
        return false;
    while (now->pc - first < bytes) {
        const struct weir__own_rule *rule = weir__own_find(&u->own, now->pc);
        if (weir__unlikely(!rule) || weir__unlikely(!weir__own_step(rule, now, high)))
            return false;
    }
    return true;
}

WEIR__INLINE int weir__unwind_take(struct weir__unwind *u, struct weir__registers from)
{
    struct weir__registers now = from;
    uint32_t epoch = __atomic_load_n(&weir__rules_epoch, __ATOMIC_ACQUIRE);
    if (!WEIR__UNWIND_SUPPORTED)
        return -1;
    if (weir__unlikely(u->busy) || weir__unlikely(u->epoch != epoch))
        return weir__unwind_walk_anew(u, from.pc, from.sp, from.fp, from.lr);
    weir__relaxed_set(u->busy, 1);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (weir__unlikely(!weir__unwind_leave(u, &now)))
        return weir__unwind_walk(u, from.pc, from.sp, from.fp, from.lr, false);
    u->number = weir__known_find(&u->known, now.pc, now.sp, now.fp);
    if (weir__likely(u->number != 0))
        return 0;
    return weir__unwind_walk(u, now.pc, now.sp, now.fp, 0, true);
}

WEIR__INLINE void weir__unwind_done(struct weir__unwind *u)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    weir__relaxed_set(u->busy, 0);
}

#endif
