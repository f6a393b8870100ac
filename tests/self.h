/*
 * tests/self.h - a test that runs itself again, as another process. Plain C, no framework.
 */
#ifndef WEIR_TESTS_SELF_H
#define WEIR_TESTS_SELF_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SELF_ARGUMENTS_MOST = 12, SELF_PATH_MAX = 4096 };

/* Becomes this program, `arguments` as execv has them, by the WEIR_RUNNER that ran it
 * (tests/run-tap): the kernel does not know how to run it where that is an emulator. Returns if
 * it cannot. */
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

#endif
