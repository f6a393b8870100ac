/*
 * preload/sandbox.c - learns that the program is about to enter a sandbox. A filter of
 * system calls (seccomp) that knows nothing of weir may kill the process at membarrier,
 * which closes other threads' windows; so weir goes on without it, slower, from the moment
 * at which the program asks for a filter. Owns whether it has.
 *
 * Programs ask by the C library's prctl and syscall, which stand here and make the system
 * call themselves: they must not allocate, look names up or change errno but for a failure.
 * A program that makes the system call in its own instructions is not seen.
 */
#include "preload/image.h"
#include "preload/preload.h"
#include "preload/system_call.h"

#include "os/clock.h"

#include "observe/guards.h"
#include "observe/stream.h"
#include "track/fences.h"
#include "unwind/rule.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool sandboxed; /* atomic; for good */

bool preload_is_sandboxed(void)
{
    return __atomic_load_n(&sandboxed, __ATOMIC_RELAXED);
}

#if defined(__x86_64__) || defined(__aarch64__)

/* The processor's counter ends the process from here on. */
static void clock_forbidden(void)
{
    weir__os_clock_coarse();
    preload_image_clock();
}

/* Programs find out what there is by filters that cannot be: no filter, odd arguments. */
static void sandbox_look(unsigned long operation, unsigned long flags, unsigned long argument)
{
    bool strict = operation == SECCOMP_SET_MODE_STRICT && !flags && !argument;
    bool filter = operation == SECCOMP_SET_MODE_FILTER && argument;
    if (!strict && !filter)
        return;
    if (strict)
        clock_forbidden();
    weir__meters_unfence();
    __atomic_store_n(&weir__stream_may_ask, false, __ATOMIC_RELAXED);
    __atomic_store_n(&weir__unwind_may_ask, false, __ATOMIC_RELAXED);
    weir__guards_off();
    __atomic_store_n(&sandboxed, true, __ATOMIC_RELAXED);
}

static void prctl_look(unsigned long option, unsigned long mode, unsigned long argument)
{
#ifdef PR_SET_TSC
    if (option == PR_SET_TSC && mode == PR_TSC_SIGSEGV)
        clock_forbidden();
#endif
    if (option != PR_SET_SECCOMP)
        return;
    if (mode == SECCOMP_MODE_STRICT)
        sandbox_look(SECCOMP_SET_MODE_STRICT, 0, 0);
    else if (mode == SECCOMP_MODE_FILTER)
        sandbox_look(SECCOMP_SET_MODE_FILTER, 0, argument);
}

/* A child with its own memory finds that the sentinel was cleared, others do not. */
static bool makes_a_process(long number)
{
    return number == SYS_clone || number == SYS_clone3
#ifdef SYS_fork
           || number == SYS_fork
#endif
        ;
}

/* Callers name what the call takes; the rest is whatever lies there, as in the C library. */
PRELOAD_API long syscall(long number, ...)
{
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (weir__unlikely(number == SYS_seccomp))
        sandbox_look((unsigned long)a[0], (unsigned long)a[1], (unsigned long)a[2]);
    else if (weir__unlikely(number == SYS_prctl))
        prctl_look((unsigned long)a[0], (unsigned long)a[1], (unsigned long)a[2]);
    long result = preload_system_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (weir__unlikely(result == 0 && makes_a_process(number)))
        preload_image_check();
    return result;
}

PRELOAD_API int prctl(int option, ...)
{
    long a[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    prctl_look((unsigned long)option, (unsigned long)a[0], (unsigned long)a[1]);
    return (int)preload_system_call(SYS_prctl, option, a[0], a[1], a[2], a[3], 0);
}

#endif
