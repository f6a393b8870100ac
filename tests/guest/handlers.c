/*
 * handlers WHAT DELAY THREADS [PROGRAM]: allocates all the time, in main and in more threads,
 * until a signal's handler, which may find its thread inside the allocator, does WHAT:
 *   _exit, exit_group, exit, quick_exit, abort, exec, kill   ends it (exec: by PROGRAM)
 *   fork, vfork      a child that ends at once, 100 times, then _exit(0)
 *   fork-exec        a child that becomes PROGRAM, 100 times
 *   jump             jumps out; main then ends by _exit(0)
 *   jump-exit        the same, by exit(0)
 *   jumps            jumps out, 200 times, and goes on
 * DELAY: microseconds from the start to the first signal, and between two.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *what;
static char **program;
static volatile int rounds;
static sigjmp_buf back;

static void wait_for(pid_t child, int wanted)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
        _exit(20);
}

static void again(int most)
{
    if (++rounds >= most)
        _exit(0);
}

static void on(int s)
{
    (void)s;
    if (strcmp(what, "_exit") == 0)
        _exit(0);
    if (strcmp(what, "exit_group") == 0)
        syscall(SYS_exit_group, 0);
    if (strcmp(what, "exit") == 0)
        exit(0);
    if (strcmp(what, "quick_exit") == 0)
        quick_exit(0);
    if (strcmp(what, "abort") == 0)
        abort();
    if (strcmp(what, "kill") == 0)
        raise(SIGUSR1);
    if (strcmp(what, "exec") == 0) {
        execv(program[0], program);
        _exit(21);
    }
    if (strcmp(what, "fork") == 0 || strcmp(what, "vfork") == 0) {
        pid_t child = what[0] == 'v' ? vfork() : fork();
        if (child == 0)
            _exit(7);
        wait_for(child, 7);
        again(100);
    }
    if (strcmp(what, "fork-exec") == 0) {
        pid_t child = fork();
        if (child == 0) {
            execv(program[0], program);
            _exit(21);
        }
        wait_for(child, 0);
        again(100);
    }
    if (strncmp(what, "jump", 4) == 0)
        siglongjmp(back, 1);
}

static void *work(void *user)
{
    void *blocks[64] = {0};
    unsigned random = (unsigned)(size_t)user;
    for (;;) {
        random = random * 1664525 + 1013904223;
        unsigned i = random >> 26, size = 16 + (random >> 8) % 3000;
        if (random & 128)
            blocks[i] = realloc(blocks[i], size);
        else {
            free(blocks[i]);
            blocks[i] = malloc(size);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int delay = atoi(argv[2]);
    struct itimerval timer = {{0, delay % 1000 + 200}, {0, delay}};
    sigset_t alarms;
    pthread_t thread;
    what = argv[1];
    program = argv + 4;
    (void)argc;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarms, NULL); /* for the threads: the handler runs in main */
    for (int i = atoi(argv[3]); i > 1; i--)
        if (pthread_create(&thread, NULL, work, (void *)(size_t)i) != 0)
            return 22;
    signal(SIGALRM, on);
    setitimer(ITIMER_REAL, &timer, NULL);
    if (sigsetjmp(back, 1) != 0) {
        if (strcmp(what, "jump") == 0)
            _exit(0);
        if (strcmp(what, "jump-exit") == 0)
            exit(0);
        again(200);
    }
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    work((void *)1);
    return 0;
}
