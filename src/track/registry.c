/*
 * track/registry.c - linear probing with backward-shift deletion (Knuth 6.4, R), so
 * that no tombstones pile up however long the process runs.
 */
#include "track/registry.h"

#include "backing/meta.h"

#include <string.h>

#define REGISTRY_LEAST 64

static size_t registry_home(const struct weir__registry *r, const void *block)
{
    uint64_t hash = ((uintptr_t)block >> 4) * 0x9E3779B97F4A7C15u;
    return (size_t)(hash >> 20) & (r->capacity - 1);
}

static struct weir__entry *registry_slot(struct weir__registry *r, const void *block)
{
    if (!r->capacity)
        return NULL;
    size_t i = registry_home(r, block);
    while (r->entries[i].block && r->entries[i].block != block)
        i = (i + 1) & (r->capacity - 1);
    return &r->entries[i];
}

static bool registry_grow_locked(struct weir__registry *r)
{
    if (r->used + 1 <= r->capacity / 4 * 3)
        return true;
    size_t capacity = r->capacity ? r->capacity * 2 : REGISTRY_LEAST;
    struct weir__entry *entries = weir__meta_allocate(capacity * sizeof *entries);
    if (!entries)
        return false;
    struct weir__registry old = *r;
    r->entries = entries;
    r->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].block)
            *registry_slot(r, old.entries[i].block) = old.entries[i];
    weir__meta_free(old.entries, old.capacity * sizeof *old.entries);
    return true;
}

void weir__registry_init(struct weir__registry *r)
{
    *r = (struct weir__registry){0};
    weir__lock_init(&r->lock, WEIR__RANK_REGISTRY);
}

bool weir__registry_add(struct weir__registry *r, const struct weir__entry *entry)
{
    weir__lock_take(&r->lock);
    bool added = registry_grow_locked(r);
    if (added) {
        struct weir__entry *slot = registry_slot(r, entry->block);
        added = !slot->block;
        if (added) {
            *slot = *entry;
            r->used++;
            r->bytes += entry->requested;
        }
    }
    weir__lock_drop(&r->lock);
    return added;
}

/* Moves later entries of the run back so that no search stops short at the gap. */
static void registry_close_gap(struct weir__registry *r, size_t gap)
{
    size_t mask = r->capacity - 1;
    for (size_t i = (gap + 1) & mask; r->entries[i].block; i = (i + 1) & mask) {
        size_t home = registry_home(r, r->entries[i].block);
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            r->entries[gap] = r->entries[i];
            gap = i;
        }
    }
    r->entries[gap] = (struct weir__entry){0};
}

bool weir__registry_remove(struct weir__registry *r, const void *block, struct weir__entry *entry)
{
    weir__lock_take(&r->lock);
    struct weir__entry *slot = registry_slot(r, block);
    bool found = slot && slot->block;
    if (found) {
        *entry = *slot;
        r->used--;
        r->bytes -= entry->requested;
        registry_close_gap(r, (size_t)(slot - r->entries));
    }
    weir__lock_drop(&r->lock);
    return found;
}

bool weir__registry_find(struct weir__registry *r, const void *block, struct weir__entry *entry)
{
    weir__lock_take(&r->lock);
    struct weir__entry *slot = registry_slot(r, block);
    bool found = slot && slot->block;
    if (found)
        *entry = *slot;
    weir__lock_drop(&r->lock);
    return found;
}

bool weir__registry_resize(struct weir__registry *r, const void *block, size_t requested)
{
    weir__lock_take(&r->lock);
    struct weir__entry *slot = registry_slot(r, block);
    bool found = slot && slot->block;
    if (found) {
        r->bytes += requested - slot->requested;
        slot->requested = requested;
    }
    weir__lock_drop(&r->lock);
    return found;
}

size_t weir__registry_bytes(struct weir__registry *r, size_t *own)
{
    weir__lock_take(&r->lock);
    size_t bytes = r->bytes;
    *own = r->capacity * sizeof *r->entries;
    weir__lock_drop(&r->lock);
    return bytes;
}

int weir__registry_each(struct weir__registry *r, weir__entry_visitor *visit, void *user)
{
    int stop = 0;
    weir__lock_take(&r->lock);
    for (size_t i = 0; i < r->capacity && !stop; i++)
        if (r->entries[i].block)
            stop = visit(&r->entries[i], user);
    weir__lock_drop(&r->lock);
    return stop;
}

void weir__registry_drain(struct weir__registry *r, weir__entry_visitor *visit, void *user)
{
    weir__lock_take(&r->lock);
    struct weir__registry left = *r;
    r->entries = NULL;
    r->capacity = r->used = r->bytes = 0;
    weir__lock_drop(&r->lock);
    for (size_t i = 0; i < left.capacity; i++)
        if (left.entries[i].block)
            visit(&left.entries[i], user);
    weir__meta_free(left.entries, left.capacity * sizeof *left.entries);
}

void weir__registry_destroy(struct weir__registry *r)
{
    weir__meta_free(r->entries, r->capacity * sizeof *r->entries);
    *r = (struct weir__registry){0};
}
