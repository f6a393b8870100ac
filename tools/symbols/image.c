#include "tools/symbols/image.h"

#include <string.h>

/* -- tables ----------------------------------------------------------------------------------- */

static bool within(const struct image *image, uint64_t offset, uint64_t bytes)
{
    return offset <= image->size && bytes <= image->size - offset;
}

static bool table_within(const struct image *image, uint64_t offset, uint64_t n, size_t size)
{
    return offset <= image->size && n <= (image->size - offset) / size;
}

Elf64_Phdr image_segment(const struct image *image, size_t i)
{
    Elf64_Phdr segment;
    memcpy(&segment, image->bytes + image->segments + i * sizeof segment, sizeof segment);
    return segment;
}

static Elf64_Shdr section_at(const struct image *image, size_t i)
{
    Elf64_Shdr section;
    memcpy(&section, image->bytes + image->sections + i * sizeof section, sizeof section);
    return section;
}

/* Where there are 65535 and more, the first section says how many. */
static void sections_open(struct image *image)
{
    const Elf64_Ehdr *h = &image->header;
    image->sections = h->e_shoff;
    if (h->e_shentsize != sizeof(Elf64_Shdr) || !h->e_shoff ||
        !table_within(image, h->e_shoff, 1, sizeof(Elf64_Shdr)))
        return;
    uint64_t n = h->e_shnum ? h->e_shnum : section_at(image, 0).sh_size;
    if (table_within(image, h->e_shoff, n, sizeof(Elf64_Shdr)))
        image->nsections = (size_t)n;
}

static void segments_open(struct image *image)
{
    const Elf64_Ehdr *h = &image->header;
    uint64_t n = h->e_phnum;
    if (n == PN_XNUM && image->nsections)
        n = section_at(image, 0).sh_info;
    image->segments = h->e_phoff;
    if (h->e_phentsize == sizeof(Elf64_Phdr) &&
        table_within(image, h->e_phoff, n, sizeof(Elf64_Phdr)))
        image->nsegments = (size_t)n;
}

const char *image_open(struct image *image, const void *bytes, size_t size)
{
    *image = (struct image){.bytes = bytes, .size = size};
    if (size < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0)
        return "it is not an ELF file";
    if (size < sizeof image->header)
        return "it is cut short";
    memcpy(&image->header, bytes, sizeof image->header);
    if (image->header.e_ident[EI_CLASS] != ELFCLASS64 ||
        image->header.e_ident[EI_DATA] != ELFDATA2LSB)
        return "it is of a machine of another word size or byte order";
    if (image->header.e_type != ET_EXEC && image->header.e_type != ET_DYN)
        return "it is neither a program nor a shared library";
    sections_open(image);
    segments_open(image);
    return image->nsegments ? NULL : "it is damaged: no program headers in it";
}

/* -- addresses ----------------------------------------------------------------------------------
 */

bool image_runs(const struct image *image, uint64_t address)
{
    for (size_t i = 0; i < image->nsegments; i++) {
        Elf64_Phdr segment = image_segment(image, i);
        if (segment.p_type == PT_LOAD && segment.p_flags & PF_X && address >= segment.p_vaddr &&
            address - segment.p_vaddr < segment.p_memsz)
            return true;
    }
    return false;
}

uint64_t image_end(const struct image *image)
{
    uint64_t end = 0;
    for (size_t i = 0; i < image->nsegments; i++) {
        Elf64_Phdr segment = image_segment(image, i);
        if (segment.p_type == PT_LOAD && segment.p_vaddr + segment.p_memsz > end)
            end = segment.p_vaddr + segment.p_memsz;
    }
    return end;
}

const unsigned char *image_at(const struct image *image, uint64_t address, uint64_t *n)
{
    for (size_t i = 0; i < image->nsegments; i++) {
        Elf64_Phdr segment = image_segment(image, i);
        if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
            address - segment.p_vaddr >= segment.p_filesz ||
            !within(image, segment.p_offset, segment.p_filesz))
            continue;
        uint64_t inside = address - segment.p_vaddr;
        if (*n > segment.p_filesz - inside)
            *n = segment.p_filesz - inside;
        return image->bytes + segment.p_offset + inside;
    }
    return NULL;
}

/* -- sections ------------------------------------------------------------------------------------
 */

/* NULL: it has none that ends within the file. */
static const char *section_name(const struct image *image, const Elf64_Shdr *section)
{
    size_t names = image->header.e_shstrndx;
    if (names == SHN_XINDEX)
        names = section_at(image, 0).sh_link;
    if (names >= image->nsections)
        return NULL;
    Elf64_Shdr table = section_at(image, names);
    if (!within(image, table.sh_offset, table.sh_size) || section->sh_name >= table.sh_size)
        return NULL;
    const char *name = (const char *)image->bytes + table.sh_offset + section->sh_name;
    return memchr(name, '\0', table.sh_size - section->sh_name) ? name : NULL;
}

bool image_section(const struct image *image, const char *name, uint32_t type, Elf64_Shdr *header)
{
    for (size_t i = 1; i < image->nsections; i++) {
        *header = section_at(image, i);
        if (header->sh_type == SHT_NOBITS || !within(image, header->sh_offset, header->sh_size))
            continue;
        const char *own = name ? section_name(image, header) : NULL;
        if (name ? own && strcmp(own, name) == 0 : header->sh_type == type)
            return true;
    }
    return false;
}

bool image_symbols(const struct image *image, uint32_t type, struct image_symbols *symbols)
{
    Elf64_Shdr table, names;
    *symbols = (struct image_symbols){0};
    if (!image_section(image, NULL, type, &table) || table.sh_entsize != sizeof(Elf64_Sym) ||
        table.sh_link >= image->nsections)
        return false;
    names = section_at(image, table.sh_link);
    if (names.sh_type != SHT_STRTAB || !within(image, names.sh_offset, names.sh_size))
        return false;
    symbols->at = image->bytes + table.sh_offset;
    symbols->n = table.sh_size / sizeof(Elf64_Sym);
    symbols->names = (const char *)image->bytes + names.sh_offset;
    const char *last = memrchr(symbols->names, '\0', names.sh_size);
    symbols->nnames = last ? (size_t)(last - symbols->names) + 1 : 0;
    return symbols->n > 0;
}

Elf64_Sym image_symbol(const struct image_symbols *symbols, size_t i, const char **name)
{
    Elf64_Sym symbol;
    memcpy(&symbol, symbols->at + i * sizeof symbol, sizeof symbol);
    *name = symbol.st_name < symbols->nnames ? symbols->names + symbol.st_name : "";
    return symbol;
}

/* -- who it is -----------------------------------------------------------------------------------
 */

static size_t notes_build_id(const unsigned char *notes, uint64_t size, const unsigned char **id)
{
    Elf64_Nhdr note;
    while (size >= sizeof note) {
        memcpy(&note, notes, sizeof note);
        uint64_t name = ((uint64_t)note.n_namesz + 3) & ~(uint64_t)3;
        uint64_t whole = sizeof note + name + (((uint64_t)note.n_descsz + 3) & ~(uint64_t)3);
        if (sizeof note + name + note.n_descsz > size)
            return 0;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + sizeof note, "GNU", 4) == 0) {
            *id = notes + sizeof note + name;
            return note.n_descsz;
        }
        if (whole > size)
            return 0;
        notes += whole;
        size -= whole;
    }
    return 0;
}

/* A debug file has the section alone: its segments have no bytes. */
size_t image_build_id(const struct image *image, const unsigned char **id)
{
    Elf64_Shdr section;
    size_t length = 0;
    if (image_section(image, ".note.gnu.build-id", 0, &section))
        length = notes_build_id(image->bytes + section.sh_offset, section.sh_size, id);
    for (size_t i = 0; i < image->nsegments && !length; i++) {
        Elf64_Phdr segment = image_segment(image, i);
        if (segment.p_type == PT_NOTE && within(image, segment.p_offset, segment.p_filesz))
            length = notes_build_id(image->bytes + segment.p_offset, segment.p_filesz, id);
    }
    return length;
}

const char *image_debug_link(const struct image *image, uint32_t *crc)
{
    Elf64_Shdr section;
    if (!image_section(image, ".gnu_debuglink", 0, &section))
        return NULL;
    const char *name = (const char *)image->bytes + section.sh_offset;
    const char *end = memchr(name, '\0', section.sh_size);
    if (!end || end == name || memchr(name, '/', (size_t)(end - name)))
        return NULL;
    size_t at = ((size_t)(end - name) + 4) & ~(size_t)3;
    if (at > section.sh_size || section.sh_size - at < sizeof *crc)
        return NULL;
    memcpy(crc, name + at, sizeof *crc);
    return name;
}
