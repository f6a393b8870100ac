/*
 * base/pointer_map.h - the hash table of this tree: from a pointer to what the caller knows of
 * it. Entries are the caller's structs of one size whose first member is the key; they lie in
 * the table itself and move when an entry is added or removed. Owns the table, which comes from
 * the caller's memory functions. Zeroed memory is an empty map. Has no lock: the thread that owns
 * the map says which.
 *
 * Linear probing with backward-shift deletion (Knuth 6.4, R): no tombstones pile up however
 * long the process runs. At most 3/4 of the table is used; it never shrinks.
 */
#ifndef WEIR_BASE_POINTER_MAP_H
#define WEIR_BASE_POINTER_MAP_H

#include "base/bits.h"

struct weir__map_memory {
    void *(*allocate)(void *user, size_t size); /* zeroed; NULL: there is none */
    void (*free)(void *user, void *table, size_t size);
};

struct weir__pointer_map {
    char *entries;         /* `capacity` of them; a NULL key: empty */
    size_t capacity, used; /* capacity: 0 or a power of two */
    size_t entry_size;
    const struct weir__map_memory *memory; /* set with the first table, as `user` */
    void *user;
};

/* Room for one more entry of `entry_size` bytes, the same in each call. False: no memory, and
 * nothing changed. */
bool weir__pointer_map_reserve(struct weir__pointer_map *map, size_t entry_size,
                               const struct weir__map_memory *memory, void *user);

/* The key's entry, or NULL. */
void *weir__pointer_map_find(const struct weir__pointer_map *map, const void *key);

/* The key's entry: the one it has, or a new one, zeroed but for the key, by which `used` grows.
 * There is room: reserved. `key` is not NULL. */
void *weir__pointer_map_put(struct weir__pointer_map *map, const void *key);

/* `entry` is one of the map's. */
void weir__pointer_map_remove(struct weir__pointer_map *map, void *entry);

/* The entry after this one in no particular order, from NULL on; NULL: it was the last. */
void *weir__pointer_map_next(const struct weir__pointer_map *map, const void *entry);

/* Bytes of the table. */
size_t weir__pointer_map_bytes(const struct weir__pointer_map *map);

/* Gives the table back; the map is empty. */
void weir__pointer_map_clear(struct weir__pointer_map *map);

/* The counts are right and each entry is where a search looks for it. */
bool weir__pointer_map_is_valid(const struct weir__pointer_map *map);

#endif
