/*
 * limit SECONDS COMMAND...: runs it in a process group of its own, with every signal as it
 * is by default and nothing on standard input. Ends with its status (128 + N for a signal),
 * 124 when it took longer. What it leaves running is killed, and told.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Kills every child, and so its children, who become ours: until there are none. */
static void kill_all(int say)
{
    char path[64], list[4096];
    for (int round = 0; round < 1000; round++) {
        snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
        FILE *file = fopen(path, "r");
        if (!file)
            return;
        size_t length = fread(list, 1, sizeof list - 1, file);
        fclose(file);
        list[length] = 0;
        for (char *word = strtok(list, " "); word; word = strtok(NULL, " ")) {
            char name[64] = "?";
            snprintf(path, sizeof path, "/proc/%s/comm", word);
            file = fopen(path, "r");
            if (file) {
                if (fgets(name, sizeof name, file))
                    name[strcspn(name, "\n")] = 0;
                fclose(file);
            }
            if (say && round == 0)
                fprintf(stderr, "limit: %s (%s) was left running\n", word, name);
            kill(atoi(word), SIGKILL);
        }
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return;
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
}

int main(int argc, char **argv)
{
    sigset_t none, child_ends;
    if (argc < 3)
        return 2;
    sigemptyset(&none);
    for (int s = 1; s <= SIGRTMAX; s++)
        signal(s, SIG_DFL);
    sigemptyset(&child_ends);
    sigaddset(&child_ends, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child_ends, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t child = fork();
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &none, NULL);
        setpgid(0, 0);
        int null = open("/dev/null", O_RDONLY);
        dup2(null, 0);
        if (null > 2)
            close(null);
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    time_t until = time(NULL) + atoi(argv[1]);
    for (;;) {
        int status;
        pid_t ended;
        while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
            if (ended == child) {
                kill_all(1);
                return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            }
        if (time(NULL) >= until)
            break;
        sigtimedwait(&child_ends, NULL, &(struct timespec){1, 0});
    }
    kill_all(0);
    return 124;
}
