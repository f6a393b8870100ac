/*
 * base/elf_file.h - an ELF file of this machine's kind, read piece by piece: its
 * interpreter, the libraries it asks for, the names it defines. Believes nothing it reads:
 * a damaged file has none of them. No state, no allocation, no lock, as program_file.h.
 */
#ifndef WEIR_BASE_ELF_FILE_H
#define WEIR_BASE_ELF_FILE_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir__elf_file {
    int file;
    ElfW(Ehdr) header;
    ElfW(Phdr) interpreter, dynamic; /* p_type PT_NULL: it has none */
    uint64_t strings, strings_size;  /* of the dynamic section, as offset in the file */
    uint64_t symbols, hash;          /* offsets, hash of DT_GNU_HASH; 0: none */
};

/* False: not this machine's kind. */
bool weir__elf_open(struct weir__elf_file *elf, int file);

/* The path of its loader; false if it has none. */
bool weir__elf_interpreter(const struct weir__elf_file *elf, char *path, size_t room);

/* The name of the index-th library it asks for; false: there are fewer. */
bool weir__elf_needed(const struct weir__elf_file *elf, unsigned index, char *name, size_t room);

/* Does it define that name for the loader? */
bool weir__elf_exports(const struct weir__elf_file *elf, const char *name);

/* The file's own address of what lies at that offset in a segment of code; 0: no such segment. */
uint64_t weir__elf_code_address(const struct weir__elf_file *elf, uint64_t offset);

/* Where its segments end, by its own addresses. */
uint64_t weir__elf_end(const struct weir__elf_file *elf);

/* Its length; 0: it has none, or a longer one. */
size_t weir__elf_build_id(const struct weir__elf_file *elf, unsigned char *id, size_t room);

/* Is `name` in one of its tables of names, for the linker or the loader? Reads all of them. */
bool weir__elf_mentions(const struct weir__elf_file *elf, const char *name);

#endif
