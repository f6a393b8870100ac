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

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct preload_other preload_other;

static bool ours = true;

/* Where the file begins in memory that has this address in it; NULL: none has. */
static void *file_of(void *address)
{
    Dl_info about;
    return dladdr(address, &about) ? about.dli_fbase : NULL;
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

/* The first definition behind the program. */
static void *behind_program(const char *name)
{
    for (struct link_map *map = _r_debug.r_map ? _r_debug.r_map->l_next : NULL; map;
         map = map->l_next) {
        void *found = dlsym(map, name);
        if (found && file_of(found) == file_of(map->l_ld))
            return found;
    }
    return NULL;
}

static bool name_is_ours(const char *name, void *own)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    if (found && found != own && is_jump(found))
        found = behind_program(name);
    return !found || found == own;
}

/* The program itself asks for a C++ runtime. */
static bool program_is_cxx(void)
{
    const char *names = NULL;
    const ElfW(Dyn) *entries = _r_debug.r_map ? _r_debug.r_map->l_ld : NULL;
    for (const ElfW(Dyn) *at = entries; at && at->d_tag != DT_NULL; at++)
        if (at->d_tag == DT_STRTAB)
            names = (const char *)at->d_un.d_ptr;
    for (const ElfW(Dyn) *at = entries; names && at->d_tag != DT_NULL; at++)
        if (at->d_tag == DT_NEEDED && (strstr(names + at->d_un.d_val, "libstdc++.so") ||
                                       strstr(names + at->d_un.d_val, "libc++.so")))
            return true;
    return false;
}

/* Who serves operator new, and has a malloc with it? */
static void other_find(void)
{
    void *operator_new = dlsym(RTLD_DEFAULT, "_Znwm"), *next = dlsym(RTLD_NEXT, "free");
    void *usable = dlsym(RTLD_NEXT, "malloc_usable_size");
    void *file = operator_new ? file_of(operator_new) : NULL;
    if (!file || !next || !usable || file_of(next) != file || file_of(usable) != file ||
        file == file_of((void *)gnu_get_libc_version))
        return;
    preload_other.usable = (size_t(*)(void *))usable;
    preload_other.free = (void (*)(void *))next;
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
