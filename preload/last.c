/*
 * preload/last.c - the ways out of a process that run no destructor: _exit and abort. Each
 * writes the report first, then does what the C library does. exec is preload/exec.c's.
 */
#include "preload/preload.h"
#include "preload/report.h"

#include "base/coverage.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Found early: a signal handler or a child of vfork cannot look it up. */
static __typeof__(&abort) next_abort;

#define NEXT(name) (next_##name ? next_##name : (__typeof__(&name))dlsym(RTLD_NEXT, #name))

void preload_last_start(void)
{
    next_abort = (__typeof__(&abort))dlsym(RTLD_NEXT, "abort");
}

static void leave(enum weir__run_state state)
{
    preload_record_stop();
    preload_report_last(state);
    weir__coverage_keep();
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
