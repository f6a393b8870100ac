/*
 * pool/quarantine.h - where the freed blocks of a hardened context wait before they are used again,
 * and from where one is drawn by chance. Owns them meanwhile; knows nothing of who reports.
 *
 *   freed -> ring, oldest first out -> bag of its class -> drawn, zero still? -> allocated
 *                                      ^ refilled by the center (pool/center.h), which gets what is
 *                                        too many
 *
 * One for each heap. What leaves a bag is compared with zeros (pool/canary.h): a block that was
 * written to is kept (pool/late_misuse.h) and goes nowhere any more, so that nobody gets it.
 *
 * Used as bins are (pool/cache.h): the quick ways by the owner of the window within an operation;
 * all by who has the lock of its heap while the owner is in none. `held` is read by anyone for
 * figures.
 */
#ifndef WEIR_POOL_QUARANTINE_H
#define WEIR_POOL_QUARANTINE_H

#include "pool/canary.h"
#include "pool/shard.h"

#define WEIR__QUARANTINE_BLOCKS 512u
#define WEIR__QUARANTINE_BYTES  (128 * WEIR__KIB) /* of the places of the blocks in the ring */

/* Of a longer place so many bytes are compared, at both ends. */
#define WEIR__QUARANTINE_LOOK 4096

#define WEIR__QUARANTINE_NO_TAG UINT16_MAX /* it came from a center: nobody knows how it lived */

struct weir__detained {
    void *block;
    uint32_t mark;      /* of its copy (pool/cached.h) */
    uint16_t size, tag; /* as it lived */
};

struct weir__bag {
    struct weir__detained *blocks; /* NULL: none was ever drawn of the class */
    uint32_t count, room;
    uint32_t suspect; /* 1 + where the quick way found one that is not sound: the other is for it */
};

struct weir__quarantine {
    struct weir__shard *shard; /* whose centers it uses; never changes */
    uint32_t first, count;     /* of the ring */
    uint64_t random;
    size_t bytes;                 /* of the places of the blocks in the ring */
    size_t bag_bytes;             /* of the memory of bags; atomic, lock holders write */
    uint32_t held[WEIR__CLASSES]; /* blocks in ring and bag; atomic, lock holders write */
    struct weir__bag bags[WEIR__CLASSES];
    struct weir__detained ring[WEIR__QUARANTINE_BLOCKS];
};

/* Empty, of the heap with that mark (alloc/heap.h); NULL: no memory. */
struct weir__quarantine *weir__quarantine_make(struct weir__shard *shard, uint32_t mark);

/* Frees it, which is empty. NULL does nothing. */
void weir__quarantine_unmake(struct weir__quarantine *quarantine);

/* -- the quick ways: they call nobody -----------------------------------------------------------
 */

/* As weir__quarantine_take. False: nothing happened; go the other way. */
bool weir__quarantine_take_quick(struct weir__quarantine *quarantine, unsigned sizeclass,
                                 struct weir__cached *taken);

/* As weir__quarantine_put, of a heap that has one. False: nothing happened; the same. */
bool weir__quarantine_put_quick(struct weir__quarantine *quarantine,
                                const struct weir__cached *cached, uint32_t tag);

/* -- all that there is to do ---------------------------------------------------------------------
 */

/* A block of `size` bytes that was live by a moment ago: cleared, and its entry marked. NULL: there
 * is no quarantine, and it goes to its center at once. */
void weir__quarantine_put(struct weir__quarantine *quarantine, const struct weir__cached *cached,
                          uint32_t tag);

/* The same of one that was taken and never lived. */
void weir__quarantine_put_back(struct weir__quarantine *quarantine,
                               const struct weir__cached *cached);

/* *taken: a free block of the class, zero up to its tail, by a copy that is true. `shard` is the
 * quarantine's, or whose centers there are. False: no memory. */
bool weir__quarantine_take(struct weir__quarantine *quarantine, struct weir__shard *shard,
                           unsigned sizeclass, struct weir__cached *taken);

/* All of it goes to the centers; or is forgotten, without `give`. Bytes of the places. */
size_t weir__quarantine_empty(struct weir__quarantine *quarantine, bool give);

/* How many blocks of it were written to: these are kept. Nothing else changes. */
size_t weir__quarantine_check(const struct weir__quarantine *quarantine);

/* Bytes of it and its bags; NULL: 0. Any thread, a moment's figure. */
size_t weir__quarantine_bytes(const struct weir__quarantine *quarantine);

#endif
