/*
 * fuzz/memory_file.h - bytes as a file with a name, which is never on a disk. One at a time.
 */
#ifndef WEIR_FUZZ_MEMORY_FILE_H
#define WEIR_FUZZ_MEMORY_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The name of a file with these bytes, until the next call; ends the program where there is none.
 */
static inline const char *memory_file(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[40];
    if (file < 0) {
        file = memfd_create("weir-fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    if (file < 0 || ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size)
        exit(77);
    return path;
}

#endif
