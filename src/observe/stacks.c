/* observe/stacks.c - see stacks.h. */
#include "observe/stacks.h"

#include "backing/meta.h"
#include "base/error.h"
#include "observe/bytes.h"
#include "observe/explain.h"
#include "observe/format.h"
#include "observe/trace_sink.h"
#include "os/locks.h"
#include "os/thread.h"
#include "track/trace_hook.h"
#include "unwind/trie.h"
#include "unwind/unwind.h"

#include <errno.h>

#define NODE_MOST    (2 * WEIR__VARINT_MOST)
#define PENDING_MOST ((size_t)16384) /* bytes; a stack's new nodes fit */

_Static_assert(WEIR__UNWIND_MOST *NODE_MOST <= PENDING_MOST, "a stack's new nodes fit");

static struct {
    struct weir__last_stack *all;
    uint32_t first, count; /* nodes that are not written yet, and the address of the latest */
    uint64_t address;
    size_t bytes;
    unsigned char pending[PENDING_MOST];
} stacks;
static weir__lock stacks_lock WEIR__AT_START = WEIR__LOCK(NODES);
WEIR__LOCKS_KNOW(NODES, &stacks_lock);

uint64_t weir__stacks_from = WEIR__STACKS_OFF;
WEIR__TLS struct weir__last_stack *weir__last_stack;

/* -- nodes ------------------------------------------------------------------------------------ */

static bool flush_locked(void)
{
    unsigned char head[2 * WEIR__VARINT_MOST], *at = head;
    if (!stacks.count)
        return true;
    at = weir__put_varint(at, stacks.count);
    at = weir__put_varint(at, stacks.first);
    bool written = weir__trace_write(WEIR__TRACE_STKN, head, (size_t)(at - head), stacks.pending,
                                     stacks.bytes);
    weir__relaxed_set(stacks.count, 0);
    stacks.bytes = stacks.address = 0;
    return written;
}

void weir__stacks_flush(void)
{
    if (weir__relaxed_get(weir__stacks_from) == WEIR__STACKS_OFF &&
        !weir__relaxed_get(stacks.count))
        return;
    weir__lock_take(&stacks_lock);
    flush_locked();
    weir__lock_drop(&stacks_lock);
}

static void node_put(uint32_t node, uint32_t parent, uint64_t address)
{
    unsigned char *at = stacks.pending + stacks.bytes;
    stacks.first = stacks.count ? stacks.first : node;
    weir__relaxed_set(stacks.count, stacks.count + 1);
    at = weir__put_varint(at, node - parent);
    at = weir__put_svarint(at, (int64_t)(address - stacks.address));
    stacks.address = address;
    stacks.bytes = (size_t)(at - stacks.pending);
}

/* Where what is written outlives the process at once, so do nodes. */
static bool nodes_write(uint32_t first, uint32_t parent, const uint64_t *addresses, unsigned n)
{
    bool written = true;
    weir__lock_take(&stacks_lock);
    if (stacks.bytes + n * NODE_MOST > PENDING_MOST)
        flush_locked();
    for (unsigned i = 0; i < n; i++)
        node_put(first + i, i ? first + i - 1 : parent, addresses[i]);
    if (weir__trace_sink->outlives)
        written = flush_locked();
    weir__lock_drop(&stacks_lock);
    return written;
}

/* -- a thread's last stack ----------------------------------------------------------------------
 */

static WEIR__NOINLINE struct weir__last_stack *last_make(void)
{
    int saved = errno;
    weir__lock_take(&stacks_lock);
    struct weir__last_stack *last = stacks.all;
    while (last && last->owned)
        last = last->next;
    if (!last && (last = weir__meta_allocate(sizeof *last))) {
        last->next = stacks.all;
        stacks.all = last;
    }
    if (last) {
        last->owned = true;
        weir__unwind_reset(&last->unwind);
    }
    weir__lock_drop(&stacks_lock);
    errno = saved;
    return weir__last_stack = last;
}

void weir__stacks_release(void)
{
    struct weir__last_stack *last = weir__last_stack;
    if (!last)
        return;
    weir__last_stack = NULL;
    weir__lock_take(&stacks_lock);
    last->owned = false;
    weir__lock_drop(&stacks_lock);
}

/* -- taking one ---------------------------------------------------------------------------------
 */

static void cut_count(void)
{
    __atomic_add_fetch(&weir__trace_account->stacks_cut, 1, __ATOMIC_RELAXED);
}

/* Frames from `i` on have calls that nobody made before. Weir's own have the node of whom they
 * serve. False: not all could be added. */
static WEIR__NOINLINE bool frames_add(struct weir__frame *frames, uint32_t i, uint32_t depth)
{
    uint64_t addresses[WEIR__UNWIND_MOST];
    uint32_t nodes[WEIR__UNWIND_MOST];
    uint32_t node = i ? frames[i - 1].node : 0, path = i ? frames[i - 1].path : 0;
    unsigned n = 0, at = 0;
    addresses[0] = 0; /* gcc does not see that those used are set */
    for (uint32_t k = i; k < depth; k++)
        if (!frames[k].own)
            addresses[n++] = frames[k].pc;
    bool all = weir__trie_add(path, node, addresses, n, nodes_write, nodes);
    for (; i < depth; i++) {
        frames[i].path = path = frames[i].own ? path : weir__trie_path(path, frames[i].pc);
        frames[i].node = node = frames[i].own ? node : nodes[at++];
    }
    __atomic_store_n(&weir__trace_account->stack_nodes, weir__trie_nodes(), __ATOMIC_RELAXED);
    return all;
}

/* Each frame's place in the trie. All are asked for before the first is looked at: a look-up that
 * has to look farther waits for its place, and they would be fetched one after the other. */
WEIR__INLINE void frames_expect(struct weir__unwind *u, uint32_t kept)
{
    uint32_t path = kept ? u->frames[kept - 1].path : 0;
    for (uint32_t i = kept; i < u->depth; i++) {
        struct weir__frame *f = &u->frames[i];
        if (weir__likely(!f->own)) {
            path = weir__trie_path(path, f->pc);
            weir__trie_expect(path);
        }
        f->path = path;
    }
}

/* The number of the stack; false: some of its calls have none. */
WEIR__INLINE bool frames_number(struct weir__unwind *u, uint32_t kept)
{
    uint32_t node = kept ? u->frames[kept - 1].node : 0;
    frames_expect(u, kept);
    for (uint32_t i = kept; i < u->depth; i++) {
        struct weir__frame *f = &u->frames[i];
        if (weir__likely(!f->own)) {
            node = weir__trie_find(f->path, node, f->pc);
            if (weir__unlikely(!node))
                return frames_add(u->frames, i, u->depth);
        }
        f->node = node;
    }
    return true;
}

WEIR__NOINLINE uint32_t weir__stacks_number(struct weir__unwind *u, int kept)
{
    if (weir__unlikely(kept < 0)) {
        cut_count();
        return 0;
    }
    bool whole = frames_number(u, (uint32_t)kept);
    if (weir__unlikely(!whole) || weir__unlikely(u->cut))
        cut_count();
    uint32_t node = u->depth ? u->frames[u->depth - 1].node : 0;
    if (weir__unlikely(!whole))
        u->depth = 0; /* the next one tries again */
    else if (node)
        weir__unwind_keep(u, node);
    weir__unwind_done(u);
    return node;
}

WEIR__NOINLINE uint32_t weir__stacks_take_first(void)
{
    if (weir__trace_is_copy())
        return 0;
    if (last_make())
        return weir__stacks_take();
    cut_count();
    return 0;
}

/* The frames that are kept have no nodes: a recorder's next stack begins anew. */
WEIR__NOINLINE uint32_t weir__stacks_now(const void **address, bool *cut)
{
    struct weir__last_stack *last = weir__last_stack ? weir__last_stack : last_make();
    uint32_t n = 0;
    *cut = true;
    if (!last)
        return 0;
    if (weir__unwind_take(&last->unwind, weir__registers_leaf()) < 0)
        return 0;
    *cut = last->unwind.cut;
    for (uint32_t i = last->unwind.depth; i-- > 0;) {
        const struct weir__frame *f = &last->unwind.frames[i];
        if (f->own)
            continue;
        if (n == WEIR__STACKS_DEPTH) {
            *cut = true;
            break;
        }
        address[n++] = (const void *)(uintptr_t)f->pc; // NOLINT(performance-no-int-to-ptr)
    }
    if (weir__relaxed_get(weir__stacks_from) != WEIR__STACKS_OFF)
        last->unwind.depth = 0;
    weir__unwind_done(&last->unwind);
    return n;
}

/* -- beginnings ----------------------------------------------------------------------------------
 */

void weir__stacks_ready(void)
{
    static int started;
    if (__atomic_exchange_n(&started, 1, __ATOMIC_ACQ_REL))
        return;
    weir__unwind_start();
    weir__misuse_explain_by(weir__explain_misuse);
}

void weir__stacks_begin(uint64_t from)
{
    /* What a thread added after the last recording's end is no part of this one. */
    if (weir__relaxed_get(stacks.count)) {
        weir__lock_take(&stacks_lock);
        weir__relaxed_set(stacks.count, 0);
        stacks.bytes = stacks.address = 0;
        weir__lock_drop(&stacks_lock);
    }
    if (from == WEIR__STACKS_OFF) { /* no page of the trie is touched */
        weir__relaxed_set(weir__stacks_from, from);
        return;
    }
    weir__stacks_ready();
    weir__trie_reset();
    __atomic_add_fetch(&weir__rules_epoch, 1, __ATOMIC_RELEASE); /* no last stack has nodes */
    weir__relaxed_set(weir__stacks_from, WEIR__UNWIND_SUPPORTED ? from : WEIR__STACKS_OFF);
}

void weir__stacks_forget(void)
{
    weir__lock_reset(&stacks_lock);
    weir__relaxed_set(weir__stacks_from, WEIR__STACKS_OFF);
    for (struct weir__last_stack *last = stacks.all; last; last = last->next)
        last->owned = last == weir__last_stack;
    if (weir__last_stack)
        weir__last_stack->unwind.busy = 0;
}
