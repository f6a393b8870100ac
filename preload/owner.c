/*
 * preload/owner.c - whose malloc serves this process. A program that brings its own
 * (tcmalloc or jemalloc linked in, rustc, chromium) comes before us in every lookup, and
 * our figures are then of nothing. Found out once, in the constructor.
 *
 * A shared tcmalloc or jemalloc comes behind us and loses malloc, but keeps C++'s
 * operators, which we do not have. Where a program gives the C functions a block that new
 * made (malloc_usable_size, mostly), that one answers.
 */
#include "preload/preload.h"

#include "base/elf_file.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct preload_other preload_other;

static bool ours = true;

struct place {
    uintptr_t address;
    const void *file;
};

static int place_look(struct dl_phdr_info *about, size_t size, void *place)
{
    struct place *at = place;
    (void)size;
    for (unsigned i = 0; i < about->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &about->dlpi_phdr[i];
        if (part->p_type == PT_LOAD &&
            at->address - (about->dlpi_addr + part->p_vaddr) < part->p_memsz)
            at->file = about->dlpi_phdr;
    }
    return at->file != NULL;
}

/* Something of the file that has this address in it; NULL: none has. (dladdr looks for a
 * name, too, among all that the file has: 170,000 instructions of every start.) */
static const void *file_of(const void *address)
{
    struct place place = {(uintptr_t)address, NULL};
    dl_iterate_phdr(place_look, &place);
    return place.file;
}

/* In a program that is no PIE and takes malloc's address, all agree on an address in the
 * program, where a jump to the true one lies. */
static bool is_jump(void *address)
{
    Dl_info about;
    ElfW(Sym) *symbol = NULL;
    return dladdr1(address, &about, (void **)&symbol, RTLD_DL_SYMENT) && symbol &&
           symbol->st_shndx == SHN_UNDEF;
}

static struct link_map *program_map(void)
{
    Dl_info about;
    struct link_map *map = NULL;
    if (!dladdr1(&ours, &about, (void **)&map, RTLD_DL_LINKMAP))
        return NULL;
    while (map && map->l_prev)
        map = map->l_prev;
    return map;
}

static bool file_exports(const char *path, const char *name)
{
    struct weir__elf_file elf;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool exports = file >= 0 && weir__elf_open(&elf, file) && weir__elf_exports(&elf, name);
    if (file >= 0)
        close(file);
    return exports;
}

/* Is there no definition between the program's and ours? The loader cannot be asked: a
 * library that the program was linked with has no scope. */
static bool none_before_us(const char *name)
{
    struct link_map *map = program_map();
    while (map && (map = map->l_next)) {
        if (file_of(map->l_ld) == file_of(&ours))
            return true;
        if (strchr(map->l_name, '/') && file_exports(map->l_name, name))
            return false;
    }
    return true;
}

static bool name_is_ours(const char *name, void *own)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    return !found || found == own || (is_jump(found) && none_before_us(name));
}

/* The program itself asks for a C++ runtime. */
static bool program_is_cxx(void)
{
    const char *names = NULL;
    const struct link_map *program = program_map();
    const ElfW(Dyn) *entries = program ? program->l_ld : NULL;
    for (const ElfW(Dyn) *at = entries; at && at->d_tag != DT_NULL; at++)
        if (at->d_tag == DT_STRTAB)
            names = (const char *)at->d_un.d_ptr;
    for (const ElfW(Dyn) *at = entries; names && at->d_tag != DT_NULL; at++)
        if (at->d_tag == DT_NEEDED && (strstr(names + at->d_un.d_val, "libstdc++.so") ||
                                       strstr(names + at->d_un.d_val, "libc++.so")))
            return true;
    return false;
}

/* Who has a malloc behind ours, and serves operator new? In most programs that is the C
 * library, and nothing is looked for in vain, which would allocate. */
static void other_find(void)
{
    void *next = dlsym(RTLD_NEXT, "free"), *usable = dlsym(RTLD_NEXT, "malloc_usable_size");
    const void *file = next ? file_of(next) : NULL;
    if (!file || file == file_of((const void *)gnu_get_libc_version) || !usable ||
        file_of(usable) != file)
        return;
    void *operator_new = dlsym(RTLD_DEFAULT, "_Znwm");
    if (!operator_new || file_of(operator_new) != file)
        return;
    preload_other.usable = (size_t(*)(void *))usable;
    preload_other.free = (void (*)(void *))next;
}

/* gcc's LeakSanitizer is behind us, too. It asks this at its end: it does not look for
 * pointers in our memory, and would call leaked what is only held from there. */
PRELOAD_API int __lsan_is_turned_off(void);

PRELOAD_API int __lsan_is_turned_off(void)
{
    return 1;
}

void preload_owner_start(void)
{
    other_find();
    ours = name_is_ours("malloc", (void *)malloc) && name_is_ours("free", (void *)free) &&
           name_is_ours("calloc", (void *)calloc) && name_is_ours("realloc", (void *)realloc) &&
           !(preload_other.free && program_is_cxx());
}

bool preload_malloc_is_ours(void)
{
    return ours;
}
