/*
 * tools/run/check.c - before a program is run: will the dynamic loader load a library
 * into it at all? base/program_file.h knows what a file is; this says it to people. Also
 * finds the library. Knows nothing of running it.
 */
#include "tools/run/run.h"

#include "base/program_file.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOT_FOUND      127
#define NOT_EXECUTABLE 126

static int refuse(const char *program, int status, const char *why)
{
    fprintf(stderr, "weir run: %s: %s\n", program, why);
    return status;
}

/* -- the program --------------------------------------------------------------------------- */

static const char *const lost_words[] = {
    [WEIR__LOST_STATIC] =
        "is statically linked: it has its malloc built in, nothing can be put before it",
    [WEIR__LOST_MACHINE] = "is a program for another kind of machine",
    [WEIR__LOST_LOADER] = ("is linked with another C library (musl, perhaps), whose loader cannot "
                           "load what was made for this one"),
    [WEIR__LOST_RIGHTS] =
        "is setuid, setgid or has capabilities: the loader lets no library into it",
    [WEIR__LOST_ASAN] = "is built with AddressSanitizer, whose own malloc has to come first",
    [WEIR__LOST_HWASAN] = "is built with HWAddressSanitizer, whose own malloc has to come first",
    [WEIR__LOST_TSAN] = "is built with ThreadSanitizer, whose own malloc has to come first",
    [WEIR__LOST_MSAN] = "is built with MemorySanitizer, whose own malloc has to come first",
};

static int error_refuse(const char *program, const struct weir__program_file *about)
{
    if (about->interpreter[0] && (about->error == ENOENT || about->error == ENOTDIR))
        return refuse(program, NOT_FOUND, "is a script whose interpreter does not exist");
    switch (about->error) {
    case ENOENT:
        return refuse(program, NOT_FOUND, "no such program");
    case EISDIR:
        return refuse(program, NOT_EXECUTABLE, "is a folder");
    case EACCES:
        return refuse(program, NOT_EXECUTABLE, "is not executable");
    case ELOOP:
        return refuse(program, NOT_EXECUTABLE, "is a script of a script of a script, too deep");
    default:
        return refuse(program, NOT_EXECUTABLE, strerror(about->error));
    }
}

int run_check(const char *program)
{
    char path[PATH_MAX];
    struct weir__program_file about;
    int error = weir__program_file_find(program, getenv("PATH"), path, sizeof path);
    if (error == ENOENT || error == ENOTDIR)
        return refuse(program, NOT_FOUND, "no such program");
    if (error)
        return refuse(program, NOT_EXECUTABLE, strerror(error));
    weir__program_file_examine(path, weir__program_loader(), true, &about);
    if (about.interpreter[0])
        program = about.interpreter;
    if (about.error)
        return error_refuse(about.error == ELOOP ? path : program, &about);
    return about.lost == WEIR__LOST_NOT ? 0
                                        : refuse(program, NOT_EXECUTABLE, lost_words[about.lost]);
}

/* -- the library ----------------------------------------------------------------------------- */

static bool library_try(struct run *run, const char *folder, const char *rest)
{
    int length =
        snprintf(run->library, sizeof run->library, "%s%s/libweir-malloc.so", folder, rest);
    return length < (int)sizeof run->library && access(run->library, R_OK) == 0;
}

/* The program may go to another folder. */
static void library_absolute(char *library, size_t room)
{
    char *whole = *library == '/' ? NULL : realpath(library, NULL);
    if (whole && strlen(whole) < room)
        memcpy(library, whole, strlen(whole) + 1);
    free(whole);
}

/*
 * "/usr/lib/x86_64-linux-gnu/weir/..." as "/usr/$LIB/weir/...", where the loader puts that
 * folder for `$LIB`: a musl program that is started behind our back (by Go, by system
 * calls) finds no such file, and says nothing; with the plain path it would not start.
 * glibc's 32-bit loader complains either way.
 */
static void library_generalize(char *library, size_t room)
{
    Dl_info libc;
    char folder[PATH_MAX], general[PATH_MAX], *at;
    if (!dladdr((void *)gnu_get_libc_version, &libc) || libc.dli_fname[0] != '/')
        return;
    snprintf(folder, sizeof folder, "%s", libc.dli_fname);
    *strrchr(folder, '/') = '\0';
    const char *part = strncmp(folder, "/usr/", 5) == 0 ? folder + 4 : folder;
    /* Is it so? The C library is loaded already: nothing else would be found. */
    snprintf(general, sizeof general, "%.*s/$LIB%s", (int)(part - folder), folder,
             strrchr(libc.dli_fname, '/'));
    void *same = *part ? dlopen(general, RTLD_LAZY | RTLD_NOLOAD) : NULL;
    if (!same)
        return;
    dlclose(same);
    size_t length = strlen(part);
    at = strstr(library, part);
    if (!at || at[length] != '/' ||
        snprintf(general, sizeof general, "%.*s/$LIB%s", (int)(at - library), library,
                 at + length) >= (int)room)
        return;
    memcpy(library, general, strlen(general) + 1);
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
    else {
        library_absolute(run->library, sizeof run->library);
        library_generalize(run->library, sizeof run->library);
    }
    return found && !strpbrk(run->library, " :");
}
