/* pool/bin.c - the memory of bins. Who may use the bin calls. */
#include "pool/bin.h"

#include "backing/meta.h"

#include <string.h>

static uint32_t no_entry; /* never cached */
struct weir__cached weir__no_cached = {NULL, &no_entry, WEIR__ENTRY_CACHED, 0};
struct weir__bin weir__no_bins[WEIR__CLASSES] = {[0 ... WEIR__CLASSES - 1] = WEIR__BIN_UNUSED};

static bool bin_is_used(const struct weir__bin *bin)
{
    return bin->base != &weir__no_cached + 1;
}

size_t weir__bin_bytes(const struct weir__bin *bin)
{
    return bin_is_used(bin) ? (weir__bin_room(bin) + 1) * sizeof *bin->base : 0;
}

/* Frees the room, and the one below. */
static void room_free(struct weir__cached *base, size_t room)
{
    weir__assert(base && room);
    weir__meta_free(base - 1, (room + 1) * sizeof *base);
}

static void bin_place(struct weir__bin *bin, struct weir__cached *base, size_t count, size_t room)
{
    weir__assert(base && count <= room);
    weir__relaxed_set(bin->base, base);
    weir__bin_set_top(bin, base + count);
    bin->limit = base + room;
}

bool weir__bin_resize(struct weir__bin *bin, size_t room)
{
    weir__assert(room > 0);
    struct weir__cached *old = bin->base, *below = weir__meta_allocate((room + 1) * sizeof *below);
    size_t count = weir__bin_count(bin), former = weir__bin_room(bin);
    weir__assert(count <= room);
    if (!below)
        return false;
    bool used = bin_is_used(bin);
    *below = weir__no_cached;
    memcpy(below + 1, old, count * sizeof *below);
    bin_place(bin, below + 1, count, room);
    if (used)
        room_free(old, former);
    return true;
}

void weir__bin_unmake(struct weir__bin *bin)
{
    if (bin_is_used(bin))
        room_free(bin->base, weir__bin_room(bin));
    bin_place(bin, &weir__no_cached + 1, 0, 0);
    bin->grown = 0;
    bin->refilled = false;
}

void weir__bin_shift(struct weir__bin *bin, size_t count)
{
    weir__assert(count <= (size_t)(bin->top - bin->base));
    size_t left = (size_t)(bin->top - bin->base) - count;
    memmove(bin->base, bin->base + count, left * sizeof *bin->base);
    weir__bin_set_top(bin, bin->base + left);
}

bool weir__bin_is_valid(const struct weir__bin *bin)
{
    return bin->base <= bin->top && bin->top <= bin->limit && !bin->base[-1].block &&
           !weir__cached_is_true(&bin->base[-1]) &&
           (bin_is_used(bin) || (bin->limit == bin->base && !bin->grown));
}
