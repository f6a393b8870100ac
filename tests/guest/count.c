/*
 * count LAST [SIGNAL...]: counts every signal it gets but the ones named, which stay as they
 * are. Says "ready PID" first and "got N" for each; at the signal LAST the counts, and ends with
 * 0. Lower signals that were sent before have all arrived by then: the kernel gives the lowest
 * first.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int counts[65], last;

static void say(const char *text)
{
    if (write(1, text, strlen(text)) < 0)
        _exit(9);
}

static void on(int s)
{
    char text[2000];
    int length = 0;
    counts[s]++;
    if (s != last) {
        snprintf(text, sizeof text, "got %d\n", s);
        say(text);
        return;
    }
    length += snprintf(text, sizeof text, "counts");
    for (int i = 1; i <= SIGRTMAX; i++)
        if (counts[i] && i != last)
            length += snprintf(text + length, sizeof text - (size_t)length, " %d:%d", i, counts[i]);
    snprintf(text + length, sizeof text - (size_t)length, ".\n");
    say(text);
    _exit(0);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on, .sa_flags = SA_RESTART};
    char text[64];
    sigset_t none;
    last = atoi(argv[1]);
    sigfillset(&action.sa_mask);
    for (int s = 1; s <= SIGRTMAX; s++) {
        int leave = s == SIGKILL || s == SIGSTOP || s == 32 || s == 33;
        for (int i = 2; i < argc; i++)
            leave |= atoi(argv[i]) == s;
        if (!leave && sigaction(s, &action, NULL) != 0)
            return 1;
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    snprintf(text, sizeof text, "ready %d\n", (int)getpid());
    say(text);
    void *volatile block = NULL;
    for (unsigned i = 0;; i++) {
        free(block);
        block = malloc(10 + i % 1000);
        if (i % 100 == 0)
            usleep(1000);
    }
}
