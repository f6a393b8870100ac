/* os/file_map.c - see file_map.h. */
#include "os/file_map.h"

#include "os/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t page_offset(uint64_t at)
{
    return (size_t)at & (weir__os_page_size() - 1);
}

/* Without reservation: of a copy on write, a program of many gigabytes writes little. */
void *weir__os_file_map(int file, uint64_t offset, size_t size, bool writable)
{
    weir__assert(size > 0);
    size_t lead = page_offset(offset);
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    if (size > PTRDIFF_MAX - lead || offset > INT64_MAX) {
        errno = EOVERFLOW;
        return NULL;
    }
    char *base = mmap(NULL, lead + size, protection, MAP_PRIVATE | MAP_NORESERVE, file,
                      (off_t)(offset - lead));
    return base == MAP_FAILED ? NULL : base + lead;
}

void weir__os_file_unmap(void *data, size_t size)
{
    size_t lead = page_offset((uintptr_t)data);
    weir__os_unmap((char *)data - lead, lead + size);
}

/* As the kernel decides it (can_do_mincore), as far as a program can tell. */
bool weir__os_file_residence_is_told(int file)
{
    char path[32];
    struct stat status;
    int saved = errno;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    bool told = (fstat(file, &status) == 0 && status.st_uid == geteuid()) ||
                faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
    errno = saved;
    return told;
}
