/*
 * os/pages.h - pages of the machine: mapped, given back, purged. Knows nothing of who owns
 * them. Any thread, no lock; errno is kept but where it says otherwise. None of it calls malloc.
 */
#ifndef WEIR_OS_PAGES_H
#define WEIR_OS_PAGES_H

#include "base/bits.h"

/* Bytes in a page of this machine: 4 KiB on x86-64, 4, 16 or 64 KiB on aarch64. */
size_t weir__os_page_size(void);

/* `size` in whole pages, or false when there is no such number or it could not be a pointer
 * difference. */
bool weir__os_page_round(size_t size, size_t *rounded);

/* Zeroed private memory, page-aligned; NULL when there is none. */
void *weir__os_map(size_t size);
void weir__os_unmap(void *memory, size_t size);

/* May the kernel serve the range with huge pages? A hint; failures are ignored. */
void weir__os_huge_pages(void *memory, size_t size, bool wanted);

/*
 * Makes a part of a mapping read as zero, wherever its ends lie: the whole pages within it
 * go back to the machine, what lies beside them is cleared. The kernel itself would round
 * the end up, into what is in use there. Bytes of those pages; 0: there is no whole page,
 * and nothing was done. Where the kernel refuses (locked pages) they are cleared too.
 */
size_t weir__os_purge(void *part, size_t size);

#endif
