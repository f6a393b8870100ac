/*
 * tools/run_check.c - before a program is run: will the dynamic loader load a library
 * into it at all? Reads the file's first bytes, and those of a script's interpreter.
 * Knows nothing of running it.
 */
#include "tools/run.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NOT_FOUND      127
#define NOT_EXECUTABLE 126
#define SCRIPTS_DEEP   5

static int refuse(const char *program, int status, const char *why)
{
    fprintf(stderr, "weir run: %s: %s\n", program, why);
    return status;
}

/* -- where it is -------------------------------------------------------------------------- */

static bool file_can_run(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && access(path, X_OK) == 0;
}

/* As execvp looks: `found` gets the path. 0 or an errno value. */
static int program_find(const char *program, char found[PATH_MAX])
{
    int error = ENOENT;
    if (strchr(program, '/')) {
        snprintf(found, PATH_MAX, "%s", program);
        return access(found, F_OK) != 0 ? errno : 0;
    }
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/bin:/bin"; *program && at; at = strchr(at, ':')) {
        at += *at == ':';
        int length = (int)strcspn(at, ":");
        snprintf(found, PATH_MAX, "%.*s/%s", length ? length : 1, length ? at : ".", program);
        if (file_can_run(found))
            return 0;
        if (access(found, F_OK) == 0)
            error = EACCES;
    }
    return error;
}

/* -- what it is ---------------------------------------------------------------------------- */

/* Does an exec change who the process is, so that the loader distrusts the environment? */
static bool file_raises_rights(const char *path, const struct stat *about)
{
    if ((about->st_mode & S_ISUID) && about->st_uid != getuid())
        return true;
    if ((about->st_mode & S_ISGID) && (about->st_mode & S_IXGRP) && about->st_gid != getgid())
        return true;
    return geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

static bool file_has_interpreter(int file, const ElfW(Ehdr) * header)
{
    for (unsigned i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) part;
        off_t at = (off_t)(header->e_phoff + (uint64_t)i * header->e_phentsize);
        if (pread(file, &part, sizeof part, at) != sizeof part)
            return false;
        if (part.p_type == PT_INTERP)
            return true;
    }
    return false;
}

static int elf_check(const char *program, int file, const ElfW(Ehdr) * header)
{
    static const ElfW(Half) here =
#if defined(__x86_64__)
        EM_X86_64;
#elif defined(__aarch64__)
        EM_AARCH64;
#else
        EM_NONE;
#endif
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || (here && header->e_machine != here))
        return refuse(program, NOT_EXECUTABLE, "is a program for another kind of machine");
    if (!file_has_interpreter(file, header))
        return refuse(
            program, NOT_EXECUTABLE,
            "is statically linked: it has its malloc built in, nothing can be put before it");
    return 0;
}

static int file_check(const char *program, const char *path, int depth);

/* "#!/path/of/interpreter argument": the interpreter is what runs. */
static int script_check(const char *program, char *line, int depth)
{
    line += strspn(line, " \t");
    line[strcspn(line, " \t\r\n")] = '\0';
    if (!*line || depth == SCRIPTS_DEEP)
        return refuse(program, NOT_EXECUTABLE, "is a script without an interpreter");
    if (access(line, F_OK) != 0)
        return refuse(program, NOT_FOUND, "is a script whose interpreter does not exist");
    return file_check(line, line, depth + 1);
}

static int content_check(const char *program, int file, int depth)
{
    union {
        ElfW(Ehdr) header;
        char text[PATH_MAX];
    } start = {0};
    ssize_t got = pread(file, &start, sizeof start - 1, 0);
    if (got >= (ssize_t)sizeof start.header && memcmp(start.text, ELFMAG, SELFMAG) == 0)
        return elf_check(program, file, &start.header);
    if (got > 2 && memcmp(start.text, "#!", 2) == 0)
        return script_check(program, start.text + 2, depth);
    return refuse(program, NOT_EXECUTABLE, "is neither a program nor a script");
}

static int file_check(const char *program, const char *path, int depth)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return refuse(program, NOT_FOUND, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return refuse(program, NOT_EXECUTABLE, "is a folder");
    if (!file_can_run(path))
        return refuse(program, NOT_EXECUTABLE, "is not executable");
    if (file_raises_rights(path, &about))
        return refuse(program, NOT_EXECUTABLE,
                      "is setuid, setgid or has capabilities: the loader lets no library into it");
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0; /* it may be run but not read: nothing more is known */
    int status = content_check(program, file, depth);
    close(file);
    return status;
}

int run_check(const char *program)
{
    char path[PATH_MAX];
    int error = program_find(program, path);
    if (error == ENOENT || error == ENOTDIR)
        return refuse(program, NOT_FOUND, "no such program");
    if (error)
        return refuse(program, NOT_EXECUTABLE, strerror(error));
    return file_check(program, path, 0);
}

/* -- the library ----------------------------------------------------------------------------- */

static bool library_try(struct run *run, const char *folder, const char *rest)
{
    int length =
        snprintf(run->library, sizeof run->library, "%s%s/libweir-malloc.so", folder, rest);
    return length < (int)sizeof run->library && access(run->library, R_OK) == 0;
}

bool run_library(struct run *run)
{
    char folder[PATH_MAX] = "";
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    char *slash = length > 0 ? strrchr(folder, '/') : NULL;
    const char *named = getenv("WEIR_MALLOC_LIBRARY");
    if (slash)
        *slash = '\0';
    bool found = named && *named
                     ? snprintf(run->library, sizeof run->library, "%s", named) > 0 &&
                           access(run->library, R_OK) == 0
                     : library_try(run, folder, "") || library_try(run, folder, "/.libs") ||
                           library_try(run, folder, "/../lib/weir") ||
                           library_try(run, WEIR_PKGLIBDIR, "");
    if (!found)
        fprintf(stderr,
                "weir run: cannot find libweir-malloc.so (WEIR_MALLOC_LIBRARY may name it)\n");
    else if (strpbrk(run->library, " :"))
        fprintf(stderr,
                "weir run: the loader takes no library whose path has spaces or colons: %s\n",
                run->library);
    return found && !strpbrk(run->library, " :");
}
