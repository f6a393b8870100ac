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
#include "unwind/registers.h"
#include "unwind/rule.h"
#include "unwind/way.h"

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
    struct weir__ways ways;
    struct weir__known known;
    struct weir__frame frames[WEIR__UNWIND_MOST]; /* root first */
    struct weir__frame fresh[WEIR__UNWIND_MOST];  /* leaf first; within a call */
};

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
int weir__unwind_take(struct weir__unwind *u, const struct weir__registers *from);

/* The stack in u->frames, which was taken just now, has this number, not 0: if it comes again, it
 * may be found whole. */
void weir__unwind_keep(struct weir__unwind *u, uint32_t number);
void weir__unwind_done(struct weir__unwind *u);

#endif
