/*
 * os/residence.h - what of memory is there, on which pages and on which node, as the kernel says at
 * this moment. Owns nothing and changes nothing. No state. Any thread, no lock; errno is kept.
 */
#ifndef WEIR_OS_RESIDENCE_H
#define WEIR_OS_RESIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the whole process that are in memory, code and stacks too; 0: the kernel does not say.
 * *files: how many of them are pages of files, code among them; NULL: nobody asks. */
size_t weir__os_process_resident(size_t *files);

/* Page faults of the process so far. */
uint64_t weir__os_process_faults(void);

struct weir__os_range {
    const char *start;
    size_t size;
};

/* Adds the bytes of [data, data + size) whose pages are in memory, whichever thread brought them
 * there. False: the kernel does not say. */
bool weir__os_resident(const void *data, size_t size, size_t *bytes);

/*
 * Adds the bytes of the ranges that lie on huge pages. The ranges are in whole pages, in ascending
 * order, and none overlaps another. False: the kernel does not say. It is asked page by page where
 * it can be (Linux 6.7); else by mapping, which tells where none of those with huge pages has a
 * part outside of the ranges.
 */
bool weir__os_huge_bytes(const struct weir__os_range *ranges, size_t n, size_t *bytes);

/* The same by mapping alone (/proc/self/smaps). */
bool weir__os_huge_bytes_by_mapping(const struct weir__os_range *ranges, size_t n, size_t *bytes);

/* Adds the bytes whose pages are on that node. False: the kernel does not say. */
bool weir__os_node_bytes(const struct weir__os_range *range, unsigned node, size_t *bytes);

#endif
