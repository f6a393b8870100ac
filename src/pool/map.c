/* pool/map.c - the table of map.h; no lock of its own. */
#include "pool/map.h"

#include <string.h>

_Static_assert(WEIR__MAP_ENTRIES >> WEIR__LEAF_SHIFT << WEIR__LEAF_SHIFT == WEIR__MAP_ENTRIES,
               "whole leaves");

static struct weir__leaf no_leaf; /* never written */

struct weir__leaf *weir__map[WEIR__LEAVES] = {[0 ... WEIR__LEAVES - 1] = &no_leaf};

static bool leaf_make(uintptr_t index)
{
    weir__assert(index < WEIR__LEAVES);
    struct weir__leaf *none = &no_leaf, *made = weir__os_map(sizeof *made);
    if (made && !__atomic_compare_exchange_n(&weir__map[index], &none, made, false,
                                             __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        weir__os_unmap(made, sizeof *made); /* another page heap was faster */
    return made;
}

bool weir__map_set(const void *start, size_t size, unsigned what)
{
    weir__assert(((uintptr_t)start & (WEIR__CHUNK - 1)) == 0 && size % WEIR__CHUNK == 0);
    weir__assert(what <= UINT16_MAX);
    uintptr_t first = (uintptr_t)start >> WEIR__CHUNK_SHIFT, count = size >> WEIR__CHUNK_SHIFT;
    if (!count || first + count > WEIR__MAP_ENTRIES)
        return !count;
    uintptr_t last = (first + count - 1) >> WEIR__LEAF_SHIFT;
    for (uintptr_t leaf = first >> WEIR__LEAF_SHIFT; leaf <= last; leaf++)
        if (__atomic_load_n(&weir__map[leaf], __ATOMIC_ACQUIRE) == &no_leaf && !leaf_make(leaf))
            return false;
    for (uintptr_t i = first; i < first + count; i++)
        __atomic_store_n(&weir__map[i >> WEIR__LEAF_SHIFT]->entries[(uint16_t)i], (uint16_t)what,
                         __ATOMIC_RELEASE);
    weir__assert_walk(weir__map_is_valid());
    return true;
}

bool weir__map_is_valid(void)
{
    const uint16_t *entries = no_leaf.entries;
    size_t bytes = sizeof no_leaf.entries;
    for (size_t i = 0; i < WEIR__LEAVES; i++)
        if (!weir__relaxed_get(weir__map[i]))
            return false;
    return !entries[0] && !memcmp(entries, entries + 1, bytes - sizeof *entries);
}
