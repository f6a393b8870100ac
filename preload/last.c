/*
 * preload/last.c - the ways out of a program that run no destructor: _exit, abort and
 * the exec family. Each writes the report first, then does what the C library does.
 *
 * glibc's exec functions call one another by hidden names, so each has to be here; all
 * end in execve, execvpe or fexecve of the C library.
 */
#include "preload/preload.h"
#include "preload/report.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Found early: a signal handler or a child of vfork cannot look them up. */
static __typeof__(&abort) next_abort;
static __typeof__(&execvpe) next_execvpe;
static __typeof__(&fexecve) next_fexecve;

#define NEXT(name) (next_##name ? next_##name : (__typeof__(&name))dlsym(RTLD_NEXT, #name))

void preload_last_start(void)
{
    next_abort = NEXT(abort);
    next_execvpe = NEXT(execvpe);
    next_fexecve = NEXT(fexecve);
}

static void leave(enum weir__run_state state)
{
    preload_record_stop();
    preload_report_last(state);
}

/* The exec failed. */
static void again(void)
{
    int saved = errno;
    preload_record_again();
    preload_report_again();
    errno = saved;
}

PRELOAD_API void _exit(int status)
{
    leave(WEIR__RUN_EXITED);
    for (;;)
        syscall(SYS_exit_group, status);
}

PRELOAD_API void _Exit(int status)
{
    _exit(status);
}

PRELOAD_API void abort(void)
{
    leave(WEIR__RUN_RUNNING);
    NEXT(abort)();
    __builtin_trap();
}

/* -- exec ------------------------------------------------------------------------------ */

PRELOAD_API int execve(const char *path, char *const argv[], char *const envp[])
{
    leave(WEIR__RUN_EXECING);
    int result = (int)syscall(SYS_execve, path, argv, envp);
    again();
    return result;
}

PRELOAD_API int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

PRELOAD_API int execvpe(const char *file, char *const argv[], char *const envp[])
{
    leave(WEIR__RUN_EXECING);
    int result = NEXT(execvpe)(file, argv, envp);
    again();
    return result;
}

PRELOAD_API int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

PRELOAD_API int fexecve(int file, char *const argv[], char *const envp[])
{
    leave(WEIR__RUN_EXECING);
    int result = NEXT(fexecve)(file, argv, envp);
    again();
    return result;
}

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
