/*
 * fuzz/symbols.c - the reader of ELF files on any bytes: all that it has is read, and addresses are
 * looked up that the file names and others. No read lies outside the bytes: behind them are
 * pages without rights here (fuzz/symbols_driver.c), the sanitizer's under clang's fuzzer. With
 * clang: make fuzz FUZZ_TARGETS=symbols
 */
#include "fuzz/target.h"
#include "tools/symbols/frames.h"

#include <stdlib.h>
#include <string.h>

#define SYMBOLS_MOST 2000 /* more only costs time */

static uint64_t sum; /* of what was read, so that it is read */

static void touch(const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum += ((const unsigned char *)bytes)[i];
}

static void look(struct frames *frames, uint64_t address)
{
    uint64_t start = 0, bytes = 0;
    if (frames_find(frames, address, &start, &bytes) &&
        (address < start || address - start >= bytes))
        abort(); /* a function that does not have the address */
    uint64_t n = 8;
    const unsigned char *at = image_at(frames->image, address, &n);
    if (at)
        touch(at, n);
    sum += image_runs(frames->image, address);
}

static void look_at_table(const struct image *image, struct frames *frames, uint32_t type)
{
    struct image_symbols symbols;
    if (!image_symbols(image, type, &symbols))
        return;
    for (size_t i = 0; i < symbols.n && i < SYMBOLS_MOST; i++) {
        const char *name;
        Elf64_Sym symbol = image_symbol(&symbols, i, &name);
        touch(name, strlen(name));
        look(frames, symbol.st_value);
        look(frames, symbol.st_value + symbol.st_size - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image image;
    struct frames frames;
    const unsigned char *id;
    uint32_t crc;
    if (image_open(&image, data, size) != NULL)
        return 0;
    frames_open(&frames, &image);
    size_t length = image_build_id(&image, &id);
    if (length)
        touch(id, length);
    const char *link = image_debug_link(&image, &crc);
    if (link)
        touch(link, strlen(link));
    look_at_table(&image, &frames, SHT_SYMTAB);
    look_at_table(&image, &frames, SHT_DYNSYM);
    for (size_t i = 0; i < frames.n && i < SYMBOLS_MOST; i++) {
        int32_t function;
        memcpy(&function, frames.table + 8 * i, sizeof function);
        look(&frames, frames.header + (uint64_t)(int64_t)function);
    }
    uint64_t end = image_end(&image);
    for (uint64_t i = 0; i < 64; i++)
        look(&frames, end / 64 * i);
    return 1;
}
