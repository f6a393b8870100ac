/* pool/depot.c - the stack of a depot and its memory. The center's lock is held. */
#include "pool/depot.h"

#include "backing/meta.h"

#include <string.h>

#define ROOM_LEAST 32u

void weir__depot_init(struct weir__depot *depot, unsigned most, unsigned room_most)
{
    weir__assert(most <= room_most && room_most <= WEIR__DEPOT_ROOM);
    *depot = (struct weir__depot){.most = most, .room_most = room_most};
}

static void depot_set_count(struct weir__depot *depot, size_t count)
{
    weir__assert(count <= depot->room);
    weir__relaxed_set(depot->count, (uint32_t)count);
}

static bool depot_grow(struct weir__depot *depot, size_t least)
{
    weir__assert(least > depot->room);
    size_t room = weir__max(2 * (size_t)depot->room, ROOM_LEAST);
    while (room < least)
        room *= 2;
    room = weir__min(room, depot->room_most);
    if (room < least)
        return false;
    struct weir__cached *blocks = weir__meta_allocate(room * sizeof *blocks);
    if (!blocks)
        return false;
    if (depot->count)
        memcpy(blocks, depot->blocks, depot->count * sizeof *blocks);
    weir__meta_free(depot->blocks, depot->room * sizeof *blocks);
    depot->blocks = blocks;
    depot->room = (uint32_t)room;
    return true;
}

bool weir__depot_put(struct weir__depot *depot, const struct weir__cached *blocks, unsigned count)
{
    weir__assert(count <= depot->room_most);
    size_t total = (size_t)depot->count + count;
    if (weir__unlikely(total > depot->room) && !depot_grow(depot, total))
        return false;
    memcpy(depot->blocks + depot->count, blocks, count * sizeof *blocks);
    depot_set_count(depot, total);
    return true;
}

const struct weir__cached *weir__depot_top(struct weir__depot *depot, unsigned count)
{
    weir__assert(count <= depot->count);
    depot_set_count(depot, depot->count - count);
    return depot->blocks + depot->count;
}

unsigned weir__depot_take(struct weir__depot *depot, struct weir__cached *blocks, unsigned most)
{
    unsigned count = (unsigned)weir__min(depot->count, most);
    if (count)
        memcpy(blocks, weir__depot_top(depot, count), count * sizeof *blocks);
    return count;
}

void weir__depot_clear(struct weir__depot *depot)
{
    weir__meta_free(depot->blocks, depot->room * sizeof *depot->blocks);
    depot->blocks = NULL;
    depot->room = 0;
    depot_set_count(depot, 0);
}
