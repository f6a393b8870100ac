/*
 * os/file_map.h - parts of files in memory. No state. Any thread, no lock.
 */
#ifndef WEIR_OS_FILE_MAP_H
#define WEIR_OS_FILE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The file's bytes from `offset` on, `size` (> 0) of them; offsets need not be whole pages.
 * Private: what is written, if it is writable, the file does not get. NULL with errno. The range is
 * in the file, which the caller has looked at: pages beyond its end cannot be touched.
 */
void *weir__os_file_map(int file, uint64_t offset, size_t size, bool writable);

/* Takes back what that gave, of the same size. errno is kept. */
void weir__os_file_unmap(void *data, size_t size);

/* Does the kernel say of this file's pages which are in memory? It does to its owner and to who may
 * write to it; others are told that all are. errno is kept. */
bool weir__os_file_residence_is_told(int file);

#endif
