/*
 * os/segv.h - a handler of SIGSEGV in front of the program's own. Owns the kernel's action for that
 * signal once it is installed, and what the program has in its place. Knows nothing of why a fault
 * is looked at.
 *
 * The kernel's action has the flags and the mask of the program's, so the program's handler runs on
 * the stack and with the signals blocked that it asked for. It is called with what the kernel said;
 * SA_RESETHAND is kept by hand. Where the program has no handler, SIG_DFL is put in place and the
 * instruction faults again: the process ends as it would, with the true address.
 *
 * The handler takes no lock. Setting takes one, with all signals blocked, so a handler may set,
 * too.
 */
#ifndef WEIR_OS_SEGV_H
#define WEIR_OS_SEGV_H

#include "base/bits.h"

#include <signal.h>

/* Of this library's callers: where sigaction is interposed, the true one. */
typedef int weir__sigaction(int signal, const struct sigaction *action, struct sigaction *former);

/* Told of a fault at an address that the kernel named; `writes`: 1, 0, or -1: it did not say.
 * `code`: the faulting instruction. In the signal handler. */
typedef void weir__segv_looker(const void *address, int writes, const void *code);

/* It may be installed from here on, by that. Who interposes sigaction goes by weir__segv_action
 * then, so that what the program sets at the same instant is not lost. */
void weir__segv_expect(weir__sigaction *set);
bool weir__segv_is_expected(void);

/* Once, where it is expected; later calls do nothing. 0, or what sigaction says. */
int weir__segv_install(weir__segv_looker *look);

/* The program's action, as sigaction for SIGSEGV: for who interposes it, where it is expected. */
int weir__segv_action(const struct sigaction *action, struct sigaction *former);

#endif
