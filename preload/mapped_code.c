/* preload/mapped_code.c - see mapped_code.h. */
#include "preload/mapped_code.h"

#include "base/elf_file.h"
#include "observe/modules.h"

#include <stdio.h>
#include <unistd.h>

void preload_mapped_code(const void *address, size_t bytes, int file, uint64_t offset)
{
    struct weir__elf_file elf;
    char link[32], path[WEIR__MODULE_PATH_MOST];
    unsigned char id[WEIR__BUILD_ID_MOST];
    if (file < 0 || !weir__elf_open(&elf, file))
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    uint64_t in_file = weir__elf_code_address(&elf, offset), first = (uintptr_t)address;
    if (length <= 0 || !in_file || in_file > first)
        return;
    weir__module_piece_write(
        &(struct weir__module_piece){.base = first - in_file,
                                     .whole = weir__elf_end(&elf),
                                     .first = first,
                                     .bytes = bytes,
                                     .path = path,
                                     .path_length = (size_t)length,
                                     .id = id,
                                     .id_length = weir__elf_build_id(&elf, id, sizeof id)});
}
