/* os/pages.c - see pages.h. Owns the size of a page, once it was asked for. */
#include "os/pages.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t weir__os_page_size(void)
{
    static size_t size; /* written with the same value by whoever comes first */
    size_t known = __atomic_load_n(&size, __ATOMIC_RELAXED);
    if (!known) {
        known = (size_t)sysconf(_SC_PAGESIZE);
        __atomic_store_n(&size, known, __ATOMIC_RELAXED);
    }
    return known;
}

bool weir__os_page_round(size_t size, size_t *rounded)
{
    size_t page = weir__os_page_size();
    if (size > PTRDIFF_MAX - page)
        return false;
    *rounded = weir__round_up(size, page);
    return true;
}

void *weir__os_map(size_t size)
{
    int saved = errno;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    errno = saved;
    return memory == MAP_FAILED ? NULL : memory;
}

void weir__os_unmap(void *memory, size_t size)
{
    int saved = errno;
    munmap(memory, size);
    errno = saved;
}

void weir__os_huge_pages(void *memory, size_t size, bool wanted)
{
    int saved = errno;
    madvise(memory, size, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    errno = saved;
}

size_t weir__os_purge(void *part, size_t size)
{
    int saved = errno;
    size_t page = weir__os_page_size();
    char *start = part, *end = start + size;
    char *first = start + (-(uintptr_t)start & (page - 1));
    char *last = end - ((uintptr_t)end & (page - 1));
    if (first >= last)
        return 0;
    size_t whole = (size_t)(last - first);
    memset(start, 0, (size_t)(first - start));
    memset(last, 0, (size_t)(end - last));
    if (madvise(first, whole, MADV_DONTNEED) != 0)
        memset(first, 0, whole);
    errno = saved;
    return whole;
}
