/*
 * preload/signal.c - the C library's calls that set the action of a signal. Where guards have a
 * handler of SIGSEGV (os/segv.h), or may come to have one, the program sets and reads back its own
 * behind it; all other signals are the C library's. Owns what siginterrupt said. Safe from the
 * first call in the process and in signal handlers: names no function that has to be looked up.
 *
 * All calls stand here under every name that programs ask for. They are made of sigaction, which
 * the C library has under a second name, as it makes them itself (signal/bsd-signal.c and
 * signal/sysv_signal.c of glibc). A program that makes the system call itself is not seen, and
 * takes the handler's place.
 */
#include "preload/preload.h"

#include "os/segv.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

/* The C library's own. */
extern int __sigaction(int signal, const struct sigaction *action, struct sigaction *former);

PRELOAD_API __sighandler_t bsd_signal(int signal, __sighandler_t handler);
PRELOAD_API __sighandler_t __sysv_signal(int signal, __sighandler_t handler);

static uint64_t interrupting; /* a bit for each signal that ends system calls; atomic */

weir__sigaction *const preload_sigaction = __sigaction;

static bool is_ours(int signal)
{
    return weir__unlikely(signal == SIGSEGV) && weir__segv_is_expected();
}

PRELOAD_API int sigaction(int signal, const struct sigaction *action, struct sigaction *former)
{
    return is_ours(signal) ? weir__segv_action(action, former)
                           : __sigaction(signal, action, former);
}

/* The former handler, or SIG_ERR. */
static __sighandler_t handler_set(int signal, __sighandler_t handler, int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags}, former;
    if (handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    if (!(flags & SA_NODEFER))
        sigaddset(&action.sa_mask, signal);
    return sigaction(signal, &action, &former) ? SIG_ERR : former.sa_handler;
}

static uint64_t bit_of(int signal)
{
    return signal > 0 && signal <= 64 ? UINT64_C(1) << (signal - 1) : 0;
}

static __sighandler_t restarting_set(int signal, __sighandler_t handler)
{
    uint64_t ends = __atomic_load_n(&interrupting, __ATOMIC_RELAXED) & bit_of(signal);
    return handler_set(signal, handler, ends ? 0 : SA_RESTART);
}

PRELOAD_API __sighandler_t signal(int signal, __sighandler_t handler)
{
    return restarting_set(signal, handler);
}

PRELOAD_API __sighandler_t bsd_signal(int signal, __sighandler_t handler)
{
    return restarting_set(signal, handler);
}

PRELOAD_API __sighandler_t ssignal(int signal, __sighandler_t handler)
{
    return restarting_set(signal, handler);
}

PRELOAD_API int siginterrupt(int signal, int interrupt)
{
    struct sigaction action;
    if (sigaction(signal, NULL, &action))
        return -1;
    if (interrupt)
        __atomic_fetch_or(&interrupting, bit_of(signal), __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&interrupting, ~bit_of(signal), __ATOMIC_RELAXED);
    action.sa_flags = interrupt ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
    return sigaction(signal, &action, NULL);
}

static __sighandler_t once_set(int signal, __sighandler_t handler)
{
    return handler_set(signal, handler, SA_RESETHAND | SA_NODEFER);
}

PRELOAD_API __sighandler_t sysv_signal(int signal, __sighandler_t handler)
{
    return once_set(signal, handler);
}

PRELOAD_API __sighandler_t __sysv_signal(int signal, __sighandler_t handler)
{
    return once_set(signal, handler);
}

PRELOAD_API int sigignore(int signal)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    return sigaction(signal, &action, NULL);
}

PRELOAD_API __sighandler_t sigset(int signal, __sighandler_t handler)
{
    struct sigaction action = {.sa_handler = handler}, former;
    sigset_t one, mask;
    sigemptyset(&one);
    if (sigaddset(&one, signal))
        return SIG_ERR;
    bool holds = handler == SIG_HOLD;
    if (sigaction(signal, holds ? NULL : &action, &former) ||
        sigprocmask(holds ? SIG_BLOCK : SIG_UNBLOCK, &one, &mask))
        return SIG_ERR;
    return sigismember(&mask, signal) ? SIG_HOLD : former.sa_handler;
}
