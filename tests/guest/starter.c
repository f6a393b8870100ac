/*
 * Starts another program in the way that its first argument says, with an environment as the
 * second says: "own" (what it has), "none", or a variable. Knows nothing of weir.
 *
 *     guest_exec HOW ENVIRONMENT PROGRAM ARGUMENTS...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int ended(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 98;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int replace(const char *how, char **argv, char **envp)
{
    if (strcmp(how, "execve") == 0)
        return execve(*argv, argv, envp);
    if (strcmp(how, "execv") == 0)
        return execv(*argv, argv);
    if (strcmp(how, "execvp") == 0)
        return execvp(*argv, argv);
    if (strcmp(how, "execvpe") == 0)
        return execvpe(*argv, argv, envp);
    if (strcmp(how, "execl") == 0)
        return execl(*argv, *argv, argv[1], (char *)NULL);
    if (strcmp(how, "execlp") == 0)
        return execlp(*argv, *argv, argv[1], (char *)NULL);
    if (strcmp(how, "execle") == 0)
        return execle(*argv, *argv, argv[1], (char *)NULL, envp);
    if (strcmp(how, "fexecve") == 0)
        return fexecve(open(*argv, O_RDONLY | O_CLOEXEC), argv, envp);
    if (strcmp(how, "execveat") == 0)
        return execveat(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), *argv, argv, envp, 0);
    return errno = EINVAL, -1;
}

/* -- where there is little stack ------------------------------------------------------- */

#define LITTLE 16384

static char **handed_argv, **handed_envp;

static void on_signal(int number)
{
    (void)number;
    execve(*handed_argv, handed_argv, handed_envp);
    _exit(97);
}

static int in_handler(void)
{
    static char little[LITTLE];
    sigaltstack(&(stack_t){.ss_sp = little, .ss_size = sizeof little}, NULL);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_ONSTACK}, NULL);
    return raise(SIGUSR1);
}

static void *of_thread(void *status)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execvpe(*handed_argv, handed_argv, handed_envp);
        _exit(97);
    }
    *(int *)status = ended(pid);
    return NULL;
}

static int in_thread(void)
{
    int status = 96;
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, LITTLE);
    if (pthread_create(&thread, &attributes, of_thread, &status) == 0)
        pthread_join(thread, NULL);
    return status;
}

static int start(const char *how, char **argv, char **envp)
{
    pid_t pid;
    int error;
    handed_argv = argv;
    handed_envp = envp;
    if (strcmp(how, "handler") == 0)
        return in_handler();
    if (strcmp(how, "thread") == 0)
        return in_thread();
    if (strcmp(how, "system") == 0)
        return WEXITSTATUS(system(*argv));
    if (strcmp(how, "vfork") == 0) {
        if ((pid = vfork()) == 0) {
            execve(*argv, argv, envp);
            _exit(97);
        }
        return ended(pid);
    }
    if (strcmp(how, "spawn") == 0)
        error = posix_spawn(&pid, *argv, NULL, NULL, argv, envp);
    else if (strcmp(how, "spawnp") == 0)
        error = posix_spawnp(&pid, *argv, NULL, NULL, argv, envp);
    else {
        replace(how, argv, envp);
        error = errno;
    }
    if (error) {
        printf("%s: %s\n", *argv, strerror(error));
        return 97;
    }
    return ended(pid);
}

int main(int argc, char **argv)
{
    char *one[] = {NULL, NULL};
    if (argc < 4)
        return 99;
    if (strcmp(argv[2], "none") != 0)
        one[0] = argv[2];
    return start(argv[1], argv + 3, strcmp(argv[2], "own") == 0 ? environ : one);
}
