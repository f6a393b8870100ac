/*
 * base/program_file.c - see program_file.h.
 */
#include "base/program_file.h"

#include "base/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPTS_DEEP 5 /* the kernel follows no more */
#define SHELL        "/bin/sh"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* -- sanitizers ---------------------------------------------------------------------------- */

enum weir__lost weir__sanitizer_of(const char *library)
{
    static const struct {
        const char *start;
        enum weir__lost which;
    } known[] = {{"libasan.so", WEIR__LOST_ASAN},      {"libclang_rt.asan", WEIR__LOST_ASAN},
                 {"libhwasan.so", WEIR__LOST_HWASAN},  {"libclang_rt.hwasan", WEIR__LOST_HWASAN},
                 {"libtsan.so", WEIR__LOST_TSAN},      {"libclang_rt.tsan", WEIR__LOST_TSAN},
                 {"libclang_rt.msan", WEIR__LOST_MSAN}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(library, known[i].start, strlen(known[i].start)) == 0)
            return known[i].which;
    return WEIR__LOST_NOT;
}

/* Its runtime in the program itself, which has a malloc then: clang's is seen by the
 * loader, gcc's by the linker alone, unless it was stripped. */
static enum weir__lost sanitizer_inside(const struct weir__elf_file *elf)
{
    static const struct {
        const char *name;
        enum weir__lost which;
    } known[] = {{"__asan_init", WEIR__LOST_ASAN},
                 {"__hwasan_init", WEIR__LOST_HWASAN},
                 {"__tsan_init", WEIR__LOST_TSAN},
                 {"__msan_init", WEIR__LOST_MSAN}};
    if (!weir__elf_exports(elf, "malloc"))
        return WEIR__LOST_NOT;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (weir__elf_mentions(elf, known[i].name))
            return known[i].which;
    return WEIR__LOST_NOT;
}

static enum weir__lost sanitizer_find(const struct weir__elf_file *elf)
{
    char name[64];
    for (unsigned i = 0; weir__elf_needed(elf, i, name, sizeof name); i++) {
        enum weir__lost which = weir__sanitizer_of(base_name(name));
        if (which != WEIR__LOST_NOT)
            return which;
    }
    return sanitizer_inside(elf);
}

/* -- programs ------------------------------------------------------------------------------ */

/* Does an exec change who the process is, so that the loader distrusts the environment? */
static bool file_raises_rights(const char *path, const struct stat *about)
{
    if ((about->st_mode & S_ISUID) && about->st_uid != getuid())
        return true;
    if ((about->st_mode & S_ISGID) && (about->st_mode & S_IXGRP) && about->st_gid != getgid())
        return true;
    return geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

static enum weir__lost elf_examine(const char *path, int file, const char *loader)
{
    struct weir__elf_file elf;
    char interpreter[256];
    if (!weir__elf_open(&elf, file))
        return WEIR__LOST_MACHINE;
    if (!weir__elf_interpreter(&elf, interpreter, sizeof interpreter))
        return loader && strcmp(base_name(path), loader) == 0 ? WEIR__LOST_NOT : WEIR__LOST_STATIC;
    if (loader && strcmp(base_name(interpreter), loader) != 0)
        return WEIR__LOST_LOADER;
    return sanitizer_find(&elf);
}

/* -- scripts --------------------------------------------------------------------------------- */

/* "#!/path/of/interpreter argument". False: it names none. */
static bool script_read(const char line[WEIR__SCRIPT_LINE], char interpreter[WEIR__SCRIPT_LINE])
{
    if (line[0] != '#' || line[1] != '!')
        return false;
    const char *start = line + 2 + strspn(line + 2, " \t");
    size_t length = strcspn(start, " \t\n");
    memcpy(interpreter, start, length);
    interpreter[length] = '\0';
    return length > 0;
}

/* True: what runs is about->interpreter, which is to be looked at. */
static bool content_examine(const char *path, int file, const struct stat *state,
                            const char *loader, bool shell, struct weir__program_file *about)
{
    char line[WEIR__SCRIPT_LINE] = "";
    if (pread(file, line, sizeof line - 1, 0) > SELFMAG && memcmp(line, ELFMAG, SELFMAG) == 0) {
        about->lost =
            file_raises_rights(path, state) ? WEIR__LOST_RIGHTS : elf_examine(path, file, loader);
        return false;
    }
    if (script_read(line, about->interpreter))
        return true;
    if (shell)
        memcpy(about->interpreter, SHELL, sizeof SHELL);
    else
        about->error = ENOEXEC;
    return shell;
}

static bool file_examine(const char *path, const char *loader, bool shell,
                         struct weir__program_file *about)
{
    struct stat state;
    about->error = stat(path, &state) != 0   ? errno
                   : S_ISDIR(state.st_mode)  ? EISDIR
                   : !S_ISREG(state.st_mode) ? EACCES
                   : access(path, X_OK) != 0 ? errno
                                             : 0;
    if (about->error)
        return false;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0) { /* it may be run but not read */
        about->lost = file_raises_rights(path, &state) ? WEIR__LOST_RIGHTS : WEIR__LOST_NOT;
        return false;
    }
    bool more = content_examine(path, file, &state, loader, shell, about);
    close(file);
    return more;
}

void weir__program_file_examine(const char *path, const char *loader, bool shell,
                                struct weir__program_file *about)
{
    int saved = errno, depth = 0;
    *about = (struct weir__program_file){.lost = WEIR__LOST_NOT};
    while (file_examine(path, loader, shell, about)) {
        path = about->interpreter;
        if (depth++ == SCRIPTS_DEEP) {
            about->error = ELOOP;
            break;
        }
    }
    errno = saved;
}

/* -- where it is ------------------------------------------------------------------------------ */

static bool file_can_run(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && access(path, X_OK) == 0;
}

/* "folder/program", or "./program" for an empty one; false: it does not fit. */
static bool path_join(const char *folder, size_t length, const char *program, char *found,
                      size_t room)
{
    size_t name = strlen(program);
    if (!length) {
        folder = ".";
        length = 1;
    }
    if (length + 1 + name + 1 > room)
        return false;
    memcpy(found, folder, length);
    found[length] = '/';
    memcpy(found + length + 1, program, name + 1);
    return true;
}

static int path_search(const char *program, const char *path, char *found, size_t room)
{
    int error = ENOENT;
    for (const char *at = path, *end; *program; at = end + 1) {
        end = at + strcspn(at, ":");
        if (path_join(at, (size_t)(end - at), program, found, room)) {
            if (file_can_run(found))
                return 0;
            if (access(found, F_OK) == 0)
                error = EACCES;
        }
        if (!*end)
            break;
    }
    return error;
}

int weir__program_file_find(const char *program, const char *path, char *found, size_t room)
{
    int saved = errno, error = 0;
    size_t length = strlen(program);
    if (!strchr(program, '/'))
        error = path_search(program, path ? path : "/bin:/usr/bin", found, room);
    else if (length >= room)
        error = ENAMETOOLONG;
    else {
        memcpy(found, program, length + 1);
        error = access(found, F_OK) != 0 ? errno : 0;
    }
    errno = saved;
    return error;
}

/* -- our own loader ------------------------------------------------------------------------- */

/* The first is the program. */
static int loader_find(struct dl_phdr_info *about, size_t size, void *found)
{
    (void)size;
    for (unsigned i = 0; i < about->dlpi_phnum; i++)
        if (about->dlpi_phdr[i].p_type == PT_INTERP)
            *(const char **)found = (const char *)(about->dlpi_addr + about->dlpi_phdr[i].p_vaddr);
    return 1;
}

const char *weir__program_loader(void)
{
    const char *found = NULL;
    dl_iterate_phdr(loader_find, &found);
    return found ? base_name(found) : NULL;
}
