/*
 * os/pages.h - pages of the machine: mapped, given back, purged. Knows nothing of who owns
 * them. Any thread, no lock; errno is kept but where it says otherwise. None of it calls malloc.
 */
#ifndef WEIR_OS_PAGES_H
#define WEIR_OS_PAGES_H

#include "base/bits.h"

/* Every address that is ours or the program's lies below 2 to this power. */
#if defined(__x86_64__)
#define WEIR__OS_ADDRESS_BITS 47 /* the user half; 57-bit addresses come only on request */
#else
#define WEIR__OS_ADDRESS_BITS 48
#endif

/* Bytes in a page of this machine: 4 KiB on x86-64, 4, 16 or 64 KiB on aarch64. */
size_t weir__os_page_size(void);

/* `size` in whole pages, or false when there is no such number or it could not be a pointer
 * difference. */
bool weir__os_page_round(size_t size, size_t *rounded);

/* Zeroed private memory, page-aligned; NULL when there is none. */
void *weir__os_map(size_t size);

/* The same between two pages that nobody can read or write, so that what runs past the end of other
 * memory does not reach it; given back by its own call. `size` is that of whole pages. */
void *weir__os_map_apart(size_t size);
void weir__os_unmap_apart(void *memory, size_t size);

/* Gives back what map, reserve or remap gave, or whole pages of it. If the kernel has no map
 * entry left to unmap a part with, the part loses its memory and only addresses are lost. */
void weir__os_unmap(void *memory, size_t size);

/*
 * Addresses without memory, in whole pages at a power of two; below a page means a page.
 * Nobody can read or write there, and nothing is counted for it but addresses: it is not
 * committed, not in RLIMIT_DATA, not in a core file, not populated by mlockall. NULL when
 * there is no such range, with errno ENOMEM. A surplus for the alignment is taken, and given
 * back, only where the kernel has no aligned place at hand.
 */
void *weir__os_reserve(size_t size, size_t alignment);

/* Opens whole pages of a reservation to be read and written; what was closed or reserved
 * reads as zero, what was open stays. False, and nothing changed: the machine refuses (its
 * commit limit, RLIMIT_DATA, map entries). */
bool weir__os_open(void *part, size_t size);

/* Whole pages cannot be read or written until weir__os_open; what they hold stays, and stays
 * counted. False, and nothing changed: the machine refuses. */
bool weir__os_shut(void *part, size_t size);

/* Makes whole pages what weir__os_reserve gave: their contents are gone, and what was
 * counted for them is not counted any more. */
void weir__os_close(void *part, size_t size);

/*
 * Moves a mapping of whole pages that are open throughout to a place of `new_size` bytes at
 * `alignment`, which `memory` has, too, without copying: in place if what follows is free, else
 * elsewhere, and `memory` is unmapped then. Bytes past `old_size` are open and zero; a smaller
 * `new_size` unmaps the rest. NULL, and nothing changed: the kernel cannot; the caller copies.
 * `memory` must have been mapped or reserved as a whole, with the same advice (weir__os_huge_pages)
 * all over it.
 */
void *weir__os_remap(void *memory, size_t old_size, size_t new_size, size_t alignment);

/* May the kernel serve the range with huge pages? A hint; failures are ignored. */
void weir__os_huge_pages(void *memory, size_t size, bool wanted);

/*
 * Makes a part of a mapping read as zero, wherever its ends lie: the whole pages within it
 * go back to the machine, what lies next to them is cleared. The kernel itself would round
 * the end up, into what is in use there. Where the kernel refuses (locked pages), or keeps the
 * contents though it says that it does not (probed once), they are cleared by hand. Bytes of
 * those pages; 0: there is no whole page.
 */
size_t weir__os_purge(void *part, size_t size);

/* Does a whole page of the machine lie within? If not, a purge gives nothing back. */
WEIR__INLINE bool weir__os_has_page(const void *part, size_t size)
{
    size_t page = weir__os_page_size(), head = -(uintptr_t)part & (page - 1);
    return size >= head + page;
}

#endif
