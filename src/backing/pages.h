/*
 * backing/pages.h - the few things both providers ask of the kernel about pages.
 * Knows nothing of who owns them. Any thread.
 */
#ifndef WEIR_BACKING_PAGES_H
#define WEIR_BACKING_PAGES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes in a page of this machine: 4 KiB on x86-64, up to 64 KiB on aarch64. */
static inline size_t pages_size(void)
{
    static size_t size; /* written with the same value by whoever comes first */
    size_t known = __atomic_load_n(&size, __ATOMIC_RELAXED);
    if (!known) {
        known = (size_t)sysconf(_SC_PAGESIZE);
        __atomic_store_n(&size, known, __ATOMIC_RELAXED);
    }
    return known;
}

/* `size` in whole pages, or false when there is no such number or it could not
 * be a pointer difference. */
static inline bool pages_round(size_t size, size_t *rounded)
{
    size_t page = pages_size();
    if (size > PTRDIFF_MAX - page)
        return false;
    *rounded = (size + page - 1) & ~(page - 1);
    return true;
}

/*
 * Makes a part of a mapping read as zero, wherever its ends lie: the whole pages within it
 * go back to the machine, what lies beside them is cleared. The kernel itself would round
 * the end up, into what is in use there. Bytes of those pages; 0: there is no whole page,
 * and nothing was done. Where the kernel refuses (locked pages) they are cleared too.
 */
static inline size_t pages_purge(void *part, size_t size)
{
    int saved = errno;
    size_t page = pages_size();
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

#endif
