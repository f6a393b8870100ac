/* base/pointer_map.c - see pointer_map.h. */
#include "base/pointer_map.h"

#include <string.h>

#define MAP_LEAST 64 /* entries of the first table */

static void *map_at(const struct weir__pointer_map *map, size_t i)
{
    weir__assert(i < map->capacity);
    return map->entries + i * map->entry_size;
}

static const void *map_key(const struct weir__pointer_map *map, size_t i)
{
    return *(void *const *)map_at(map, i);
}

/* Fibonacci hashing: the top bits of the product. */
static size_t map_home(const struct weir__pointer_map *map, const void *key)
{
    weir__assert(key && map->capacity > 1);
    uint64_t product = (uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(product >> (64 - weir__log2(map->capacity)));
}

static size_t map_after(const struct weir__pointer_map *map, size_t i)
{
    return (i + 1) & (map->capacity - 1);
}

/* Where the key is, or the empty place where it would go. */
static size_t map_place(const struct weir__pointer_map *map, const void *key)
{
    size_t i = map_home(map, key);
    while (map_key(map, i) && map_key(map, i) != key)
        i = map_after(map, i);
    return i;
}

static bool map_grow(struct weir__pointer_map *map)
{
    struct weir__pointer_map old = *map;
    size_t capacity = old.capacity ? 2 * old.capacity : MAP_LEAST;
    char *entries = map->memory->allocate(map->user, capacity * map->entry_size);
    if (!entries)
        return false;
    map->entries = entries;
    map->capacity = capacity;
    for (char *entry = NULL; (entry = weir__pointer_map_next(&old, entry));)
        memcpy(map_at(map, map_place(map, *(void **)entry)), entry, map->entry_size);
    if (old.entries)
        map->memory->free(map->user, old.entries, weir__pointer_map_bytes(&old));
    return true;
}

bool weir__pointer_map_reserve(struct weir__pointer_map *map, size_t entry_size,
                               const struct weir__map_memory *memory, void *user)
{
    weir__assert(entry_size >= sizeof(void *) && (!map->entries || map->entry_size == entry_size));
    if (weir__likely(map->used < map->capacity / 4 * 3))
        return true;
    map->entry_size = entry_size;
    map->memory = memory;
    map->user = user;
    return map_grow(map);
}

void *weir__pointer_map_find(const struct weir__pointer_map *map, const void *key)
{
    if (!map->used || !key)
        return NULL;
    size_t i = map_place(map, key);
    return map_key(map, i) ? map_at(map, i) : NULL;
}

void *weir__pointer_map_put(struct weir__pointer_map *map, const void *key)
{
    weir__assert(key && map->used < map->capacity);
    size_t i = map_place(map, key);
    map->used += !map_key(map, i);
    *(const void **)map_at(map, i) = key;
    return map_at(map, i);
}

/* Later entries of the run move back, so that no search stops short at the gap. */
void weir__pointer_map_remove(struct weir__pointer_map *map, void *entry)
{
    weir__assert(map->used && (size_t)((char *)entry - map->entries) % map->entry_size == 0);
    weir__assert((char *)entry >= map->entries && *(void **)entry);
    size_t mask = map->capacity - 1, gap = (size_t)((char *)entry - map->entries) / map->entry_size;
    for (size_t i = map_after(map, gap); map_key(map, i); i = map_after(map, i)) {
        size_t home = map_home(map, map_key(map, i));
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        memcpy(map_at(map, gap), map_at(map, i), map->entry_size);
        gap = i;
    }
    memset(map_at(map, gap), 0, map->entry_size);
    map->used--;
}

void *weir__pointer_map_next(const struct weir__pointer_map *map, const void *entry)
{
    size_t i = entry ? (size_t)((const char *)entry - map->entries) / map->entry_size + 1 : 0;
    while (i < map->capacity && !map_key(map, i))
        i++;
    return i < map->capacity ? map_at(map, i) : NULL;
}

size_t weir__pointer_map_bytes(const struct weir__pointer_map *map)
{
    return map->capacity * map->entry_size;
}

void weir__pointer_map_clear(struct weir__pointer_map *map)
{
    if (map->entries)
        map->memory->free(map->user, map->entries, weir__pointer_map_bytes(map));
    *map = (struct weir__pointer_map){0};
}

bool weir__pointer_map_is_valid(const struct weir__pointer_map *map)
{
    size_t used = 0;
    if (!map->capacity)
        return !map->used && !map->entries;
    for (const void *entry = NULL; (entry = weir__pointer_map_next(map, entry)); used++)
        if (weir__pointer_map_find(map, *(void *const *)entry) != entry)
            return false;
    return weir__is_power_of_two(map->capacity) && used == map->used &&
           used <= map->capacity / 4 * 3;
}
