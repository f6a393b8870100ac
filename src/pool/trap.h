/*
 * pool/trap.h - places for guarded blocks: each lies against a page that nobody can touch, and is
 * unreadable itself from its free until its place is taken again. Owns the places, their addresses
 * and what is known of the block that each has or had last. Knows nothing of why a block is
 * guarded, of figures or of signals.
 *
 *   | guard | ... closed ... | block, at one end of the room | guard |   a place
 *
 * There are two kinds of places, each in one range of addresses that is reserved when the first
 * block of its kind comes: WEIR__TRAPS for blocks up to WEIR__TRAP_SMALL, WEIR__TRAPS_LARGE for
 * those up to WEIR__TRAP_MOST. A live block has the pages that it touches open, and no others. Of
 * the free places the one freed longest ago is taken first.
 *
 * A guarded block is a live span of its owner's (pool/span.h), in a region that is on no page
 * heap's list, and its label says SAMPLED, so that no fast free takes it. Its usable size is what
 * was requested: the rest of its pages has a pattern, which is looked at when it is freed.
 *
 * Takes its own lock. The addresses, once there, stay; so who is told of a fault looks
 * without the lock, and sees by `version` whether he read what was being written.
 */
#ifndef WEIR_POOL_TRAP_H
#define WEIR_POOL_TRAP_H

#include "pool/span.h"

#define WEIR__TRAPS       64u
#define WEIR__TRAPS_LARGE 16u
#define WEIR__TRAP_STRIDE ((size_t)64 << 10) /* of a place, its guards with it */
#define WEIR__TRAP_SMALL  (WEIR__TRAP_STRIDE - 2 * WEIR__GRANULE)
#define WEIR__TRAP_MOST   (WEIR__CHUNK - 2 * WEIR__GRANULE)
#define WEIR__TRAP_CALLS  24
#define WEIR__TRAP_NAME   48

struct weir__calls_taken {
    uint32_t depth; /* 0: not known */
    const void *address[WEIR__TRAP_CALLS];
};

/* Written under the lock. */
struct weir__trap {
    uint32_t version; /* atomic; odd while it is written */
    bool live;        /* there is a block; else its block is the last there was */
    const char *room; /* between the guards */
    size_t bytes;
    const char *block; /* NULL: there was none yet */
    size_t requested;
    uint32_t tag;
    char owner[WEIR__TRAP_NAME];
    struct weir__calls_taken allocated, freed;
    struct weir__span *span;
    struct weir__link link; /* of the free ones: freed longest ago first */
};

/* Takes the stack of the calling thread. NULL: none is kept. Atomic. */
typedef void weir__calls_taker(struct weir__calls_taken *calls);
extern weir__calls_taker *weir__trap_calls;

/* Is there a place for such a block? A moment's answer. */
bool weir__trap_fits(size_t size, size_t alignment);

/* A live span in a free place, its bytes zero; claim->block, as weir__span_take; with claim->later
 * it has the caller's word alone, until its label is set to claim->label. `heap`: whose
 * placement the addresses get, if they are to be reserved. NULL: there is none, or the system
 * refuses, which is *refused. */
struct weir__span *weir__trap_take(struct weir__page_heap *heap, size_t size, size_t alignment,
                                   const char *owner, struct weir__claim *claim, bool *refused);

/* Gives back what the caller claimed. No lock held. */
void weir__trap_give(struct weir__span *span);

/* Bytes of the pattern around the block that were written to: of those behind it, up to the last;
 * negative: of those before it, from the first; 0: none was. By who has the block. */
ptrdiff_t weir__trap_written(const struct weir__span *span, uint64_t label);

/* For every live one, which `visit` may not give back; under the lock. */
int weir__trap_each(weir__span_visitor *visit, void *user);

/* Gives back every live one of that owner's, which is going; bytes of their pages. */
size_t weir__trap_release(const void *owner);

/* A whole copy of what is known of the place that an address lies in. False: it lies in none, or
 * the place is being written. Takes no lock: for a signal handler. */
bool weir__trap_look(const void *address, struct weir__trap *copy);

/* How many places have a live block. */
unsigned weir__trap_live(void);

/* Are lists and headers whole? */
bool weir__trap_is_valid(void);

#endif
