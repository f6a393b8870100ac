/*
 * track/registry.h - the ledger of blocks whose memory is not weir's: what a user's
 * functions, a device or the C library provided. A map from address to request, one an
 * allocator, under its own lock (rank "registry"). Knows nothing of who provides.
 */
#ifndef WEIR_TRACK_REGISTRY_H
#define WEIR_TRACK_REGISTRY_H

#include "base/pointer_map.h"
#include "os/lock.h"

struct weir__foreign {
    void *block; /* the key */
    size_t requested;
    uint32_t tag;
    uint8_t align_shift;
    bool old;     /* before the latest checkpoint */
    bool sampled; /* who keeps the samples is told of what becomes of it */
    bool padded;  /* the provider was asked for room to align the block in */
    size_t shift; /* padded: bytes from the provider's address to the block */
};

/* In the table `block` is inverted, so that no leak checker that comes by takes it for a
 * pointer; everywhere else it is the pointer. */
struct weir__registry {
    weir__lock lock;              /* of all the rest */
    struct weir__pointer_map map; /* of struct weir__foreign */
    size_t bytes;                 /* requested, of all entries */
};

void weir__registry_init(struct weir__registry *r);

/* Adds a block; false: no memory, or its address is live already. */
bool weir__registry_add(struct weir__registry *r, const struct weir__foreign *entry);

/* Takes a block out; false: it is not there. */
bool weir__registry_remove(struct weir__registry *r, const void *block,
                           struct weir__foreign *entry);

bool weir__registry_find(struct weir__registry *r, const void *block, struct weir__foreign *entry);

/* Requested bytes of all live blocks; *own: bytes of the table itself. */
size_t weir__registry_bytes(struct weir__registry *r, size_t *own);

/* Is it within a block, behind its start? Looks at all of them. */
bool weir__registry_covers(struct weir__registry *r, const void *pointer);

/* What it changes of `entry` but `old` is ignored. */
typedef int weir__foreign_visitor(struct weir__foreign *entry, void *user);
int weir__registry_each(struct weir__registry *r, weir__foreign_visitor *visit, void *user);

/* Takes every entry out and visits it, without the lock: the memory may be given back. */
void weir__registry_drain(struct weir__registry *r, weir__foreign_visitor *visit, void *user);

void weir__registry_destroy(struct weir__registry *r);

/* Is each entry where it is looked for, and do the sums agree? The lock is held. */
bool weir__registry_is_valid_locked(const struct weir__registry *r);

#endif
