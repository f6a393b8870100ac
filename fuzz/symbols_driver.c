/*
 * fuzz/symbols_driver.c - runs fuzz/symbols.c where there is no fuzzing engine: on the files named,
 * else on this program's own file, cut and changed in some thousand ways, the same each time. The
 * bytes end where a page without rights begins.
 */
#include "fuzz/target.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROOM ((size_t)8 << 20)

static uint64_t state = 1;
static unsigned char *room; /* ROOM bytes, then none */

static uint64_t below(uint64_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return n ? (state >> 24) % n : 0;
}

static void room_make(void)
{
    room = mmap(NULL, ROOM + 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || mprotect(room + ROOM, 65536, PROT_NONE) != 0)
        exit(77);
}

static unsigned char *file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = malloc(ROOM);
    if (!file || !bytes) {
        perror(path);
        exit(1);
    }
    *size = fread(bytes, 1, ROOM, file);
    fclose(file);
    return bytes;
}

/* Numbers where something turns, into the headers and tables mostly. */
static void change(unsigned char *bytes, size_t size)
{
    static const uint64_t values[] = {0,          1,         8,          0xff,          0x7fffffff,
                                      UINT32_MAX, INT64_MAX, UINT64_MAX, UINT64_MAX - 7};
    Elf64_Ehdr header;
    memcpy(&header, bytes, sizeof header);
    uint64_t at = below(size), value = values[below(sizeof values / sizeof *values)];
    size_t width = (size_t)1 << below(4);
    switch (below(4)) {
    case 0:
        at = 16 + below(sizeof header - 16);
        break;
    case 1:
        at = sizeof header + below(56 * 13);
        break;
    case 2:
        at = header.e_shoff + below(64 * 40);
        break;
    default:
        break;
    }
    if (below(3) == 0)
        value = below(size + 64);
    if (at < size && width <= size - at)
        memcpy(bytes + at, &value, width);
}

static int run(const unsigned char *bytes, size_t size, unsigned changes)
{
    unsigned char *at = room + ROOM - size;
    memcpy(at, bytes, size);
    if (size > sizeof(Elf64_Ehdr))
        for (; changes > 0; changes--)
            change(at, size);
    return LLVMFuzzerTestOneInput(at, size);
}

int main(int argc, char **argv)
{
    size_t size;
    unsigned char *bytes;
    room_make();
    for (int i = 1; i < argc; i++) {
        bytes = file_read(argv[i], &size);
        run(bytes, size, 0);
        free(bytes);
    }
    if (argc > 1)
        return 0;
    bytes = file_read("/proc/self/exe", &size);
    unsigned read = 0, rounds = getenv("WEIR_TEST_SLOW") ? 300 : 6000;
    if (size == ROOM || run(bytes, size, 0) != 1)
        return 1; /* this file is a good one */
    for (unsigned i = 0; i < rounds; i++)
        read += run(bytes, below(3) ? size : below(size), (unsigned)below(8)) == 1;
    for (size_t cut = 0; cut < 2000 && cut < size; cut++)
        run(bytes, cut, 0);
    free(bytes);
    printf("%u of %u files read\n", read, rounds);
    return read > rounds / 4 ? 0 : 1;
}
