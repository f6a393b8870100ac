/* track/registry.c - see registry.h. */
#include "track/registry.h"

#include "backing/meta.h"

void weir__registry_init(struct weir__registry *r)
{
    *r = (struct weir__registry){0};
    weir__lock_init(&r->lock, WEIR__RANK_REGISTRY);
}

/* The key of a block in the map, and back. */
static void *pointer_invert(const void *block)
{
    return (void *)~(uintptr_t)block;
}

static struct weir__foreign entry_invert(const struct weir__foreign *entry)
{
    struct weir__foreign inverted = *entry;
    inverted.block = pointer_invert(entry->block);
    return inverted;
}

static bool registry_add_locked(struct weir__registry *r, const struct weir__foreign *entry)
{
    weir__assert(weir__lock_is_mine(&r->lock));
    weir__assert(entry->block);
    if (!weir__pointer_map_reserve(&r->map, sizeof *entry, &weir__meta_map, NULL))
        return false;
    size_t before = r->map.used;
    struct weir__foreign *added = weir__pointer_map_put(&r->map, pointer_invert(entry->block));
    if (r->map.used == before)
        return false;
    *added = entry_invert(entry);
    r->bytes += entry->requested;
    return true;
}

bool weir__registry_add(struct weir__registry *r, const struct weir__foreign *entry)
{
    weir__assert(entry->align_shift < 64);
    weir__lock_take(&r->lock);
    bool added = registry_add_locked(r, entry);
    weir__assert_walk(weir__registry_is_valid_locked(r));
    weir__lock_drop(&r->lock);
    return added;
}

bool weir__registry_remove(struct weir__registry *r, const void *block, struct weir__foreign *entry)
{
    weir__lock_take(&r->lock);
    struct weir__foreign *found = weir__pointer_map_find(&r->map, pointer_invert(block));
    if (found) {
        *entry = entry_invert(found);
        r->bytes -= entry->requested;
        weir__pointer_map_remove(&r->map, found);
    }
    weir__assert_walk(weir__registry_is_valid_locked(r));
    weir__lock_drop(&r->lock);
    return found;
}

bool weir__registry_find(struct weir__registry *r, const void *block, struct weir__foreign *entry)
{
    weir__lock_take(&r->lock);
    const struct weir__foreign *found = weir__pointer_map_find(&r->map, pointer_invert(block));
    if (found)
        *entry = entry_invert(found);
    weir__lock_drop(&r->lock);
    return found;
}

size_t weir__registry_bytes(struct weir__registry *r, size_t *own)
{
    weir__lock_take(&r->lock);
    size_t bytes = r->bytes;
    *own = weir__pointer_map_bytes(&r->map);
    weir__lock_drop(&r->lock);
    return bytes;
}

int weir__registry_each(struct weir__registry *r, weir__foreign_visitor *visit, void *user)
{
    int stop = 0;
    weir__lock_take(&r->lock);
    for (struct weir__foreign *at = NULL; !stop && (at = weir__pointer_map_next(&r->map, at));) {
        struct weir__foreign entry = entry_invert(at);
        stop = visit(&entry, user);
        at->old = entry.old;
    }
    weir__lock_drop(&r->lock);
    return stop;
}

static int entry_covers(struct weir__foreign *entry, void *pointer)
{
    size_t offset = (uintptr_t)pointer - (uintptr_t)entry->block;
    return offset > 0 && offset < entry->requested;
}

bool weir__registry_covers(struct weir__registry *r, const void *pointer)
{
    return weir__registry_each(r, entry_covers, (void *)(uintptr_t)pointer);
}

void weir__registry_drain(struct weir__registry *r, weir__foreign_visitor *visit, void *user)
{
    weir__lock_take(&r->lock);
    struct weir__pointer_map left = r->map;
    r->map = (struct weir__pointer_map){0};
    r->bytes = 0;
    weir__lock_drop(&r->lock);
    for (struct weir__foreign *at = NULL; (at = weir__pointer_map_next(&left, at));) {
        struct weir__foreign entry = entry_invert(at);
        visit(&entry, user);
    }
    weir__pointer_map_clear(&left);
}

void weir__registry_destroy(struct weir__registry *r)
{
    weir__pointer_map_clear(&r->map);
    *r = (struct weir__registry){0};
}

bool weir__registry_is_valid_locked(const struct weir__registry *r)
{
    weir__assert(weir__lock_is_mine(&r->lock));
    size_t bytes = 0;
    for (const struct weir__foreign *at = NULL; (at = weir__pointer_map_next(&r->map, at));)
        bytes += at->requested;
    return weir__pointer_map_is_valid(&r->map) && bytes == r->bytes;
}
