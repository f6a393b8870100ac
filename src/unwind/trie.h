/*
 * unwind/trie.h - numbers for stacks: a node is a call, (parent, address), and stands for the stack
 * from the root to it. Numbers ascend from 1 in the order in which nodes are added, a parent's is
 * below its children's, and 0 is no stack. Owns the table. Knows nothing of how stacks are taken.
 *
 * A look-up takes no lock: 3 ns where the line is cached, a cache miss where it is not. Nodes are
 * added under one; the table is grown by doubling and a former one stays where it is, because
 * threads may be reading it: 20 bytes a slot, at most three quarters of them used. Any thread, no
 * signal handler that interrupted its own thread in here (unwind/unwind.h sees to it).
 */
#ifndef WEIR_UNWIND_TRIE_H
#define WEIR_UNWIND_TRIE_H

#include "base/bits.h"

#define WEIR__TRIE_MOST (1u << 22) /* nodes */

/* Of the stack up to a node, and of the call at `address` below that: where in the table it is
 * looked for. Of no stack: 0. From addresses alone, so that the look-ups of a chain of calls do not
 * wait for each other where each is a cache miss. */
#define WEIR__TRIE_PATH_BITS 28
WEIR__INLINE uint32_t weir__trie_path(uint32_t path, uint64_t address)
{
    uint64_t key = address ^ (uint64_t)path << (64 - WEIR__TRIE_PATH_BITS);
    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - WEIR__TRIE_PATH_BITS));
}

/* That place will be looked at soon. */
void weir__trie_expect(uint32_t path);

/* The node of the call at `address` below `parent`; 0: there is none. `path`: its own. */
uint32_t weir__trie_find(uint32_t path, uint32_t parent, uint64_t address);

/*
 * Adds the chain of calls below `parent`, whose path is `path`, root first; those that are there
 * are used. `write` is called, under the lock, with those that are not: `first` is the number of
 * the first, and each is the parent of the next; true: they are known from here on. nodes[i]: the
 * node of each; where no more fit, or could not be written, that of the last that is known. True:
 * all are.
 */
typedef bool weir__trie_writer(uint32_t first, uint32_t parent, const uint64_t *addresses,
                               unsigned n);
bool weir__trie_add(uint32_t path, uint32_t parent, const uint64_t *addresses, unsigned n,
                    weir__trie_writer *write, uint32_t *nodes);

/* The nodes of addresses from start to end are found no more, nor those below: other code comes to
 * lie there. Their numbers are not given again. */
void weir__trie_forget(uint64_t start, uint64_t end);

/* Another recording begins: no nodes. Nobody adds any meanwhile. */
void weir__trie_reset(void);

/* Nodes since then. Atomic. */
uint32_t weir__trie_nodes(void);

/* Calls `visit` with the address of each node, in no order. */
void weir__trie_each(void (*visit)(uint64_t address, void *user), void *user);

#endif
