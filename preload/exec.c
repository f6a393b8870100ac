/*
 * preload/exec.c - the exec and spawn families. Each finds out what the next program is
 * and gives it the environment it can live with (preload/environment.h); exec writes the
 * report before, for nothing runs after it. Nothing here allocates or locks: exec is
 * called in children of vfork, posix_spawn from anywhere.
 *
 * glibc's exec functions call one another by hidden names, so each has to be here; all
 * end in the system call, or in execvpe or fexecve of the C library.
 */
#include "preload/environment.h"
#include "preload/preload.h"
#include "preload/report.h"

#include "base/coverage.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Found early: a signal handler or a child of vfork cannot look them up. */
static __typeof__(&execvpe) next_execvpe;
static __typeof__(&fexecve) next_fexecve;
static __typeof__(&posix_spawn) next_posix_spawn;
static __typeof__(&posix_spawnp) next_posix_spawnp;

#define NEXT(name) (next_##name ? next_##name : (__typeof__(&name))dlsym(RTLD_NEXT, #name))

void preload_exec_start(void)
{
    next_execvpe = NEXT(execvpe);
    next_fexecve = NEXT(fexecve);
    next_posix_spawn = NEXT(posix_spawn);
    next_posix_spawnp = NEXT(posix_spawnp);
}

/* -- exec ---------------------------------------------------------------------------------- */

/* What one of the family was called with. */
struct image {
    const char *file;
    int folder, flags; /* of execveat; the file of fexecve */
    char *const *argv;
};

typedef int start_image(const struct image *image, char *const envp[]);

/* `path`: the file to look at. `shell`: see weir__program_file_examine. */
static int image_start(const struct image *image, const char *path, bool shell, char *const envp[],
                       start_image *start)
{
    enum weir__lost why = preload_environment_lost(path, shell, envp);
    size_t room = preload_environment_room(envp, why);
    char *place[room + 1];
    if (room)
        envp = preload_environment_make(envp, why, place);
    preload_record_stop();
    preload_report_last(WEIR__RUN_EXECING);
    if (why != WEIR__LOST_NOT)
        preload_report_lost(path, why);
    int result = start(image, envp), saved = errno;
    preload_record_again();
    preload_report_again();
    errno = saved;
    return result;
}

static int start_path(const struct image *image, char *const envp[])
{
    weir__coverage_keep();
    return (int)syscall(SYS_execve, image->file, image->argv, envp);
}

PRELOAD_API int execve(const char *path, char *const argv[], char *const envp[])
{
    struct image image = {.file = path, .argv = argv};
    return image_start(&image, path, false, envp, start_path);
}

PRELOAD_API int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

static int start_searched(const struct image *image, char *const envp[])
{
    return NEXT(execvpe)(image->file, image->argv, envp);
}

/* Room for what weir__program_file_find finds. */
static size_t search_room(const char *file, const char *path)
{
    return strlen(file) + (path ? strlen(path) : 16) + 3;
}

PRELOAD_API int execvpe(const char *file, char *const argv[], char *const envp[])
{
    struct image image = {.file = file, .argv = argv};
    const char *path = getenv("PATH");
    char found[search_room(file, path)];
    if (weir__program_file_find(file, path, found, sizeof found) != 0)
        found[0] = '\0';
    return image_start(&image, found, true, envp, start_searched);
}

PRELOAD_API int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

/* "/proc/self/fd/7", and "/file" behind it. */
static void descriptor_path(int descriptor, const char *file, char *path)
{
    char digits[12], *at = digits + sizeof digits;
    *--at = '\0';
    for (unsigned rest = descriptor < 0 ? 0 : (unsigned)descriptor; rest || !*at; rest /= 10)
        *--at = (char)('0' + rest % 10);
    path = stpcpy(stpcpy(path, "/proc/self/fd/"), at);
    if (*file)
        stpcpy(stpcpy(path, "/"), file);
}

static int start_descriptor(const struct image *image, char *const envp[])
{
    return NEXT(fexecve)(image->folder, image->argv, envp);
}

PRELOAD_API int fexecve(int file, char *const argv[], char *const envp[])
{
    struct image image = {.folder = file, .argv = argv};
    char path[32];
    descriptor_path(file, "", path);
    return image_start(&image, path, false, envp, start_descriptor);
}

#ifdef SYS_execveat
static int start_at(const struct image *image, char *const envp[])
{
    weir__coverage_keep();
    return (int)syscall(SYS_execveat, image->folder, image->file, image->argv, envp, image->flags);
}

/* unistd.h of older C libraries does not know it. */
PRELOAD_API int execveat(int folder, const char *file, char *const argv[], char *const envp[],
                         int flags);

PRELOAD_API int execveat(int folder, const char *file, char *const argv[], char *const envp[],
                         int flags)
{
    struct image image = {.file = file, .folder = folder, .flags = flags, .argv = argv};
    char path[strlen(file) + 32];
    if (*file == '/' || folder == AT_FDCWD)
        memcpy(path, file, strlen(file) + 1);
    else
        descriptor_path(folder, file, path);
    return image_start(&image, path, false, envp, start_at);
}
#endif

/* Collects the arguments after `first` up to NULL into an array on the stack, runs
 * `exec` with it and returns what it returned. */
#define EXEC_LIST(first, exec, after)                                                              \
    do {                                                                                           \
        va_list list;                                                                              \
        size_t count = 1;                                                                          \
        va_start(list, first);                                                                     \
        while (va_arg(list, char *))                                                               \
            count++;                                                                               \
        va_end(list);                                                                              \
        char *argv[count + 1];                                                                     \
        va_start(list, first);                                                                     \
        argv[0] = (char *)(uintptr_t)first;                                                        \
        for (size_t i = 1; i <= count; i++)                                                        \
            argv[i] = va_arg(list, char *);                                                        \
        after;                                                                                     \
        va_end(list);                                                                              \
        return exec;                                                                               \
    } while (0)

PRELOAD_API int execl(const char *path, const char *first, ...)
{
    EXEC_LIST(first, execv(path, argv), (void)0);
}

PRELOAD_API int execlp(const char *file, const char *first, ...)
{
    EXEC_LIST(first, execvp(file, argv), (void)0);
}

PRELOAD_API int execle(const char *path, const char *first, ...)
{
    EXEC_LIST(first, execve(path, argv, envp), char **envp = va_arg(list, char **));
}

/* -- spawn --------------------------------------------------------------------------------- */

/* What one of the family was called with. */
struct child {
    pid_t *pid;
    const char *file;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
    char *const *argv;
};

typedef __typeof__(posix_spawn) spawn;

/* A child that changes its folder before looks elsewhere for a relative path: then what
 * lies here under that name is looked at, or nothing. */
static int child_start(const struct child *child, const char *path, char *const envp[],
                       spawn *start)
{
    enum weir__lost why = preload_environment_lost(path, false, envp);
    size_t room = preload_environment_room(envp, why);
    char *place[room + 1];
    if (room)
        envp = preload_environment_make(envp, why, place);
    int error =
        start(child->pid, child->file, child->actions, child->attributes, child->argv, envp);
    if (error == 0 && why != WEIR__LOST_NOT)
        preload_report_lost(path, why);
    return error;
}

PRELOAD_API int posix_spawn(pid_t *restrict pid, const char *restrict path,
                            const posix_spawn_file_actions_t *restrict actions,
                            const posix_spawnattr_t *restrict attributes,
                            char *const argv[restrict], char *const envp[restrict])
{
    struct child child = {pid, path, actions, attributes, argv};
    return child_start(&child, path, envp, NEXT(posix_spawn));
}

PRELOAD_API int posix_spawnp(pid_t *restrict pid, const char *restrict file,
                             const posix_spawn_file_actions_t *restrict actions,
                             const posix_spawnattr_t *restrict attributes,
                             char *const argv[restrict], char *const envp[restrict])
{
    struct child child = {pid, file, actions, attributes, argv};
    const char *path = getenv("PATH");
    char found[search_room(file, path)];
    if (weir__program_file_find(file, path, found, sizeof found) != 0)
        found[0] = '\0';
    return child_start(&child, found, envp, NEXT(posix_spawnp));
}
