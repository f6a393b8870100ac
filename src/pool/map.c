/* pool/map.c - the table of map.h; no lock. */
#include "pool/map.h"

_Static_assert(WEIR__MAP_ENTRIES >> WEIR__LEAF_SHIFT << WEIR__LEAF_SHIFT == WEIR__MAP_ENTRIES,
               "whole leaves");

struct weir__leaf weir__map_main;
uintptr_t weir__map_main_first;

struct weir__leaf *weir__map_leaves[WEIR__LEAVES];

/* The entry of a number below WEIR__MAP_ENTRIES, or NULL: it has none yet. */
static uint16_t *entry_at(uintptr_t number)
{
    weir__assert(number < WEIR__MAP_ENTRIES);
    uintptr_t at = number - weir__relaxed_get(weir__map_main_first);
    if (weir__likely(at < WEIR__LEAF))
        return &weir__map_main.entries[at];
    struct weir__leaf *leaf =
        __atomic_load_n(&weir__map_leaves[number >> WEIR__LEAF_SHIFT], __ATOMIC_ACQUIRE);
    return leaf ? &leaf->entries[number % WEIR__LEAF] : NULL;
}

unsigned weir__map_get(const void *pointer)
{
    uintptr_t number = (uintptr_t)pointer >> WEIR__CHUNK_SHIFT;
    const uint16_t *entry = number < WEIR__MAP_ENTRIES ? entry_at(number) : NULL;
    return entry ? weir__relaxed_get(*entry) : WEIR__MAP_FOREIGN;
}

/* The main leaf begins half its length below the first memory that is set. It has one address
 * for all readers before anything is in it. */
static void main_choose(uintptr_t number)
{
    uintptr_t none = 0, half = WEIR__LEAF / 2;
    uintptr_t first = number > half ? number - half : 1;
    if (!weir__relaxed_get(weir__map_main_first))
        __atomic_compare_exchange_n(&weir__map_main_first, &none, first, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE);
}

static bool leaf_make(uintptr_t index)
{
    weir__assert(index < WEIR__LEAVES);
    struct weir__leaf *none = NULL, *made = weir__os_map_apart(sizeof *made);
    if (made && !__atomic_compare_exchange_n(&weir__map_leaves[index], &none, made, false,
                                             __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        weir__os_unmap_apart(made, sizeof *made); /* another page heap was faster */
    return made;
}

bool weir__map_set(const void *start, size_t size, unsigned what)
{
    weir__assert(((uintptr_t)start & (WEIR__CHUNK - 1)) == 0 && size % WEIR__CHUNK == 0);
    weir__assert(what <= UINT16_MAX);
    uintptr_t first = (uintptr_t)start >> WEIR__CHUNK_SHIFT, count = size >> WEIR__CHUNK_SHIFT;
    if (!count || first + count > WEIR__MAP_ENTRIES)
        return !count;
    main_choose(first);
    for (uintptr_t i = first; i < first + count; i++)
        if (!entry_at(i) && !leaf_make(i >> WEIR__LEAF_SHIFT))
            return false;
    for (uintptr_t i = first; i < first + count; i++)
        __atomic_store_n(entry_at(i), (uint16_t)what, __ATOMIC_RELEASE);
    weir__assert_walk(weir__map_is_valid());
    return true;
}

bool weir__map_is_valid(void)
{
    uintptr_t first = weir__relaxed_get(weir__map_main_first);
    for (uintptr_t i = first; i < first + WEIR__LEAF && i < WEIR__MAP_ENTRIES; i++) {
        const struct weir__leaf *leaf =
            __atomic_load_n(&weir__map_leaves[i >> WEIR__LEAF_SHIFT], __ATOMIC_ACQUIRE);
        if (leaf && weir__relaxed_get(leaf->entries[i % WEIR__LEAF]))
            return false;
    }
    return true;
}
