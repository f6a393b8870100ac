/*
 * tests/helpers/self.h - a test that runs itself again, as another process, and what the system
 * says of its memory. Plain C, no framework.
 */
#ifndef WEIR_TESTS_SELF_H
#define WEIR_TESTS_SELF_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SELF_ARGUMENTS_MOST = 12, SELF_PATH_MAX = 4096 };

/* Fields of /proc/self/statm. */
enum self_memory { SELF_ADDRESSES, SELF_RESIDENT, SELF_WRITABLE = 5 };

/* Bytes. */
static inline size_t self_memory(enum self_memory what)
{
    size_t pages[6] = {0};
    FILE *file = fopen("/proc/self/statm", "r");
    for (int i = 0; i < 6; i++)
        if (!file || fscanf(file, "%zu", &pages[i]) != 1)
            abort();
    fclose(file);
    return pages[what] * (size_t)sysconf(_SC_PAGESIZE);
}

/* Becomes this program, `arguments` as execv has them, by the WEIR_RUNNER that ran it
 * (tests/helpers/run-tap): the kernel does not know how to run it where that is an emulator.
 * Returns if it cannot. */
static inline void self_exec(char *const arguments[])
{
    const char *runner = getenv("WEIR_RUNNER");
    char self[SELF_PATH_MAX] = "", command[SELF_PATH_MAX];
    char *line[SELF_ARGUMENTS_MOST + 4] = {"sh", "-c", command, self};
    if (!runner || !*runner)
        execv("/proc/self/exe", arguments);
    else if (readlink("/proc/self/exe", self, sizeof self - 1) > 0) {
        snprintf(command, sizeof command, "exec %s \"$0\" \"$@\"", runner);
        for (int i = 1; i < SELF_ARGUMENTS_MOST && arguments[i]; i++)
            line[3 + i] = arguments[i];
        execv("/bin/sh", line);
    }
}

/* The backing is chosen before main: runs this program once more over it, with the one argument
 * "try". 0: it ended with 0. */
static inline int self_over(const char *backing, char **argv)
{
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        setenv("WEIR_BACKING", backing, 1);
        self_exec((char *[]){argv[0], "try", NULL});
        _exit(99);
    }
    waitpid(child, &status, 0);
    if (status)
        fprintf(stderr, "over %s: %x\n", backing, (unsigned)status);
    return status != 0;
}

#endif
