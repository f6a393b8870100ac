/* pool/map.c - the table of map.h; no lock of its own. */
#include "pool/map.h"

uint16_t weir__map[WEIR__MAP_ENTRIES];

bool weir__map_set(const void *start, size_t size, unsigned what)
{
    uintptr_t first = (uintptr_t)start >> WEIR__CHUNK_SHIFT, count = size >> WEIR__CHUNK_SHIFT;
    if (first + count > WEIR__MAP_ENTRIES)
        return false;
    for (uintptr_t i = first; i < first + count; i++)
        __atomic_store_n(&weir__map[i], (uint16_t)what, __ATOMIC_RELEASE);
    return true;
}
