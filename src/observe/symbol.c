/* observe/symbol.c - see symbol.h. */
#include "observe/symbol.h"

#include "base/bits.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#ifdef DLFO_STRUCT_HAS_EH_DBASE

/* The tables of one object, where the loader has them. */
struct tables {
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *hash, *gnu_hash; /* either may be NULL */
};

typedef __typeof__(_dl_find_object) find_object;
static find_object *find; /* atomic; NULL: the C library has none */

void weir__symbol_ready(void)
{
    find_object *found = NULL;
    void *symbol = dlsym(RTLD_DEFAULT, "_dl_find_object");
    memcpy(&found, &symbol, sizeof found);
    __atomic_store_n(&find, found, __ATOMIC_RELEASE);
}

/* The loader made addresses of them, but in objects that it does not write to. */
static const void *table_at(const struct link_map *map, ElfW(Addr) value)
{
    ElfW(Addr) at = value < map->l_addr ? map->l_addr + value : value;
    return (const void *)at; // NOLINT(performance-no-int-to-ptr)
}

static struct tables tables_of(const struct link_map *map)
{
    struct tables t = {NULL, NULL, NULL, NULL};
    for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_SYMTAB)
            t.symbols = table_at(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_STRTAB)
            t.strings = table_at(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_HASH)
            t.hash = table_at(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_GNU_HASH)
            t.gnu_hash = table_at(map, d->d_un.d_ptr);
    }
    return t;
}

/* Symbols in the table: the last of the longest chain is the last of all. */
static uint32_t gnu_count(const uint32_t *table)
{
    uint32_t nbuckets = table[0], first = table[1], words = table[2] * (sizeof(ElfW(Addr)) / 4);
    const uint32_t *buckets = table + 4 + words, *chains = buckets + nbuckets;
    uint32_t last = 0;
    for (uint32_t i = 0; i < nbuckets; i++)
        last = buckets[i] > last ? buckets[i] : last;
    if (last < first)
        return 0;
    while (!(chains[last - first] & 1))
        last++;
    return last + 1;
}

/* The function that has the byte at this offset in the object; NULL: it exports none. */
static const ElfW(Sym) * function_at(const struct tables *t, ElfW(Addr) offset)
{
    uint32_t count = t->gnu_hash ? gnu_count(t->gnu_hash) : t->hash ? t->hash[1] : 0;
    for (uint32_t i = 0; t->symbols && t->strings && i < count; i++) {
        const ElfW(Sym) *symbol = &t->symbols[i];
        unsigned type = symbol->st_info & 15;
        if (symbol->st_shndx != SHN_UNDEF && (type == STT_FUNC || type == STT_GNU_IFUNC) &&
            offset >= symbol->st_value && offset - symbol->st_value < symbol->st_size)
            return symbol;
    }
    return NULL;
}

static const char *object_name(const struct link_map *map)
{
    const char *path = map->l_name && *map->l_name ? map->l_name : program_invocation_short_name;
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void weir__symbol_text(char text[WEIR__FRAME_TEXT], const void *address)
{
    find_object *ask = __atomic_load_n(&find, __ATOMIC_ACQUIRE);
    struct dl_find_object found;
    char *call = (char *)(uintptr_t)address - 1;
    if (!ask || ask(call, &found) != 0) {
        snprintf(text, WEIR__FRAME_TEXT, "%p", address);
        return;
    }
    const struct link_map *map = found.dlfo_link_map;
    ElfW(Addr) offset = (ElfW(Addr))(uintptr_t)call - map->l_addr;
    struct tables tables = tables_of(map);
    const ElfW(Sym) *symbol = function_at(&tables, offset);
    if (symbol)
        snprintf(text, WEIR__FRAME_TEXT, "%.150s+0x%lx (%.60s+0x%lx)",
                 tables.strings + symbol->st_name, (unsigned long)(offset + 1 - symbol->st_value),
                 object_name(map), (unsigned long)offset);
    else
        snprintf(text, WEIR__FRAME_TEXT, "%.150s+0x%lx", object_name(map), (unsigned long)offset);
}

#else

void weir__symbol_ready(void)
{
}

void weir__symbol_text(char text[WEIR__FRAME_TEXT], const void *address)
{
    snprintf(text, WEIR__FRAME_TEXT, "%p", address);
}

#endif
