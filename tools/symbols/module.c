#include "tools/symbols/module.h"

#include "tools/common/memory.h"
#include "tools/symbols/short.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- functions
 * ------------------------------------------------------------------------------------- */

/* Marks in the code of ARM ("$x", "$d.17") and labels of the compiler. */
static bool is_mark(const char *name)
{
    return !*name || (name[0] == '$' && (!name[2] || name[2] == '.')) ||
           (name[0] == '.' && name[1] == 'L');
}

/* Of names for one place the most public: what binds stronger, then what has a type. */
static uint32_t symbol_rank(const Elf64_Sym *symbol)
{
    unsigned bind = ELF64_ST_BIND(symbol->st_info);
    uint32_t public = bind == STB_LOCAL ? 0 : bind == STB_WEAK ? 1 : 2;
    return 2 * public + (ELF64_ST_TYPE(symbol->st_info) != STT_NOTYPE);
}

static void functions_add(struct module *module, const struct image *where, uint32_t type)
{
    struct image_symbols symbols;
    if (!image_symbols(where, type, &symbols))
        return;
    for (size_t i = 0; i < symbols.n; i++) {
        const char *name;
        Elf64_Sym symbol = image_symbol(&symbols, i, &name);
        unsigned what = ELF64_ST_TYPE(symbol.st_info);
        if ((what != STT_FUNC && what != STT_GNU_IFUNC && what != STT_NOTYPE) ||
            symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS ||
            symbol.st_shndx == SHN_COMMON || is_mark(name) || !image_runs(where, symbol.st_value))
            continue;
        module->functions =
            memory_grow(module->functions, module->nfunctions, sizeof *module->functions);
        module->functions[module->nfunctions++] = (struct function){.start = symbol.st_value,
                                                                    .bytes = symbol.st_size,
                                                                    .symbol = name,
                                                                    .rank = symbol_rank(&symbol)};
    }
}

static size_t underscores(const char *name)
{
    return strspn(name, "_");
}

/* By start; then so that a better name comes later: ranges of greater rank are asked first. */
static int function_compare(const void *left, const void *right)
{
    const struct function *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    size_t first = underscores(a->symbol), second = underscores(b->symbol);
    if (first != second)
        return first > second ? -1 : 1;
    return -strcmp(a->symbol, b->symbol);
}

static void functions_lay_out(struct module *module)
{
    if (module->nfunctions > UINT32_MAX)
        module->nfunctions = UINT32_MAX;
    if (module->nfunctions)
        qsort(module->functions, module->nfunctions, sizeof *module->functions, function_compare);
    for (size_t i = 0; i < module->nfunctions; i++) {
        const struct function *f = &module->functions[i];
        uint64_t end = f->start + f->bytes;
        ranges_add(&module->ranges, f->start, end < f->start ? UINT64_MAX : end, (uint32_t)i,
                   (uint32_t)i);
    }
    ranges_lay_out(&module->ranges);
}

/* -- files ---------------------------------------------------------------------------------------
 */

static bool is_table(const struct mapped *mapped, uint32_t type)
{
    struct image_symbols symbols;
    return mapped->bytes && image_symbols(&mapped->image, type, &symbols);
}

/* A file that is not what the process had mapped is closed. */
static void file_check(struct module *module)
{
    struct symbols_module *about = &module->about;
    mapped_build_id(&module->file, module->found_id);
    bool same = *about->build_id ? strcmp(about->build_id, module->found_id) == 0
                                 : !about->bytes || image_end(&module->file.image) == about->bytes;
    if (same && *about->build_id)
        return;
    about->lacks |= same ? SYMBOLS_UNCHECKED : SYMBOLS_CHANGED;
    if (!same)
        mapped_close(&module->file);
}

static void file_open(struct module *module)
{
    struct symbols_module *about = &module->about;
    const char *why =
        *about->path ? mapped_open(&module->file, about->path) : "the process had no name for it";
    if (!why) {
        file_check(module);
        return;
    }
    about->why = module->why = memory_text(why, strlen(why));
    about->lacks |= strncmp(why, "it is", 5) == 0 ? SYMBOLS_UNREADABLE : SYMBOLS_NO_FILE;
}

/* The debug file has the build id, whatever became of the file. */
static void debug_open(struct module *module, const char *folder)
{
    const struct symbols_module *about = &module->about;
    const char *id = *about->build_id     ? about->build_id
                     : module->file.bytes ? module->found_id
                                          : "";
    if (mapped_debug_by_id(&module->debug, folder, id) ||
        (module->file.bytes && mapped_debug_by_link(&module->debug, folder, &module->file)))
        module->about.debug = module->debug.path;
}

void module_open(struct module *module, const char *folder)
{
    if (module->opened)
        return;
    module->opened = true;
    module->about.found_id = module->found_id;
    file_open(module);
    debug_open(module, folder);
    if (module->file.bytes) {
        frames_open(&module->frames, &module->file.image);
        functions_add(module, &module->file.image, SHT_DYNSYM);
        functions_add(module, &module->file.image, SHT_SYMTAB);
    }
    if (module->debug.bytes)
        functions_add(module, &module->debug.image, SHT_SYMTAB);
    if (module->file.bytes && !is_table(&module->file, SHT_SYMTAB) &&
        !is_table(&module->debug, SHT_SYMTAB))
        module->about.lacks |= SYMBOLS_STRIPPED;
    functions_lay_out(module);
}

void module_close(struct module *module)
{
    lines_close(module->lines);
    ranges_free(&module->ranges);
    free(module->functions);
    mapped_close(&module->file);
    mapped_close(&module->debug);
    free((void *)module->about.path);
    free((void *)module->about.build_id);
    free(module->why);
}

/* -- addresses ------------------------------------------------------------------------------------
 */

/* The best of the symbols that begin there. */
static struct function *function_at(struct module *module, uint64_t start)
{
    size_t low = 0, high = module->nfunctions;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (module->functions[middle].start <= start)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && module->functions[low - 1].start == start ? &module->functions[low - 1]
                                                                : NULL;
}

struct function *module_function(struct module *module, uint64_t address, uint64_t *start,
                                 bool *known)
{
    uint64_t bytes;
    const struct range *range = ranges_find(&module->ranges, address);
    *known = true;
    if (range)
        return &module->functions[range->what];
    *known = module->frames.n && frames_find(&module->frames, address, start, &bytes);
    return *known ? function_at(module, *start) : NULL;
}

size_t module_lines(struct module *module, uint64_t address, struct line *places, size_t most)
{
    if (!module->lines_opened) {
        module->lines_opened = true;
        if (module->debug.bytes)
            module->lines = lines_open(module->debug.path);
        if (!module->lines && module->file.bytes)
            module->lines = lines_open(module->file.path);
        if (!module->lines)
            module->about.lacks |= SYMBOLS_NO_LINES;
    }
    return module->lines ? lines_find(module->lines, address, places, most) : 0;
}
