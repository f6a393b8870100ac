/*
 * observe/stacks.h - the call stack of each recorded allocation: taken (unwind/unwind.h), numbered
 * (unwind/trie.h), and its new nodes written as STKN. Owns each thread's last stack and the nodes
 * that are not written yet.
 *
 * A node is in the recording before the event that names it: in memory that outlives the process
 * at once, in a file before the events are.
 */
#ifndef WEIR_OBSERVE_STACKS_H
#define WEIR_OBSERVE_STACKS_H

#include "os/thread.h"
#include "track/trace_hook.h"
#include "unwind/unwind.h"

#define WEIR__STACKS_OFF UINT64_MAX

/* Blocks of at least so many bytes have a stack; WEIR__STACKS_OFF: none has. Atomic. */
extern uint64_t weir__stacks_from;

/* For a recording that begins: no nodes. No events meanwhile. */
void weir__stacks_begin(uint64_t from);

/* A thread's last stack. Never freed, used again by other threads. */
struct weir__last_stack {
    struct weir__last_stack *next; /* under the lock, as the next */
    bool owned;
    struct weir__unwind unwind; /* its thread's alone */
};

extern WEIR__TLS struct weir__last_stack *weir__last_stack; /* NULL: none yet */

/* The thread's first stack. One that is not known whole: the first `kept` of its frames are the
 * last one's. */
uint32_t weir__stacks_take_first(void);
uint32_t weir__stacks_number(struct weir__unwind *u, int kept);

/* The node of the calling thread's stack as it is here; 0: there is none, which is counted. No
 * lock is held. The function that it is in has a frame of its own. */
WEIR__INLINE uint32_t weir__stacks_take(void)
{
    struct weir__last_stack *last = weir__last_stack;
    if (weir__unlikely(!last) || weir__trace_is_copy())
        return weir__stacks_take_first();
    struct weir__unwind *u = &last->unwind;
    int kept = weir__unwind_take(u, weir__registers_leaf());
    uint32_t known = u->number;
    if (weir__unlikely(kept < 0) || weir__unlikely(!known))
        return weir__stacks_number(u, kept);
    weir__unwind_done(u);
    return known;
}

/* Before the first stack, the thread that wants it. */
void weir__stacks_ready(void);

/* The calling thread's stack as it is here, the innermost call first, without weir's own calls: how
 * many addresses, at most WEIR__STACKS_DEPTH. *cut: there are more. No node, no record. */
#define WEIR__STACKS_DEPTH 128
uint32_t weir__stacks_now(const void **address, bool *cut);

/* Writes what is not written yet. */
void weir__stacks_flush(void);

/* The calling thread ends. */
void weir__stacks_release(void);

/* In a forked child: other threads' are nobody's, and no lock is held. */
void weir__stacks_forget(void);

#endif
