/*
 * base/elf_file.c - see elf_file.h. Every offset comes from the file and may be anything:
 * each is read by pread, which fails outside the file, and every loop is bounded.
 */
#include "base/elf_file.h"

#include <string.h>
#include <unistd.h>

#define PARTS_MAX    256  /* program headers looked at */
#define ENTRIES_MAX  4096 /* of the dynamic section */
#define CHAIN_MAX    4096 /* names of one hash bucket */
#define SECTIONS_MAX 512

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE /* any */
#endif

#define CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define DATA  (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

static bool read_at(const struct weir__elf_file *elf, uint64_t offset, void *to, size_t size)
{
    return offset <= INT64_MAX && pread(elf->file, to, size, (off_t)offset) == (ssize_t)size;
}

static bool part_read(const struct weir__elf_file *elf, unsigned index, ElfW(Phdr) * part)
{
    return index < elf->header.e_phnum && index < PARTS_MAX &&
           read_at(elf, elf->header.e_phoff + (uint64_t)index * elf->header.e_phentsize, part,
                   sizeof *part);
}

/* 0: no part of the file is loaded there. */
static uint64_t offset_of(const struct weir__elf_file *elf, uint64_t address)
{
    ElfW(Phdr) part;
    for (unsigned i = 0; part_read(elf, i, &part); i++)
        if (part.p_type == PT_LOAD && address >= part.p_vaddr &&
            address - part.p_vaddr < part.p_filesz)
            return part.p_offset + (address - part.p_vaddr);
    return 0;
}

/* The index-th entry; false beyond the last. */
static bool entry_read(const struct weir__elf_file *elf, unsigned index, ElfW(Dyn) * entry)
{
    uint64_t at = (uint64_t)index * sizeof *entry;
    return elf->dynamic.p_type == PT_DYNAMIC && index < ENTRIES_MAX && at < elf->dynamic.p_filesz &&
           read_at(elf, elf->dynamic.p_offset + at, entry, sizeof *entry) &&
           entry->d_tag != DT_NULL;
}

static void dynamic_read(struct weir__elf_file *elf)
{
    ElfW(Dyn) entry;
    for (unsigned i = 0; entry_read(elf, i, &entry); i++)
        switch (entry.d_tag) {
        case DT_STRTAB:
            elf->strings = offset_of(elf, entry.d_un.d_ptr);
            break;
        case DT_STRSZ:
            elf->strings_size = entry.d_un.d_val;
            break;
        case DT_SYMTAB:
            elf->symbols = offset_of(elf, entry.d_un.d_ptr);
            break;
        case DT_GNU_HASH:
            elf->hash = offset_of(elf, entry.d_un.d_ptr);
            break;
        }
}

bool weir__elf_open(struct weir__elf_file *elf, int file)
{
    ElfW(Phdr) part;
    *elf = (struct weir__elf_file){.file = file};
    const ElfW(Ehdr) *header = &elf->header;
    if (!read_at(elf, 0, &elf->header, sizeof elf->header) ||
        memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != CLASS ||
        header->e_ident[EI_DATA] != DATA || (MACHINE != EM_NONE && header->e_machine != MACHINE))
        return false;
    for (unsigned i = 0; part_read(elf, i, &part); i++)
        if (part.p_type == PT_INTERP)
            elf->interpreter = part;
        else if (part.p_type == PT_DYNAMIC)
            elf->dynamic = part;
    dynamic_read(elf);
    return true;
}

/* Text of at most `most` bytes, cut where `room` ends. */
static bool text_read(const struct weir__elf_file *elf, uint64_t offset, uint64_t most, char *text,
                      size_t room)
{
    size_t wanted = most < room - 1 ? (size_t)most : room - 1;
    ssize_t got = offset <= INT64_MAX ? pread(elf->file, text, wanted, (off_t)offset) : -1;
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

bool weir__elf_interpreter(const struct weir__elf_file *elf, char *path, size_t room)
{
    return elf->interpreter.p_type == PT_INTERP &&
           text_read(elf, elf->interpreter.p_offset, elf->interpreter.p_filesz, path, room);
}

/* A name of the dynamic section's table. */
static bool name_read(const struct weir__elf_file *elf, uint64_t at, char *name, size_t room)
{
    return elf->strings && at < elf->strings_size &&
           text_read(elf, elf->strings + at, elf->strings_size - at, name, room);
}

bool weir__elf_needed(const struct weir__elf_file *elf, unsigned index, char *name, size_t room)
{
    ElfW(Dyn) entry;
    for (unsigned i = 0; entry_read(elf, i, &entry); i++)
        if (entry.d_tag == DT_NEEDED && index-- == 0)
            return name_read(elf, entry.d_un.d_val, name, room);
    return false;
}

/* -- segments ------------------------------------------------------------------------------- */

uint64_t weir__elf_code_address(const struct weir__elf_file *elf, uint64_t offset)
{
    ElfW(Phdr) part;
    for (unsigned i = 0; part_read(elf, i, &part); i++)
        if (part.p_type == PT_LOAD && (part.p_flags & PF_X) && offset >= part.p_offset &&
            offset - part.p_offset < part.p_filesz)
            return part.p_vaddr + (offset - part.p_offset);
    return 0;
}

uint64_t weir__elf_end(const struct weir__elf_file *elf)
{
    ElfW(Phdr) part;
    uint64_t end = 0;
    for (unsigned i = 0; part_read(elf, i, &part); i++)
        if (part.p_type == PT_LOAD && part.p_vaddr + part.p_memsz > end)
            end = part.p_vaddr + part.p_memsz;
    return end;
}

static size_t note_build_id(const struct weir__elf_file *elf, const ElfW(Phdr) * notes,
                            unsigned char *id, size_t room)
{
    ElfW(Nhdr) note;
    char name[4];
    for (uint64_t at = 0; at + sizeof note <= notes->p_filesz;) {
        if (!read_at(elf, notes->p_offset + at, &note, sizeof note))
            return 0;
        uint64_t text = at + sizeof note,
                 what = text + ((note.n_namesz + UINT64_C(3)) & ~UINT64_C(3));
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof name &&
            note.n_descsz <= room && read_at(elf, notes->p_offset + text, name, sizeof name) &&
            memcmp(name, "GNU", sizeof name) == 0 &&
            read_at(elf, notes->p_offset + what, id, note.n_descsz))
            return note.n_descsz;
        at = what + ((note.n_descsz + UINT64_C(3)) & ~UINT64_C(3));
    }
    return 0;
}

size_t weir__elf_build_id(const struct weir__elf_file *elf, unsigned char *id, size_t room)
{
    ElfW(Phdr) part;
    size_t length = 0;
    for (unsigned i = 0; !length && part_read(elf, i, &part); i++)
        if (part.p_type == PT_NOTE)
            length = note_build_id(elf, &part, id, room);
    return length;
}

/* -- names ------------------------------------------------------------------------------- */

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static bool symbol_is(const struct weir__elf_file *elf, uint32_t index, const char *name)
{
    ElfW(Sym) symbol;
    char found[32];
    return read_at(elf, elf->symbols + (uint64_t)index * sizeof symbol, &symbol, sizeof symbol) &&
           symbol.st_shndx != SHN_UNDEF && name_read(elf, symbol.st_name, found, sizeof found) &&
           strcmp(found, name) == 0;
}

/* DT_GNU_HASH: the head, a Bloom filter of words, a bucket for each hash, and a chain of
 * hashes for each bucket, whose last is odd. */
bool weir__elf_exports(const struct weir__elf_file *elf, const char *name)
{
    struct {
        uint32_t buckets, first, words, shift;
    } head;
    ElfW(Addr) word;
    uint32_t index, link, hash = hash_of(name);
    const unsigned bits = 8 * sizeof word;
    if (!elf->hash || !elf->symbols || !read_at(elf, elf->hash, &head, sizeof head) ||
        !head.buckets || !head.words)
        return false;
    uint64_t filter = elf->hash + sizeof head;
    uint64_t buckets = filter + (uint64_t)head.words * sizeof word;
    uint64_t chains = buckets + (uint64_t)head.buckets * sizeof index;
    if (!read_at(elf, filter + hash / bits % head.words * sizeof word, &word, sizeof word) ||
        !(word >> hash % bits & 1) || !(word >> (hash >> (head.shift & 31)) % bits & 1) ||
        !read_at(elf, buckets + hash % head.buckets * sizeof index, &index, sizeof index) ||
        index < head.first)
        return false;
    for (unsigned i = 0; i < CHAIN_MAX; i++, index++) {
        if (!read_at(elf, chains + (uint64_t)(index - head.first) * sizeof link, &link,
                     sizeof link))
            return false;
        if ((link | 1) == (hash | 1) && symbol_is(elf, index, name))
            return true;
        if (link & 1)
            return false;
    }
    return false;
}

/* Is the text, with its zeros, among `size` bytes of the file? */
static bool bytes_have(const struct weir__elf_file *elf, uint64_t offset, uint64_t size,
                       const char *text, size_t length)
{
    char piece[2048];
    while (size >= length) {
        size_t wanted = size < sizeof piece ? (size_t)size : sizeof piece;
        if (!read_at(elf, offset, piece, wanted))
            return false;
        if (memmem(piece, wanted, text, length))
            return true;
        if (wanted == size)
            return false;
        offset += wanted - length + 1;
        size -= wanted - length + 1;
    }
    return false;
}

bool weir__elf_mentions(const struct weir__elf_file *elf, const char *name)
{
    char text[32] = "";
    size_t length = strlen(name) + 2;
    if (length > sizeof text)
        return false;
    memcpy(text + 1, name, length - 1);
    for (unsigned i = 0; i < elf->header.e_shnum && i < SECTIONS_MAX; i++) {
        ElfW(Shdr) part;
        if (!read_at(elf, elf->header.e_shoff + (uint64_t)i * elf->header.e_shentsize, &part,
                     sizeof part))
            return false;
        if (part.sh_type == SHT_STRTAB &&
            bytes_have(elf, part.sh_offset, part.sh_size, text, length))
            return true;
    }
    return false;
}
