/*
 * tests/helpers/system.h - a folder that stands for the system: what the kernel says in /proc and
 * in the control groups' mounts, written as a test likes it. For Criterion; removed when the
 * process ends.
 */
#ifndef WEIR_TESTS_SYSTEM_H
#define WEIR_TESTS_SYSTEM_H

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char system_root[256];

static inline void system_remove(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", system_root);
    if (*system_root && system(command) != 0)
        fprintf(stderr, "%s: not removed\n", system_root);
}

static inline void system_make(void)
{
    const char *folder = getenv("TMPDIR");
    snprintf(system_root, sizeof system_root, "%s/weir-system-XXXXXX",
             folder && *folder ? folder : "/tmp");
    cr_assert_not_null(mkdtemp(system_root));
}

/* The path of a file in it; good until the next call. */
static inline const char *system_path(const char *path)
{
    static char whole[4096];
    snprintf(whole, sizeof whole, "%s%s", system_root, path);
    return whole;
}

/* Writes a file, and makes the folders on the way. */
__attribute__((format(printf, 2, 3))) static inline void system_file(const char *path,
                                                                     const char *format, ...)
{
    char whole[4096];
    va_list arguments;
    snprintf(whole, sizeof whole, "%s", system_path(path));
    for (char *at = whole + strlen(system_root) + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = '\0';
        mkdir(whole, 0755);
    }
    FILE *file = fopen(whole, "w");
    cr_assert_not_null(file, "%s", whole);
    va_start(arguments, format);
    cr_assert_geq(vfprintf(file, format, arguments), 0);
    va_end(arguments);
    cr_assert_eq(fclose(file), 0);
}

#endif
