/*
 * tests/helpers/scratch.h - where a test's files go: the folder TMPDIR, else /tmp. Plain C, no
 * framework.
 */
#ifndef WEIR_TESTS_SCRATCH_H
#define WEIR_TESTS_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SCRATCH_PATH_MAX = 4096 };

/* Writes the path of a file of this process there; it is not made. */
static inline void scratch_path(char path[SCRATCH_PATH_MAX], const char *name)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, SCRATCH_PATH_MAX, "%s/weir-%d-%s", folder && *folder ? folder : "/tmp",
             (int)getpid(), name);
}

#endif
