/* os/early.c - see early.h. */
#include "os/early.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

/* The loader's: where argc, the arguments and the environment are, each with a NULL behind it. */
extern void *__libc_stack_end __attribute__((weak)); // NOLINT(bugprone-reserved-identifier)

const char *weir__os_early_variable(const char *name)
{
    size_t length = strlen(name);
    if (getauxval(AT_SECURE) || !&__libc_stack_end || !__libc_stack_end)
        return NULL;
    const char *const *at = (const char *const *)__libc_stack_end;
    size_t count = (size_t)(uintptr_t)at[0];
    for (at += 1 + count + 1; *at; at++)
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=')
            return *at + length + 1;
    return NULL;
}
