/* ELF files that are made here, whole and damaged in one place: what is read of each. */
#include "base/elf_file.h"

#include "../helpers/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__aarch64__)

enum { BASE = 0x10000, NAMES = 64, ID = 20 };
enum { LOADED, ASKS, DYNAMIC, NOTES, PARTS };                            /* its segments */
enum { AT_STRINGS, STRINGS_SIZE, AT_SYMBOLS, AT_HASH, NEEDED, ENTRIES }; /* its dynamic section */

/* A library with one name of its own, "malloc". It is loaded at BASE, all of it. */
static struct image {
    ElfW(Ehdr) header;
    ElfW(Phdr) parts[PARTS];
    ElfW(Dyn) entries[ENTRIES + 1];
    ElfW(Sym) symbols[3];
    struct {
        uint32_t buckets, first, words, shift;
        ElfW(Addr) filter;
        uint32_t bucket, chain[2];
    } hash;
    char interpreter[16], names[NAMES];
    struct {
        ElfW(Nhdr) other;
        char other_name[4];
        ElfW(Nhdr) head;
        char name[4];
        unsigned char id[ID];
    } notes;
    ElfW(Shdr) sections[2];
} image;

static FILE *file;
static struct weir__elf_file elf;

#define OFFSET(member) offsetof(struct image, member)

static void part_set(unsigned which, uint32_t type, size_t offset, size_t size)
{
    image.parts[which] = (ElfW(Phdr)){.p_type = type,
                                      .p_flags = PF_X,
                                      .p_offset = offset,
                                      .p_vaddr = BASE + offset,
                                      .p_filesz = size,
                                      .p_memsz = size};
}

static void entry_set(unsigned which, int tag, uint64_t value)
{
    image.entries[which].d_tag = tag;
    image.entries[which].d_un.d_val = value;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static void image_make(void)
{
    memset(&image, 0, sizeof image);
    memcpy(image.header.e_ident, ELFMAG, SELFMAG);
    image.header.e_ident[EI_CLASS] = ELFCLASS64;
    image.header.e_ident[EI_DATA] = ELFDATA2LSB;
#if defined(__x86_64__)
    image.header.e_machine = EM_X86_64;
#else
    image.header.e_machine = EM_AARCH64;
#endif
    image.header.e_phoff = OFFSET(parts);
    image.header.e_phentsize = sizeof *image.parts;
    image.header.e_phnum = PARTS;
    image.header.e_shoff = OFFSET(sections);
    image.header.e_shentsize = sizeof *image.sections;
    image.header.e_shnum = 2;
    part_set(LOADED, PT_LOAD, 0, sizeof image);
    part_set(ASKS, PT_INTERP, OFFSET(interpreter), sizeof image.interpreter);
    part_set(DYNAMIC, PT_DYNAMIC, OFFSET(entries), sizeof image.entries);
    part_set(NOTES, PT_NOTE, OFFSET(notes), sizeof image.notes);
    entry_set(AT_STRINGS, DT_STRTAB, BASE + OFFSET(names));
    entry_set(STRINGS_SIZE, DT_STRSZ, NAMES);
    entry_set(AT_SYMBOLS, DT_SYMTAB, BASE + OFFSET(symbols));
    entry_set(AT_HASH, DT_GNU_HASH, BASE + OFFSET(hash));
    entry_set(NEEDED, DT_NEEDED, 8);
    memcpy(image.names, "\0malloc\0libother.so\0inside", 27);
    image.symbols[1] = (ElfW(Sym)){.st_name = 8, .st_shndx = 1};
    image.symbols[2] = (ElfW(Sym)){.st_name = 1, .st_shndx = 1};
    image.hash.buckets = image.hash.first = image.hash.words = image.hash.bucket = 1;
    image.hash.filter = UINT64_MAX;
    image.hash.chain[0] = hash_of("other") & ~1u;
    image.hash.chain[1] = hash_of("malloc") | 1;
    memcpy(image.interpreter, "/lib/ld.so", 11);
    image.notes.other = (ElfW(Nhdr)){.n_namesz = 4, .n_descsz = 0, .n_type = NT_GNU_ABI_TAG};
    image.notes.head = (ElfW(Nhdr)){.n_namesz = 4, .n_descsz = ID, .n_type = NT_GNU_BUILD_ID};
    memcpy(image.notes.name, "GNU", 4);
    memset(image.notes.id, 7, ID);
    image.sections[0].sh_type = SHT_PROGBITS;
    image.sections[1] =
        (ElfW(Shdr)){.sh_type = SHT_STRTAB, .sh_offset = OFFSET(names), .sh_size = NAMES};
}

/* The image as it is now, in the file. */
static bool opened(void)
{
    cr_assert_eq(pwrite(fileno(file), &image, sizeof image, 0), (ssize_t)sizeof image);
    return weir__elf_open(&elf, fileno(file));
}

static void setup(void)
{
    file = tmpfile();
    cr_assert_not_null(file);
    image_make();
}

static void teardown(void)
{
    fclose(file);
}

TestSuite(elf_file, .init = setup, .fini = teardown);

static bool exports(void)
{
    bool found = opened() && weir__elf_exports(&elf, "malloc");
    image_make();
    return found;
}

static size_t id_length(size_t room)
{
    unsigned char id[ID] = {0};
    size_t length = opened() ? weir__elf_build_id(&elf, id, room) : 0;
    cr_expect(!length || (id[0] == 7 && id[ID - 1] == 7));
    image_make();
    return length;
}

Test(elf_file, a_whole_one)
{
    char text[32];
    unsigned char id[ID];
    cr_assert(opened());
    cr_expect(weir__elf_interpreter(&elf, text, sizeof text));
    cr_expect_str_eq(text, "/lib/ld.so");
    cr_expect(weir__elf_interpreter(&elf, text, 5));
    cr_expect_str_eq(text, "/lib", "cut");
    cr_expect(weir__elf_needed(&elf, 0, text, sizeof text));
    cr_expect_str_eq(text, "libother.so");
    cr_expect_not(weir__elf_needed(&elf, 1, text, sizeof text));
    cr_expect(weir__elf_exports(&elf, "malloc"));
    cr_expect_not(weir__elf_exports(&elf, "other"), "its hash is there, its name is another");
    cr_expect_not(weir__elf_exports(&elf, "free"));
    cr_expect_eq(weir__elf_code_address(&elf, 100), BASE + 100);
    cr_expect_eq(weir__elf_code_address(&elf, sizeof image), 0);
    cr_expect_eq(weir__elf_end(&elf), BASE + sizeof image);
    cr_expect_eq(weir__elf_build_id(&elf, id, sizeof id), ID);
    cr_expect(weir__elf_mentions(&elf, "malloc"));
    cr_expect(weir__elf_mentions(&elf, "inside"));
    cr_expect_not(weir__elf_mentions(&elf, "nside"), "whole names only");
    cr_expect_not(weir__elf_mentions(&elf, "a_name_of_more_than_thirty_bytes"));
}

Test(elf_file, another_kind_of_file)
{
    image.header.e_ident[0] = 'x';
    cr_expect_not(opened());
    image_make();
    image.header.e_ident[EI_CLASS] = ELFCLASS32;
    cr_expect_not(opened());
    image_make();
    image.header.e_ident[EI_DATA] = ELFDATA2MSB;
    cr_expect_not(opened());
    image_make();
    image.header.e_machine = EM_SPARC;
    cr_expect_not(opened());
    cr_assert_eq(ftruncate(fileno(file), sizeof image.header - 1), 0);
    cr_expect_not(weir__elf_open(&elf, fileno(file)));
    cr_expect_not(weir__elf_open(&elf, -1));
}

Test(elf_file, segments_that_are_not_there)
{
    char text[32];
    image.header.e_phoff = UINT64_MAX / 2 + 1;
    cr_assert(opened());
    cr_expect_eq(weir__elf_end(&elf), 0, "an offset that no file has");
    cr_expect_eq(weir__elf_code_address(&elf, 100), 0);
    cr_expect_not(weir__elf_interpreter(&elf, text, sizeof text));
    cr_expect_not(weir__elf_needed(&elf, 0, text, sizeof text));
    image_make();
    image.header.e_phnum = 0xffff;
    image.header.e_phentsize = 0; /* the first again and again */
    cr_assert(opened());
    cr_expect_eq(weir__elf_end(&elf), BASE + sizeof image);
    cr_expect_eq(weir__elf_code_address(&elf, sizeof image), 0);
    image_make();
    image.parts[LOADED].p_flags = PF_R;
    cr_assert(opened());
    cr_expect_eq(weir__elf_code_address(&elf, 100), 0, "no code");
    image_make();
    image.parts[LOADED].p_offset = 200;
    cr_assert(opened());
    cr_expect_eq(weir__elf_code_address(&elf, 100), 0, "before it");
    cr_expect_eq(weir__elf_code_address(&elf, 200), BASE);
}

Test(elf_file, an_interpreter_that_cannot_be_read)
{
    char text[32] = "x";
    image.parts[ASKS].p_offset = sizeof image;
    cr_assert(opened());
    cr_expect_not(weir__elf_interpreter(&elf, text, sizeof text));
    cr_expect_str_eq(text, "");
    image.parts[ASKS].p_offset = UINT64_MAX;
    cr_assert(opened());
    cr_expect_not(weir__elf_interpreter(&elf, text, sizeof text));
    image.parts[ASKS].p_offset = OFFSET(interpreter);
    image.parts[ASKS].p_filesz = 0;
    cr_assert(opened());
    cr_expect_not(weir__elf_interpreter(&elf, text, sizeof text));
    image.parts[ASKS].p_type = PT_NULL;
    cr_assert(opened());
    cr_expect_not(weir__elf_interpreter(&elf, text, sizeof text));
}

Test(elf_file, names_outside_of_their_table)
{
    char text[32];
    entry_set(NEEDED, DT_NEEDED, NAMES);
    cr_assert(opened());
    cr_expect_not(weir__elf_needed(&elf, 0, text, sizeof text));
    image_make();
    entry_set(AT_STRINGS, DT_STRTAB, BASE - 1);
    cr_assert(opened());
    cr_expect_not(weir__elf_needed(&elf, 0, text, sizeof text), "before all segments");
    image_make();
    entry_set(AT_STRINGS, DT_STRTAB, BASE + sizeof image);
    cr_assert(opened());
    cr_expect_not(weir__elf_needed(&elf, 0, text, sizeof text), "behind all segments");
    image_make();
    image.parts[DYNAMIC].p_filesz = 4 * sizeof *image.entries;
    cr_assert(opened());
    cr_expect_not(weir__elf_needed(&elf, 0, text, sizeof text), "the section ends before");
    image_make();
    image.parts[DYNAMIC].p_offset = sizeof image - 1;
    cr_assert(opened());
    cr_expect_not(weir__elf_needed(&elf, 0, text, sizeof text), "the file ends before");
}

Test(elf_file, a_damaged_hash_has_no_names)
{
    image.hash.buckets = 0;
    cr_expect_not(exports());
    image.hash.words = 0;
    cr_expect_not(exports());
    image.hash.filter = 0;
    cr_expect_not(exports());
    image.hash.filter = UINT64_C(1) << hash_of("malloc") % 64;
    image.hash.shift = 5;
    cr_assert_neq((hash_of("malloc") >> 5) % 64, hash_of("malloc") % 64);
    cr_expect_not(exports(), "one of two bits");
    image.hash.bucket = 0;
    cr_expect_not(exports(), "an empty bucket");
    image.hash.chain[0] |= 1;
    cr_expect_not(exports(), "the chain ends before");
    image.hash.bucket = UINT32_MAX;
    cr_expect_not(exports(), "a chain outside of the file");
    image.hash.buckets = UINT32_MAX;
    cr_expect_not(exports(), "buckets outside of the file");
    image.hash.words = UINT32_MAX;
    cr_expect_not(exports(), "buckets behind a filter outside of the file");
    image.symbols[2].st_shndx = SHN_UNDEF;
    cr_expect_not(exports(), "of another library");
    image.symbols[2].st_name = NAMES;
    cr_expect_not(exports(), "without a name");
    entry_set(AT_SYMBOLS, DT_SYMTAB, BASE + sizeof image - 1);
    cr_expect_not(exports(), "symbols outside of the file");
    entry_set(AT_SYMBOLS, DT_SYMTAB, 0);
    cr_expect_not(exports(), "no symbols");
    entry_set(AT_HASH, DT_GNU_HASH, 0);
    cr_expect_not(exports(), "no hash");
    entry_set(AT_HASH, DT_GNU_HASH, BASE + sizeof image - 4);
    cr_expect_not(exports(), "a hash that the file ends in");
    entry_set(AT_STRINGS, DT_STRTAB, 0);
    cr_expect_not(exports(), "no names");
    cr_expect(exports());
}

Test(elf_file, a_damaged_note_has_no_id)
{
    cr_expect_eq(id_length(ID), ID);
    cr_expect_eq(id_length(ID - 1), 0, "no room");
    image.notes.head.n_type = NT_GNU_ABI_TAG;
    cr_expect_eq(id_length(ID), 0);
    image.notes.head.n_namesz = 5;
    cr_expect_eq(id_length(ID), 0);
    image.notes.name[0] = 'g';
    cr_expect_eq(id_length(ID), 0);
    /* Failed before: rounded up in 32 bits both were 0, and the next note was read. */
    image.notes.other.n_descsz = UINT32_MAX;
    cr_expect_eq(id_length(ID), 0, "behind a note that ends outside of the file");
    image.notes.other.n_namesz = UINT32_MAX - 2;
    cr_expect_eq(id_length(ID), 0, "behind a name that does");
    image.parts[NOTES].p_filesz = sizeof image.notes.head - 1;
    cr_expect_eq(id_length(ID), 0, "too short for one");
    image.parts[NOTES].p_offset = sizeof image - 1;
    cr_expect_eq(id_length(ID), 0, "the file ends in its head");
    image.parts[NOTES].p_offset = UINT64_MAX - 8;
    cr_expect_eq(id_length(ID), 0, "outside of every file");
}

Test(elf_file, damaged_sections_mention_nothing)
{
    image.header.e_shnum = 1;
    cr_expect(opened() && !weir__elf_mentions(&elf, "malloc"));
    image_make();
    image.header.e_shoff = sizeof image;
    cr_expect(opened() && !weir__elf_mentions(&elf, "malloc"));
    image_make();
    image.header.e_shnum = 0xffff;
    image.header.e_shentsize = 0; /* one that is no table of names, again and again */
    cr_expect(opened() && !weir__elf_mentions(&elf, "malloc"));
    image_make();
    image.sections[1].sh_offset = sizeof image;
    cr_expect(opened() && !weir__elf_mentions(&elf, "malloc"));
    image_make();
    image.sections[1].sh_size = 7; /* one byte less than the name has, with its zeros */
    cr_expect(opened() && !weir__elf_mentions(&elf, "malloc"));
    image_make();
    image.sections[1].sh_size = 8;
    cr_expect(opened() && weir__elf_mentions(&elf, "malloc"));
}

/* Read in pieces: wherever the name lies, it is found. */
Test(elf_file, a_long_table_of_names)
{
    static char names[3 * 2048];
    image.sections[1].sh_offset = sizeof image;
    image.sections[1].sh_size = sizeof names;
    for (size_t at = 2040; at < 2050; at++) {
        memset(names, 'x', sizeof names);
        memcpy(names + at, "\0malloc", 8);
        cr_assert(opened());
        cr_assert_eq(pwrite(fileno(file), names, sizeof names, sizeof image),
                     (ssize_t)sizeof names);
        cr_expect(weir__elf_mentions(&elf, "malloc"), "%zu", at);
        cr_expect_not(weir__elf_mentions(&elf, "calloc"));
    }
}

#endif
