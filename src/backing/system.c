/*
 * backing/system.c - regions straight from mmap. Keeps nothing: what is given
 * back is unmapped, what is taken is fresh and zero. No state, so no lock.
 */
#include "backing/backing.h"
#include "os/pages.h"

#include <errno.h>
#include <sys/mman.h>

/* Whole pages at any page boundary; NULL with ENOMEM. */
static void *system_map(size_t size, int protection)
{
    void *region = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED) {
        errno = ENOMEM;
        return NULL;
    }
    return region;
}

/*
 * Maps too much and trims both ends. The surplus is mapped without access, so
 * that it does not count against the machine's commit limit meanwhile.
 *
 *     reserved            region                  reserved + size + slack
 *        |<---- head ---->|<------ size ------>|<---- tail ---->|
 */
static void *system_map_aligned(size_t size, size_t alignment)
{
    size_t slack = alignment - weir__os_page_size();
    if (size > PTRDIFF_MAX - slack) {
        errno = ENOMEM;
        return NULL;
    }
    char *reserved = system_map(size + slack, PROT_NONE);
    if (!reserved)
        return NULL;
    size_t head = -(uintptr_t)reserved & (alignment - 1);
    char *region = reserved + head;
    if (mprotect(region, size, PROT_READ | PROT_WRITE) != 0) {
        munmap(reserved, size + slack);
        errno = ENOMEM;
        return NULL;
    }
    if (head)
        munmap(reserved, head);
    if (slack > head)
        munmap(region + size, slack - head);
    return region;
}

static void *system_take(size_t size, size_t alignment, bool *zeroed)
{
    *zeroed = true;
    if (!weir__os_page_round(size, &size)) {
        errno = ENOMEM;
        return NULL;
    }
    char *region = system_map(size, PROT_READ | PROT_WRITE);
    if (!region || ((uintptr_t)region & (alignment - 1)) == 0)
        return region;
    munmap(region, size);
    return system_map_aligned(size, alignment);
}

static void system_give(void *region, size_t size, size_t alignment)
{
    (void)alignment;
    int saved = errno;
    weir__os_page_round(size, &size);
    /* Unmapping the middle of a mapping can fail for want of map entries: then at
     * least the memory goes back, and the address range is lost. */
    if (munmap(region, size) != 0)
        weir__os_purge(region, size);
    errno = saved;
}

const struct weir__backing weir__backing_system = {
    .abi = WEIR__BACKING_ABI,
    .name = "system",
    .take = system_take,
    .give = system_give,
    .purge = weir__os_purge,
};
