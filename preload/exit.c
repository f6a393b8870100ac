/*
 * preload/exit.c - learns when the program comes to its exit, before its own handlers and
 * destructors run, so that a recording can tell teardown from the run. exit and quick_exit stand
 * here; where main returns the C library calls its own exit, so main is called from here. Only
 * where something is recorded. Not seen: an exit that the C library calls (err, error).
 */
#include "preload/preload.h"

#include "observe/recorder.h"
#include "observe/stream.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

typedef void end_process(int status);

void preload_exit_start(void)
{
    weir__recorder_exit_is_seen = true;
}

__attribute__((noreturn)) static void end_by(const char *name, int status)
{
    weir__recorder_exit();
    end_process *next = (end_process *)dlsym(RTLD_NEXT, name);
    if (next)
        next(status);
    _exit(status);
}

PRELOAD_API void exit(int status)
{
    end_by("exit", status);
}

PRELOAD_API void quick_exit(int status)
{
    end_by("quick_exit", status);
}

#if defined(__x86_64__) || defined(__aarch64__)

/* As the C library's start code calls it on these machines. */
typedef int main_function(int argc, char **argv, char **envp);
typedef int start_function(main_function *main, int argc, char **argv, void (*init)(void),
                           void (*fini)(void), void (*loader_fini)(void), void *stack_end);

PRELOAD_API start_function __libc_start_main;

static main_function *program_main;

static int main_and_exit(int argc, char **argv, char **envp)
{
    int status = program_main(argc, argv, envp);
    weir__recorder_exit();
    return status;
}

/* After every constructor of a library, and so of this one. */
PRELOAD_API int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                                  void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    start_function *next = (start_function *)dlsym(RTLD_NEXT, "__libc_start_main");
    if (!next)
        _exit(127); /* no C library without it has loaded us */
    if (weir__streams_are_on()) {
        program_main = main;
        main = main_and_exit;
    }
    return next(main, argc, argv, init, fini, loader_fini, stack_end);
}

#endif
