/*
 * tools/symbols/image.h - an ELF file in memory: segments, sections, symbols, build id, and the
 * name of a debug file. Nothing in the file is believed: an offset that leads out of it is as if
 * the thing were not there, so that any bytes can be read. ELF of 64 bits, the least byte first, as
 * all machines of weir's are. Owns nothing: the bytes are the caller's, who keeps them. No state;
 * any thread.
 */
#ifndef WEIR_TOOLS_SYMBOLS_IMAGE_H
#define WEIR_TOOLS_SYMBOLS_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
    const unsigned char *bytes;
    size_t size;
    size_t nsegments, nsections;
    uint64_t segments, sections; /* offsets of the tables, which lie within */
    Elf64_Ehdr header;
};

/* A table of symbols with its names, which all end within it. */
struct image_symbols {
    const unsigned char *at;
    size_t n;
    const char *names;
    size_t nnames;
};

/* NULL, or what is wrong with the file. */
const char *image_open(struct image *image, const void *bytes, size_t size);

/* The i-th program header, i < nsegments. */
Elf64_Phdr image_segment(const struct image *image, size_t i);

/* Does a segment with code have the address? */
bool image_runs(const struct image *image, uint64_t address);

/* One behind the greatest address of a segment. */
uint64_t image_end(const struct image *image);

/* What the file has at an address: *n bytes at most, then fewer, or NULL. */
const unsigned char *image_at(const struct image *image, uint64_t address, uint64_t *n);

/* The first section of that name or, without one, type that lies in the file. */
bool image_section(const struct image *image, const char *name, uint32_t type, Elf64_Shdr *header);

/* type: SHT_SYMTAB, SHT_DYNSYM. */
bool image_symbols(const struct image *image, uint32_t type, struct image_symbols *symbols);

/* The i-th, i < n; *name is "" where it has none. */
Elf64_Sym image_symbol(const struct image_symbols *symbols, size_t i, const char **name);

/* Its length, or 0. */
size_t image_build_id(const struct image *image, const unsigned char **id);

/* The name of its debug file with the check sum that this has; NULL: it names none. */
const char *image_debug_link(const struct image *image, uint32_t *crc);

#endif
