/*
 * track/registry.h - the ledger of blocks whose memory is not weir's: what a user's
 * functions, a device or the C library provided. An open-addressing hash table from
 * address to request, one an allocator, under a lock of its own (rank "registry").
 */
#ifndef WEIR_TRACK_REGISTRY_H
#define WEIR_TRACK_REGISTRY_H

#include "os/lock.h"

struct weir__entry {
    void *block; /* NULL: empty */
    size_t requested;
    uint32_t tag;
    uint8_t align_shift;
    bool old; /* before the latest checkpoint */
};

struct weir__registry {
    weir__lock lock;
    struct weir__entry *entries; /* a power of two of them, at most 3/4 used */
    size_t capacity, used;
    size_t bytes; /* requested, of all entries */
};

void weir__registry_init(struct weir__registry *r);

/* Adds a block; false: no memory, or its address is live already. */
bool weir__registry_add(struct weir__registry *r, const struct weir__entry *entry);

/* Takes a block out; false: it is not there. */
bool weir__registry_remove(struct weir__registry *r, const void *block, struct weir__entry *entry);

bool weir__registry_find(struct weir__registry *r, const void *block, struct weir__entry *entry);

/* Sets the requested size of a live block; false: it is not there. */
bool weir__registry_resize(struct weir__registry *r, const void *block, size_t requested);

/* Requested bytes of all live blocks; *own: bytes of the table itself. */
size_t weir__registry_bytes(struct weir__registry *r, size_t *own);

typedef int weir__entry_visitor(struct weir__entry *entry, void *user);
int weir__registry_each(struct weir__registry *r, weir__entry_visitor *visit, void *user);

/* Takes every entry out and visits it, without the lock: the memory may be given back. */
void weir__registry_drain(struct weir__registry *r, weir__entry_visitor *visit, void *user);

void weir__registry_destroy(struct weir__registry *r);

#endif
