#!/bin/sh
# Guarded blocks of a program that nobody changed: what is printed, that its own handlers of SIGSEGV are read back and
# called as if weir had none, that guards end where system calls are filtered, that what is exact stays so.
set -u
. "$top_srcdir/tests/helpers/expect.sh"
library=$top_builddir/.libs/libweir-malloc.so
need_no_sanitizer "it brings a malloc and a handler of its own"
unset LD_PRELOAD WEIR_GUARDS 2>/dev/null
[ -e "$library" ] || skip_all "no libweir-malloc.so was built"
[ "$(getconf PAGESIZE)" = 4096 ] || skip_all "pages are not 4 KiB"
# shellcheck disable=SC3045 # dash and bash have it
ulimit -c 0

cat >"$scratch/guest.c" <<'E'
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf back;
static void *volatile where;
static volatile int calls, stacked, blocked;
static char other[1 << 16];

static void on_info(int signal, siginfo_t *info, void *context)
{
    char here;
    (void)signal, (void)context;
    where = info->si_addr;
    stacked = &here >= other && &here < other + sizeof other;
    siglongjmp(back, 1);
}

static void on_plain(int signal)
{
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    blocked = sigismember(&mask, signal);
    calls++;
    siglongjmp(back, 1);
}

void fault(void)
{
    volatile char *block = malloc(64);
    free((void *)block);
    if (!sigsetjmp(back, 1))
        block[3] = 1;
    if (where)
        printf("address %d\n", where == (void *)(block + 3));
}

static void filter(void)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &allow};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
        exit(77);
}

int main(int argc, char **argv)
{
    const char *what = argv[argc > 1];
    struct sigaction action, read;
    memset(&action, 0, sizeof action);
    if (!strcmp(what, "sigaction")) {
        stack_t stack = {.ss_sp = other, .ss_size = sizeof other};
        sigaltstack(&stack, NULL);
        action.sa_sigaction = on_info;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        sigaddset(&action.sa_mask, SIGUSR1);
        sigaction(SIGSEGV, &action, NULL);
        sigaction(SIGSEGV, NULL, &read);
        printf("read %d\n", read.sa_sigaction == on_info && (read.sa_flags & ~0x04000000) == action.sa_flags &&
                                sigismember(&read.sa_mask, SIGUSR1) && !sigismember(&read.sa_mask, SIGUSR2));
        fault();
        printf("stack %d\n", stacked);
    } else if (!strcmp(what, "loop")) {
        /* A process of 2000 page faults takes part in any case (alloc/guarded.h). */
        char *pages = mmap(NULL, 2100 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        madvise(pages, 2100 * 4096, MADV_NOHUGEPAGE);
        for (size_t at = 0; pages != MAP_FAILED && at < 2100 * 4096; at += 4096)
            pages[at] = 1;
        action.sa_sigaction = on_info;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGSEGV, &action, NULL);
        for (int i = 0; i < 300000 && !where; i++)
            fault();
        sigaction(SIGSEGV, NULL, &read);
        printf("read %d\n", read.sa_sigaction == on_info);
    } else if (!strcmp(what, "signal")) {
        printf("former %d\n", signal(SIGSEGV, on_plain) == SIG_DFL);
        fault();
        fault();
        printf("calls %d blocked %d\n", calls, blocked);
        printf("former %d\n", signal(SIGSEGV, SIG_DFL) == on_plain);
    } else if (!strcmp(what, "resethand")) {
        action.sa_handler = on_plain;
        action.sa_flags = SA_RESETHAND | SA_NODEFER;
        sigaction(SIGSEGV, &action, NULL);
        fault();
        sigaction(SIGSEGV, NULL, &read);
        printf("calls %d blocked %d reset %d\n", calls, blocked, read.sa_handler == SIG_DFL);
    } else if (!strcmp(what, "others")) {
        printf("set %d\n", signal(SIGUSR1, on_plain) == SIG_DFL && sigset(SIGUSR2, on_plain) == SIG_DFL &&
                               sigset(SIGUSR2, SIG_HOLD) == on_plain && sigset(SIGUSR2, SIG_DFL) == SIG_HOLD &&
                               sigignore(SIGUSR2) == 0 && signal(SIGUSR2, SIG_DFL) == SIG_IGN);
        if (!sigsetjmp(back, 1))
            raise(SIGUSR1);
        printf("calls %d\n", calls);
    } else if (!strcmp(what, "sent")) {
        raise(SIGSEGV);
    } else if (!strcmp(what, "ignored")) {
        signal(SIGSEGV, SIG_IGN);
        raise(SIGSEGV);
        puts("went on");
    } else if (!strcmp(what, "filter")) {
        filter();
        fault();
        puts("went on");
    } else if (!strcmp(what, "null")) {
        *(volatile char *)8 = 1;
    } else if (!strcmp(what, "child")) {
        int status;
        if (fork() == 0)
            fault();
        wait(&status);
        printf("signal %d\n", WTERMSIG(status));
    } else {
        fault();
    }
    return 0;
}
E
$CC -O1 -fno-builtin -rdynamic -o "$scratch/guest" "$scratch/guest.c" 2>"$scratch/err" || {
    cat "$scratch/err"
    skip_all "no program can be built"
}

# guest STATUS RATE WHAT: what it prints is in out and err.
guest()
{
    expect "$1" env WEIR_GUARDS="$2" LD_PRELOAD="$library" "$scratch/guest" "$3"
}
prints()
{
    [ "$(cat "$scratch/out")" = "$1" ] || complain "it prints $(cat "$scratch/out")"
}
silent()
{
    ! grep -q '^weir' "$scratch/err" || complain "said: $(head -3 "$scratch/err")"
}
use='^weir: use after free: [a-z]* at 0x[0-9a-f]*, 3 bytes into a block of 64 bytes at 0x[0-9a-f]* (allocator "cpu")'

try "a fault is printed with the names of functions, and ends as without weir"
guest 139 1 plain
said "$use"
said '^  by fault+0x'
said '^  allocated by:'
said '^  freed by:'
said '^    main+0x'

try "its own action is read back, and its handler has the true address, its stack and mask"
guest 0 1 sigaction
prints "read 1
address 1
stack 1"
said "$use"

try "signal's handler is called each time, with the signal blocked"
guest 0 1 signal
prints "former 1
calls 2 blocked 1
former 1"

try "SA_RESETHAND and SA_NODEFER are kept"
guest 0 1 resethand
prints "calls 1 blocked 0 reset 1"

try "other signals are the C library's, with guards and without"
for rate in 0 1; do
    guest 0 $rate others
    prints "set 1
calls 1"
done

try "a signal that was sent ends the process, or is ignored, and nothing is printed"
guest 139 1 sent
silent
guest 0 1 ignored
prints "went on"

try "a fault that is none of a guard's is not printed"
guest 139 1 null
silent

try "a forked child has them, too"
guest 0 1 child
prints "signal 11"
said "$use"

try "from a filter of system calls on no block is guarded"
guest 0 1 filter
prints "went on"
silent

try "without them none is"
guest 0 0 plain
silent

# One call in 5000: of 300000 none is chosen in one run of 10^26.
try "unasked one is chosen in a loop, behind the program's own handler"
for run in 1 2 3; do
    guest 0 "" loop
    prints "address 1
read 1"
    said 'weir: use after free'
done

try "0 says that none is"
guest 0 0 loop
prints "read 1"
silent

try "what is no rate is told"
for wrong in x 5x -1 tensors: tensors:x 1,,2 tensor:5; do
    guest 0 "$wrong" plain
    said 'WEIR_GUARDS is no number of calls'
done

try "programs run under every rate"
for rate in 1 10 5000; do
    expect 0 env WEIR_GUARDS=$rate LD_PRELOAD="$library" sh -c 'ls -l / | sort | wc -l >/dev/null; date | grep -q .'
    silent
done

# The model of tests/api/oracle.c, every figure after every operation.
if [ -x "$top_builddir/tests/api/oracle" ]; then
    for rate in 1 10; do
        try "the oracle's figures are exact at rate $rate"
        expect 0 env WEIR_GUARDS=$rate "$top_builddir/tests/api/oracle"
    done
fi
finish
