/*
 * tools/trace/blocks.h - the blocks that live at one number of a trace: found by the address
 * that events name, and by their context. Owns the blocks; knows nothing of events and sums.
 */
#ifndef WEIR_TOOLS_TRACE_BLOCKS_H
#define WEIR_TOOLS_TRACE_BLOCKS_H

#include "base/pointer_map.h"

struct trace_block {
    uint64_t address, requested, usable; /* address: not 0 */
    uint64_t id;                         /* number of its allocation; 0: live at the start */
    uint64_t ticks;                      /* of its allocation */
    uint32_t context, tag, thread;
    uint32_t stack;      /* node of its allocation; 0: not known */
    uint32_t user;       /* the watcher's */
    uint32_t next, prev; /* of its context; indices + 1; 0: none */
    uint32_t base;       /* index in info->base + 1; 0: allocated by an event */
    uint8_t align_shift;
    bool live;
};

/* All zero: none. */
struct trace_blocks {
    struct trace_block *all; /* live and free ones; see trace_block.live */
    size_t n;
    uint32_t free;                 /* index + 1 of a free one; more by `next` */
    struct weir__pointer_map live; /* by address: the index of a live one */
    uint32_t *first;               /* by context: index + 1 of its latest */
    size_t nfirst;
};

/* The live block at the address, or NULL. Blocks move when one is added. */
struct trace_block *trace_blocks_find(const struct trace_blocks *b, uint64_t address);

/* The context's latest live block, or NULL. */
struct trace_block *trace_blocks_of(const struct trace_blocks *b, uint32_t context);

/* A copy of `block`, live. Nothing lives at its address. */
struct trace_block *trace_blocks_add(struct trace_blocks *b, const struct trace_block *block);
void trace_blocks_remove(struct trace_blocks *b, struct trace_block *block);

/* It lives at this address from here on, where nothing does. */
void trace_blocks_move(struct trace_blocks *b, struct trace_block *block, uint64_t address);

void trace_blocks_free(struct trace_blocks *b);

#endif
