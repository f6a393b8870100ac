/*
 * backing/system.c - regions straight from the system. Keeps nothing: what is given back is
 * unmapped, what is taken is fresh and zero. No state, so no lock.
 */
#include "backing/backing.h"
#include "os/pages.h"

#include <errno.h>

static void *system_take(size_t size, size_t alignment)
{
    weir__assert(weir__is_power_of_two(alignment));
    if (!weir__os_page_round(size, &size)) {
        errno = ENOMEM;
        return NULL;
    }
    void *region = weir__os_reserve(size, alignment);
    if (!region || weir__os_open(region, size))
        return region;
    weir__os_unmap(region, size);
    errno = ENOMEM;
    return NULL;
}

static void system_give(void *region, size_t size, size_t alignment)
{
    weir__assert(region && size);
    (void)alignment;
    weir__os_page_round(size, &size);
    weir__os_unmap(region, size);
}

const struct weir__backing weir__backing_system = {
    .abi = WEIR__BACKING_ABI,
    .name = "system",
    .take = system_take,
    .give = system_give,
    .purge = weir__os_purge,
};
