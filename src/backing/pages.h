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

/* Drops the contents and the memory of whole pages; they read as zero after.
 * Where the kernel refuses (locked pages), they are at least zero. */
static inline void pages_purge(void *part, size_t size)
{
    int saved = errno;
    if (madvise(part, size, MADV_DONTNEED) != 0)
        memset(part, 0, size);
    errno = saved;
}

#endif
