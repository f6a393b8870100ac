/*
 * preload/signal.c - the C library's calls that set the action of a signal. Where guards have a
 * handler of SIGSEGV (os/segv.h), or may come to have one, the program sets and reads back its own
 * behind it; all other signals are the C library's. Owns no state. Safe from the first call in
 * the process and in signal handlers: names no function that has to be looked up.
 *
 * sigaction, signal and their System V relatives stand here under the names that programs ask for;
 * the C library has the first three under a second name each. A program that makes the system call
 * itself is not seen, and takes the handler's place.
 */
#include "preload/preload.h"

#include "os/segv.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

/* The C library's own. */
extern int __sigaction(int signal, const struct sigaction *action, struct sigaction *former);
extern __sighandler_t sysv_signal(int signal, __sighandler_t handler);

PRELOAD_API __sighandler_t bsd_signal(int signal, __sighandler_t handler);
PRELOAD_API __sighandler_t __sysv_signal(int signal, __sighandler_t handler);

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

PRELOAD_API __sighandler_t signal(int signal, __sighandler_t handler)
{
    return is_ours(signal) ? handler_set(signal, handler, SA_RESTART) : ssignal(signal, handler);
}

PRELOAD_API __sighandler_t bsd_signal(int signal, __sighandler_t handler)
{
    return is_ours(signal) ? handler_set(signal, handler, SA_RESTART) : ssignal(signal, handler);
}

PRELOAD_API __sighandler_t __sysv_signal(int signal, __sighandler_t handler)
{
    return is_ours(signal) ? handler_set(signal, handler, SA_RESETHAND | SA_NODEFER)
                           : sysv_signal(signal, handler);
}

/* Both are built on sigaction in the C library, too. */
PRELOAD_API int sigignore(int signal)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    return sigaction(signal, &action, NULL);
}

PRELOAD_API __sighandler_t sigset(int signal, __sighandler_t handler)
{
    struct sigaction action = {.sa_handler = handler}, former;
    sigset_t one, mask;
    if (handler == SIG_ERR || signal < 1 || signal >= NSIG) {
        errno = EINVAL;
        return SIG_ERR;
    }
    sigemptyset(&one);
    sigaddset(&one, signal);
    bool holds = handler == SIG_HOLD;
    if (sigaction(signal, holds ? NULL : &action, &former) ||
        sigprocmask(holds ? SIG_BLOCK : SIG_UNBLOCK, &one, &mask))
        return SIG_ERR;
    return sigismember(&mask, signal) ? SIG_HOLD : former.sa_handler;
}
