/*
 * sandbox WHAT [SECONDS]: a program that gives up its rights to system calls and then goes on to
 * allocate. WHAT is a list of letters:
 *   s  the strict mode: read, write, exit, sigreturn     f  a filter: what a malloc and threads
 * need o  the same, and openat fails with EPERM             2  two threads i  idle for a while n  a
 * new thread after the filter k  SIGKILL itself                                    e  ends by exit,
 * else by _exit A call that is not allowed is told ("forbidden: N") and ends it with 3.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ALLOW(name)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static pthread_barrier_t start;
static double seconds = 0.3;

static void forbidden(int s, siginfo_t *info, void *context)
{
    char text[64];
    (void)s, (void)context;
    int length = snprintf(text, sizeof text, "forbidden: system call %d\n", info->si_syscall);
    if (write(1, text, (size_t)length) < 0)
        _exit(4);
    _exit(3);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void churn(int rounds)
{
    static __thread void *blocks[100];
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < 100; i++) {
            free(blocks[i]);
            blocks[i] = malloc((size_t)(16 + (i * 37 + r * 11) % 900));
            if (!blocks[i])
                _exit(5);
        }
    for (int i = 0; i < 100; i++) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
}

static void *work(void *user)
{
    if (user)
        pthread_barrier_wait(user);
    for (double until = now() + seconds; now() < until;)
        churn(100);
    return NULL;
}

static void say(const char *text)
{
    if (write(1, text, strlen(text)) < 0)
        _exit(4);
}

int main(int argc, char **argv)
{
    struct sock_filter allowed[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(mmap),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(mprotect),
        ALLOW(madvise),
        ALLOW(brk),
        ALLOW(futex),
        ALLOW(read),
        ALLOW(write),
        ALLOW(exit),
        ALLOW(exit_group),
        ALLOW(rt_sigreturn),
        ALLOW(rt_sigprocmask),
        ALLOW(rt_sigaction),
        ALLOW(clone),
        ALLOW(clone3),
        ALLOW(set_robust_list),
        ALLOW(rseq),
        ALLOW(sched_yield),
        ALLOW(clock_nanosleep),
        ALLOW(kill),
        ALLOW(tgkill),
        ALLOW(gettid),
        ALLOW(getpid),
        ALLOW(sched_getaffinity),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)};
    struct sock_fprog program = {sizeof allowed / sizeof *allowed, allowed};
    struct sigaction action = {.sa_sigaction = forbidden, .sa_flags = SA_SIGINFO};
    const char *what = argc > 1 ? argv[1] : "";
    pthread_t thread;
    if (argc > 2)
        seconds = atof(argv[2]);
    if (strchr(what, 'o'))
        allowed[sizeof allowed / sizeof *allowed - 2].k = SECCOMP_RET_ERRNO | 1;
    sigaction(SIGSYS, &action, NULL);
    churn(20);
    if (strchr(what, '2')) {
        pthread_barrier_init(&start, NULL, 2);
        if (pthread_create(&thread, NULL, work, &start) != 0)
            return 6;
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (strchr(what, 's') && prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
        return 7;
    if (!strchr(what, 's') &&
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
        return 7;
    if (strchr(what, 's')) {
        churn(100);
        say("alive\n");
        syscall(SYS_exit, 0);
    }
    if (strchr(what, '2')) {
        pthread_barrier_wait(&start);
        work(NULL);
        pthread_join(thread, NULL);
    }
    if (strchr(what, 'n')) {
        if (pthread_create(&thread, NULL, work, NULL) != 0)
            return 6;
        work(NULL);
        pthread_join(thread, NULL);
    }
    if (strchr(what, 'i'))
        nanosleep(&(struct timespec){0, 400000000}, NULL);
    work(NULL);
    void *volatile kept = malloc(40000);
    *(char *)kept = 1;
    say("alive\n");
    if (strchr(what, 'k'))
        raise(SIGKILL);
    if (strchr(what, 'e'))
        exit(0);
    _exit(0);
}
